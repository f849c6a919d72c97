"""Length fitness: whether the caption fits its box (paper section 5.4, Figure 4b).

The short side of a box sets the font size, so a box whose long side is r times its short side holds about r square
(CJK) characters; r, the aspect ratio, is taken in pixels of the original image. The fill of a caption is its width in
em (a full-width character 1, a half-width one 0.5) over r:

* overflow: fill above 1.25. The font would have to shrink below 80 % of the box's short side.
* underfill: fill below 0.5. More than half of the box stays empty at full font size.

Text boxes found by OCR leave a margin around the glyphs and characters are not all square, so references themselves
over- and underfill a little: compare the rates of predictions and references; only the difference counts.
"""

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .corpus import Corpus, code_points, look_up

NAMES = ("Length error", "Overflow", "Underfill")

OVERFLOW, UNDERFILL = 1.25, 0.5

#: Lower edges of the aspect-ratio bins of Figure 4b: 1-2, 2-3, ..., 9-10, above 10.
BIN_EDGES = tuple(range(1, 11))


def _em(point: int) -> float:
    return 1.0 if unicodedata.east_asian_width(chr(point)) in "WFA" else 0.5


def em_widths(captions: Sequence[str]) -> np.ndarray:
    """Width of each caption in em, shape (len(captions),)."""
    points, offsets = code_points(captions)
    widths = look_up(_em, points, np.float64)
    owner = np.repeat(np.arange(len(captions)), np.diff(offsets))
    return np.bincount(owner, widths, len(captions))


def aspect_bins(aspect_ratios: np.ndarray) -> np.ndarray:
    """Index of each box's bin in `BIN_EDGES`; 0 for ratios of 1 to 2."""
    return np.clip(np.floor(aspect_ratios).astype(np.int64), BIN_EDGES[0], BIN_EDGES[-1]) - BIN_EDGES[0]


def statistics(corpus: Corpus, aspect_ratios: np.ndarray) -> np.ndarray:
    """Per-box absolute length error (characters), overflow, underfill and 1; int64, shape (n_boxes, 4)."""
    error = np.abs(corpus.prediction_lengths - corpus.reference_lengths)
    fill = em_widths(corpus.texts.captions)[corpus.texts.prediction] / aspect_ratios
    columns = [error, fill > OVERFLOW, fill < UNDERFILL, np.ones_like(error)]
    return np.stack(columns, axis=1).astype(np.int64)


def aggregate(sums: np.ndarray) -> np.ndarray:
    """Mean error in characters, and the two rates in [0, 1], shape (..., 4) -> (..., 3)."""
    return sums[..., :3] / sums[..., 3:]


@dataclass(frozen=True)
class Curve:
    """Mean caption length per aspect-ratio bin, for predictions and references (Figure 4b).

    Bins without a box hold NaN. `distance` is the mean over boxes of the absolute difference of the two curves in the
    box's bin (characters); `spearman` the rank correlation of predicted length and aspect ratio over boxes, NaN where
    one of them is constant.
    """

    boxes: np.ndarray
    predictions: np.ndarray
    references: np.ndarray
    distance: float
    spearman: float


def length_curve(corpus: Corpus, aspect_ratios: np.ndarray) -> Curve:
    """Compute the curves of Figure 4b for a split; all arrays have shape (len(BIN_EDGES),)."""
    bins = aspect_bins(aspect_ratios)
    boxes = np.bincount(bins, minlength=len(BIN_EDGES))
    with np.errstate(invalid="ignore"):
        predictions, references = (
            np.bincount(bins, lengths, len(BIN_EDGES)) / boxes
            for lengths in (corpus.prediction_lengths, corpus.reference_lengths)
        )
    seen = boxes > 0
    distance = (boxes[seen] * np.abs(predictions - references)[seen]).sum() / boxes.sum()
    return Curve(boxes, predictions, references, float(distance), spearman(corpus.prediction_lengths, aspect_ratios))


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's rank correlation with mean ranks for ties; NaN where x or y is constant.

    Computed on integers, so the result is the same on every machine.
    """
    a, b = _centred_double_ranks(x), _centred_double_ranks(y)
    spread = math.sqrt(int((a * a).sum()) * int((b * b).sum()))
    return int((a * b).sum()) / spread if spread else math.nan


def _centred_double_ranks(values: np.ndarray) -> np.ndarray:
    """Twice the mean rank of each value minus twice the mean of all ranks, int64."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (2 * np.cumsum(counts) - counts - len(values))[inverse]
