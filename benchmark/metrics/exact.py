"""Exact match and mean caption length: two numbers that need no formula and explain most others."""

import numpy as np

from .corpus import Corpus

NAMES = ("Exact", "Length")


def statistics(corpus: Corpus) -> np.ndarray:
    """Whether prediction and reference are the same tokens, prediction length, and 1; int64, shape (n_boxes, 3)."""
    same = (corpus.texts.prediction == corpus.texts.reference).astype(np.int64)
    return np.stack([same, corpus.prediction_lengths, np.ones_like(same)], axis=1)


def aggregate(sums: np.ndarray) -> np.ndarray:
    """Share of exact matches in [0, 1] and mean prediction length in characters, shape (..., 3) -> (..., 2)."""
    return sums[..., :2] / sums[..., 2:]
