"""Vector graphics of filled polygons (boxes, ovals, curves, strokes), from which products are drawn.

Coordinates run right and down, about 0 to 100; `Drawing` centres them and scales the longer side to 1. Every part, a
line too, is one polygon, so an affine transform of its points is an affine transform of the picture and the extents
of a drawing are those of its points. A part is painted with the pattern of the product (`BODY`) or a colour of
`solids.PAINTS`.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

BODY = "body"


@dataclass(frozen=True, eq=False)
class Outline:
    """One filled polygon: its paint, and its points, shape (n, 2)."""

    paint: str
    points: np.ndarray


class Drawing:
    """Parts from back to front, centred on the origin, the longer side of their extents being 1."""

    def __init__(self, *parts: Outline | tuple[Outline, ...]) -> None:
        flat = [part for entry in parts for part in ((entry,) if isinstance(entry, Outline) else entry)]
        points = np.concatenate([part.points for part in flat])
        low, high = points.min(axis=0), points.max(axis=0)
        self.extents = (high - low) / (high - low).max()  #: width and height, the longer being 1
        self.parts = tuple(Outline(p.paint, (p.points - (low + high) / 2) / (high - low).max()) for p in flat)

    @cached_property
    def body_rows(self) -> tuple[float, float]:
        """Top and bottom of the parts that carry the pattern."""
        rows = np.concatenate([part.points[:, 1] for part in self.parts if part.paint == BODY])
        return float(rows.min()), float(rows.max())


def poly(paint: str, points: str) -> Outline:
    """Polygon through "x,y x,y ..."."""
    return Outline(paint, _points(points))


def blob(paint: str, points: str) -> Outline:
    """Smooth closed curve through "x,y x,y ..."."""
    return Outline(paint, _smooth(_points(points)))


def symmetric(paint: str, points: str, smooth: bool = False) -> Outline:
    """Polygon that mirrors its right half, given from top to bottom as "d,y d,y ...", d right of x = 50."""
    right = _points(points)
    both = np.concatenate([right, right[::-1] * (-1, 1)]) + np.array((50, 0))
    return Outline(paint, _smooth(both) if smooth else both)


def oval(paint: str, x: float, y: float, rx: float, ry: float | None = None) -> Outline:
    """Ellipse, or circle, around x, y."""
    return Outline(paint, _ellipse(x, y, rx, rx if ry is None else ry, 0, 360))


def box(paint: str, x1: float, y1: float, x2: float, y2: float, r: float = 0) -> Outline:
    """Rectangle with corners of radius r."""
    if not r:
        return Outline(paint, np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)], dtype=float))
    corners = ((x2 - r, y2 - r, 0), (x1 + r, y2 - r, 90), (x1 + r, y1 + r, 180), (x2 - r, y1 + r, 270))
    return Outline(paint, np.concatenate([_ellipse(x, y, r, r, a, a + 90, 6) for x, y, a in corners]))


def line(paint: str, width: float, points: str) -> Outline:
    """Stroke of the given width through "x,y x,y ..."."""
    return _stroke(paint, width, _points(points))


def arc(paint: str, width: float, x: float, y: float, rx: float, ry: float, start: float, end: float) -> Outline:
    """Stroke along an ellipse, clockwise from `start` to `end` degrees, 0 being to the right and 90 below."""
    return _stroke(paint, width, _ellipse(x, y, rx, ry, start, end))


def star(paint: str, x: float, y: float, r: float, tips: int = 5, inner: float = 0.45) -> Outline:
    """Star with its first tip up."""
    angles = np.arange(2 * tips) * np.pi / tips
    radii = r * np.where(np.arange(2 * tips) % 2, inner, 1)
    return Outline(paint, np.stack([x + radii * np.sin(angles), y - radii * np.cos(angles)], axis=1))


def mirrored(*parts: Outline) -> tuple[Outline, ...]:
    """Parts, and their images on the other side of x = 50."""
    return tuple(q for p in parts for q in (p, Outline(p.paint, p.points * (-1, 1) + (100, 0))))


def _points(text: str) -> np.ndarray:
    """The points of "x,y x,y ...", shape (n, 2)."""
    return np.array([pair.split(",") for pair in text.split()], dtype=float)


def _ellipse(x: float, y: float, rx: float, ry: float, start: float, end: float, steps: int = 32) -> np.ndarray:
    angles = np.radians(np.linspace(start, end, steps))
    return np.stack([x + rx * np.cos(angles), y + ry * np.sin(angles)], axis=1)


def _smooth(corners: np.ndarray, steps: int = 6) -> np.ndarray:
    """Closed Catmull-Rom spline through the corners."""
    before, after, beyond = (np.roll(corners, -shift, axis=0)[:, None] for shift in (-1, 1, 2))
    here, t = corners[:, None], np.linspace(0, 1, steps, endpoint=False)[:, None]
    cubic = 2 * here + (after - before) * t + (2 * before - 5 * here + 4 * after - beyond) * t**2
    return (0.5 * (cubic + (3 * here - before - 3 * after + beyond) * t**3)).reshape(-1, 2)


def _stroke(paint: str, width: float, path: np.ndarray) -> Outline:
    """The path's two sides as one polygon, with mitred joints."""
    along = np.array([(b - a) / np.hypot(*(b - a)) for a, b in pairwise(path)])
    normals = along[:, ::-1] * (-1, 1)
    joints = np.concatenate([normals[:1], normals[:-1] + normals[1:], normals[-1:]])
    joints[1:-1] *= 2 / (joints[1:-1] ** 2).sum(axis=1, keepdims=True)
    return Outline(paint, np.concatenate([path + joints * width / 2, (path - joints * width / 2)[::-1]]))
