"""Layouts of many images as arrays: boxes, and captions if there are any.

Invariant: the boxes of an image are in one order, by their coordinates and then their captions, so a score cannot
depend on the order in which a file lists them, not even in its last bit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from ..dataset.store import Split
from ..metrics.corpus import members, offsets_of

#: Smallest part of the canvas that a box must cover, after what is outside is cut off (PosterLayout, Hsu et al. 2023).
SMALLEST = 0.001

#: Pairs of boxes compared at once, which bounds the memory.
_PAIRS = 1 << 20


@dataclass(frozen=True)
class Layouts:
    """Boxes of the images of a split; image i owns boxes offsets[i] to offsets[i + 1], and may own none.

    Attributes:
        boxes: [x1, y1, x2, y2] as ratios of width and height, x1 <= x2 and y1 <= y2, shape (n_boxes, 4), float64; they
            may reach beyond the canvas.
        offsets: box ranges of the images, shape (n_images + 1,).
        captions: caption of each box, length n_boxes; None where there are only boxes.
    """

    boxes: np.ndarray
    offsets: np.ndarray
    captions: Sequence[str] | None = None

    @classmethod
    def of(
        cls, images: Sequence[Sequence[Sequence[float]]], captions: Sequence[Sequence[str]] | None = None
    ) -> "Layouts":
        """Make layouts from the boxes of each image, in any order.

        Args:
            images: for each image its boxes, each [x1, y1, x2, y2] as ratios.
            captions: for each image the captions of its boxes, in the same order.

        Raises:
            ValueError: if an image has not as many captions as boxes.
        """
        # Adding 0 makes -0 a 0, so that equal boxes have equal digests.
        offsets = offsets_of(np.array([len(image) for image in images], np.int64))
        boxes = np.array([box for image in images for box in image], np.float64).reshape(-1, 4) + 0.0
        if captions is None:
            return cls(boxes, offsets)._ordered()
        if [len(image) for image in images] != [len(image) for image in captions]:
            raise ValueError("every box needs one caption, in the order of the boxes")
        return cls(boxes, offsets, [caption for image in captions for caption in image])._ordered()

    @classmethod
    def of_split(cls, split: Split, *, captions: bool = False) -> "Layouts":
        """The reference layouts of a split, with its captions if they are wanted.

        Raises:
            InputError: if captions are wanted, and those of the split are hidden.
        """
        return cls(split.boxes, split.offsets, split.captions if captions else None)._ordered()

    def _ordered(self) -> "Layouts":
        texts = np.zeros(len(self.boxes), np.int64)
        if self.captions is not None:
            rank = {caption: number for number, caption in enumerate(sorted(set(self.captions)))}
            texts = np.fromiter(map(rank.__getitem__, self.captions), np.int64, len(self.captions))
        x1, y1, x2, y2 = self.boxes.T
        return self.chosen(np.lexsort((texts, x2, y2, x1, y1, self.image_of_box)))

    def chosen(self, boxes: np.ndarray) -> "Layouts":
        """Some of the boxes, given by their numbers, whose images must be in order; the images stay."""
        counts = np.bincount(self.image_of_box[boxes], minlength=self.n_images)
        captions = None if self.captions is None else [self.captions[i] for i in boxes.tolist()]
        return Layouts(self.boxes[boxes], offsets_of(counts), captions)

    @property
    def n_images(self) -> int:
        """Number of images."""
        return len(self.offsets) - 1

    @property
    def counts(self) -> np.ndarray:
        """Number of boxes of each image, shape (n_images,)."""
        return np.diff(self.offsets)

    @cached_property
    def image_of_box(self) -> np.ndarray:
        """Index of each box's image, shape (n_boxes,)."""
        return np.repeat(np.arange(self.n_images), self.counts)

    @cached_property
    def clipped(self) -> np.ndarray:
        """The boxes without what is beyond the canvas, shape (n_boxes, 4)."""
        return np.clip(self.boxes, 0.0, 1.0)

    def clipped_of(self, image: int) -> np.ndarray:
        """The boxes of one image without what is beyond the canvas, shape (n, 4)."""
        return self.clipped[self.offsets[image] : self.offsets[image + 1]]

    @cached_property
    def is_valid(self) -> np.ndarray:
        """Whether each box covers at least `SMALLEST` of the canvas, shape (n_boxes,)."""
        return areas(self.clipped) >= SMALLEST

    @cached_property
    def valid(self) -> "Layouts":
        """The valid boxes alone."""
        return self.chosen(np.flatnonzero(self.is_valid))

    def lists(self) -> list[list[list[float]]]:
        """The boxes of each image as nested lists, ready for JSON."""
        boxes, offsets = self.boxes.tolist(), self.offsets.tolist()
        return [boxes[start:end] for start, end in pairwise(offsets)]

    def sum_by_image(self, values: np.ndarray) -> np.ndarray:
        """Sums of a value of each box over the boxes of each image, shape (n_images,)."""
        return np.bincount(self.image_of_box, values, self.n_images)


def areas(boxes: np.ndarray) -> np.ndarray:
    """Area of each box, shape (..., 4) to (...)."""
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def intersections(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Area that two boxes share, for each pair of boxes; shape (..., 4) twice to (...)."""
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    return np.where((sides > 0).all(axis=-1), sides[..., 0] * sides[..., 1], 0.0)


def intersection_over_union(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """IoU of each pair of boxes in [0, 1]; 0 where both have no area."""
    shared = intersections(a, b)
    union = areas(a) + areas(b) - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def batches(work: np.ndarray) -> Iterator[tuple[int, int]]:
    """Cut images into runs of neighbours, from first to last + 1, so that each run has a bounded sum of `work`."""
    ends = np.cumsum(work)
    first = 0
    while first < len(work):
        done = ends[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(ends, done + _PAIRS, side="right")))
        yield first, last
        first = last


def pairs_between(a: Layouts, b: Layouts, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of a box of `a` and a box of `b` on the same image, for the images from `first` to `last` - 1.

    Returns:
        Numbers of the boxes of both sides, sorted by image, then by box of `a`, then by box of `b`; int64.
    """
    ours = np.arange(a.offsets[first], a.offsets[last])
    theirs, counts = members(b.offsets, a.image_of_box[ours])
    return np.repeat(ours, counts), theirs
