"""What the boxes of a layout say: kinds of fact, drawn one box after the other, and the probability of each.

A place asks for each kind by where it stands and by its rank in its group, which its neighbours tell; a kind that an
earlier box of the image has said is not said again.

Invariants: no kind comes twice in an image; `kinds` is the exact law of `assign`. `kinds_alone`, which does not know
the neighbours, is an estimate.
"""

import math
from functools import cache, lru_cache
from itertools import combinations
from random import Random

import numpy as np

from .draws import pick
from .layouts import CaptionPlace, Layout, sample_layout

KINDS = (
    "brand",
    "headline",
    "material",
    "first point",
    "middle point",
    "last point",
    "audience",
    "service",
    "colour",
    "pattern",
    "shape",
    "scene",
)
POINTS = ("first point", "middle point", "last point")
#: Where a kind likes to stand: x, y, and its spread in both directions, as ratios; selling points stand in lists.
ANCHORS: dict[str, tuple[tuple[float, float, float, float], ...]] = {
    "brand": ((0.14, 0.08, 0.13, 0.06),),
    "headline": ((0.50, 0.10, 0.16, 0.07),),
    "scene": ((0.86, 0.08, 0.13, 0.06),),
    "pattern": ((0.24, 0.21, 0.14, 0.06),),
    "audience": ((0.50, 0.21, 0.09, 0.05),),
    "colour": ((0.76, 0.21, 0.14, 0.06), (0.89, 0.92, 0.10, 0.06)),
    "shape": ((0.12, 0.92, 0.11, 0.06),),
    "material": ((0.29, 0.90, 0.09, 0.07),),
    "service": ((0.64, 0.90, 0.10, 0.07),),
}
ANYWHERE = 0.002  # weight of a kind far from its place
IN_LIST = 0.05  # a list says little else than selling points
POINT, OTHER_POINT, POINT_OUTSIDE = 3.0, 0.06, 0.005


_ANCHORS_BY_KIND = tuple(ANCHORS.get(kind, ()) for kind in KINDS)


def rank_roles(rank: int, n: int) -> str:
    """The selling point that belongs to a place of a list: the first, the last, or one between."""
    return POINTS[0] if rank == 0 else POINTS[2] if rank == n - 1 else POINTS[1]


def weights(place: CaptionPlace) -> list[float]:
    """How much a place asks for each kind, in the order of `KINDS`."""
    x, y = place.centre
    in_list = place.group == "list"
    point = rank_roles(place.rank, place.n)
    found = []
    for kind, anchors in zip(KINDS, _ANCHORS_BY_KIND, strict=True):
        if anchors:
            near = 0.0
            for ax, ay, sx, sy in anchors:
                near += math.exp(-(((x - ax) / sx) ** 2 + ((y - ay) / sy) ** 2) / 2)
            found.append((ANYWHERE + near) * IN_LIST if in_list else ANYWHERE + near)
        else:
            found.append((POINT if kind == point else OTHER_POINT) if in_list else POINT_OUTSIDE)
    return found


def assign(random: Random, layout: Layout) -> list[str]:
    """Draw what each box of a layout says, in order; no kind comes twice."""
    left = list(range(len(KINDS)))
    chosen = []
    for place in layout.places:
        asked = weights(place)
        k = pick(random, left, [asked[k] for k in left])
        left.remove(k)
        chosen.append(KINDS[k])
    return chosen


@cache
def _steps(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Ways to add one kind to a set of n kinds.

    Returns:
        Whether a set lacks a kind, shape (12, number of sets of n kinds); and of each way to add one, the kind, the
        place of the set among those of n kinds, and that of the larger set among those of n + 1; shape (number of
        ways,).
    """
    sets = [frozenset(chosen) for chosen in combinations(range(len(KINDS)), n)]
    larger = {frozenset(chosen): i for i, chosen in enumerate(combinations(range(len(KINDS)), n + 1))}
    lacks = np.array([[k not in chosen for chosen in sets] for k in range(len(KINDS))], dtype=float)
    kind, before = np.nonzero(lacks)
    after = [larger[sets[i] | {k}] for k, i in zip(kind.tolist(), before.tolist(), strict=True)]
    return lacks, kind, before, np.array(after)


@lru_cache(maxsize=4096)
def kinds(layout: Layout) -> np.ndarray:
    """Probability of each kind for each box of a layout, over all ways to assign the boxes before it; (n, 12)."""
    used: np.ndarray = np.ones(1)  # probability of each set of kinds to be that of the boxes so far
    found = []
    for i, place in enumerate(layout.places):
        asked = np.array(weights(place))
        lacks, kind, before, after = _steps(i)
        moved = asked[kind] * (used / (asked @ lacks))[before]
        found.append(np.bincount(kind, moved, len(KINDS)))
        used = np.bincount(after, moved)
    return np.array(found)


#: Number of other layouts, and of their boxes nearest to a place, from which its law without neighbours is known.
OTHERS, NEAREST = 6000, 80


@cache
def _elsewhere() -> tuple[np.ndarray, np.ndarray]:
    """Features of the boxes of other layouts, (n, 5), and the probabilities of their kinds, (n, 12)."""
    layouts = [sample_layout(Random(f"caponimage-mini-2/elsewhere/{i}")) for i in range(OTHERS)]
    layouts = [layout for layout in layouts if 2 <= len(layout.places) <= len(KINDS)]
    features = [_features(layout, place) for layout in layouts for place in layout.places]
    return np.array(features), np.concatenate([kinds(layout) for layout in layouts])


def _features(layout: Layout, place: CaptionPlace) -> tuple[float, ...]:
    """What a box tells by itself: its middle, its sides and the picture's form, on comparable scales."""
    x1, y1, x2, y2 = place.box
    return (place.centre[0], 1.5 * place.centre[1], x2 - x1, 3 * (y2 - y1), 0.2 * layout.size[0] / layout.size[1])


def kinds_alone(layout: Layout, place: CaptionPlace) -> np.ndarray:
    """Probability of each kind for a box whose neighbours are not known, from boxes of other layouts; (12,)."""
    features, found = _elsewhere()
    distances = ((features - np.array(_features(layout, place))) ** 2).sum(axis=1)
    return found[np.argpartition(distances, NEAREST)[:NEAREST]].mean(axis=0)
