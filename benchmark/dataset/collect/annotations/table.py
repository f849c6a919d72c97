"""A plain table of boxes, CSV, JSONL or Parquet: a row a text, with `image`, `x1`, `y1`, `x2`, `y2` in pixels, `text`.

`image` may also be called `path` or `file`, `text` also `caption`. A row without a text is masked, and no caption.
"""

from pathlib import Path
from typing import Any

from ..tables import read_rows
from .collected import Annotated, box

_SIDES = ("x1", "y1", "x2", "y2")


def read(path: Path, collected: Annotated) -> None:
    """Read a file."""
    for row in read_rows(path, {"image", "path", "file", "text", "caption", *_SIDES}):
        values = row.values
        name = next((values[key] for key in ("image", "path", "file") if values.get(key)), None)
        if row.problem:
            collected.problem(f"{row.place}: {row.problem}, expected {', '.join(('image', *_SIDES, 'text'))}")
        elif (picture := collected.picture(name, row.place)) is not None:
            sides = [_number(values.get(side)) for side in _SIDES]
            text = values.get("text") if values.get("text") is not None else values.get("caption")
            collected.add(picture, text, box(*sides), row.place)


def _number(value: Any) -> Any:
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return None
