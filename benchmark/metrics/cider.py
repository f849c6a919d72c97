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
    total = np.zeros(corpus.n_boxes)
    for ngrams, matches in zip(corpus.ngrams, corpus.matches, strict=True):
        idf = inverse_document_frequency(ngrams, corpus.n_boxes)
        norms = _norms(ngrams, idf, 2 * corpus.n_boxes)
        counts = matches.prediction_count
        if clipped:
            counts = np.minimum(counts, matches.reference_count)
        weights = idf[matches.gram]
        products = (counts * weights) * (matches.reference_count * weights)
        similarity = np.bincount(matches.box, products, corpus.n_boxes)
        norm = norms[: corpus.n_boxes] * norms[corpus.n_boxes :]
        total += np.divide(similarity, norm, out=np.zeros(corpus.n_boxes), where=norm != 0)
    total *= 10 / MAX_ORDER
    return total * _length_penalty(corpus) if clipped else total


def ceiling(corpus: Corpus) -> float:
    """Score of the references themselves, in [0, 10]: 2.5 for every n-gram order that a caption has."""
    orders = 0
    for ngrams in corpus.ngrams:
        idf = inverse_document_frequency(ngrams, corpus.n_boxes)
        norms = _norms(ngrams, idf, 2 * corpus.n_boxes)
        orders += int(np.count_nonzero(norms[corpus.n_boxes :]))
    return 10 * orders / MAX_ORDER / corpus.n_boxes


def inverse_document_frequency(ngrams: Ngrams, n_boxes: int) -> np.ndarray:
    """Idf of each n-gram id; captions n_boxes and up are the references.

    Logarithms are taken by the math module, once per distinct frequency, for the same bits on every machine.
    """
    n_grams = int(ngrams.gram.max(initial=0)) + 1
    frequency = np.bincount(ngrams.gram[ngrams.caption >= n_boxes], minlength=n_grams)
    distinct, inverse = np.unique(frequency, return_inverse=True)
    log_n = math.log(n_boxes)
    return np.array([log_n - math.log(max(1, f)) for f in distinct.tolist()])[inverse]


def _norms(ngrams: Ngrams, idf: np.ndarray, n_captions: int) -> np.ndarray:
    return np.sqrt(np.bincount(ngrams.caption, (ngrams.count * idf[ngrams.gram]) ** 2, n_captions))


def _length_penalty(corpus: Corpus) -> np.ndarray:
    delta = np.maximum(corpus.prediction_lengths - 1, 0) - np.maximum(corpus.reference_lengths - 1, 0)
    distinct, inverse = np.unique(delta, return_inverse=True)
    return np.array([math.exp(-(d**2) / (2 * SIGMA**2)) for d in distinct.tolist()])[inverse]
