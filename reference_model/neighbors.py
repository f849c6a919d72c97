"""Which other boxes of an image stand in a box's location token (paper, section 4.1; paper_vs_code: neighbours).

Distances are between box centres in pixels. A box is *previous* to another if its x_min + y_min is smaller, *next* if
it is larger; ties are broken by (y, x, position), so the order is total.
"""

from collections.abc import Sequence
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
    return neighbours_of_many(boxes[None], np.array([size]), kind, seeds=[seed])[0]


def neighbours_of_many(boxes: np.ndarray, sizes: np.ndarray, kind: Kind, *, seeds: Sequence[str]) -> np.ndarray:
    """The neighbours of every box of m images with n boxes each, as `neighbours` finds them for one.

    Args:
        boxes: ratios, shape (m, n, 4).
        sizes: width and height of each image in pixels, shape (m, 2).
        kind: see `neighbours`.
        seeds: a seed of each image for `random`.

    Returns:
        Positions among the boxes of the same image, or MISSING; shape (m, n, 0), (m, n, 2) or (m, n, 4).
    """
    m, n, _ = boxes.shape
    if kind == "none":
        return np.empty((m, n, 0), np.int16)
    if kind == "chain":
        one = np.stack([np.arange(-1, n - 1), np.append(np.arange(1, n), MISSING)], axis=1)
        return np.broadcast_to(one, (m, n, 2)).astype(np.int16)
    if kind == "random":
        return np.stack([_random(n, seed) for seed in seeds])
    pixels = boxes * np.tile(sizes, 2)[:, None]
    x, y = pixels[..., 0], pixels[..., 1]
    order = np.lexsort((np.broadcast_to(np.arange(n), (m, n)), x, y, x + y))
    rank = np.empty((m, n), np.int64)
    np.put_along_axis(rank, order, np.arange(n)[None], axis=1)
    centres = (pixels[..., :2] + pixels[..., 2:]) / 2
    distances = ((centres[:, :, None] - centres[:, None]) ** 2).sum(axis=3)
    previous = _nearest(distances, rank[:, None] < rank[:, :, None])
    following = _nearest(distances, rank[:, None] > rank[:, :, None])
    columns = [previous[..., 0], following[..., 0]]
    if kind == "top2":
        columns += [previous[..., 1], following[..., 1]]
    return np.stack(columns, axis=2).astype(np.int16)


def _nearest(distances: np.ndarray, among: np.ndarray) -> np.ndarray:
    """The two nearest of the allowed boxes, or MISSING; shape (m, n, 2). Equal distances: the first in the data set."""
    masked = np.where(among, distances, np.inf)
    order = np.argsort(masked, axis=2, kind="stable")[..., :2]
    found = np.where(np.take_along_axis(masked, order, axis=2) < np.inf, order, MISSING)
    return np.pad(found, ((0, 0), (0, 0), (0, 2 - found.shape[2])), constant_values=MISSING)


def _random(n: int, seed: str) -> np.ndarray:
    found = np.full((n, 2), MISSING, np.int16)
    random = Random(f"{seed}/neighbours")
    for i in range(n):
        others = [j for j in range(n) if j != i]
        for slot in range(min(2, len(others))):
            found[i, slot] = others.pop(int(random.random() * len(others)))
    return found
