"""Perceptual hashes of pictures without their texts, to find the same picture with other texts or another encoding.

Invariants:
* pictures that look alike have hashes that differ in few of their 64 bits;
* a picture of one colour has always the same hash, since rounding errors decide about no bit;
* what a filled box shows does not depend on any pixel of a text, also where the boxes of texts touch or overlap.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image

_SIDE, _LOW = 32, 8

#: Coefficients this near to the median count as equal to it.
_NOISE = 1e-3


def perceptual_hash(picture: np.ndarray) -> int:
    """Hash of a picture by the 64 lowest frequencies of its brightness (pHash).

    Args:
        picture: RGB, shape (height, width, 3), bytes.

    Returns:
        64 bits; two pictures look alike if few of them differ, which `duplicates` finds.
    """
    grey = Image.fromarray(np.ascontiguousarray(picture)).convert("L")
    small = np.asarray(grey.resize((_SIDE, _SIDE), Image.Resampling.BOX), np.float64)
    step = np.pi * (2 * np.arange(_SIDE) + 1) / (2 * _SIDE)
    cosines = np.cos(np.arange(_LOW)[:, None] * step)
    low = (cosines @ small @ cosines.T).ravel()
    bits = low > np.median(low) + _NOISE
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def smooth_fill(picture: np.ndarray, boxes: Sequence[tuple[int, int, int, int]]) -> np.ndarray:
    """A copy of a picture in which boxes are filled from their borders.

    Each pixel is the mean of the four pixels just outside its box in its row and column, weighted by 1 / distance
    squared. Those in other boxes or outside the picture do not count; where none is left, the mean of the box's
    other border pixels stands in for them, or grey.

    Args:
        picture: RGB, shape (height, width, 3), bytes.
        boxes: x1, y1, x2, y2 in pixels within the picture, of which the last two are outside the box; see
            `geometry.hull`. Empty ones are left out.
    """
    boxes = [box for box in boxes if box[0] < box[2] and box[1] < box[3]]
    hidden = np.zeros(picture.shape[:2], bool)
    for x1, y1, x2, y2 in boxes:
        hidden[y1:y2, x1:x2] = True
    filled = np.array(picture)
    for x1, y1, x2, y2 in boxes:
        filled[y1:y2, x1:x2] = _filling(picture, hidden, (x1, y1, x2, y2))
    return filled


def _filling(picture: np.ndarray, hidden: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    x1, y1, x2, y2 = box
    height, width = hidden.shape
    total = np.zeros((y2 - y1, x2 - x1, 3), np.float32)
    weights = np.zeros((y2 - y1, x2 - x1, 1), np.float32)
    borders = []
    for x in (x1 - 1, x2):
        if 0 <= x < width:
            border, known = picture[y1:y2, x], ~hidden[y1:y2, x]
            weight = (known[:, None] / (np.arange(x1, x2) - x) ** 2).astype(np.float32)[:, :, None]
            total += weight * border[:, None]
            weights += weight
            borders.append(border[known])
    for y in (y1 - 1, y2):
        if 0 <= y < height:
            border, known = picture[y, x1:x2], ~hidden[y, x1:x2]
            weight = (known / (np.arange(y1, y2)[:, None] - y) ** 2).astype(np.float32)[:, :, None]
            total += weight * border
            weights += weight
            borders.append(border[known])
    seen = np.concatenate([np.zeros((0, 3), np.uint8), *borders])
    total = np.where(weights > 0, total, seen.mean(axis=0) if len(seen) else 128.0)
    return np.rint(total / np.where(weights > 0, weights, 1)).astype(np.uint8)
