"""Layouts of CapOnImage-Mini: where products and texts stand.

A family is a list of texts (a column, a ring around the product, a diagonal, banners, ...) with a header on one side,
in the middle, or without one; badges in the corners and a foot are drawn on top of it. Everything has jitter. Some
places of a list hold texts without a caption (`decoys`), of which the picture does not tell that they have none: where
a list begins and ends is seen from its neighbours alone.

Coordinates are ratios of width and height. Random numbers come from `Random.random` alone, whose sequence Python
guarantees across versions.

Invariants: no two texts of a layout touch; every text lies within the picture; texts with a caption are in the order
of the collection pipeline (paper, appendix).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from random import Random

from .draws import between, peaked, pick
from .lists import LISTS
from .sheets import ROOMS, Box, Sheet, shaken

LIST_SHARES = tuple(share for share, _ in LISTS.values())
#: Side of the header -> its share.
HEADS = {"none": 0.26, "left": 0.24, "centre": 0.28, "right": 0.22}
FAMILIES = tuple(product(LISTS, HEADS))
#: Corner -> its share where nothing else is.
CORNERS = {"top left": 0.32, "top right": 0.4, "bottom left": 0.24, "bottom right": 0.24}
FEET = {"none": 0.72, "banner": 0.13, "pair": 0.15}


@dataclass(frozen=True)
class CaptionPlace:
    """A text with a caption.

    Attributes:
        box: left, top, right and bottom as ratios.
        group: what it belongs to: "head", "corner", "foot" or "list".
        rank: its number in the group, from 0 on, as one reads.
        n: number of texts with a caption in the group.
    """

    box: Box
    group: str
    rank: int
    n: int

    @cached_property
    def centre(self) -> tuple[float, float]:
        """Middle of the box as ratios."""
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2


@dataclass(frozen=True)
class Layout:
    """The places of one picture.

    Attributes:
        size: width and height in pixels.
        family: the names of its list and its header.
        places: texts with captions, in the order of the data set.
        decoys: texts without a caption.
        areas: one or two boxes in whose middle a product stands.
    """

    size: tuple[int, int]
    family: tuple[str, str]
    places: tuple[CaptionPlace, ...]
    decoys: tuple[Box, ...]
    areas: tuple[Box, ...]

    def room(self, place: CaptionPlace) -> float:
        """Room for a caption in characters: the long side of its box over the short one, in pixels."""
        width = (place.box[2] - place.box[0]) * self.size[0]
        height = (place.box[3] - place.box[1]) * self.size[1]
        return max(width, height) / min(width, height)


def _header(sheet: Sheet, side: str) -> None:
    if side == "none":
        return
    x, align = {"left": (0.06, 0.0), "centre": (0.5, 0.5), "right": (0.94, 1.0)}[side]
    y = between(sheet.random, 0.085, 0.115)
    widest = 0.88 if side == "centre" else 0.62
    boxes = [
        sheet.box(
            shaken(sheet, x, 0.01),
            y,
            peaked(sheet.random, *ROOMS["head"]),
            sheet.height("head"),
            align=align,
            widest=widest,
        )
    ]
    if sheet.random.random() < 0.42:
        y += between(sheet.random, 0.1, 0.115)
        boxes.append(
            sheet.box(
                shaken(sheet, x, 0.01),
                y,
                peaked(sheet.random, *ROOMS["sub"]),
                sheet.height("sub"),
                align=align,
                widest=widest,
            )
        )
    if sheet.add("head", boxes):
        sheet.top = boxes[-1][3] + 0.03


def _foot(sheet: Sheet) -> None:
    kind = pick(sheet.random, FEET, FEET.values())
    xs = {"none": (), "banner": (0.5,), "pair": (0.27, 0.73)}[kind]
    if not xs:
        return
    y, height = between(sheet.random, 0.89, 0.92), sheet.height("foot")
    low, mode, high = ROOMS["foot"]
    boxes = [
        sheet.box(
            shaken(sheet, x, 0.02),
            y,
            peaked(sheet.random, low, mode + (2 if kind == "banner" else 0), high + (2 if kind == "banner" else 0)),
            height,
            widest=0.8 if kind == "banner" else 0.43,
        )
        for x in xs
    ]
    if sheet.add("foot", boxes):
        sheet.bottom = min(box[1] for box in boxes) - 0.03


def _corners(sheet: Sheet, side: str) -> None:
    for corner, share in CORNERS.items():
        if sheet.random.random() >= share:
            continue
        vertical, horizontal = corner.split()
        x, align = (0.05, 0.0) if horizontal == "left" else (0.95, 1.0)
        y = between(sheet.random, 0.07, 0.1) if vertical == "top" else between(sheet.random, 0.9, 0.93)
        room = peaked(sheet.random, *ROOMS["corner"])
        sheet.add("corner", [sheet.box(shaken(sheet, x, 0.01), y, room, sheet.height("corner"), align=align)])


def sample_layout(random: Random) -> Layout:
    """Draw a layout; it may have fewer than two places, which the caller must reject."""
    sheet = Sheet(random)
    kind = pick(random, LISTS, LIST_SHARES)
    side = pick(random, HEADS, HEADS.values())
    _header(sheet, side)
    _foot(sheet)
    if side == "none":  # badges may stand where the header would
        _corners(sheet, side)
        if any(group == "corner" and boxes[0][1] < 0.5 for group, boxes in sheet.groups):
            sheet.top = max(sheet.top, 0.16)
        LISTS[kind][1](sheet)
    else:
        LISTS[kind][1](sheet)
        _corners(sheet, side)
    places = [
        CaptionPlace(box, group, rank, len(boxes)) for group, boxes in sheet.groups for rank, box in enumerate(boxes)
    ]
    return Layout(sheet.size, (kind, side), tuple(chained(places, sheet.size)), tuple(sheet.decoys), sheet.areas)


def chained(places: Sequence[CaptionPlace], size: tuple[int, int]) -> list[CaptionPlace]:
    """Sort places as the collection pipeline does: from the topmost box on, always to the nearest remaining centre."""
    left = sorted(places, key=lambda place: (place.box[1], place.box[0]))
    order = left[:1]
    del left[:1]
    while left:
        x, y = order[-1].centre
        nearest = min(
            left,
            key=lambda place: ((place.centre[0] - x) * size[0]) ** 2 + ((place.centre[1] - y) * size[1]) ** 2,
        )
        left.remove(nearest)
        order.append(nearest)
    return order
