"""Read, check and write prediction files of the layout tracks: one JSON object per image and line.

A line is `{"image_id": "...", "boxes": [[x1, y1, x2, y2], ...]}`, with `"captions": ["...", ...]` on the track joint.
Boxes are ratios of width and height. Lines and boxes come in any order, every image of the split exactly once; an image
may have no box. `docs/predictions.md` describes the format to users.

Invariants, beside those of `predictions.file_check`:
* work is bounded: no more than `MAX_BOXES` boxes on an image, no coordinate far beyond the canvas;
* `read_layouts` accepts what `write_layouts` writes.
"""

from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from ..dataset.store import Split
from ..errors import InputError
from ..predictions.file_check import FileCheck
from ..predictions.files import tidy_caption, write_lines
from ..predictions.problems import Kind, form
from ..shell import quoted
from . import JOINT
from .layouts import Layouts

#: Most boxes on one image; references have 2 to 12.
MAX_BOXES = 100
#: Coordinates are ratios from -MAX_BEYOND to 1 + MAX_BEYOND: models reach a little beyond the canvas.
MAX_BEYOND = 1.0

_BOXES = '{"image_id": "...", "boxes": [[0.1, 0.1, 0.5, 0.2]]}'
_WITH_CAPTIONS = '{"image_id": "...", "boxes": [[0.1, 0.1, 0.5, 0.2]], "captions": ["..."]}'
LAYOUTS = form(("image_id", "boxes"), "image", _BOXES, "a ratio")
LAYOUTS_WITH_CAPTIONS = form(("image_id", "boxes", "captions"), "image", _WITH_CAPTIONS, "a ratio, or a caption")

BOXES_TYPE = Kind("boxes is not a list", "a list of boxes, [] for none")
BOXES_MANY = Kind("too many boxes", f"at most {MAX_BOXES} on one image")
BOX_FORM = Kind("a box that is not four numbers", "[x1, y1, x2, y2], ratios of width and height")
BOX_FAR = Kind("a box far beyond the canvas", f"ratios from {-MAX_BEYOND:g} to {1 + MAX_BEYOND:g}, mostly 0 to 1")
BOX_ORDER = Kind("a box from right to left or from bottom to top", "[x1, y1, x2, y2] with x1 <= x2 and y1 <= y2")
CAPTIONS_TYPE = Kind("captions is not a list", "a list with one caption for each box")
CAPTIONS_COUNT = Kind("captions and boxes differ in number", "one caption for each box, in the same order")
IMAGE_AGAIN = Kind("image predicted again", "every image once")


def read_layouts(path: str | Path, split: Split, track: str) -> Layouts:
    """Read the predicted layout of each image, in the data set's order, with captions on the track joint.

    Raises:
        InputError: listing all problems of the file, grouped by kind.
    """
    return check_class(track)(path, split).read()


class LayoutCheck(FileCheck):
    """Check of a file of layouts.

    Attributes:
        boxes: those of each image, as they are listed; None as long as it has none.
        captions: the same for captions.
    """

    form = LAYOUTS

    def __init__(self, path: str | Path, split: Split) -> None:
        super().__init__(path, split)
        self.boxes: list[list[list[float]] | None] = [None] * split.n_images
        self.captions: list[list[str]] = [[] for _ in range(split.n_images)]
        self._line_of = [0] * split.n_images

    def read(self) -> Layouts:
        """Check the whole file; returns its layouts, see `read_layouts`."""
        deque(self.lines(), maxlen=0)
        if self.problems.serious:
            raise InputError(*self.problems.sentences())
        return Layouts.of(
            [boxes or [] for boxes in self.boxes], self.captions if "captions" in self.form.keys else None
        )

    def _expected_lines(self) -> str:
        return f"{self._split.n_images:,}, one per image"

    def _other_format(self, head: bytes) -> str | None:
        text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
        first = text.partition(b"\n")[0]
        if b'"image_id"' in first and b'"boxes"' in first:  # ours, though something is wrong with it
            return None
        if b'"image_id"' in first and b'"box"' in first and b'"caption"' in first:
            return "captions of given boxes, one object per box; leave --track out"
        if text.startswith((b"[", b"{")) and b'"bbox"' in text:
            source = "FILE" if str(self._path) == "-" else quoted(self._path)
            return (
                "boxes in pixels, as COCO and PosterLayout keep them; convert it: python -m benchmark.layout convert "
                f"{source} --split {quoted(self._split.name)} -o layouts.jsonl"
            )
        return super()._other_format(head)

    def _check_record(self, number: int, record: dict[str, Any]) -> bool:
        image = self._fields.image(number, record)
        where = self._place_of(record, image)
        boxes = self._boxes(number, where, record)
        captions = self._captions(number, where, record, boxes) if "captions" in self.form.keys else []
        if image is None:
            return True
        if self._line_of[image]:
            self.problems.add(IMAGE_AGAIN, number, where, hint=f"the first is on line {self._line_of[image]:,}")
            return True
        self._line_of[image] = number
        if boxes is not None and captions is not None:
            self.boxes[image], self.captions[image] = boxes, captions
        return True

    def _boxes(self, line: int, where: str, record: dict[str, Any]) -> list[list[float]] | None:
        """The boxes of an object; None if they cannot be used, or there are none."""
        if "boxes" not in record:
            return None
        given = record["boxes"]
        if not isinstance(given, list):
            self.problems.add(BOXES_TYPE, line, where, got=given)
            return None
        if len(given) > MAX_BOXES:
            self.problems.add(BOXES_MANY, line, where, got=len(given))
            return None
        fine = [self._is_box(line, f"{where}, box {i}", box) for i, box in enumerate(given)]
        return [[float(value) for value in box] for box in given] if all(fine) else None

    def _is_box(self, line: int, where: str, box: Any) -> bool:
        if not isinstance(box, list) or len(box) != 4 or any(type(value) not in (int, float) for value in box):
            self.problems.add(BOX_FORM, line, where, got=box)
            return False
        if not all(-MAX_BEYOND <= value <= 1 + MAX_BEYOND for value in box):
            pixels = max(box) > 2
            hint = "in pixels? divide by width and height" if pixels else ""
            self.problems.add(BOX_FAR, line, where, got=box, hint=hint)
            return False
        if box[0] > box[2] or box[1] > box[3]:
            self.problems.add(BOX_ORDER, line, where, got=box)
            return False
        return True

    def _captions(
        self, line: int, where: str, record: dict[str, Any], boxes: list[list[float]] | None
    ) -> list[str] | None:
        """The captions of an object, without outer white space; None if they cannot be used."""
        if "captions" not in record:
            return None
        given = record["captions"]
        if not isinstance(given, list):
            self.problems.add(CAPTIONS_TYPE, line, where, got=given)
            return None
        if boxes is not None and len(given) != len(boxes):
            numbers = f"{len(given):,} captions for {len(boxes):,} boxes"
            self.problems.add(CAPTIONS_COUNT, line, where, hint=numbers)
            return None
        if len(given) > MAX_BOXES:  # told of the boxes, too
            return None
        found = [self._fields.caption(line, f"{where}, box {i}", {"caption": one}) for i, one in enumerate(given)]
        usable = [caption for caption in found if caption is not None]
        if len(usable) < len(found):
            return None
        if usable != given:
            record["captions"] = usable
        return usable

    def _check_whole_file(self) -> None:
        split, name = self._split, self.problems.name
        missing = np.flatnonzero(np.array(self._line_of) == 0)
        if self._empty:
            self.problems.add_sentence(
                f"{name} is empty, expected {split.n_images:,} lines, one for each image of {split.name}"
            )
        elif missing.size:
            some = ", ".join(split.image_ids[i] for i in missing[:5].tolist()) + (", ..." if missing.size > 5 else "")
            self.problems.add_sentence(
                f"{name} has no layout for {missing.size:,} of {split.n_images:,} images, expected every image of "
                f'{split.dataset}/{split.name} once ("boxes": [] for one without boxes): {some}'
            )


class JointCheck(LayoutCheck):
    """Check of a file of layouts with captions."""

    form = LAYOUTS_WITH_CAPTIONS


def check_class(track: str) -> type[LayoutCheck]:
    """The check of the files of a track."""
    return JointCheck if track == JOINT else LayoutCheck


def write_layouts(path: str | Path, split: Split, layouts: Layouts) -> None:
    """Write a prediction file, compressed if its suffix is `.gz` or `.zst`; it appears complete or not at all.

    Args:
        path: prediction file to write.
        split: split that the layouts were predicted for.
        layouts: one layout for each image of the split, in its order; captions are written if there are any.

    Raises:
        ValueError: if there are not as many layouts as images.
    """
    if layouts.n_images != split.n_images:
        raise ValueError(f"got layouts of {layouts.n_images:,} images, expected {split.n_images:,} of {split.name}")

    def lines() -> Iterable[bytes]:
        for image, (image_id, boxes) in enumerate(zip(split.image_ids, layouts.lists(), strict=True)):
            line: dict[str, Any] = {"image_id": image_id, "boxes": boxes}
            if layouts.captions is not None:
                own = layouts.captions[layouts.offsets[image] : layouts.offsets[image + 1]]
                line["captions"] = [tidy_caption(caption) for caption in own]
            yield orjson.dumps(line)

    write_lines(Path(path), lines())
