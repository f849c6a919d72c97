"""MMD: the distance of the distribution of predicted boxes from that of reference boxes, whatever their images.

The maximum mean discrepancy (Gretton et al. 2012) of the vectors (middle x, middle y, width, height) of all boxes, with
the mean of two Gaussian kernels, of widths 0.1 and 0.3. Kernels are taken through random Fourier features (Rahimi and
Recht 2007), drawn once and for all: so a distribution is a mean of features, sums over images are sufficient, and the
distance is a function of sums as every other number here.

It is no sum over images, though, and never below 0: two samples of one law are apart, by chance alone, and resampling
images moves them further apart. So it is told without an interval; `benchmark.layout baselines` shows what a fresh
sample of the true law gets. Without any predicted box it is 1.
"""

import math
from random import Random

import numpy as np

from .corpus import LayoutCorpus
from .layouts import Layouts

NAMES = ("MMD",)

WIDTHS = (0.1, 0.3)
FREQUENCIES = 32  # for each width; each has a cosine and a sine
SEED = "caponimage-layout-mmd-1"

#: Features are multiples of this, so a last bit of a cosine, which differs between machines, is lost in rounding.
_QUANTUM = 2.0**-20
_ROWS = 1 << 14


def _frequencies() -> np.ndarray:
    """Normal numbers over the widths of the kernels, shape (4, 2 * FREQUENCIES), from `Random.random` alone."""
    random = Random(SEED)

    def normal() -> float:
        radius = math.sqrt(-2 * math.log(1 - random.random()))
        return round(radius * math.cos(2 * math.pi * random.random()), 9)

    return np.array([[normal() / width for _ in range(4)] for width in WIDTHS for _ in range(FREQUENCIES)]).T


def features(layouts: Layouts) -> np.ndarray:
    """Features of the boxes summed per image, cosines and then sines; shape (n_images, 4 * FREQUENCIES)."""
    frequencies = _frequencies()
    boxes = layouts.clipped
    vectors = np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], axis=1)
    sums = np.zeros((layouts.n_images, 2 * frequencies.shape[1]))
    for first in range(0, len(boxes), _ROWS):
        # Sums of four products in one fixed order, which a matrix product would not have.
        part = vectors[first : first + _ROWS]
        phases = sum(part[:, k, np.newaxis] * frequencies[k] for k in range(4))
        quanta = np.rint(np.concatenate([np.cos(phases), np.sin(phases)], axis=1) / _QUANTUM)
        np.add.at(sums, layouts.image_of_box[first : first + _ROWS], quanta * _QUANTUM)
    return sums


def statistics(corpus: LayoutCorpus) -> np.ndarray:
    """Per image: summed features and number of boxes, of both sides; shape (n_images, 2 * (4 * FREQUENCIES + 1))."""
    sides = (corpus.predictions, corpus.references)
    return np.concatenate([column for s in sides for column in (features(s), s.counts[:, np.newaxis])], axis=1)


def aggregate(sums: np.ndarray) -> np.ndarray:
    """MMD in [0, sqrt(2)] from summed `statistics`, shape (..., 2 * (4 * FREQUENCIES + 1)) to (..., 1)."""
    width = sums.shape[-1] // 2
    predicted, expected = sums[..., :width], sums[..., width:]
    means = [side[..., :-1] / np.maximum(side[..., -1:], 1) for side in (predicted, expected)]
    distance = np.sqrt(((means[0] - means[1]) ** 2).sum(axis=-1) / (len(WIDTHS) * FREQUENCIES))
    return np.where(predicted[..., -1] > 0, distance, 1.0)[..., np.newaxis]
