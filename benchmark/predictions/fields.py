"""Read image_id, box and caption of a faulty prediction, and repair what needs no guessing.

A repair is done only where the value can mean nothing else; it changes the record in place.
"""

import re
from functools import cached_property
from typing import Any

from ..dataset.released.record import Box, parse_box
from ..dataset.store import Split
from ..invisible import visible
from . import problems as problem
from .box_match import boxes_at
from .problems import MAX_CAPTION, Problems, shown

Record = dict[str, Any]

_SUFFIX = re.compile(r"\.(png|jpe?g|webp)$", re.IGNORECASE)
_EXACT = 1 << 53  # largest integer up to which every JSON reader keeps all digits
_DIGITS = re.compile(r"\d+")
_INDEX = re.compile(r"\s*[0-9]{1,9}\s*", re.ASCII)
_BREAK = re.compile("[\t-\r\x1c-\x1f\x85\u2028\u2029]")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")


class Fields:
    """Reader of the fields of one record after another; each method adds what is wrong to `problems`.

    Attributes:
        unknown_ids: the first hundred ids that no image of the split has.
    """

    def __init__(self, split: Split, problems: Problems, unknown_ids: list[str]) -> None:
        self.unknown_ids = unknown_ids
        self._split = split
        self._problems = problems

    def image(self, line: int, record: Record) -> int | None:
        """Index of the image in the split; None if it is unknown or absent."""
        if "image_id" not in record:
            return None
        given, index = record["image_id"], self._split.index
        if isinstance(given, str) and given in index:
            return index[given]
        text = str(given) if type(given) is int else given
        if not isinstance(text, str):
            self._problems.add(problem.ID_TYPE, line, got=given)
            return None
        name = re.split(r"[/\\]", text)[-1]
        plain = _SUFFIX.sub("", name)
        meant = {name, plain} & index.keys()
        if type(given) is int and (abs(given) > _EXACT or self._similar_ids.get(_simplified(text)) != text):
            meant.clear()  # readers round longer numbers, and 7 could be the image 007
        if len(meant) == 1:
            [record["image_id"]] = meant
            kind = problem.ID_DECORATED if isinstance(given, str) else problem.ID_NUMBER
            self._problems.add(kind, line, got=given)
            return index[record["image_id"]]
        similar = self._similar_ids.get(_simplified(visible(plain).strip()))
        hint = f"did you mean {shown(similar)}?" if similar else ""
        self._problems.add(problem.UNKNOWN_IMAGE, line, got=given, hint=hint)
        if len(self.unknown_ids) < 100:
            self.unknown_ids.append(plain)
        return None

    @cached_property
    def _similar_ids(self) -> dict[str, str]:
        """Simplified form -> id; empty text where several ids have the same form."""
        similar: dict[str, str] = {}
        for image_id in self._split.image_ids:
            key = _simplified(image_id)
            similar[key] = "" if key in similar else image_id
        return similar

    def box(self, line: int, where: str, record: Record, image: int | None) -> int | None:
        """Index of the box within its image; None if there is no such box, or none is given."""
        if "box" not in record:
            return None
        given = record["box"]
        if type(given) is int:
            box, kind = given, None
        elif _is_index(given):
            box, kind = int(given), problem.BOX_TEXT
        elif not (place := _coordinates(given)):
            self._problems.add(problem.BOX_TYPE, line, where, got=given)
            return None
        elif image is None:
            return None
        elif len(found := _boxes_in_any_unit(self._split, image, place)) == 1:
            box, kind = found.pop(), problem.BOX_PLACE
        else:
            self._problems.add(problem.NO_SUCH_PLACE, line, where, got=given, hint=f"{len(found)} boxes are there")
            return None
        if kind:
            self._problems.add(kind, line, where, got=given)
            record["box"] = box
        if image is None:
            return None
        n_boxes = int(self._split.offsets[image + 1] - self._split.offsets[image])
        if not 0 <= box < n_boxes:
            hint = f"it has boxes 0 to {n_boxes - 1}" + (", counted from 0" if box == n_boxes else "")
            self._problems.add(problem.BOX_RANGE, line, where, got=given, hint=hint)
            return None
        return box

    def caption(self, line: int, where: str, record: Record) -> str | None:
        """The caption without outer white space; None if it cannot be used, or there is none."""
        if "caption" not in record:
            return None
        given = record["caption"]
        if not isinstance(given, str):
            self._problems.add(problem.CAPTION_TYPE, line, where, got=given)
            return None
        caption = _BREAK.sub(" ", given)
        if caption != given:
            self._problems.add(problem.CAPTION_BREAK, line, where, got=given)
        if caption != caption.strip():
            self._problems.add(problem.CAPTION_SPACE, line, where, got=given)
            caption = caption.strip()
        if caption != given:
            record["caption"] = caption
        if _CONTROL.search(caption):
            self._problems.add(problem.CAPTION_CONTROL, line, where, got=given)
            return None
        if len(caption) > MAX_CAPTION:
            length = f"{len(caption):,} characters"
            self._problems.add(problem.CAPTION_LENGTH, line, where, got=caption[:20] + "...", hint=length)
            return None
        return caption


def _simplified(image_id: str) -> str:
    """An id without its suffix, its case and the zeros that pad its numbers."""
    return _DIGITS.sub(lambda digits: digits[0].lstrip("0") or "0", _SUFFIX.sub("", image_id).lower())


def _is_index(given: Any) -> bool:
    """Whether a value is an index as text or as a decimal number: "3", 3.0."""
    if isinstance(given, float):
        return given.is_integer() and abs(given) < 1e9
    return isinstance(given, str) and bool(_INDEX.fullmatch(given))


def _boxes_in_any_unit(split: Split, image: int, place: Box) -> set[int]:
    """The boxes of an image at a place that is given as ratios or in pixels."""
    return {box for pixels in (False, True) for box in boxes_at(split, image, place, pixels=pixels)}


def _coordinates(given: Any) -> Box | None:
    """Coordinates of a box given as `[x1, y1, x2, y2]` or `"x1_y1_x2_y2"`; None for anything else."""
    if isinstance(given, list) and len(given) == 4 and all(type(value) in (int, float) for value in given):
        x1, y1, x2, y2 = map(float, given)
        return x1, y1, x2, y2
    return parse_box(given)
