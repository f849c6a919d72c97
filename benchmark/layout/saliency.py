"""Occlusion and utility: whether boxes stand on the product, or use the room beside it (PosterLayout, section 5.1).

* Occlusion: mean saliency of the pixels under boxes; mean over images. An image without a box counts 0.
* Utility: share of what is not salient (1 - saliency, summed over pixels) that lies under boxes; mean over images.

Only valid boxes count, without what is beyond the canvas. No box at all wins occlusion, and one box over everything
wins utility: read both, and the number of boxes.
"""

import numpy as np

from .corpus import LayoutCorpus
from .pixels import covered

NAMES = ("Occlusion", "Utility")


def statistics(corpus: LayoutCorpus) -> np.ndarray | None:
    """Per image: occlusion, utility and 1; float64, shape (n_images, 3); None where nobody knows what is salient."""
    if corpus.saliency is None:
        return None
    rows = np.ones((corpus.predictions.n_images, 3))
    layouts = corpus.predictions.valid
    for image, row in enumerate(rows):
        row[:2] = occlusion_and_utility(corpus.saliency(image), layouts.clipped_of(image))
    return rows


def aggregate(sums: np.ndarray) -> np.ndarray:
    """Means in [0, 1] from summed `statistics`, shape (..., 3) to (..., 2)."""
    return sums[..., :2] / sums[..., 2:]


def occlusion_and_utility(saliency: np.ndarray, boxes: np.ndarray) -> tuple[float, float]:
    """Both numbers of one image.

    Args:
        saliency: in [0, 1], shape (height, width).
        boxes: ratios within the canvas, shape (n_boxes, 4).
    """
    height, width = saliency.shape
    mask = covered(boxes, (width, height))
    under, free = int(mask.sum()), float((1 - saliency).sum())
    occlusion = float(saliency[mask].sum()) / under if under else 0.0
    return occlusion, float((1 - saliency)[mask].sum()) / free if free else 0.0
