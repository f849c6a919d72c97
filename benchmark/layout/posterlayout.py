"""PosterLayout's eight numbers (Hsu et al. 2023, section 5.1), as its code was published and corrected.

Elements have classes: text, logo and underlay, a plate on which other elements stand. The published code (eval.py of
its repository) differs from what the paper describes in five places, and others copied it:

* Rea squares derivatives of 8 bits, which wrap at 256, so its values are some eight times too large (`pixels`);
* Und_s never compares right edges: what sticks out on the right counts as contained;
* Ali takes one smallest gap for the whole layout, so one aligned pair makes all of it aligned (`geometry`);
* Ove divides by the number of elements, which fails where there is none; here the image counts 0;
* pixels with negative coordinates are counted from the other edge, so a box beyond the canvas covers another place.

Values differ in no other way. All are means over images but Val, over elements, and Und, over images with underlays.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .geometry import decades, lines, misalignment, overlap
from .layouts import SMALLEST, Layouts, areas, intersections
from .pixels import roughness

#: Classes of elements; 0 is none.
TEXT, LOGO, UNDERLAY = 1, 2, 3
#: Width and height to which PosterLayout resizes everything, in pixels.
CANVAS = (513, 750)

BOXES_ALONE = ("Val", "Ove", "Ali", "Und_l", "Und_s")
ON_PICTURES = ("Uti", "Occ", "Rea")


@dataclass(frozen=True)
class Poster:
    """The elements of one poster, and its pictures if they are there.

    Attributes:
        classes: class of each element, shape (n,).
        boxes: [x1, y1, x2, y2] of each in pixels of `CANVAS`, float64, shape (n, 4).
        saliency: in [0, 1], shape (750, 513).
        canvas: uint8, shape (750, 513, 3).
    """

    classes: np.ndarray
    boxes: np.ndarray
    saliency: np.ndarray | None = None
    canvas: np.ndarray | None = None

    @property
    def covers(self) -> np.ndarray:
        """Area of each element within the canvas, as a share of it."""
        clipped = np.clip(self.boxes, 0, [*CANVAS, *CANVAS])
        return np.abs(areas(clipped)) / (CANVAS[0] * CANVAS[1])

    @property
    def valid(self) -> "Poster":
        """The elements that cover enough of the canvas."""
        kept = (self.classes > 0) & (self.covers >= SMALLEST)
        return Poster(self.classes[kept], self.boxes[kept], self.saliency, self.canvas)


def scores(posters: Sequence[Poster], *, as_published: bool = False) -> dict[str, float]:
    """All numbers, in the order of the published program's output; those on pictures only if all posters have these.

    Args:
        posters: at least one.
        as_published: whether to compute as the published code, in float64.
    """
    elements = sum(int((poster.classes > 0).sum()) for poster in posters)
    kept = [poster.valid for poster in posters]
    found = {"Val": sum(len(poster.classes) for poster in kept) / elements if elements else 0.0}
    others = [poster.boxes[poster.classes != UNDERLAY].tolist() for poster in kept]
    found["Ove"] = _mean(overlap(Layouts.of(others)).tolist())
    scaled = [poster.boxes / [*CANVAS, *CANVAS] for poster in kept]
    if as_published:
        found["Ali"] = _mean([_one_gap(boxes) for boxes in scaled])
    else:
        found["Ali"] = _mean(misalignment(Layouts.of([boxes.tolist() for boxes in scaled])).tolist())
    with_underlay = [poster for poster in kept if (poster.classes == UNDERLAY).any()]
    found["Und_l"] = _mean([_underlay(poster)[0] for poster in with_underlay])
    found["Und_s"] = _mean([_underlay(poster)[2 if as_published else 1] for poster in with_underlay])
    if all(poster.saliency is not None and poster.canvas is not None for poster in kept):
        pixels = [_on_pictures(poster, as_published=as_published) for poster in kept]
        found |= {name: _mean(column) for name, column in zip(ON_PICTURES, zip(*pixels, strict=True), strict=True)}
    return found


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0


def _one_gap(boxes: np.ndarray) -> float:
    """Number of elements times the smallest penalty of all six lines, each with its own smallest gap."""
    if len(boxes) < 2:
        return 0.0
    gaps = np.diff(np.sort(lines(boxes), axis=0), axis=0)
    return len(boxes) * decades(float(gaps.min()))


def _underlay(poster: Poster) -> tuple[float, float, float]:
    """Means over underlays: largest share of another element on it; whether it contains one; the same as published."""
    plates, others = (poster.boxes[(poster.classes == UNDERLAY) == which] for which in (True, False))
    if not len(others):
        return 0.0, 0.0, 0.0
    a, b = plates[:, np.newaxis], others[np.newaxis]
    size = areas(b)
    shares = np.divide(intersections(a, b), size, out=np.zeros((len(plates), len(others))), where=size > 0)
    published = (a[..., 0] <= b[..., 0]) & (a[..., 1] <= b[..., 1]) & (a[..., 3] >= b[..., 3])
    contained = published & (a[..., 2] >= b[..., 2])
    means = [_mean(each.max(axis=1).tolist()) for each in (shares, contained, published)]
    return means[0], means[1], means[2]


def _on_pictures(poster: Poster, *, as_published: bool) -> tuple[float, float, float]:
    """Uti, Occ and Rea of a poster that has its pictures."""
    saliency, canvas = np.asarray(poster.saliency), np.asarray(poster.canvas)
    boxes = poster.boxes.astype(np.int64)
    if not as_published:
        boxes = np.maximum(boxes, 0)
    covered = np.zeros(saliency.shape, bool)
    _fill(covered, boxes, True)
    texts = np.zeros(saliency.shape, bool)
    _fill(texts, boxes[poster.classes == TEXT], True)
    _fill(texts, boxes[poster.classes == UNDERLAY], False)
    free = np.ones_like(saliency) - saliency
    rough = roughness(canvas, as_published=as_published)
    return (
        float((free * covered).sum() / free.sum()) if free.any() else 0.0,
        float(saliency[covered].sum() / covered.sum()) if covered.any() else 0.0,
        float(rough[texts].sum() / texts.sum()) if texts.any() else 0.0,
    )


def _fill(mask: np.ndarray, boxes: np.ndarray, value: bool) -> None:
    for x1, y1, x2, y2 in boxes.tolist():
        mask[y1:y2, x1:x2] = value
