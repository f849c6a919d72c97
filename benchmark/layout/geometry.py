"""Metrics of the boxes alone: validity, overlap, misalignment (PosterLayout, Hsu et al. 2023, section 5.1), and counts.

* Validity: share of the predicted boxes that are valid, which is to say that at least 0.1 % of the canvas is under
  them. Boxes that are not do not count in overlap and misalignment. Without any box it is 0.
* Overlap: sum of the IoU of all pairs of boxes, divided by the number of boxes; mean over images.
* Misalignment: for each box the smallest distance of one of its six lines (left, middle, right; top, middle, bottom) to
  the same line of another box, g; the sum of -log10(1 - g) over boxes; mean over images. Each box has its own g, as in
  the definition of Li et al. (2020); PosterLayout's published code takes one g for the whole layout (`posterlayout`).
* Count error: mean absolute difference of the number of boxes and that of the reference.

An image without a box, and misalignment of an image with one, counts 0, so these are numbers that no box at all wins.
"""

import math

import numpy as np

from .corpus import LayoutCorpus
from .layouts import Layouts, batches, intersection_over_union, pairs_between

NAMES = ("Count error", "Boxes", "Validity", "Overlap", "Misalignment")


def statistics(corpus: LayoutCorpus) -> np.ndarray:
    """Per image: count error, boxes, valid boxes, overlap, misalignment and 1; float64, shape (n_images, 6)."""
    layouts = corpus.predictions
    columns = [
        np.abs(layouts.counts - corpus.references.counts),
        layouts.counts,
        layouts.valid.counts,
        overlap(layouts.valid),
        misalignment(layouts.valid),
        np.ones(layouts.n_images),
    ]
    return np.stack(columns, axis=1, dtype=np.float64)


def aggregate(sums: np.ndarray) -> np.ndarray:
    """Values in the order of `NAMES` from summed `statistics`, shape (..., 6) to (..., 5)."""
    error, boxes, valid, overlaps, misaligned, images = np.moveaxis(sums, -1, 0)
    validity = np.divide(valid, boxes, out=np.zeros(boxes.shape), where=boxes > 0)
    return np.stack([error / images, boxes / images, validity, overlaps / images, misaligned / images], axis=-1)


def overlap(layouts: Layouts) -> np.ndarray:
    """Sum of the IoU of all pairs of boxes over the number of boxes, of each image; shape (n_images,)."""
    found = np.zeros(layouts.n_images)
    for first, last in batches(layouts.counts**2):
        a, b = pairs_between(layouts, layouts, first, last)
        a, b = a[a < b], b[a < b]
        shared = intersection_over_union(layouts.boxes[a], layouts.boxes[b])
        found += np.bincount(layouts.image_of_box[a], shared, layouts.n_images)
    return found / np.maximum(layouts.counts, 1)


def lines(boxes: np.ndarray) -> np.ndarray:
    """The six lines of each box to which others can be aligned: edges and middles; shape (n_boxes, 6)."""
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    return np.concatenate([boxes, middles], axis=1)


def misalignment(layouts: Layouts) -> np.ndarray:
    """Sum over the boxes of -log10(1 - smallest gap to a line of another box), of each image; shape (n_images,).

    Boxes are taken without what is beyond the canvas, so gaps are below 1 for valid boxes.
    """
    image = layouts.image_of_box
    smallest = np.ones(len(image))
    for line in lines(layouts.clipped).T:
        order = np.lexsort((line, image))
        gaps = np.where(np.diff(image[order]) == 0, np.diff(line[order]), np.inf)
        near = np.minimum(np.concatenate([[np.inf], gaps]), np.concatenate([gaps, [np.inf]]))[: len(order)]
        smallest[order] = np.minimum(smallest[order], near)
    # Logarithms are taken by Python, for the same bits on every machine, which numpy's do not give.
    alone = layouts.counts[image] < 2
    values = [0.0 if one else decades(gap) for one, gap in zip(alone.tolist(), smallest.tolist(), strict=True)]
    return layouts.sum_by_image(np.array(values))


def decades(gap: float) -> float:
    """-log10(1 - gap), finite also for gaps of 1 and more, which boxes beyond the canvas can have."""
    return -math.log10(max(1 - gap, 2.0**-52))
