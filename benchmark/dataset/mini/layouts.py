"""Sample layouts of mini pictures: places of the boxes, and the caption role and form that a place decides.

The rules of the data set (`docs/data.md` explains them with a picture). There are eight rows of equal height:

    row 0     brand       headline        scene          left, centre, right
    row 1     material    pattern         colour
    rows 2-6  a stack of up to three selling points, on one side; the product on the other
    row 7     shape       promise centre  promise right

* The place decides the role, and the width (with it the aspect ratio) decides the form: short, middle or long.
* A stack starts in any row and its selling points are the product's first, middle and last one. The row of a box does
  not determine which of them it is; its nearest neighbours above and below do. Nor does the picture: wherever there is
  a stack, the rest of its column holds texts without a caption (decoys), and masked they all look alike.
* Rows and edges keep away from the places where an 8 x 8 grid rounds up or down, so that models which see places on
  such a grid can learn the rules.

Random numbers come from `Random.random` alone, whose sequence Python guarantees across versions.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import TypeVar

T = TypeVar("T")
Box = tuple[float, float, float, float]

SIZES = {(256, 256): 0.5, (256, 320): 0.25, (320, 256): 0.25}  # width and height in pixels -> share

BANDS = {
    0: ("brand", "headline", "scene"),
    1: ("material", "pattern", "colour"),
    7: ("shape", "promise centre", "promise right"),
}
#: Row -> share of pictures with boxes in these places of the row (left, centre, right).
BAND_PLACES = {
    0: {"": 0.20, "L": 0.26, "C": 0.12, "R": 0.24, "LR": 0.18},
    1: {"": 0.12, "L": 0.22, "C": 0.22, "R": 0.20, "LR": 0.19, "LCR": 0.05},
    7: {"": 0.51, "L": 0.15, "C": 0.14, "R": 0.13, "LR": 0.03, "LCR": 0.04},
}
STACK_ROWS = range(2, 7)
#: Number of selling points in the stack -> share of pictures. A single one is the product's first.
STACK_HEIGHTS = {0: 0.15, 1: 0.14, 2: 0.34, 3: 0.37}
STACK_ROLES = {1: ("first point",), 2: ("first point", "last point"), 3: ("first point", "middle point", "last point")}

FORM_SHARES = {"short": 0.20, "middle": 0.45, "long": 0.35}
#: Forms of the left and right box where a band holds both; wider pairs do not fit.
PAIR_SHARES: dict[tuple[str, ...], float] = {
    ("short", "short"): 0.04,
    ("short", "middle"): 0.12,
    ("middle", "short"): 0.12,
    ("middle", "middle"): 0.32,
    ("short", "long"): 0.20,
    ("long", "short"): 0.20,
}
#: Form -> lowest and highest width of a box, as ratios of the image's width.
WIDTHS = {"short": (0.20, 0.25), "middle": (0.35, 0.41), "long": (0.57, 0.65)}
CENTRE_WIDTHS = {"short": (0.20, 0.24), "middle": (0.40, 0.44), "long": (0.66, 0.70)}
#: Long side over short side in pixels: a box below 3.5 holds the short form, from 6 on the long one.
ASPECT_RATIOS = {"short": (2.2, 3.2), "middle": (3.9, 5.6), "long": (6.4, 9.6)}
MARGIN, MAX_HEIGHT = 0.03, 0.105


@dataclass(frozen=True)
class Slot:
    """A box with the role and form of its caption."""

    role: str
    form: str
    box: Box  # x1, y1, x2, y2 as ratios


@dataclass(frozen=True)
class Layout:
    """The places of one picture, slots in the order of the data set."""

    size: tuple[int, int]  # width and height in pixels
    slots: tuple[Slot, ...]
    decoys: tuple[Box, ...]  # texts without a caption
    product: tuple[float, float]  # centre of the product, ratios


def pick(random: Random, shares: dict[T, float]) -> T:
    """Draw a key with the probability of its share."""
    point = random.random() * math.fsum(shares.values())
    for key, share in shares.items():
        point -= share
        if point < 0:
            return key
    return next(reversed(shares))


def choose(random: Random, items: Sequence[T]) -> T:
    """Draw an item, all being equally likely."""
    return items[int(random.random() * len(items))]


def between(random: Random, low: float, high: float) -> float:
    """Draw uniformly from [low, high)."""
    return low + random.random() * (high - low)


def sample_layout(random: Random) -> Layout:
    """Draw a layout; it may have fewer than two slots, which the caller must reject."""
    size = pick(random, SIZES)
    slots = [slot for row in BANDS for slot in _band(random, row, size)]
    height = pick(random, STACK_HEIGHTS)
    decoys: list[Box] = []
    product = 0.5
    if height:
        left = random.random() < 0.5
        product = 0.66 if left else 0.34
        stack, decoys = _stack(random, height, size, left=left)
        slots += stack
    return Layout(size, tuple(chained(slots, size)), tuple(decoys), (product, 0.555))


def _band(random: Random, row: int, size: tuple[int, int]) -> list[Slot]:
    places = pick(random, BAND_PLACES[row])
    single = pick(random, FORM_SHARES)
    forms: tuple[str, ...] = (single,)
    if places == "LR":
        forms = pick(random, PAIR_SHARES)
    elif places == "LCR":
        forms = ("short",) * 3
    slots = []
    for place, form in zip(places, forms, strict=False):
        width = between(random, *(CENTRE_WIDTHS if place == "C" else WIDTHS)[form])
        jitter = between(random, -0.01, 0.01)
        x = {"L": MARGIN + jitter, "C": 0.5 - width / 2 + jitter, "R": 1 - MARGIN - width + jitter}[place]
        role = BANDS[row]["LCR".index(place)]
        slots.append(Slot(role, form, _box(random, x, row, width, form, size)))
    return slots


def _stack(random: Random, height: int, size: tuple[int, int], *, left: bool) -> tuple[list[Slot], list[Box]]:
    """The selling points of a stack, from the top, and the decoys that fill up their column."""
    form = pick(random, FORM_SHARES)
    width = between(random, *WIDTHS[form])
    x = between(random, 0, 0.01) + (MARGIN if left else 1 - MARGIN - width - 0.01)
    first = choose(random, STACK_ROWS[: len(STACK_ROWS) - height + 1])
    roles = dict(zip(range(first, first + height), STACK_ROLES[height], strict=True))
    slots, decoys = [], []
    for row in STACK_ROWS:
        box = _box(random, x, row, width, form, size)
        if row in roles:
            slots.append(Slot(roles[row], form, box))
        else:
            decoys.append(box)
    return slots, decoys


def _box(random: Random, x: float, row: int, width: float, form: str, size: tuple[int, int]) -> Box:
    aspect_ratio = between(random, *ASPECT_RATIOS[form])
    height = min(width * size[0] / size[1] / aspect_ratio, MAX_HEIGHT)
    y = row / 8 + between(random, 0.006, 0.018)
    return (round(x, 4), round(y, 4), round(x + width, 4), round(y + height, 4))


def chained(slots: Sequence[Slot], size: tuple[int, int]) -> list[Slot]:
    """Sort slots as the collection pipeline does: from the topmost box on, always to the nearest remaining centre."""
    left = sorted(slots, key=lambda slot: (slot.box[1], slot.box[0]))
    order = left[:1]
    del left[:1]
    while left:
        nearest = min(left, key=lambda slot: _squared_distance(slot.box, order[-1].box, size))
        left.remove(nearest)
        order.append(nearest)
    return order


def _squared_distance(a: Box, b: Box, size: tuple[int, int]) -> float:
    """Squared distance of the centres of two boxes, in pixels."""
    dx, dy = (a[0] + a[2] - b[0] - b[2]) / 2 * size[0], (a[1] + a[3] - b[1] - b[3]) / 2 * size[1]
    return dx * dx + dy * dy


@cache
def best_stack_guess() -> dict[int, str]:
    """Most frequent role of a stack's box in each row: the best guess from its own place alone."""
    shares: dict[tuple[int, str], float] = {}
    for height, share in STACK_HEIGHTS.items():
        starts = len(STACK_ROWS) - height + 1
        for first in STACK_ROWS[:starts] if height else ():
            for row, role in zip(range(first, first + height), STACK_ROLES[height], strict=True):
                shares[row, role] = shares.get((row, role), 0) + share / starts
    return {row: max((s, role) for (r, role), s in shares.items() if r == row)[1] for row in STACK_ROWS}
