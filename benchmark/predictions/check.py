"""Read and check a prediction file line by line, and report all its problems at once.

Invariants:
* a file is taken whole or refused whole, with all its problems;
* every problem of every line is recorded, and the check goes on as long as the file can be read;
* only ids and boxes of the split are used, never its captions: predictions of a hidden test split can be checked;
* a repair never guesses: it is done only where the file can mean nothing else.
"""

import json
import re
from collections import Counter, deque
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import orjson

from ..dataset.store import Split, open_directory
from ..errors import InputError
from ..invisible import invisible_characters, named
from . import problems as problem
from .fields import Fields
from .formats import looks_like
from .lines import PredictionLines, ReadingStoppedError, open_lines
from .problems import KEYS, MAX_CAPTION, Problems, shown

_BOM = b"\xef\xbb\xbf"
_QUOTED_KEYS = tuple(f'"{key}"'.encode() for key in KEYS)
_ESCAPED_KEY = re.compile(rb"\\u00[5-7]")  # the letters and the low line of keys are U+005F to U+0078
_NAN = re.compile(rb"[\[:,]\s*-?(NaN|Infinity)\b")

_OTHER_SPLIT_IMAGES = 200_000  # splits with more images are not searched for a hint


def read_predictions(path: str | Path, split: Split) -> list[str]:
    """Read the predicted caption of each box, in the data set's order, length n_boxes, without outer white space.

    Args:
        path: prediction file; `-` reads stdin.
        split: split that the file predicts; its reference captions are not needed.

    Raises:
        InputError: listing all problems of the file, grouped by kind.
    """
    return PredictionCheck(path, split).read()


class PredictionCheck:
    """Check of a prediction file: the caption of each box of a split, and all problems of the file.

    Attributes:
        captions: one per box in the split's order, without outer white space; None as long as it has none.
        problems: problems of the file found so far.
        stopped: whether the file could not be read to its end.
    """

    def __init__(self, path: str | Path, split: Split) -> None:
        self.captions: list[str | None] = [None] * split.n_boxes
        self.problems = Problems("stdin" if str(path) == "-" else str(path))
        self.stopped = False
        self._path = Path(path)
        self._split = split
        self._offsets: list[int] = split.offsets.tolist()
        self._line_of = [0] * split.n_boxes  # the line that predicts a box; 0: none so far
        self._empty = True
        self._unknown_ids: list[str] = []

    @cached_property
    def _fields(self) -> Fields:
        return Fields(self._split, self.problems, self._unknown_ids)

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

    def lines(self) -> Iterator[bytes]:
        """Check the whole file; yields the lines that `--fix` writes, in order.

        Raises:
            InputError: if the file cannot be opened, or is not JSON Lines at all.
        """
        number = 0
        try:
            with open_lines(self._path, self._split.n_boxes) as file:
                if file.utf16:
                    self.problems.add(problem.UTF16)
                for first, block in file.blocks():
                    lines = block.splitlines()
                    if self._accept_all(first, block, lines):
                        number = first + len(lines) - 1
                        yield from lines
                        continue
                    for number, line in enumerate(lines, first):
                        if self._accept(number, line):
                            yield line
                            continue
                        if number == 1:
                            self._refuse_other_formats(file, line)
                        yield from self._check(number, line)
                if file.carriage_returns:
                    self.problems.add(problem.LINE_ENDS)
        except ReadingStoppedError as why:
            if number == 0:
                self._refuse_other_formats(file)
            self.stopped = True
            self.problems.add_sentence(f"{self.problems.name}: reading stopped after line {number:,}: {why}")
        self._check_whole_file()

    def _refuse_other_formats(self, file: PredictionLines, line: bytes = b"") -> None:
        """Refuse a file that is not JSON Lines, and say how to convert it, if its first line is no prediction."""
        if other_format := looks_like(max(file.head, line, key=len), self._path, self._split):
            raise InputError(f"{file.name} is not JSON Lines, one object per box: it looks like {other_format}")

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
                and (line.count(b":") == len(record) or not _may_repeat_keys(line))
            ):
                self.captions[at] = caption
                self._line_of[at] = number
                return True
        except (ValueError, LookupError, TypeError, AttributeError):
            pass
        return False

    def _check(self, number: int, line: bytes) -> Iterator[bytes]:
        if line.startswith(_BOM):  # also in the middle: files were joined
            self.problems.add(problem.BOM, number)
            line = line.removeprefix(_BOM)
        if not line.strip():
            self.problems.add(problem.BLANK_LINE, number)
            return
        self._empty = False
        record = self._parse(number, line)
        if record is None:
            yield line
            return
        before = {key: record.get(key) for key in KEYS}
        image = self._fields.image(number, record)
        where = f"image {self._split.image_ids[image]}" if image is not None else _shown_id(record)
        box = self._fields.box(number, where, record, image)
        where += f", box {box}" if box is not None else ""
        caption = self._fields.caption(number, where, record)
        if image is not None and box is not None and not self._place(number, where, image, box, caption):
            return
        yield line if all(before[key] is record.get(key) for key in KEYS) else _dumped(record, line)

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

    def _parse(self, number: int, line: bytes) -> dict[str, Any] | None:
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            self._add_json_error(number, line, error)
            return None
        if not isinstance(record, dict):
            self.problems.add(problem.NOT_OBJECT, number, got=record)
            return None
        try:
            repeated = _repeated_keys(line)
        except RecursionError:
            self.problems.add(
                problem.NOT_JSON, number, _shown_id(record), hint="nested too deep to look for repeated keys"
            )
            return None
        if repeated:
            self.problems.add(problem.REPEATED_KEY, number, _shown_id(record), got=", ".join(repeated))
            return None
        missing = [key for key in KEYS if key not in record]
        if missing:
            near = list(record)[:20] if self.problems.wants_example(problem.MISSING_KEY) else []
            similar = [match for key in missing for match in get_close_matches(key, near, 1)]
            hint = f"is {' and '.join(map(shown, similar))} meant?" if similar else ""
            got = ", ".join(list(record)[:6]) or "no key"
            self.problems.add(problem.MISSING_KEY, number, _shown_id(record), got=got, hint=hint)
        return record

    def _add_json_error(self, number: int, line: bytes, error: orjson.JSONDecodeError) -> None:
        reason = f"{error.msg.partition(': line')[0]}, at character {error.colno}"
        try:
            text = line.decode()
        except UnicodeDecodeError as wrong:
            hint = f"byte {wrong.start + 1} is 0x{line[wrong.start]:02x}"
            try:
                line.decode("gb18030")
                hint += "; is it GBK? convert it: iconv -f GB18030 -t UTF-8"
            except UnicodeDecodeError:
                pass
            self.problems.add(problem.NOT_UTF8, number, got=line[max(0, wrong.start - 20) : wrong.end + 10], hint=hint)
            return
        if _NAN.search(line):
            self.problems.add(problem.NAN, number, got=text)
        elif "surrogate" in reason:
            self.problems.add(problem.SURROGATE, number, got=text, hint=reason)
        else:
            if text.lstrip().startswith("{'"):
                reason += "; write it with json.dumps, not with print or str"
            elif "unexpected content" in reason:
                reason += "; one object per line"
            self.problems.add(problem.NOT_JSON, number, got=text, hint=reason)

    def _check_whole_file(self) -> None:
        """Record the problems that only the whole file shows."""
        split, name = self._split, self.problems.name
        if self._unknown_ids:
            note = f"{split.dataset}/{split.name} has ids such as {split.image_ids[0]}"
            if other := _split_with(self._unknown_ids, split):
                note = f"these are images of split {other!r}; another file, or --split {other}?"
            self.problems.note(problem.UNKNOWN_IMAGE, note)
        if self.stopped:
            return
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


def _split_with(ids: list[str], split: Split) -> str | None:
    """Name of another split of the data set that has most of these images, if there is one."""
    try:
        for name, other in open_directory(split.directory).items():
            small = name != split.name and other.n_images <= _OTHER_SPLIT_IMAGES
            if small and 2 * sum(image_id in other.index for image_id in ids) > len(ids):
                return name
    except InputError:  # this split is fine, another one is damaged
        pass
    return None


def _shown_id(record: dict[str, Any]) -> str:
    return f"image {shown(record['image_id'])}" if "image_id" in record else ""


def _repeated_keys(line: bytes) -> list[str]:
    """Keys of a prediction that occur twice in the object of a line, however they are spelt.

    Raises:
        RecursionError: if the line is nested too deep for Python's reader.
    """
    if not _may_repeat_keys(line):
        return []
    pairs = json.loads(line, object_pairs_hook=list)
    keys = [key for key, _ in pairs]
    return [key for key in KEYS if keys.count(key) > 1]


def _may_repeat_keys(line: bytes) -> bool:
    return any(line.count(quoted) > 1 for quoted in _QUOTED_KEYS) or bool(_ESCAPED_KEY.search(line))


#: What stands between members of an object, and between a key and its value.
_NO_MEMBER, _NO_VALUE = re.compile(r"[\s{,]*"), re.compile(r"[\s:]*")


def _dumped(record: dict[str, Any], line: bytes) -> bytes:
    """The line with the record's values of our keys; other keys keep the text of theirs, to the last digit."""
    own = [orjson.dumps({key: record[key]})[1:-1] for key in KEYS if key in record]
    try:
        others = [text.encode() for key, text in _members(line.decode()) if key not in KEYS]
    except (ValueError, RecursionError):  # extra keys nested too deep to be read again; they are ignored anyway
        others = []
    return b"{" + b",".join([*own, *others]) + b"}"


def _members(text: str) -> Iterator[tuple[str, str]]:
    """Each key of a JSON object, and the text of the key with its value."""
    decoder = json.JSONDecoder()
    at = _NO_MEMBER.match(text).end()  # type: ignore[union-attr]  # it matches everywhere
    while at < len(text) and text[at] != "}":
        start = at
        key, at = decoder.raw_decode(text, start)
        _, at = decoder.raw_decode(text, _NO_VALUE.match(text, at).end())  # type: ignore[union-attr]
        yield key, text[start:at]
        at = _NO_MEMBER.match(text, at).end()  # type: ignore[union-attr]
