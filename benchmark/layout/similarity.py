"""Similarity of a layout to the reference layout of its image; boxes are matched one to one, in no order.

* MaxIoU (Kikuchi et al. 2021): the largest possible sum of the IoU of matched boxes, over the larger number of boxes.
* Match: the same with a value that boxes side by side have, too: 1 / (1 + (d / 0.1)^2), where d is the mean absolute
  difference of the four coordinates in ratios; half where they are a tenth of the canvas apart. In the spirit of DocSim
  (Patil et al. 2020) and LTSim (Otani et al. 2024), and made of sums and quotients alone, for the same bits everywhere.
* Box F1, recall, precision: pairs of the matching of MaxIoU whose IoU reaches a threshold, over the numbers of boxes of
  the split; mean of the thresholds 0.3 to 0.7.

Both of the first are means over images; where neither side has a box, they are 1.
"""

import numpy as np

from .corpus import LayoutCorpus, matching

NAMES = ("Match", "MaxIoU", "Box F1", "Box recall", "Box precision")

#: Mean absolute difference of coordinates at which two boxes are half alike.
HALF_ALIKE = 0.1


def statistics(corpus: LayoutCorpus) -> np.ndarray:
    """Per image: match, MaxIoU, matched boxes (mean of thresholds), boxes of both sides, 1; shape (n_images, 6)."""
    predictions, references = corpus.predictions, corpus.references
    larger = np.maximum(predictions.counts, references.counts)
    _, alike = matching(predictions, references, likeness)
    columns = [references.sum_by_image(values) for values in (alike, corpus.matched[1])]
    columns = [np.divide(sums, larger, out=np.ones(len(larger)), where=larger > 0) for sums in columns]
    columns += [references.sum_by_image(corpus.passed()), predictions.counts, references.counts]
    return np.stack([*columns, np.ones(len(larger))], axis=1, dtype=np.float64)


def aggregate(sums: np.ndarray) -> np.ndarray:
    """Values in [0, 1] in the order of `NAMES` from summed `statistics`, shape (..., 6) to (..., 5)."""
    alike, overlap, found, predicted, expected, images = np.moveaxis(sums, -1, 0)
    rates = f1_recall_precision(found, predicted, expected)
    return np.concatenate([np.stack([alike / images, overlap / images], axis=-1), rates], axis=-1)


def likeness(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """How alike two boxes are in (0, 1], see the module; shape (n_pairs, 4) twice to (n_pairs,)."""
    return 1 / (1 + (np.abs(a - b).mean(axis=1) / HALF_ALIKE) ** 2)


def f1_recall_precision(found: np.ndarray, predicted: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """F1, recall and precision of what was found among the predicted and the expected; 0 where there are none.

    Args:
        found: sum of the values of matched pairs, any shape.
        predicted: number of predicted boxes, same shape.
        expected: number of reference boxes, same shape.

    Returns:
        Shape (..., 3).
    """
    shares = ((2 * found, predicted + expected), (found, expected), (found, predicted))
    return np.stack([np.divide(a, b, out=np.zeros(b.shape), where=b > 0) for a, b in shares], axis=-1)
