"""BLEU-1..4 over characters, one reference per box (Papineni et al. 2002), as pycocoevalcap computes it.

Corpus BLEU: clipped matches, guesses and lengths are summed over all captions before the ratio is taken; precision of
order n is (matches + 1e-15) / (guesses + 1e-9), BLEU-n the geometric mean of the precisions 1..n times the brevity
penalty exp(1 - reference length / prediction length) where predictions are shorter than references.
"""

import math

import numpy as np

from .corpus import MAX_ORDER, Corpus

NAMES = ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4")
RECIPE = "bleu:1-4"

_TINY, _SMALL = 1e-15, 1e-9


def statistics(corpus: Corpus) -> np.ndarray:
    """Additive counts of each box.

    Returns:
        int64, shape (n_boxes, 10): clipped matches of order 1..4, guesses of order 1..4, prediction length,
        reference length.
    """
    columns = []
    for matches in corpus.matches:
        clipped = np.minimum(matches.prediction_count, matches.reference_count)
        by_pair = np.bincount(matches.pair, clipped, len(corpus.pairs)).astype(np.int64)
        columns.append(by_pair[corpus.pairs.of_box])
    columns += [np.maximum(corpus.prediction_lengths - n, 0) for n in range(MAX_ORDER)]
    columns += [corpus.prediction_lengths, corpus.reference_lengths]
    return np.stack(columns, axis=1)


def aggregate(sums: np.ndarray) -> np.ndarray:
    """BLEU from summed statistics.

    Args:
        sums: shape (..., 10), sums of `statistics` over the captions of a corpus (or of a single one).

    Returns:
        BLEU-1..4 in [0, 1], shape (..., 4).
    """
    rows, inverse = np.unique(sums.reshape(-1, sums.shape[-1]), axis=0, return_inverse=True)
    scores = np.array([_bleu(row) for row in rows.tolist()]).reshape(-1, MAX_ORDER)
    return scores[inverse.reshape(-1)].reshape(*sums.shape[:-1], MAX_ORDER)


def _bleu(row: list[float]) -> list[float]:
    """BLEU-1..4 of one corpus, in pycocoevalcap's order of operations; math.* gives the same bits everywhere."""
    matches, guesses, prediction_length, reference_length = row[:4], row[4:8], row[8], row[9]
    ratio = (prediction_length + _TINY) / (reference_length + _SMALL)
    penalty = math.exp(1 - 1 / ratio) if ratio < 1 else 1.0
    product, scores = 1.0, []
    for n in range(MAX_ORDER):
        product *= (matches[n] + _TINY) / (guesses[n] + _SMALL)
        scores.append(product ** (1.0 / (n + 1)) * penalty)
    return scores
