"""Slices: parts of a split that are scored separately, always with the whole split's document frequencies."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..dataset.store import Split
from ..metrics.corpus import characters
from ..metrics.length_fit import BIN_EDGES, aspect_bins

_ROWS, _COLUMNS = ("top", "middle", "bottom"), ("left", "centre", "right")


@dataclass(frozen=True)
class Slice:
    """A part of a split, as a mask over its boxes.

    Attributes:
        by: property that the split is sliced by, e.g. "category".
        name: value of that property, e.g. "面霜".
        boxes: mask over boxes, shape (n_boxes,).
        images: mask over images, shape (n_images,), where the slice consists of whole images, else None: Div@n is
            only defined on whole images.
    """

    by: str
    name: str
    boxes: np.ndarray
    images: np.ndarray | None = None


def slices(split: Split) -> Iterator[Slice]:
    """Slice a split by category, boxes per image, aspect-ratio bin, box centre on a 3 x 3 grid, caption length."""
    for name in sorted(set(split.categories)):
        yield _whole_images(split, "category", name, np.array([c == name for c in split.categories]))
    counts = np.diff(split.offsets)
    for n in np.unique(counts):
        yield _whole_images(split, "boxes per image", str(n), counts == n)

    bins = aspect_bins(split.aspect_ratios)
    for i in np.unique(bins):
        edge = BIN_EDGES[i]
        yield Slice("aspect ratio", f"{edge}-{edge + 1}" if edge < BIN_EDGES[-1] else f">{edge}", bins == i)

    centres = (split.boxes[:, :2] + split.boxes[:, 2:]) / 2
    cells = np.minimum((3 * centres).astype(np.int64), 2)
    for y, row in enumerate(_ROWS):
        for x, column in enumerate(_COLUMNS):
            mask = (cells[:, 0] == x) & (cells[:, 1] == y)
            if mask.any():
                yield Slice("position", f"{row} {column}", mask)

    lengths = np.fromiter((len(characters(caption)) for caption in split.captions), np.int64, split.n_boxes)
    for n in np.unique(lengths):
        yield Slice("caption length", str(n), lengths == n)


def _whole_images(split: Split, by: str, name: str, images: np.ndarray) -> Slice:
    return Slice(by, name, images[split.image_of_box], images)
