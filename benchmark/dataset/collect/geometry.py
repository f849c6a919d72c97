"""Boxes of lines and of their parts: masks, captions, reading order, and what a second engine read in the same place.

Invariants:
* all functions are pure, and take the corners of a line as `records.Quadrilateral` tells them;
* a mask covers a line as it was detected; the box of a caption is without the margin that an engine leaves around it;
* a line gives at least one piece, whatever its text, so that nothing vanishes without a reason.
"""

import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from statistics import median
from typing import Literal

import numpy as np

from .records import Box, Candidate, Line, Quadrilateral

#: What stands between captions on one line, after NFKC; the last is what engines make of a vertical bar.
SEPARATORS = "/|·+丨"

#: A gap of more than this share of the width of a Chinese character divides a line; beside a digit or a letter, which
#: are of all widths and whose places engines tell less exactly, it takes the second.
WIDE_GAP, WIDE_GAP_BESIDE_NARROW = 0.45, 1.0

#: Width of a Chinese character as a share of the distance from one to the next.
_FILLED = 0.93

#: A line this many times as high as wide runs from top to bottom.
VERTICAL = 1.5

#: A 一 at an end of a line is a dash if its box is lower than this share of the line's height.
FLAT = 1 / 3

#: A margin takes at most this share of a side of a box away at each of its ends.
_MOST = 0.25

#: What another line must share with a line to be read in its place, by area: of the smaller one, and of both together.
_WITHIN, _SAME_PLACE = 0.5, 0.3

#: A detection is covered by another one that has this share of its area.
COVERED = 0.9

#: A line that lies in another by less than this is cut to its characters inside.
_WHOLE = 0.8

_Part = list[tuple[str, Box]]


def hull(corners: Quadrilateral, width: int, height: int) -> tuple[int, int, int, int]:
    """The smallest upright box of whole pixels around a line, within the picture: what is masked.

    Args:
        corners: the line as detected.
        width: width of the picture in pixels.
        height: height of the picture in pixels.

    Returns:
        x1, y1, x2, y2, of which the last two are the first column and row outside. It is empty if the line is outside.
    """
    x1, y1, x2, y2 = _around(corners)
    return (
        min(max(math.floor(x1), 0), width),
        min(max(math.floor(y1), 0), height),
        min(max(math.ceil(x2), 0), width),
        min(max(math.ceil(y2), 0), height),
    )


def covered(box: tuple[int, int, int, int], others: np.ndarray) -> bool:
    """Whether one of some boxes covers a box, but for a margin that an engine may leave and another not.

    Args:
        box: x1, y1, x2, y2 of `hull`; an empty one is covered.
        others: boxes as rows, shape (n, 4).
    """
    x1, y1, x2, y2 = box
    across = np.minimum(others[:, 2], x2) - np.maximum(others[:, 0], x1)
    down = np.minimum(others[:, 3], y2) - np.maximum(others[:, 1], y1)
    common = np.where((across > 0) & (down > 0), across * down, 0).max(initial=0)
    return bool(common >= COVERED * (x2 - x1) * (y2 - y1))


def shrunk(corners: Quadrilateral, margin: float) -> Box:
    """The upright box around a line, without the margin that its engine leaves.

    Args:
        corners: the line as detected.
        margin: the engine's margin as a share of the line's height; see `engines.Engine`.
    """
    less = margin * line_height(corners)
    x1, y1, x2, y2 = _around(corners)
    across, down = min(less, _MOST * (x2 - x1)), min(less, _MOST * (y2 - y1))
    return x1 + across, y1 + down, x2 - across, y2 - down


def slant(corners: Quadrilateral) -> tuple[float, bool]:
    """How a line lies.

    Returns:
        By how many degrees it is turned, clockwise as seen, from -90 to 90; and whether it runs from top to bottom.
    """
    along, down = _sides(corners)
    vertical = down >= VERTICAL * along
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners
    if vertical:
        turned = math.degrees(math.atan2(x0 - x3 + x1 - x2, y3 - y0 + y2 - y1))
    else:
        turned = math.degrees(math.atan2(y1 - y0 + y2 - y3, x1 - x0 + x2 - x3))
    if turned > 90:
        turned -= 180
    elif turned < -90:
        turned += 180
    return turned + 0.0, vertical


def line_height(corners: Quadrilateral) -> float:
    """Height of a line's letters and their margin in pixels, whichever way it runs."""
    along, down = _sides(corners)
    return along if down >= VERTICAL * along else down


def pieces(line: Line, number: int, margin: float) -> list[Candidate]:
    """The texts on a line: one, or several where separators or wide gaps divide it.

    A leading or trailing 一 with a flat box is taken for a dash and goes. Texts are in NFKC. The box of a part comes
    from its characters; if the engine tells none, they are taken as evenly spaced.

    Args:
        line: a line as read.
        number: its index in the reading.
        margin: margin of the engine; see `engines.Engine`.

    Returns:
        The pieces in the order of the line. A line of nothing but separators is one piece.
    """
    angle, vertical = slant(line.corners)
    characters = [(_nfkc(c), box) for c, box in line.characters or _evenly_spaced(line, vertical)]
    parts = [_without_dashes(part, line_height(line.corners), vertical) for part in _parts(characters, vertical)]
    parts = [part for part in parts if part]
    whole = shrunk(line.corners, margin)
    if not parts or parts == [characters]:
        second = None if line.second is None else _nfkc(line.second).strip()
        return [Candidate(number, _nfkc(line.text).strip(), whole, angle, vertical, line.score, second)]
    texts = ["".join(c for c, _ in part) for part in parts]
    seconds = _second_parts(texts, line.second)
    less = margin * line_height(line.corners)
    found = []
    for part, text, second in zip(parts, texts, seconds, strict=True):
        box = _box_of_part(part, characters, whole, less, vertical)
        found.append(Candidate(number, text, box, angle, vertical, line.score, second))
    return found


def second_reading(line: Line, others: Sequence[Line]) -> str | None:
    """What a second engine read in the place of a line.

    Where it divided the line, its texts are joined by blanks in reading order. Where it joined the line with its
    neighbours, the text is cut to the characters that lie in the line, if it tells where they are.

    Args:
        line: line of the first engine.
        others: lines of the second engine on the same picture.

    Returns:
        The text; None if the second engine read nothing there.
    """
    angle, vertical = slant(line.corners)
    own = _turned(line.corners, angle)
    found: list[tuple[Box, str]] = []
    for other in others:
        box = _turned(other.corners, angle)
        shared = _common(own, box)
        if not _area(shared) or _area(shared) < _WITHIN * min(_area(own), _area(box)):
            continue
        text = other.text
        if _area(shared) < _WHOLE * _area(box):
            inside = "".join(c for c, at in other.characters if _is_in(_centre(_turned(_corners_of(at), angle)), own))
            if inside:
                box, text = shared, inside
        found.append((box, text))
    if not found:
        return None
    joint = _joint(box for box, _ in found)
    shared_area = _area(_common(own, joint))
    if shared_area < _SAME_PLACE * (_area(own) + _area(joint) - shared_area):
        return None
    start = 1 if vertical else 0
    return " ".join(text for _, text in sorted(found, key=lambda each: each[0][start]))


def in_order(candidates: Sequence[Candidate], order: Literal["reading", "nearest"] = "reading") -> list[Candidate]:
    """Candidates in the order in which the data set has them.

    Args:
        candidates: what was read on one picture.
        order: "reading": row by row, each from left to right; boxes whose middle is level with the uppermost box of a
            row belong to it. "nearest": as the released scripts do, from the first one in reading order always to the
            nearest centre that was not visited yet.
    """
    left = sorted(candidates, key=lambda c: (c.box[1] + c.box[3], c.box[0], c.line))
    rows: list[list[Candidate]] = []
    for candidate in left:
        middle = (candidate.box[1] + candidate.box[3]) / 2
        if rows and middle <= rows[-1][0].box[3]:
            rows[-1].append(candidate)
        else:
            rows.append([candidate])
    ordered = [c for row in rows for c in sorted(row, key=lambda c: (c.box[0], c.box[1], c.line))]
    if order == "reading" or not ordered:
        return ordered
    visited, open_ones = [ordered[0]], ordered[1:]
    while open_ones:
        here = _centre(visited[-1].box)
        visited.append(min(open_ones, key=lambda c: math.dist(here, _centre(c.box))))
        open_ones = [c for c in open_ones if c is not visited[-1]]
    return visited


def _parts(characters: _Part, vertical: bool) -> list[_Part]:
    """Characters divided at separators and wide gaps; none of the parts is empty."""
    is_wide_gap = _wide_gaps(characters, vertical)
    parts: list[_Part] = [[]]
    for one in characters:
        if one[0] in SEPARATORS:
            parts.append([])
            continue
        if parts[-1] and is_wide_gap(parts[-1][-1], one):
            parts.append([])
        parts[-1].append(one)
    return [part for part in parts if part]


def _wide_gaps(characters: _Part, vertical: bool) -> Callable[[tuple[str, Box], tuple[str, Box]], bool]:
    """A function that tells whether there is a wide gap between two characters that follow each other.

    It goes by their centres alone, since engines give all characters of a line the same width, which is too small for
    Chinese ones beside digits.
    """
    axis = 1 if vertical else 0

    def distance(a: tuple[str, Box], b: tuple[str, Box]) -> float:
        return _centre(b[1])[axis] - _centre(a[1])[axis]

    pairs = pairwise(characters)
    distances = [distance(a, b) for a, b in pairs if _is_wide(a[0]) and _is_wide(b[0])]
    width = _FILLED * median(distances) if distances else math.inf  # without two Chinese characters, nothing is known

    def is_wide_gap(a: tuple[str, Box], b: tuple[str, Box]) -> bool:
        wide = [_is_wide(a[0]), _is_wide(b[0])]
        gap = distance(a, b) - width * sum(0.5 if one else 0.25 for one in wide)
        return gap > width * (WIDE_GAP if all(wide) else WIDE_GAP_BESIDE_NARROW)

    return is_wide_gap


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character[:1] or " ") in "WF"


def _without_dashes(part: _Part, height: float, vertical: bool) -> _Part:
    """A part without a flat 一 at its ends; one of nothing else stays."""
    low, high = (0, 2) if vertical else (1, 3)

    def is_dash(one: tuple[str, Box]) -> bool:
        return one[0] == "一" and one[1][high] - one[1][low] < FLAT * height

    first, last = 0, len(part)
    while first < last and is_dash(part[first]):
        first += 1
    while first < last and is_dash(part[last - 1]):
        last -= 1
    return part[first:last] or part


def _box_of_part(part: _Part, characters: _Part, whole: Box, less: float, vertical: bool) -> Box:
    """Box of a part of a line from its characters, which have the line's margin above and below only.

    Where it begins or ends with the line, it reaches as far as the line, which engines know better than the character.
    """
    box = list(_joint(box for _, box in part))
    start, end = (1, 3) if vertical else (0, 2)
    low, high = (0, 2) if vertical else (1, 3)
    less = min(less, _MOST * (box[high] - box[low]))
    box[low] += less
    box[high] -= less
    if part[0] is characters[0] and whole[start] < box[end]:
        box[start] = whole[start]
    if part[-1] is characters[-1] and whole[end] > box[start]:
        box[end] = whole[end]
    return box[0], box[1], box[2], box[3]


def _second_parts(texts: Sequence[str], second: str | None) -> list[str | None]:
    """The second reading of each part of a line.

    The second text is divided like the first where it can be. Else a part agrees with it if it contains the part, and
    the whole stands against a part that it does not contain.
    """
    if second is None:
        return [None] * len(texts)
    divided = [part for part in re.split(rf"[{re.escape(SEPARATORS)}\s]+", _nfkc(second)) if part]
    if len(divided) == len(texts):
        return list(divided)
    joined = "".join(_nfkc(second).split())
    return [text if text in joined else joined for text in texts]


def _evenly_spaced(line: Line, vertical: bool) -> _Part:
    """The characters of a line whose engine tells none; wide ones take twice the room of narrow ones and of blanks."""
    sizes = [2 if _is_wide(c) else 1 for c in line.text]
    start, end = (1, 3) if vertical else (0, 2)
    line_box = _around(line.corners)
    unit = (line_box[end] - line_box[start]) / max(1, sum(sizes))
    found: _Part = []
    at = line_box[start]
    for character, size in zip(line.text, sizes, strict=True):
        if not character.isspace():
            box = list(line_box)
            box[start], box[end] = at, at + size * unit
            found.append((character, (box[0], box[1], box[2], box[3])))
        at += size * unit
    return found


def _nfkc(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _around(corners: Iterable[tuple[float, float]]) -> Box:
    xs, ys = zip(*corners, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def _sides(corners: Quadrilateral) -> tuple[float, float]:
    """Mean length of the sides along the letters' feet, and of the others."""
    a, b, c, d = corners
    return (math.dist(a, b) + math.dist(d, c)) / 2, (math.dist(a, d) + math.dist(b, c)) / 2


def _corners_of(box: Box) -> Quadrilateral:
    x1, y1, x2, y2 = box
    return (x1, y1), (x2, y1), (x2, y2), (x1, y2)


def _turned(corners: Quadrilateral, angle: float) -> Box:
    """The box around corners after turning them back by an angle, so that lines with that slant are level."""
    sine, cosine = math.sin(math.radians(angle)), math.cos(math.radians(angle))
    return _around((x * cosine + y * sine, y * cosine - x * sine) for x, y in corners)


def _common(a: Box, b: Box) -> Box:
    return max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])


def _joint(boxes: Iterable[Box]) -> Box:
    x1, y1, x2, y2 = zip(*boxes, strict=True)
    return min(x1), min(y1), max(x2), max(y2)


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def _centre(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _is_in(point: tuple[float, float], box: Box) -> bool:
    return box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]
