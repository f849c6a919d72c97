"""Recognise files that are not predictions in JSON Lines, and say how to convert them.

Without this, a CSV file of 97,000 rows would be reported as 97,000 lines of bad JSON, without the one useful hint.
"""

import re
from shlex import quote
from typing import Any

import orjson

from .lines import GZIP, ZSTD
from .problems import KEYS

_BINARY = {
    GZIP: "gzip inside another compression; unpack it once",
    ZSTD: "zstd inside another compression; unpack it once",
    b"PK\x03\x04": "a zip archive; unpack it, or compress with gzip or zstd instead",
    b"BZh": "a bzip2 file; unpack it (bunzip2), or compress with gzip or zstd instead",
    b"\xfd7zXZ": "an xz file; unpack it (unxz), or compress with gzip or zstd instead",
    b"PAR1": "a Parquet file; convert it: pandas.read_parquet(FILE).to_json(OUT, orient='records', lines=True)",
    b"\x93NUMPY": "a numpy array; write one object per box",
    b"\x80": "a Python pickle, which is never opened here (that can run code); write one object per box",
    b"version https://git-lfs": "a Git LFS pointer, not the file itself; fetch it: git lfs pull",
    b"<": "a web page or XML, perhaps the error page of a download; download the file again",
}
_RELEASED = re.compile(rb'"(names|captions)"\s*:\s*\[')
_IMAGE, _BOX, _CAPTION = re.compile(b'"image_id"'), re.compile(b'"box"'), re.compile(b'"caption"')
_COLUMN = re.compile(rb"image|caption|box|file", re.IGNORECASE)
_NO_JSON = object()


def looks_like(head: bytes, name: str) -> str | None:
    """Describe what a file seems to be and how to convert it; None if it may be JSON Lines, good or bad.

    Args:
        head: first bytes of the file, decompressed.
        name: name of the file, for the example commands.
    """
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for magic, answer in _BINARY.items():
        if text.startswith(magic):
            return answer
    if b"\0" in text:
        return "binary data, or UTF-16 without a byte order mark; save it as UTF-8 text"
    if not text:
        return None
    lines = text.splitlines()
    first = _json(lines[0])
    if first is not _NO_JSON and (len(lines) > 1 or not isinstance(first, dict | list)):
        return None
    if text.startswith(b"["):
        return _array(text, name)
    if text.startswith(b"{"):
        return _object(text, name, first, one_line=len(lines) == 1)
    if any(line.lstrip().startswith(b"{") for line in lines):
        return None
    return _table(lines[0], name)


def _json(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return _NO_JSON


def _array(text: bytes, name: str) -> str:
    if _RELEASED.search(text):
        return _released(name)
    if _IMAGE.search(text) and _BOX.search(text) and _CAPTION.search(text):
        return f"one JSON array of predictions; convert it: jq -c '.[]' {quote(name)} > preds.jsonl"
    if _IMAGE.search(text) and _CAPTION.search(text):
        return (
            "a COCO results array, which has one caption per image; here every box has its own: write one line per box "
            "with the key box, its index in the data set's order"
        )
    return "one JSON array; write one object per line and box (jq -c '.[]' puts the items of an array on lines)"


def _object(text: bytes, name: str, first: Any, *, one_line: bool) -> str | None:
    if _RELEASED.search(text):
        return _released(name)
    if isinstance(first, dict):
        return None if first.keys() & set(KEYS) else "one JSON object for the whole file; write one object per box"
    indented = not one_line and text.splitlines()[0].strip() == b"{"
    if indented and _IMAGE.search(text):
        return f"indented JSON; put every object on one line: jq -c . {quote(name)} > preds.jsonl"
    if indented or (one_line and len(text) > 1 << 15):
        return "one JSON object for the whole file; write one object per line and box"
    return None


def _released(name: str) -> str:
    return (
        "the prediction JSON of the authors' released code; convert it: "
        f"python -m benchmark.dataset import-predictions {quote(name)} --data DIR --split SPLIT -o preds.jsonl"
    )


def _table(first_line: bytes, name: str) -> str:
    for kind, delimiter in (("CSV", ","), ("tab-separated text", "\t"), ("CSV", ";")):
        if delimiter.encode() in first_line and _COLUMN.search(first_line):
            return (
                f'{kind}; with the columns image_id, box and caption, convert it: python -c "import csv, json; '
                f"[print(json.dumps({{**row, 'box': int(row['box'])}})) for row in csv.DictReader("
                f"open('{name}', encoding='utf-8-sig'), delimiter={delimiter!r})]\" > preds.jsonl"
            )
    return "plain text; write one JSON object per line and box"
