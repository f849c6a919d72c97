"""Text files of quadrilaterals, as MTWI and the ICDAR contests have them: one file for each picture, one line a text.

    x1,y1,x2,y2,x3,y3,x4,y4,text

The text may hold commas. `###` marks what cannot be read. The name of the picture is that of the file without `.txt`,
and without ICDAR's `gt_` before it. MTWI's corners run against the clock, ICDAR's with it.
"""

from pathlib import Path

from ....errors import InputError
from ..tables import read_lines
from .collected import Annotated

_MAX_FILES = 5_000_000


def read(path: Path, collected: Annotated) -> None:
    """Read a file, or all text files of a folder."""
    if not path.is_dir():
        _read_file(path, collected)
        return
    files = sorted(file for file in path.iterdir() if file.suffix == ".txt" and not file.name.startswith("."))
    if not files or len(files) > _MAX_FILES:
        raise InputError(f"{path}: {len(files):,} files that end in .txt, expected 1 to {_MAX_FILES:,}")
    for file in files:
        try:
            _read_file(file, collected)
        except InputError as error:
            for problem in error.problems:
                collected.problem(problem)


def _read_file(path: Path, collected: Annotated) -> None:
    picture = collected.picture(path.name.removesuffix(".txt").removeprefix("gt_"), str(path))
    for number, line in read_lines(path):
        if picture is None or not line.strip():
            continue
        *numbers, text = line.rstrip("\r\n").split(",", 8)
        try:
            values = [float(value) for value in numbers]
        except ValueError:
            values = []
        points = list(zip(values[::2], values[1::2], strict=True)) if len(values) == 8 else None
        collected.add(picture, text, points, f"{path}:{number}")
