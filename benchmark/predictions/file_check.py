"""The check that the prediction files of all tracks share: lines, objects, keys and images, and repairs of them.

Invariants:
* a file is taken whole or refused whole, with all its problems;
* every problem of every line is recorded, and the check goes on as long as the file can be read;
* a repair never guesses: it is done only where the file can mean nothing else.
"""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

from ..dataset.store import Split, open_directory
from ..errors import InputError
from . import problems as problem
from .fields import Fields
from .formats import looks_like
from .lines import PredictionLines, ReadingStoppedError, open_lines
from .problems import Form, Problems, shown

_BOM = b"\xef\xbb\xbf"
_ESCAPED_KEY = re.compile(rb"\\u00[5-7]")  # the letters and the low line of keys are U+005F to U+0078
_NAN = re.compile(rb"[\[:,]\s*-?(NaN|Infinity)\b")

_OTHER_SPLIT_IMAGES = 200_000  # splits with more images are not searched for a hint


class FileCheck(ABC):
    """Check of a prediction file of one form; a class for each form says what is expected of an object.

    Attributes:
        form: keys of an object, and what is said where it has not this form.
        problems: problems of the file found so far.
        stopped: whether the file could not be read to its end.
    """

    form: Form

    def __init__(self, path: str | Path, split: Split) -> None:
        self.problems = Problems("stdin" if str(path) == "-" else str(path))
        self.stopped = False
        self._path = Path(path)
        self._split = split
        self._empty = True
        self._unknown_ids: list[str] = []
        self._quoted_keys = tuple(f'"{key}"'.encode() for key in self.form.keys)

    @cached_property
    def _fields(self) -> Fields:
        return Fields(self._split, self.problems, self._unknown_ids)

    def lines(self) -> Iterator[bytes]:
        """Check the whole file; yields the lines that `--fix` writes, in order.

        Raises:
            InputError: if the file cannot be opened, or is not JSON Lines at all.
        """
        number = 0
        try:
            with open_lines(self._path, self._split.n_boxes, self._expected_lines()) as file:
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
        self._check_all()

    def _refuse_other_formats(self, file: PredictionLines, line: bytes = b"") -> None:
        """Refuse a file that is not JSON Lines, and say how to convert it, if its first line is no prediction."""
        if other_format := self._other_format(max(file.head, line, key=len)):
            raise InputError(
                f"{file.name} is not JSON Lines, one object per {self.form.unit}: it looks like {other_format}"
            )

    @abstractmethod
    def _expected_lines(self) -> str:
        """How many lines the file should have, in words."""

    def _other_format(self, head: bytes) -> str | None:
        """What the file seems to be, if it is no JSON Lines, and how to convert it; None if it may be."""
        return looks_like(head, self._path, self._split)

    def _accept_all(self, first: int, block: bytes, lines: list[bytes]) -> bool:
        """Take a block of lines in which everything is valid; False leaves it to `_accept`, line by line."""
        return False

    def _accept(self, number: int, line: bytes) -> bool:
        """Take a line in which everything is valid; False leaves it to `_check_record`."""
        return False

    @abstractmethod
    def _check_record(self, number: int, record: dict[str, Any]) -> bool:
        """Take an object or record what is wrong with it; False if the line only repeats an earlier one."""

    @abstractmethod
    def _check_whole_file(self) -> None:
        """Record the problems that only the whole file shows, if it was read to its end."""

    def _check_all(self) -> None:
        if self._unknown_ids:
            split = self._split
            note = f"{split.dataset}/{split.name} has ids such as {split.image_ids[0]}"
            if other := _split_with(self._unknown_ids, split):
                note = f"these are images of split {other!r}; another file, or --split {other}?"
            self.problems.note(problem.UNKNOWN_IMAGE, note)
        if not self.stopped:
            self._check_whole_file()

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
        keys = self.form.keys
        before = {key: record.get(key) for key in keys}
        if self._check_record(number, record):
            yield line if all(before[key] is record.get(key) for key in keys) else _dumped(record, line, keys)

    def _place_of(self, record: dict[str, Any], image: int | None) -> str:
        """What to call the image of an object in a message."""
        return f"image {self._split.image_ids[image]}" if image is not None else _shown_id(record)

    def _parse(self, number: int, line: bytes) -> dict[str, Any] | None:
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            self._add_json_error(number, line, error)
            return None
        if not isinstance(record, dict):
            self.problems.add(self.form.not_object, number, got=record)
            return None
        try:
            repeated = self._repeated_keys(line)
        except RecursionError:
            self.problems.add(
                self.form.not_json, number, _shown_id(record), hint="nested too deep to look for repeated keys"
            )
            return None
        if repeated:
            self.problems.add(problem.REPEATED_KEY, number, _shown_id(record), got=", ".join(repeated))
            return None
        missing = [key for key in self.form.keys if key not in record]
        if missing:
            near = list(record)[:20] if self.problems.wants_example(self.form.missing_key) else []
            similar = [match for key in missing for match in get_close_matches(key, near, 1)]
            hint = f"is {' and '.join(map(shown, similar))} meant?" if similar else ""
            got = ", ".join(list(record)[:6]) or "no key"
            self.problems.add(self.form.missing_key, number, _shown_id(record), got=got, hint=hint)
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
            self.problems.add(self.form.nan, number, got=text)
        elif "surrogate" in reason:
            self.problems.add(problem.SURROGATE, number, got=text, hint=reason)
        else:
            if text.lstrip().startswith("{'"):
                reason += "; write it with json.dumps, not with print or str"
            elif "unexpected content" in reason:
                reason += "; one object per line"
            self.problems.add(self.form.not_json, number, got=text, hint=reason)

    def _repeated_keys(self, line: bytes) -> list[str]:
        """Keys of a prediction that occur twice in the object of a line, however they are spelt.

        Raises:
            RecursionError: if the line is nested too deep for Python's reader.
        """
        if not self._may_repeat_keys(line):
            return []
        pairs = json.loads(line, object_pairs_hook=list)
        keys = [key for key, _ in pairs]
        return [key for key in self.form.keys if keys.count(key) > 1]

    def _may_repeat_keys(self, line: bytes) -> bool:
        return any(line.count(quoted) > 1 for quoted in self._quoted_keys) or bool(_ESCAPED_KEY.search(line))


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


#: What stands between members of an object, and between a key and its value.
_NO_MEMBER, _NO_VALUE = re.compile(r"[\s{,]*"), re.compile(r"[\s:]*")


def _dumped(record: dict[str, Any], line: bytes, keys: tuple[str, ...]) -> bytes:
    """The line with the record's values of our keys; other keys keep the text of theirs, to the last digit."""
    own = [orjson.dumps({key: record[key]})[1:-1] for key in keys if key in record]
    try:
        others = [text.encode() for key, text in _members(line.decode()) if key not in keys]
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
