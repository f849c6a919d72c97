"""File names in the commands that messages show, quoted: pasting a command never runs what a file is named."""

import os
import shlex
from pathlib import Path


def quoted(name: str | Path) -> str:
    r"""A file name as one word of a POSIX shell, which no program takes for an option.

    Control characters and bytes that are no text are written as codes: `$'a\x0ab'`.
    """
    text = str(name)
    if text.startswith("-"):
        text = f"./{text}"
    if text.isprintable():
        return shlex.quote(text)
    codes = (chr(byte) if 32 <= byte < 127 and byte not in b"'\\" else f"\\x{byte:02x}" for byte in os.fsencode(text))
    return f"$'{''.join(codes)}'"
