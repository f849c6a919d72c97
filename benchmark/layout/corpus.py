"""What the metrics of layouts are computed from: predicted and reference layouts, sizes, and maps of the pictures."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .assignment import assign
from .layouts import Layouts, batches, intersection_over_union, pairs_between
from .maps import DigestedMaps

#: Thresholds of IoU over which captions and boxes that are matched are averaged, as dense captioning does (Johnson et
#: al. 2016).
THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7)

#: For each reference box, its predicted box and the value of the pair; see `matching`.
Matched = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class LayoutCorpus:
    """Predicted layouts, and what they are compared with.

    Attributes:
        predictions: predicted layouts; with captions on the track joint.
        references: reference layouts of the same images; with captions on the track joint.
        sizes: width and height of each image in pixels, shape (n_images, 2).
        saliency: how salient each pixel is, 1 where the product stands; None where nobody knows.
        gradient: how rough each pixel of the canvas, the picture without its texts, is; None without canvases.
    """

    predictions: Layouts
    references: Layouts
    sizes: np.ndarray
    saliency: DigestedMaps | None = None
    gradient: DigestedMaps | None = None

    @cached_property
    def matched(self) -> Matched:
        """The matching of largest sum of IoU, see `matching`; boxes that share no area are not matched."""
        partner, overlap = matching(self.predictions, self.references, intersection_over_union)
        return np.where(overlap > 0, partner, -1), overlap

    def passed(self) -> np.ndarray:
        """Share of `THRESHOLDS` that the IoU of each reference box and its match reaches, shape (n_boxes,)."""
        return (self.matched[1][:, np.newaxis] >= THRESHOLDS).sum(axis=1) / len(THRESHOLDS)


def matching(a: Layouts, b: Layouts, value: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Matched:
    """Match boxes of each image one to one, as many as there can be, so that the sum of a value is largest.

    Args:
        a: layouts, the predicted ones.
        b: layouts of the same images, the references.
        value: function from boxes of both sides, shape (n_pairs, 4) each, to the value of each pair, at least 0.

    Returns:
        For each box of `b` the number of its box of `a`, -1 if it has none, and the value of the pair, else 0.
    """
    partner, found = np.full(len(b.boxes), -1), np.zeros(len(b.boxes))
    counts, others = a.counts.tolist(), b.counts.tolist()
    for first, last in batches(a.counts * b.counts):
        ours, theirs = pairs_between(a, b, first, last)
        values = value(a.boxes[ours], b.boxes[theirs])
        start = 0
        for image in range(first, last):
            table = values[start : start + counts[image] * others[image]].reshape(counts[image], others[image])
            start += table.size
            rows, columns = assign(table)
            partner[b.offsets[image] + columns] = a.offsets[image] + rows
            found[b.offsets[image] + columns] = table[rows, columns]
    return partner, found
