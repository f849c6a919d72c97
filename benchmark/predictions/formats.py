"""Recognise files that are not predictions in JSON Lines, and say how to convert them.

Without this, a CSV file of 97,000 rows would be reported as 97,000 lines of bad JSON, without the one useful hint.
"""

import re
from pathlib import Path
from typing import Any

import orjson

from ..dataset.store import Split
from ..shell import quoted
from .lines import GZIP, UTF32, ZSTD
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
    **dict.fromkeys(UTF32, "UTF-32 text; save it as UTF-8"),
    b"<": "a web page or XML, perhaps the error page of a download; download the file again",
}
_RELEASED = re.compile(rb'"(names|captions)"\s*:\s*\[')
_IMAGE, _BOX, _CAPTION = re.compile(b'"image_id"'), re.compile(b'"box"'), re.compile(b'"caption"')
_COLUMN = re.compile(rb"image|caption|box|file", re.IGNORECASE)
_NO_JSON = object()


def looks_like(head: bytes, path: Path, split: Split) -> str | None:
    """Describe what a file seems to be and how to convert it; None if it may be JSON Lines, good or bad.

    Args:
        head: first bytes of the file, decompressed; its whole first line, if that is longer.
        path: path of the file, for the commands that convert it.
        split: split that the file predicts, for the same commands.
    """
    source = "FILE" if str(path) == "-" else quoted(path)
    target = "preds.jsonl" if path.name != "preds.jsonl" else "converted.jsonl"
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
    if isinstance(first, dict) and first.keys() & set(KEYS):
        return None
    if text[:1] in (b"[", b"{") and _RELEASED.search(text):
        return (
            "the prediction JSON of the authors' released code; convert it: python -m benchmark.dataset "
            f"import-predictions {source} --data {quoted(split.directory)} --split {quoted(split.name)} -o {target}"
        )
    if text.startswith(b"["):
        return _array(text, f"{source} > {target}")
    if text.startswith(b"{"):
        return _object(text, f"{source} > {target}", first, one_line=len(lines) == 1)
    if any(line.lstrip().startswith(b"{") for line in lines):
        return None
    return _table(lines[0], f"{source} > {target}")


def _json(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return _NO_JSON


def _array(text: bytes, files: str) -> str:
    if _IMAGE.search(text) and _BOX.search(text) and _CAPTION.search(text):
        return f"one JSON array of predictions; convert it: jq -c '.[]' {files}"
    if _IMAGE.search(text) and _CAPTION.search(text):
        return (
            "a COCO results array, which has one caption per image; here every box has its own: write one line per box "
            "with the key box, its index in the data set's order"
        )
    return "one JSON array; write one object per line and box (jq -c '.[]' puts the items of an array on lines)"


def _object(text: bytes, files: str, first: Any, *, one_line: bool) -> str | None:
    if isinstance(first, dict):
        return "one JSON object for the whole file; write one object per box"
    indented = not one_line and text.splitlines()[0].strip() == b"{"
    if indented and _IMAGE.search(text):
        return f"indented JSON; put every object on one line: jq -c . {files}"
    if indented or (one_line and len(text) > 1 << 15 and not _IMAGE.search(text)):
        return "one JSON object for the whole file; write one object per line and box"
    return None


#: Converts a CSV file; a box that a spreadsheet made 0.0 becomes 0, and one such as 0.5 stays, to be refused.
_CONVERT = (
    "import csv, json, sys; [print(json.dumps(row | {'box': int(box) if (box := float(row['box'])).is_integer() "
    "else box})) for row in csv.DictReader(open(sys.argv[1], encoding='utf-8-sig', newline=''), delimiter=DELIMITER)]"
)


def _table(first_line: bytes, files: str) -> str:
    for kind, delimiter in (("CSV", ","), ("tab-separated text", "\t"), ("CSV", ";")):
        if delimiter.encode() in first_line and _COLUMN.search(first_line):
            code = _CONVERT.replace("DELIMITER", repr(delimiter))
            return f'{kind}; with the columns image_id, box and caption, convert it: python -c "{code}" {files}'
    return "plain text; write one JSON object per line and box"
