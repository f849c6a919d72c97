"""Find the box of an image at given coordinates, for prediction files that name boxes by place."""

import numpy as np

from ..dataset.released.record import Box, fit_box
from ..dataset.store import Split

#: Ratios that differ by at most this are the same place; printing with 4 decimals moves a coordinate by half of it.
TOLERANCE = 1e-4
_ROUNDING = 1e-9


def boxes_at(split: Split, image: int, box: Box, *, pixels: bool) -> list[int]:
    """Find the boxes of an image nearest to a place, if all four coordinates are within `TOLERANCE`.

    Args:
        split: split that holds the image.
        image: index of the image in `split.image_ids`.
        box: coordinates x1, y1, x2, y2, as ratios or in pixels.
        pixels: whether the coordinates are pixels.

    Returns:
        Indices within the image, ascending; several if boxes of the image are in the same place.
    """
    width, height = split.sizes[image].tolist() if pixels else (1, 1)
    ratios = fit_box(box, width, height)
    if isinstance(ratios, str):
        return []
    boxes = split.boxes[split.offsets[image] : split.offsets[image + 1]]
    distances = np.abs(boxes - ratios).max(axis=1)
    return list(np.flatnonzero(distances <= min(TOLERANCE, distances.min() + _ROUNDING)).tolist())
