"""Kinds of problems of a prediction file, counted and reported by kind, with a few examples each.

Invariants:
* even 96,000 problems fit on one screen: every kind is one message, with its first lines;
* what came from the file is shown short and printable, whatever it holds.
"""

import reprlib
from dataclasses import dataclass, field
from typing import Any, NamedTuple

EXAMPLES = 3
#: The keys of a prediction.
KEYS = ("image_id", "box", "caption")
MAX_CAPTION = 1000  # characters; captions have 2 to 10

_NOTHING: Any = object()
_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = 60


@dataclass(frozen=True)
class Kind:
    """A kind of problem.

    Attributes:
        what: description of the problem.
        expected: content that is expected instead.
        repair: description of the repair by `--fix`; empty if only the author of the file can repair it.
        harmless: whether reading accepts it, so that `--fix` only makes it tidy.
    """

    what: str
    expected: str
    repair: str = ""
    harmless: bool = False


@dataclass(frozen=True)
class Form:
    """The form of the objects of a prediction file.

    Attributes:
        keys: keys that an object must have.
        unit: what there is one object for.
        not_json: kind of a line that is not JSON; `not_object`, `missing_key` and `nan` are named alike.
        not_object: see `not_json`.
        missing_key: see `not_json`.
        nan: see `not_json`.
    """

    keys: tuple[str, ...]
    unit: str
    not_json: Kind
    not_object: Kind
    missing_key: Kind
    nan: Kind


def form(keys: tuple[str, ...], unit: str, example: str, number: str) -> Form:
    """Make a form.

    Args:
        keys: keys that an object must have.
        unit: what there is one object for.
        example: an object of this form, as JSON.
        number: what is expected in place of NaN.
    """
    line = f"an object such as {example}"
    return Form(
        keys,
        unit,
        Kind("not JSON", line),
        Kind("not a JSON object", line),
        Kind("missing key", f"{', '.join(keys[:-1])} and {keys[-1]}"),
        Kind("NaN or Infinity, which JSON does not have", number),
    )


#: Captions of given boxes.
CAPTIONS = form(KEYS, "box", '{"image_id": "...", "box": 0, "caption": "..."}', 'a string, "" for an empty caption')

UTF16 = Kind("UTF-16 text", "UTF-8", "turned into UTF-8")
BOM = Kind("byte order mark (BOM)", "plain UTF-8", "removed")
LINE_ENDS = Kind("Windows or old Macintosh line ends", "\\n", "made \\n", harmless=True)
BLANK_LINE = Kind("blank line", "none", "left out", harmless=True)

NOT_UTF8 = Kind("wrong encoding", "UTF-8")
SURROGATE = Kind("half a surrogate pair, which is no character", "whole characters")
REPEATED_KEY = Kind("a key twice in one object", "each key once")

ID_TYPE = Kind("image_id is not a string", "a string")
ID_NUMBER = Kind("image_id is a number", "a string", "made a string")
ID_DECORATED = Kind("image_id with a folder or file suffix", "the id alone", "reduced to the id")
UNKNOWN_IMAGE = Kind("unknown image", "an image of the split")

BOX_TYPE = Kind("box is not an index", "an integer, the box's place in the data set's order, from 0")
BOX_TEXT = Kind("box is a string or a decimal number", "an integer", "made an integer")
BOX_PLACE = Kind("coordinates instead of the box's index", "an integer", "replaced by the index of the box there")
NO_SUCH_PLACE = Kind("coordinates that are not those of exactly one box of the image", "the box's index")
BOX_RANGE = Kind("box out of range", "a box of the image")

SAME_AGAIN = Kind("box predicted again with the same caption", "every box once", "only the first kept")
OTHER_AGAIN = Kind("box predicted again with another caption", "every box once")

CAPTION_TYPE = Kind("caption is not a string", 'a string, "" for an empty caption')
CAPTION_SPACE = Kind("white space around the caption", "none", "removed", harmless=True)
CAPTION_BREAK = Kind("line break or tab in the caption", "none", "made a blank, which scores the same")
CAPTION_CONTROL = Kind("control character in the caption", "none")
CAPTION_LENGTH = Kind("absurdly long caption", f"at most {MAX_CAPTION:,} characters")


class _Example(NamedTuple):
    line: int
    where: str
    got: str
    hint: str


@dataclass
class _Group:
    count: int = 0
    examples: list[_Example] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class Problems:
    """Problems of one file.

    Attributes:
        name: name of the file, for messages.
        serious: whether one of them is not harmless.
    """

    name: str
    serious: bool = False
    _groups: dict[Kind, _Group] = field(default_factory=dict)
    _sentences: list[str] = field(default_factory=list)

    def add(self, kind: Kind, line: int = 0, where: str = "", *, got: Any = _NOTHING, hint: str = "") -> None:
        """Record a problem.

        Args:
            kind: kind of the problem.
            line: line number, from 1; 0 for the whole file.
            where: image and box, as far as known.
            got: value found there, of any type.
            hint: advice, or more about the value.
        """
        group = self._groups.setdefault(kind, _Group())
        group.count += 1
        self.serious |= not kind.harmless
        if len(group.examples) < EXAMPLES:
            found = "" if got is _NOTHING else f"got {shown(got)}"
            group.examples.append(_Example(line, f" ({where})" if where else "", found, hint))

    def wants_example(self, kind: Kind) -> bool:
        """Whether the next problem of a kind will be shown, so that a hint is worth its cost."""
        group = self._groups.get(kind)
        return group is None or len(group.examples) < EXAMPLES

    def note(self, kind: Kind, text: str) -> None:
        """Add a remark on all problems of a kind that has occurred."""
        self._groups[kind].notes.append(text)

    def add_sentence(self, sentence: str) -> None:
        """Record a problem of the whole file, given as a full sentence."""
        self._sentences.append(sentence)
        self.serious = True

    def sentences(self, *, after_fix: bool = False) -> list[str]:
        """One message for each kind that is not harmless, in order of appearance; then those of the whole file.

        Args:
            after_fix: whether to leave out the problems that `--fix` has repaired.
        """
        return [
            self._sentence(kind, group)
            for kind, group in self._groups.items()
            if not kind.harmless and not (after_fix and kind.repair)
        ] + self._sentences

    def repairs(self) -> list[str]:
        """Repairs that `--fix` has done, one line for each kind."""
        return [
            f"{kind.what}: {kind.repair}" + (f" ({group.count:,} x)" if group.examples[0].line else "")
            for kind, group in self._groups.items()
            if kind.repair
        ]

    def _sentence(self, kind: Kind, group: _Group) -> str:
        expected = f"expected {kind.expected}"
        remarks = [*group.notes, *(["--fix OUT repairs this"] if kind.repair else [])]
        if group.count == 1:
            [one] = group.examples
            place = f"{self.name}:{one.line}" if one.line else self.name
            said = _joined(", ", one.got, expected)
            return f"{kind.what} in {place}{one.where}: {_joined('; ', said, one.hint, *remarks)}"
        lines = [f"{kind.what}, {group.count:,} lines of {self.name}: {_joined('; ', expected, *remarks)}"]
        for one in group.examples:
            lines.append(_joined(": ", f"line {one.line:,}{one.where}", _joined("; ", one.got, one.hint)))
        if group.count > len(group.examples):
            lines.append(f"and {group.count - len(group.examples):,} more")
        return "\n    ".join(lines)


def _joined(separator: str, *parts: str) -> str:
    return separator.join(filter(None, parts))


def shown(value: Any) -> str:
    """An untrusted value, short and printable, as Python would write it."""
    return _REPR.repr(value)
