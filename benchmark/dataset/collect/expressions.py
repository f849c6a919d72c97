"""Which texts speak of prices and discounts, or stand on labels: regular expressions from files that users can edit.

Invariants:
* the file is data: an expression that cannot be used is refused with its place, all of them at once;
* no expression runs for long by accident: it repeats no group, has `MAX_REPEATS` repeats at most, and sees the first
  `MAX_TEXT` characters of a text only;
* an expression that finds something in an empty text is refused, since it would find something in every text.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ...errors import InputError
from .normalise import compatible

#: The files of this package: prices, discounts and service; and what stands on labels, tags and packages.
DISCOUNTS = Path(__file__).parent / "lexicon" / "discounts.txt"
LABELS = DISCOUNTS.with_name("labels.txt")

#: Characters of a text that are looked at. Real lines are shorter; what is longer is no caption.
MAX_TEXT = 64

#: Bounds of a file: bytes, expressions, characters of one, and repeats (`* + ? {}`) in one.
MAX_BYTES, MAX_EXPRESSIONS, MAX_EXPRESSION, MAX_REPEATS = 1_000_000, 1000, 200, 3

_ESCAPE = re.compile(r"\\.")
_CLASS = re.compile(r"\[\^?\]?[^\]]*\]")
_GROUP_START = re.compile(r"\(\?(?:[:!=>]|<[!=])")
_REPEAT = re.compile(r"[*+?]|\{\d*,?\d*\}")
_REPEATED_GROUP = re.compile(r"\)(?:[*+]|\{)")


@dataclass(frozen=True)
class Expressions:
    """Expressions that tell one kind of text, such as those about prices and discounts.

    Attributes:
        expressions: their sources, in the order of the file.
    """

    expressions: tuple[str, ...]

    @cached_property
    def _compiled(self) -> list[re.Pattern[str]]:
        return [re.compile(expression, re.IGNORECASE) for expression in self.expressions]

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the expressions, whatever comments stand between them; part of a data set's signature."""
        return hashlib.sha256("\n".join(self.expressions).encode()).hexdigest()

    def find(self, text: str) -> str | None:
        """The first expression that finds something in a text; None if none does."""
        text = compatible(text)[:MAX_TEXT]
        return next((pattern.pattern for pattern in self._compiled if pattern.search(text)), None)


def read_expressions(path: Path | str = "") -> Expressions:
    """Read a file of expressions.

    Args:
        path: the file; if empty, that of discounts in this package.

    Raises:
        InputError: if it cannot be read, or with a sentence for each expression that cannot be used.
    """
    path = Path(path or DISCOUNTS)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; expected a file of expressions, one in a line") from None
    if len(content) > MAX_BYTES:
        raise InputError(f"{path}: longer than {MAX_BYTES:,} bytes, expected a file of expressions, one in a line")
    try:
        lines = content.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        number = content[: error.start].count(b"\n") + 1
        raise InputError(f"{path}:{number}: not UTF-8; save the file as UTF-8") from None
    expressions, problems = [], []
    for number, line in enumerate(lines, 1):
        expression = re.sub(r"(?:^|\s)#.*", "", line).strip()
        if not expression:
            continue
        if problem := _problem(expression):
            problems.append(f"{path}:{number}: {problem}: {expression!r:.80}")
        expressions.append(expression)
    if len(expressions) > MAX_EXPRESSIONS:
        problems.append(f"{path}: got {len(expressions):,} expressions, expected at most {MAX_EXPRESSIONS:,}")
    if problems:
        raise InputError(*problems)
    return Expressions(tuple(dict.fromkeys(expressions)))


def _problem(expression: str) -> str:
    """Why an expression cannot be used; empty if it can."""
    if len(expression) > MAX_EXPRESSION:
        return f"longer than {MAX_EXPRESSION} characters; write several"
    bare = _GROUP_START.sub("(", _CLASS.sub("x", _ESCAPE.sub("x", expression)))
    if _REPEATED_GROUP.search(bare):
        return "it repeats a group, which can run for hours; write the repeats out"
    if len(_REPEAT.findall(bare)) > MAX_REPEATS:
        return f"more than {MAX_REPEATS} of * + ? {{}}, which can run for hours; write several expressions"
    try:
        matches_nothing = re.compile(expression, re.IGNORECASE).search("")
    except (re.error, OverflowError, RecursionError) as error:
        return f"no regular expression ({error})"
    return "it finds something in every text, also in an empty one" if matches_nothing else ""
