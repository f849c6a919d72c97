"""Predicted captions by themselves and in their own boxes (track joint): redundancy, and whether they fit.

* Div@1, Div@2: `metrics.diversity` over the captions of an image; mean over images, one without captions counting 0.
* Overflow, Underfill: `metrics.length_fit` with the aspect ratio of the predicted box, in pixels; over predicted boxes,
  0 if there are none. A side below one pixel is taken for one pixel.

None of them knows the references: any text that varies wins Div, and boxes of the right length for it win the rest.
"""

import numpy as np

from ..metrics import diversity
from ..metrics.corpus import Corpus
from ..metrics.length_fit import OVERFLOW, UNDERFILL, em_widths
from .corpus import LayoutCorpus
from .layouts import Layouts

NAMES = ("Div@1", "Div@2", "Overflow", "Underfill")


def statistics(corpus: LayoutCorpus) -> np.ndarray:
    """Per image: Div@1, Div@2, overflowing and underfilled boxes, boxes, 1; float64, shape (n_images, 6)."""
    layouts = corpus.predictions
    captions = list(layouts.captions or ())
    made = Corpus.from_captions(predictions=captions, references=captions, offsets=layouts.offsets)
    fill = em_widths(made.predictions) / aspect_ratios(layouts, corpus.sizes)
    columns = [diversity.statistics(made)[:, :2].T]
    rates = [layouts.sum_by_image(which) for which in (fill > OVERFLOW, fill < UNDERFILL)]
    return np.stack([*columns[0], *rates, layouts.counts, np.ones(layouts.n_images)], axis=1, dtype=np.float64)


def aggregate(sums: np.ndarray) -> np.ndarray:
    """Values in [0, 1] in the order of `NAMES` from summed `statistics`, shape (..., 6) to (..., 4)."""
    shares, boxes, images = sums[..., 2:4], sums[..., 4:5], sums[..., 5:]
    rates = np.divide(shares, boxes, out=np.zeros(shares.shape), where=boxes > 0)
    return np.concatenate([sums[..., :2] / images, rates], axis=-1)


def aspect_ratios(layouts: Layouts, sizes: np.ndarray) -> np.ndarray:
    """Long side over short side of each box in pixels, each side at least one pixel; shape (n_boxes,)."""
    sides = np.maximum((layouts.boxes[:, 2:] - layouts.boxes[:, :2]) * sizes[layouts.image_of_box], 1.0)
    return np.asarray(sides.max(axis=1) / sides.min(axis=1))
