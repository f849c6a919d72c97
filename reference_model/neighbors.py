"""Which other boxes of an image stand in a box's location token (paper, section 4.1; paper_vs_code: neighbours).

Distances are between box centres in pixels. A box is *previous* to another if its x_min + y_min is smaller, *next* if
it is larger; ties are broken by (y, x, position), so the order is total.
"""

from random import Random
from typing import Literal

import numpy as np

Kind = Literal["none", "nearest", "top2", "random", "chain"]
MISSING = -1


def neighbours(boxes: np.ndarray, size: tuple[int, int], kind: Kind, *, seed: str = "") -> np.ndarray:
    """The neighbours of every box of one image.

    Args:
        boxes: ratios [x1, y1, x2, y2], shape (n, 4), in the data set's order.
        size: width and height of the image in pixels.
        kind: `nearest`: nearest previous, nearest next; `top2`: and the second nearest of each; `random`: two other
            boxes, drawn once per box and seed; `chain`: the entries before and after in the data set's order (the
            release); `none`.
        seed: seed for `random`, such as the run's seed with the image's id.

    Returns:
        Positions in `boxes`, or MISSING; shape (n, 0), (n, 2) as [previous, next], or (n, 4) as [previous, next,
        second previous, second next].
    """
    n = len(boxes)
    if kind == "none":
        return np.empty((n, 0), np.int16)
    if kind == "chain":
        return np.stack([np.arange(-1, n - 1), np.append(np.arange(1, n), MISSING)], axis=1).astype(np.int16)
    if kind == "random":
        return _random(n, seed)
    pixels = boxes * np.tile(size, 2)
    order = np.lexsort((np.arange(n), pixels[:, 0], pixels[:, 1], pixels[:, 0] + pixels[:, 1]))
    rank = np.empty(n, np.int64)
    rank[order] = np.arange(n)
    centres = (pixels[:, :2] + pixels[:, 2:]) / 2
    distances = ((centres[:, None] - centres[None]) ** 2).sum(axis=2)
    previous = _nearest(distances, rank[None] < rank[:, None])
    following = _nearest(distances, rank[None] > rank[:, None])
    columns = [previous[:, 0], following[:, 0]]
    if kind == "top2":
        columns += [previous[:, 1], following[:, 1]]
    return np.stack(columns, axis=1).astype(np.int16)


def _nearest(distances: np.ndarray, among: np.ndarray) -> np.ndarray:
    """The two nearest of the allowed boxes, or MISSING; shape (n, 2). Equal distances: the first in the data set."""
    masked = np.where(among, distances, np.inf)
    order = np.argsort(masked, axis=1, kind="stable")[:, :2]
    found = np.where(np.take_along_axis(masked, order, axis=1) < np.inf, order, MISSING)
    return np.pad(found, ((0, 0), (0, 2 - found.shape[1])), constant_values=MISSING)


def _random(n: int, seed: str) -> np.ndarray:
    found = np.full((n, 2), MISSING, np.int16)
    random = Random(f"{seed}/neighbours")
    for i in range(n):
        others = [j for j in range(n) if j != i]
        for slot in range(min(2, len(others))):
            found[i, slot] = others.pop(int(random.random() * len(others)))
    return found
