"""Div@n: how much the captions of one image repeat each other (Shetty et al. 2017; paper section 5.1).

The paper's denominator is the number of characters for every n, also for bigrams; its human row (Div@1 90.13,
Div@2 75.53) is reachable in no other way. n-grams never cross a caption. The corpus value is the mean over images.

Unlike in the released scorer '.' and ',' are ordinary characters, and an image whose captions are all empty scores 0.
"""

import numpy as np

from .corpus import Corpus, members

NAMES = ("Div@1", "Div@2")
RECIPE = "div:char-uni"


def statistics(corpus: Corpus) -> np.ndarray:
    """Per-image Div@1, Div@2 and the constant 1; float64, shape (n_images, 3)."""
    columns = [per_image(corpus, n) for n in (1, 2)]
    return np.stack([*columns, np.ones(corpus.n_images)], axis=1)


def aggregate(sums: np.ndarray) -> np.ndarray:
    """Means in [0, 1] from summed `statistics`, shape (..., 3) -> (..., 2)."""
    return sums[..., :2] / sums[..., 2:]


def per_image(corpus: Corpus, n: int, *, denominator: str = "characters") -> np.ndarray:
    """Share of distinct n-grams in the predictions of each image.

    Args:
        corpus: predictions and their images.
        n: order of the n-grams, 1 to 4.
        denominator: total to divide by: "characters" (the paper's) or "n-grams".

    Returns:
        Share in [0, 1] of each image, shape (n_images,).
    """
    ngrams = corpus.ngrams[n - 1]
    entry, counts = members(ngrams.offsets, corpus.texts.prediction)
    # Sorting and counting changes is several times faster than np.unique here.
    keys = np.sort(np.repeat(corpus.image_of_box * ngrams.n_grams, counts) + ngrams.gram[entry])
    first = np.diff(keys, prepend=-1) != 0
    distinct = np.bincount(keys[first] // max(ngrams.n_grams, 1), minlength=corpus.n_images)
    lengths = corpus.prediction_lengths
    if denominator == "n-grams":
        lengths = np.maximum(lengths - n + 1, 0)
    total = np.bincount(corpus.image_of_box, lengths, corpus.n_images)
    return np.divide(distinct, total, out=np.zeros(corpus.n_images), where=total > 0)
