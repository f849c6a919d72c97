"""Read and check a file of captions for given boxes line by line, and report all its problems at once.

Invariants, beside those of `file_check`:
* only ids and boxes of the split are used, never its captions: predictions of a hidden test split can be checked;
* every box is predicted exactly once.
"""

from collections import Counter, deque
from pathlib import Path
from typing import Any, cast

import numpy as np
import orjson

from ..dataset.store import Split
from ..errors import InputError
from ..invisible import invisible_characters, named
from . import problems as problem
from .file_check import FileCheck
from .problems import CAPTIONS, MAX_CAPTION, shown


def read_predictions(path: str | Path, split: Split) -> list[str]:
    """Read the predicted caption of each box, in the data set's order, length n_boxes, without outer white space.

    Args:
        path: prediction file; `-` reads stdin.
        split: split that the file predicts; its reference captions are not needed.

    Raises:
        InputError: listing all problems of the file, grouped by kind.
    """
    return PredictionCheck(path, split).read()


class PredictionCheck(FileCheck):
    """Check of a prediction file: the caption of each box of a split, and all problems of the file.

    Attributes:
        captions: one per box in the split's order, without outer white space; None as long as it has none.
        problems: problems of the file found so far.
        stopped: whether the file could not be read to its end.
    """

    form = CAPTIONS

    def __init__(self, path: str | Path, split: Split) -> None:
        super().__init__(path, split)
        self.captions: list[str | None] = [None] * split.n_boxes
        self._offsets: list[int] = split.offsets.tolist()
        self._line_of = [0] * split.n_boxes  # the line that predicts a box; 0: none so far

    def read(self) -> list[str]:
        """Check the whole file; returns its captions, see `read_predictions`."""
        deque(self.lines(), maxlen=0)
        if self.problems.serious:
            raise InputError(*self.problems.sentences())
        return cast(list[str], self.captions)

    def invisible(self) -> str:
        """A sentence on the captions that hold characters which cannot be seen; empty if none does."""
        found = {at: invisible_characters(caption) for at, caption in enumerate(self.captions) if caption}
        lines = {self._line_of[at]: at for at, characters in found.items() if characters}
        if not lines:
            return ""
        count = Counter(character for at in lines.values() for character in set(found[at]))
        kinds = [f"{named(character)} in {n:,}" for character, n in count.most_common(5)]
        kinds += [f"{len(count) - 5:,} others"] if len(count) > 5 else []
        first = min(lines)
        return (
            f"{self.problems.name}: {len(lines):,} captions hold invisible characters, each of which counts as a token "
            f"({', '.join(kinds)}); the first is on line {first:,}: {shown(self.captions[lines[first]])}"
        )

    def _expected_lines(self) -> str:
        return f"{self._split.n_boxes:,}, one per box"

    def _other_format(self, head: bytes) -> str | None:
        first = head.partition(b"\n")[0]
        if b'"image_id"' in first and b'"boxes"' in first:
            return "layouts, one object per image; add --track layout, or --track joint where they have captions"
        return super()._other_format(head)

    def _accept_all(self, first: int, block: bytes, lines: list[bytes]) -> bool:
        """Take a block of lines in which everything is valid: quicker than line by line, with the same result.

        The lines are read as one array. That is the same as reading each of them, since every line begins with its
        only `{`, and the array has as many objects as there are lines: so each object begins and ends in a line of its
        own. Any other block is left to `_accept`, line by line.
        """
        n = len(lines)
        if block.count(b"{") != n or b"".join([b"\n", block]).count(b"\n{") != n:
            return False
        try:
            records = orjson.loads(b"[" + b",".join(lines) + b"]")
            index = self._split.index
            images = np.array([index[record["image_id"]] for record in records], np.int64)
            boxes = [record["box"] for record in records]
            captions = [record["caption"] for record in records]
            places = self._split.offsets[images] + np.array(boxes, np.int64)
            text = "\n".join(["", *captions, ""])
        except (ValueError, LookupError, TypeError, OverflowError):
            return False
        at = places.tolist()
        if (
            len(records) != n
            or block.count(b":") != sum(map(len, records))  # a key twice, or a colon in a caption
            or set(map(type, boxes)) != {int}
            or (places < self._split.offsets[images]).any()
            or (places >= self._split.offsets[images + 1]).any()
            or len(set(at)) != n
            or any(map(self._line_of.__getitem__, at))
            or max(map(len, captions)) > MAX_CAPTION
            or not "".join(captions).isprintable()
            or "\n " in text
            or " \n" in text  # of white space, only blanks are printable
        ):
            return False
        for number, place, caption in zip(range(first, first + n), at, captions, strict=True):
            self.captions[place] = caption
            self._line_of[place] = number
        return True

    def _accept(self, number: int, line: bytes) -> bool:
        """Take a line in which everything is valid; every other line is left to `_check`.

        Each key of the line has its colon, so with as many colons as the record has keys no key stands twice.
        """
        try:
            record = orjson.loads(line)
            image, box, caption = self._split.index[record["image_id"]], record["box"], record["caption"]
            at = self._offsets[image] + box
            if (
                type(box) is int
                and box >= 0
                and at < self._offsets[image + 1]
                and not self._line_of[at]
                and len(caption) <= MAX_CAPTION
                and caption.isprintable()
                and caption == caption.strip()
                and (line.count(b":") == len(record) or not self._may_repeat_keys(line))
            ):
                self.captions[at] = caption
                self._line_of[at] = number
                return True
        except (ValueError, LookupError, TypeError, AttributeError):
            pass
        return False

    def _check_record(self, number: int, record: dict[str, Any]) -> bool:
        image = self._fields.image(number, record)
        where = self._place_of(record, image)
        box = self._fields.box(number, where, record, image)
        where += f", box {box}" if box is not None else ""
        caption = self._fields.caption(number, where, record)
        return image is None or box is None or self._place(number, where, image, box, caption)

    def _place(self, number: int, where: str, image: int, box: int, caption: str | None) -> bool:
        """Give a box its caption; False if the line only repeats an earlier one."""
        at = self._offsets[image] + box
        if not self._line_of[at]:
            self._line_of[at] = number
            self.captions[at] = caption
            return True
        first = f"the first is on line {self._line_of[at]:,}"
        if caption is not None and caption == self.captions[at]:
            self.problems.add(problem.SAME_AGAIN, number, where, hint=first)
            return False
        self.problems.add(problem.OTHER_AGAIN, number, where, got=caption, hint=f"{first}: {shown(self.captions[at])}")
        return True

    def _check_whole_file(self) -> None:
        split, name = self._split, self.problems.name
        if self._empty and not any(self._line_of):
            self.problems.add_sentence(
                f"{name} is empty, expected {split.n_boxes:,} lines, one for each box of {split.name}"
            )
        elif missing := missing_boxes(split, self._line_of):
            self.problems.add_sentence(f"{name} has {missing}")


def missing_boxes(split: Split, predicted: list[Any]) -> str:
    """Describe the boxes without a prediction; empty if all have one.

    Args:
        split: split to predict.
        predicted: flag of each box, true if it has a prediction, length n_boxes.
    """
    missing = np.flatnonzero(~np.array(predicted, dtype=bool))
    if not missing.size:
        return ""
    per_image = np.bincount(split.image_of_box[missing], minlength=split.n_images)
    images = np.flatnonzero(per_image)
    whole = int((per_image == np.diff(split.offsets)).sum())
    first = []
    for image in images[:5].tolist():
        boxes = missing[split.image_of_box[missing] == image] - split.offsets[image]
        some = ", ".join(map(str, boxes[:8].tolist())) + (", ..." if boxes.size > 8 else "")
        first.append(f"{split.image_ids[image]} ({'box' if boxes.size == 1 else 'boxes'} {some})")
    first += ["..."] if images.size > len(first) else []
    return (
        f"no prediction for {missing.size:,} of {split.n_boxes:,} boxes (images without any: {whole:,}), "
        f"expected every box of {split.dataset}/{split.name} once: {'; '.join(first)}"
    )
