"""Layouts in the making: sheets to which texts are added where they touch no other.

Coordinates are ratios of width and height.

Invariants: no two texts of a sheet touch; every text lies within the picture.
"""

from collections.abc import Sequence
from random import Random

from .draws import between, pick

Box = tuple[float, float, float, float]

SIZES = {(256, 256): 0.5, (256, 320): 0.25, (320, 256): 0.25}  # width and height in pixels -> share
MARGIN = 0.04
GAP = 0.012  # smallest distance between two texts

#: Room for a caption in characters, by the group of the text: lowest, most usual and highest.
ROOMS = {"head": (4.0, 6.5, 10.0), "sub": (3.5, 5.2, 9.0), "corner": (2.2, 3.4, 5.2), "foot": (2.8, 4.8, 7.0)}
#: Height of a text as a ratio of the picture's short side: lowest, highest.
HEIGHTS = {
    "head": (0.085, 0.105),
    "sub": (0.062, 0.075),
    "corner": (0.06, 0.075),
    "foot": (0.06, 0.075),
    "list": (0.062, 0.078),
}


class Sheet:
    """A layout in the making: texts are added where they touch no other."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.size = pick(random, SIZES, SIZES.values())
        self.groups: list[tuple[str, list[Box]]] = []
        self.decoys: list[Box] = []
        self._texts: list[Box] = []  # of all groups and decoys
        self.areas: tuple[Box, ...] = ()
        self.top, self.bottom = 0.06, 0.94  # what header and foot leave

    def height(self, group: str) -> float:
        """Draw the height of a text as a ratio of the picture's height."""
        return between(self.random, *HEIGHTS[group]) * min(self.size) / self.size[1]

    def box(self, x: float, y: float, room: float, height: float, *, align: float = 0.5, widest: float = 0.9) -> Box:
        """A text around (x, y): `align` 0 means that x is its left edge, 1 its right one; low if it gets too wide."""
        width = room * height * self.size[1] / self.size[0]
        if width > widest:
            width, height = widest, height * widest / width
        left = min(max(x - align * width, MARGIN), 1 - MARGIN - width)
        return (round(left, 4), round(y - height / 2, 4), round(left + width, 4), round(y + height / 2, 4))

    def fits(self, box: Box) -> bool:
        """Whether a text touches no other and lies in the picture."""
        if box[1] < 0.02 or box[3] > 0.98:
            return False
        for x1, y1, x2, y2 in self._texts:
            if box[0] < x2 + GAP and x1 < box[2] + GAP and box[1] < y2 + GAP and y1 < box[3] + GAP:
                return False
        return True

    def add(self, group: str, boxes: Sequence[Box]) -> bool:
        """Add a group if all of its texts fit."""
        fit = all(map(self.fits, boxes))
        if fit and boxes:
            self.groups.append((group, list(boxes)))
            self._texts += boxes
        return fit

    def add_list(self, boxes: Sequence[Box], runs: dict[int, float]) -> None:
        """Add a list of texts of which a run of neighbours, `runs` gives its length's shares, has captions."""
        boxes = [box for box in boxes if self.fits(box)]
        if not boxes:
            return
        n = min(pick(self.random, runs, runs.values()), len(boxes))
        first = int(self.random.random() * (len(boxes) - n + 1))
        self.groups.append(("list", list(boxes[first : first + n])))
        self.decoys += [*boxes[:first], *boxes[first + n :]]
        self._texts += boxes


def shaken(sheet: Sheet, value: float, by: float) -> float:
    """Draw a value up to `by` away from another."""
    return value + between(sheet.random, -by, by)
