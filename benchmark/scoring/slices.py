"""Slices: parts of a split that are scored separately, always with the whole split's document frequencies."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..dataset.store import Split
from ..metrics.corpus import without_white_space
from ..metrics.length_fit import BIN_EDGES, aspect_bins

_ROWS, _COLUMNS = ("top", "middle", "bottom"), ("left", "centre", "right")


@dataclass(frozen=True)
class Cut:
    """A way to cut a split into slices, none of which is empty.

    Attributes:
        by: property that the split is cut by, e.g. "category".
        names: values of that property, one for each slice, e.g. "面霜".
        slices: slice of each box as index in `names`, shape (n_boxes,).
        image_slices: slice of each image, shape (n_images,), where slices consist of whole images, else None: Div@n
            is only defined on whole images.
    """

    by: str
    names: Sequence[str]
    slices: np.ndarray
    image_slices: np.ndarray | None = None


def cuts(split: Split) -> Iterator[Cut]:
    """Cut a split by category, boxes per image, aspect-ratio bin, box centre on a 3 x 3 grid, caption length."""
    names = sorted(set(split.categories))
    place = {name: i for i, name in enumerate(names)}
    categories = np.array([place[name] for name in split.categories])
    yield Cut("category", names, categories[split.image_of_box], categories)
    counts, images = np.unique(np.diff(split.offsets), return_inverse=True)
    yield Cut("boxes per image", [*map(str, counts.tolist())], images[split.image_of_box], images)

    bins, boxes = np.unique(aspect_bins(split.aspect_ratios), return_inverse=True)
    edges = [BIN_EDGES[i] for i in bins.tolist()]
    yield Cut("aspect ratio", [f"{e}-{e + 1}" if e < BIN_EDGES[-1] else f">{e}" for e in edges], boxes)

    centres = (split.boxes[:, :2] + split.boxes[:, 2:]) / 2
    cells = np.minimum((3 * centres).astype(np.int64), 2)
    found, boxes = np.unique(len(_COLUMNS) * cells[:, 1] + cells[:, 0], return_inverse=True)
    yield Cut("position", [f"{_ROWS[i // 3]} {_COLUMNS[i % 3]}" for i in found.tolist()], boxes)

    lengths = np.fromiter(map(len, without_white_space(split.captions)), np.int64, split.n_boxes)
    found, boxes = np.unique(lengths, return_inverse=True)
    yield Cut("caption length", [*map(str, found.tolist())], boxes)
