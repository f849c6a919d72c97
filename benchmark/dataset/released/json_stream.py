"""Read one JSON object of any size, member by member, in memory bounded by its largest member.

The surprising fact: the window is decoded as Latin-1. JSON's structure is ASCII, and in UTF-8 no byte of a longer
character is ASCII, so the C scanner of `json` finds every end correctly, one character is one byte, and a character
cut in two by the window's edge does no harm. The value of a member is handed out as its bytes in the file.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from ...errors import InputError

WINDOW = 4 << 20  # bytes read at a time
MAX_MEMBER = 16 << 20  # bytes of one key and value; a record of the released files has about a thousand

_SPACE = re.compile(r"[ \t\n\r]*")
_START = re.compile(r"(?:\xef\xbb\xbf)?[ \t\n\r]*\{")  # a byte order mark is allowed
_COMPRESSED = ("\x1f\x8b", "\x28\xb5\x2f\xfd", "PK\x03\x04", "\xfd7zXZ", "BZh")
_decode = json.JSONDecoder().raw_decode


class Member(NamedTuple):
    """One `key: value` of the object."""

    key: str
    value: bytes  # well-formed JSON, whose text may still be invalid UTF-8
    start: int  # position of the value in the file, in bytes


def object_members(
    path: Path, *, on_bytes: Callable[[int], None] = lambda n: None, window: int = WINDOW
) -> Iterator[Member]:
    """Iterate over the members of the JSON object in a file, in the file's order, repeated keys included.

    Args:
        path: JSON file in UTF-8.
        on_bytes: callback that receives the number of bytes read so far, for progress bars.
        window: number of bytes read at a time; the object starts within the first window.

    Raises:
        InputError: with the byte and the last key, if the file is not one JSON object, ends too early, goes on after
            its end, or has a member of more than 16 MiB.
    """
    with path.open("rb", buffering=0) as file:
        text = file.read(window).decode("latin-1")
        if text.startswith(_COMPRESSED):
            raise InputError(f"{path} is compressed; unpack it first")
        if not (opening := _START.match(text)):
            raise InputError(f"{path} is not one JSON object, image id -> record; it starts with {text[:20]!r}")
        base, position, last = 0, opening.end(), ""  # base: position of text[0] in the file
        while True:
            try:
                key, start, end, after = _member(text, position)
            except json.JSONDecodeError as error:
                # No indivisible piece of JSON, such as true or \u6e29, is longer than 16 bytes.
                cut_off = _unterminated(error) or error.pos >= len(text) - 16
                more = file.read(max(window, len(text) - position)) if cut_off else b""
                if not more or len(text) - position > MAX_MEMBER:
                    place = f"{path}, byte {base + error.pos:,}" + (f", after {last!r:.80}" if last else "")
                    raise InputError(f"{place}: {_refusal(error, position, at_end=cut_off)}") from None
                text, base, position = text[position:] + more.decode("latin-1"), base + position, 0
                on_bytes(base + len(text))
                continue
            except (RecursionError, ValueError) as error:  # nested too deep, or a number of thousands of digits
                raise InputError(f"{path}, byte {base + position:,}: no annotation record ({error})") from None
            last = _key(key)
            yield Member(last, text[start:end].encode("latin-1"), base + start)
            position = after + 1
            if text[after] == "}":
                break
        rest = text[position:]
        while not rest.strip(" \t\n\r"):
            if not (more := file.read(window)):
                return
            rest = more.decode("latin-1")
        raise InputError(f"{path} goes on after the end of its JSON object, with {rest.strip()[:20]!r}")


def _member(text: str, position: int) -> tuple[str, int, int, int]:
    """Key as JSON text, start and end of the value, position of the `,` or `}` behind it."""
    position = _expect('"', text, position, "a key in double quotes")
    key_end = _decode(text, position)[1]
    start = _skip(text, _expect(":", text, key_end, "':'") + 1)
    end = _decode(text, start)[1]
    # Looking at what follows also distinguishes a number that the window's edge cuts in two from a whole one.
    return text[position:key_end], start, end, _expect(",}", text, end, "',' or '}'")


def _skip(text: str, position: int) -> int:
    space = _SPACE.match(text, position)
    return space.end() if space else position


def _expect(one_of: str, text: str, position: int, name: str) -> int:
    position = _skip(text, position)
    if position == len(text) or text[position] not in one_of:
        raise json.JSONDecodeError(f"expected {name}", text, position)
    return position


def _unterminated(error: json.JSONDecodeError) -> bool:
    return error.msg.startswith("Unterminated string")


def _refusal(error: json.JSONDecodeError, position: int, *, at_end: bool) -> str:
    text = error.doc
    if len(text) - position > MAX_MEMBER:
        return f"one record of more than {MAX_MEMBER >> 20} MiB, expected about a thousand bytes"
    if at_end and (_unterminated(error) or not text[error.pos :].strip()):
        return "the file ends in the middle of a record: it is truncated; copy or download it again"
    return f"not JSON: {error.msg}, got {text[error.pos : error.pos + 20]!r}"


def _key(literal: str) -> str:
    """Decode a key, given as a JSON string literal in Latin-1; invalid Unicode becomes '?' or U+FFFD."""
    if literal.isascii() and "\\" not in literal:
        return literal[1:-1]
    key: str = json.loads(literal.encode("latin-1").decode("utf-8", "replace"))
    return key.encode("utf-8", "replace").decode("utf-8")
