"""Collect the lines of each picture from annotations, whatever their form.

Invariants:
* nothing is trusted: texts and coordinates may be anything, and numbers of lines are bounded;
* every text of a picture gets a quadrilateral, which is masked, or the picture goes: a text left visible would tell the
  answer. So a text that is missing or must be ignored is kept as `IGNORED`, which no rule takes as a caption;
* corners run clockwise from the upper left, whichever way the annotators went, and all of a picture are pixels of one
  size of it.
"""

import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ....errors import InputError, printable
from ...schema import text_problem
from ..records import WHOLE, Drop, Line, Quadrilateral

STAGE = "annotations"

#: Text of what is masked and no caption; common annotation files write it so themselves.
IGNORED = "###"

#: Largest distance of a corner from the picture's, in pixels; lines of a picture; problems that are told of one file.
MAX_COORDINATE = 1_000_000
MAX_LINES = 10_000
MAX_PROBLEMS = 20

#: Longest name of a picture.
_MAX_NAME = 1024


#: Stands before the name of a picture that is the id of a product, not the name of a file.
BY_ID = "image_id:"


class Marked(NamedTuple):
    """What is annotated on one picture.

    Attributes:
        lines: its texts.
        size: width and height, in pixels, of the picture that was annotated; None if the file does not tell. The
            product's may be another size of it.
    """

    lines: tuple[Line, ...]
    size: tuple[int, int] | None = None


class Annotated:
    """The lines of all pictures of a file, its problems, and what was repaired."""

    def __init__(self) -> None:
        self._lines: dict[str, list[Line]] = {}
        self._sizes: dict[str, tuple[int, int]] = {}
        self._refused: dict[str, tuple[str, str]] = {}  # picture -> reason, place
        self._problems: list[str] = []
        self._repairs: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def picture(self, name: Any, place: str) -> str | None:
        """Note a picture, which may have no lines; returns its key, None if that is no name."""
        if not isinstance(name, str) or text_problem(name) or not 0 < len(name) <= _MAX_NAME:
            self.problem(f"{place}: got {name!r:.80} as the name of a picture, expected text")
            return None
        key = name.replace("\\", "/").removeprefix("./")
        self._lines.setdefault(key, [])
        return key

    def size(self, picture: str, width: Any, height: Any) -> tuple[int, int] | None:
        """Note the size in pixels of the picture that was annotated; of several sizes the first, which is returned."""
        if all(isinstance(side, int) and 1 <= side <= MAX_COORDINATE for side in (width, height)):
            self._sizes.setdefault(picture, (width, height))
        return self._sizes.get(picture)

    def add(self, picture: str, text: Any, points: Any, place: str, *, ignored: bool = False) -> None:
        """Add a line of text.

        Args:
            picture: key of the picture, from `picture`.
            text: the text; what is missing, blank or no text is masked, and no caption.
            points: corners around it, each x and y; more or less than four are replaced by the box around them.
            place: where it stands in the file.
            ignored: whether it is to be masked, and no caption.
        """
        corners = quadrilateral(points)
        if isinstance(corners, str):
            self.refuse(picture, corners, place)
        elif not corners:
            self.repair("boxes without an area, left out", place)
        elif len(self._lines[picture]) >= MAX_LINES:
            self.refuse(picture, f"more than {MAX_LINES:,} lines", place)
        else:
            told = text.strip() if isinstance(text, str) else ""
            if text is not None and text_problem(text):
                self.repair("texts that are none, masked only", place)
                told = ""
            self._lines[picture].append(Line(IGNORED if ignored or not told else told, 1.0, corners))

    def refuse(self, picture: str, reason: str, place: str) -> None:
        """Drop a picture, for the first reason that is found."""
        self._refused.setdefault(picture, (reason, place))

    def repair(self, what: str, place: str) -> None:
        """Count something that was changed or left out, which leaves no text unmasked."""
        self._repairs[what] += 1
        self._first.setdefault(what, place)

    def problem(self, sentence: str) -> None:
        """Note why the file is not of its form.

        Raises:
            InputError: with all of them, if there are many.
        """
        self._problems.append(sentence)
        if len(self._problems) >= MAX_PROBLEMS:
            raise InputError(*self._problems, "there may be more problems behind these")

    def finish(self, path: Path, tell: Callable[[str], None]) -> tuple[dict[str, Marked], list[Drop]]:
        """What is annotated by picture, and the pictures that go.

        Raises:
            InputError: if there were problems, or nothing was found.
        """
        if self._problems:
            raise InputError(*self._problems)
        if not self._lines:
            raise InputError(f"{path}: no picture in it, expected annotations of at least one")
        for what, n in sorted(self._repairs.items()):
            tell(f"{what}: {n:,}, first at {self._first[what]}")
        kept = {
            name: Marked(tuple(lines), self._sizes.get(name))
            for name, lines in self._lines.items()
            if name not in self._refused
        }
        return kept, [
            Drop(STAGE, printable(name), WHOLE, place, reason) for name, (reason, place) in self._refused.items()
        ]


def quadrilateral(points: Any) -> Quadrilateral | str:
    """The four corners of a text, clockwise from the upper left, whichever way and from wherever the annotator went.

    Text that runs upwards or downwards looks as a column so, and text that stands on its head as one that does not.

    Returns:
        The corners; none if they have no area; a text on what is wrong if they are not corners.
    """
    if not isinstance(points, list | tuple) or not 3 <= len(points) <= MAX_LINES:
        return "box is not three or more corners"
    corners = []
    for point in points:
        if not isinstance(point, list | tuple) or len(point) != 2 or not all(map(_is_coordinate, point)):
            return "box has a corner that is not two numbers of pixels"
        corners.append((float(point[0]), float(point[1])))
    (left, right), (top, bottom) = ((min(side), max(side)) for side in zip(*corners, strict=True))
    if not (left < right and top < bottom):
        return ()
    if len(corners) != 4:
        return box(left, top, right, bottom)
    turns = [_turn(*(corners[(i + k) % 4] for k in range(3))) for i in range(4)]
    if min(turns) < 0 < max(turns):  # corners that are not in order: around the centre
        x, y = (sum(side) / 4 for side in zip(*corners, strict=True))
        corners.sort(key=lambda corner: math.atan2(corner[1] - y, corner[0] - x))
    elif min(turns) < 0:
        corners.reverse()
    first = min(range(4), key=lambda i: sum(corners[i]))
    corners = corners[first:] + corners[:first]
    return tuple(corners)


def box(left: float, top: float, right: float, bottom: float) -> Quadrilateral:
    """The corners of an upright box."""
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def _is_coordinate(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MAX_COORDINATE


def _turn(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    """Above 0 if the way from a over b to c turns clockwise, with y down."""
    return (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0])
