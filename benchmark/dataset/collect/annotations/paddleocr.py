"""Labels of PaddleOCR and its labelling tool: one line a picture.

    path<TAB>[{"transcription": "...", "points": [[x, y], ...], "difficult": false}, ...]

`###` and `*` mark what cannot be read, and so does `difficult`.
"""

from pathlib import Path

import orjson

from ..tables import read_lines
from .collected import Annotated

_UNREADABLE = ("###", "*")


def read(path: Path, collected: Annotated) -> None:
    """Read a file."""
    for number, line in read_lines(path):
        if not line.strip():
            continue
        place = f"{path}:{number}"
        name, tab, labels = line.partition("\t")
        try:
            entries = orjson.loads(labels)
        except ValueError:
            entries = None
        if not tab or not isinstance(entries, list):
            collected.problem(f"{place}: got {line.strip()!r:.80}, expected the picture's path, a tab and a JSON list")
        elif (picture := collected.picture(name.strip(), place)) is not None:
            for entry in entries:
                if not isinstance(entry, dict):
                    collected.refuse(picture, "label is no JSON object", place)
                    continue
                text = entry.get("transcription")
                ignored = text in _UNREADABLE or entry.get("difficult") is True
                collected.add(picture, text, entry.get("points"), place, ignored=ignored)
