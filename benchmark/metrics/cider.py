"""CIDEr-D (Vedantam et al. 2015), which is what everybody prints as CIDEr, as pycocoevalcap computes it.

Every box is one item with one reference. An n-gram weighs count x idf, idf = ln(N) - ln(max(1, df)), df = number of
boxes whose reference holds it, N = number of boxes of the evaluated split. Per order the clipped cosine of prediction
and reference, times exp(-delta^2 / 2 sigma^2) where delta is the difference of the number of BIGRAMS; mean over the
four orders, times 10.

Surprising, and true: an exact copy of 1 / 2 / 3 / 4 or more characters scores 2.5 / 5 / 7.5 / 10, since orders it does
not have score 0; so the references themselves stay below 10 wherever captions are short. A corpus of one caption
scores 0. A slice is only comparable when it keeps the whole split's df and N: take the mean of `segment_scores` of the
split over the boxes of the slice.
"""

import math

import numpy as np

from .corpus import MAX_ORDER, Corpus, Ngrams

NAMES = ("CIDEr",)

SIGMA = 6.0

RECIPE = f"cider-d:n{MAX_ORDER},s{SIGMA:g}"


def statistics(corpus: Corpus) -> np.ndarray:
    """Per-box score and the constant 1, so that sums of rows can be averaged; float64, shape (n_boxes, 2)."""
    return np.stack([segment_scores(corpus), np.ones(corpus.n_boxes)], axis=1)


def aggregate(sums: np.ndarray) -> np.ndarray:
    """Mean score in [0, 10] from summed `statistics`, shape (..., 2) -> (..., 1)."""
    return sums[..., :1] / sums[..., 1:]


def segment_scores(corpus: Corpus, *, clipped: bool = True) -> np.ndarray:
    """CIDEr-D of each box against the document frequencies of the whole corpus.

    Args:
        corpus: captions of the whole split.
        clipped: whether to clip counts and penalise length; False gives the original CIDEr, which does neither.

    Returns:
        float64 in [0, 10], shape (n_boxes,).
    """
    pairs, texts = corpus.pairs, corpus.texts
    total = np.zeros(len(pairs))
    for ngrams, matches, idf in zip(corpus.ngrams, corpus.matches, _idf(corpus), strict=True):
        norms = _norms(ngrams, idf, len(texts.captions))
        counts = matches.prediction_count
        if clipped:
            counts = np.minimum(counts, matches.reference_count)
        weights = idf[matches.gram]
        products = (counts * weights) * (matches.reference_count * weights)
        similarity = np.bincount(matches.pair, products, len(pairs))
        norm = norms[pairs.prediction] * norms[pairs.reference]
        total += np.divide(similarity, norm, out=np.zeros(len(pairs)), where=norm != 0)
    total *= 10 / MAX_ORDER
    if clipped:
        total *= _length_penalty(texts.lengths[pairs.prediction], texts.lengths[pairs.reference])
    return total[pairs.of_box]


def ceiling(corpus: Corpus) -> float:
    """Score of the references themselves, in [0, 10]: 2.5 for every n-gram order that a caption has."""
    orders = 0
    for ngrams, idf in zip(corpus.ngrams, _idf(corpus), strict=True):
        norms = _norms(ngrams, idf, len(corpus.texts.captions))
        orders += int(np.count_nonzero(norms[corpus.texts.reference]))
    return 10 * orders / MAX_ORDER / corpus.n_boxes


def _idf(corpus: Corpus) -> list[np.ndarray]:
    """Inverse document frequency of each n-gram by id, for each order.

    Logarithms are taken by the math module, once per distinct frequency, for the same bits on every machine.
    """
    log_n = math.log(corpus.n_boxes)
    weights = []
    for frequencies in corpus.document_frequencies:
        table = np.zeros(int(frequencies.max(initial=0)) + 1)
        for frequency in np.flatnonzero(np.bincount(frequencies)).tolist():
            table[frequency] = log_n - math.log(max(1, frequency))
        weights.append(table[frequencies])
    return weights


def _norms(ngrams: Ngrams, idf: np.ndarray, n_captions: int) -> np.ndarray:
    return np.sqrt(np.bincount(ngrams.caption, (ngrams.count * idf[ngrams.gram]) ** 2, n_captions))


def _length_penalty(prediction_lengths: np.ndarray, reference_lengths: np.ndarray) -> np.ndarray:
    delta = np.maximum(prediction_lengths - 1, 0) - np.maximum(reference_lengths - 1, 0)
    distinct, inverse = np.unique(delta, return_inverse=True)
    return np.array([math.exp(-(d**2) / (2 * SIGMA**2)) for d in distinct.tolist()])[inverse]
