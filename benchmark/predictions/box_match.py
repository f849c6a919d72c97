"""Which box of an image stands at given coordinates: for prediction files that name boxes by place."""

import numpy as np

from ..dataset.released.record import Box, exceeds_one, fit_box
from ..dataset.store import Split

#: Ratios this near are the same place; printing with 4 decimals moves a coordinate by half of it.
TOLERANCE = 1e-4
_ROUNDING = 1e-9


def boxes_at(split: Split, image: int, box: Box, *, pixels: bool | None = None) -> list[int]:
    """The boxes of an image in the place nearest to the given one, if all four coordinates are within `TOLERANCE`.

    Args:
        split: of the image.
        image: position in `split.image_ids`.
        box: x1, y1, x2, y2; as ratios or in pixels.
        pixels: whether they are pixels; None: they are if one is above 1.

    Returns:
        Indices within the image, ascending; several if boxes of the image stand in the same place.
    """
    if pixels is None:
        pixels = exceeds_one([box])
    width, height = split.sizes[image].tolist() if pixels else (1, 1)
    ratios = fit_box(box, width, height)
    if isinstance(ratios, str):
        return []
    boxes = split.boxes[split.offsets[image] : split.offsets[image + 1]]
    distances = np.abs(boxes - ratios).max(axis=1)
    return list(np.flatnonzero(distances <= min(TOLERANCE, distances.min() + _ROUNDING)).tolist())
