"""Unreadability: how rough the canvas is under the texts (PosterLayout, section 5.1, `Rea`).

Mean length of the gradient (`pixels.roughness`) of the pixels under valid boxes; mean over images; an image without a
box counts 0. It needs canvases, which are pictures without texts and without plates behind texts: on a picture with
texts the gradient is that of the glyphs, and one with texts blacked out would reward covering the references.
"""

import numpy as np

from .corpus import LayoutCorpus
from .pixels import covered

NAMES = ("Unreadability",)


def statistics(corpus: LayoutCorpus) -> np.ndarray | None:
    """Per image: unreadability and 1; float64, shape (n_images, 2); None without canvases."""
    if corpus.gradient is None:
        return None
    rows = np.ones((corpus.predictions.n_images, 2))
    layouts = corpus.predictions.valid
    for image, row in enumerate(rows):
        row[0] = unreadability(corpus.gradient(image), layouts.clipped_of(image))
    return rows


def aggregate(sums: np.ndarray) -> np.ndarray:
    """Mean in [0, 1] from summed `statistics`, shape (..., 2) to (..., 1)."""
    return sums[..., :1] / sums[..., 1:]


def unreadability(gradient: np.ndarray, boxes: np.ndarray) -> float:
    """Mean of a map in [0, 1], shape (height, width), under boxes, ratios of shape (n_boxes, 4); 0 without boxes."""
    height, width = gradient.shape
    mask = covered(boxes, (width, height))
    under = int(mask.sum())
    return float(gradient[mask].sum()) / under if under else 0.0
