"""Common style and saving of all figures: PNG, SVG and PDF files, and a CSV file of the numbers drawn.

Invariants:
* text is drawn as typed: there is no mathtext, so `$x$` is no formula; a character without a glyph becomes `MISSING`;
* Chinese text has a font whatever the machine has installed; SVG files hold outlines, so they look alike everywhere;
* colours are those of Okabe and Ito, and markers and hatches differ too, so that nothing depends on colour alone;
* files appear complete or not at all, and every run writes the same bytes.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pylopdf_fonts_zh_cn import sans_path

from benchmark.files import replace_when_complete
from benchmark.grid import csv_text
from benchmark.rendering import MISSING, has_glyph

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9")
MARKERS = ("o", "^", "s", "D", "v", "P")
HATCHES = ("", "///", "...", "xx", "--", "++")
FORMATS = ("png", "svg", "pdf")
DPI = 130

_STYLE: dict[Any, Any] = {
    "text.parse_math": False,
    "text.usetex": False,
    "axes.unicode_minus": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "caponimage",
    "font.size": 10,
}


@contextmanager
def canvas(rows: int = 1, columns: int = 1, size: tuple[float, float] = (5.5, 4.2)) -> Iterator[tuple[Any, list[Any]]]:
    """Open a figure in the common style; it must be saved inside the block.

    Args:
        rows: number of rows of axes.
        columns: number of columns of axes.
        size: width and height of one pair of axes, in inches.

    Yields:
        The figure, and its axes row by row.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import font_manager, pyplot

    path = str(sans_path())
    if not any(str(font.fname) == path for font in font_manager.fontManager.ttflist):
        font_manager.fontManager.addfont(path)
    family = font_manager.FontProperties(fname=path).get_name()
    style: dict[Any, Any] = {**_STYLE, "font.family": [family]}
    with matplotlib.rc_context(style):
        figure, axes = pyplot.subplots(
            rows, columns, figsize=(size[0] * columns, size[1] * rows), layout="constrained", squeeze=False
        )
        try:
            yield figure, list(axes.flat)
        finally:
            pyplot.close(figure)


def shown(text: str, longest: int = 40) -> str:
    """Untrusted text, fit to draw: cut after `longest` characters, with `MISSING` for characters without a glyph."""
    cut = text if len(text) <= longest else text[: longest - 1] + "…"
    return "".join(c if has_glyph(c) else MISSING for c in cut)


def save(
    figure: Any,
    folder: Path,
    name: str,
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    note: str = "",
) -> list[Path]:
    """Write `<name>.png`, `.svg`, `.pdf` and `.csv`; returns the paths.

    Args:
        figure: figure opened by `canvas`.
        folder: folder for the files; made if it does not exist.
        name: file name without its suffix.
        title: text above the picture.
        columns: column names of the CSV file.
        rows: rows of the CSV file.
        note: text below the picture.
    """
    figure.suptitle(title, fontsize=11)
    if note:
        figure.supxlabel(note, fontsize=9)
    paths = []
    for kind in FORMATS:
        metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
        paths.append(folder / f"{name}.{kind}")
        with replace_when_complete(paths[-1]) as partial:
            figure.savefig(partial, dpi=DPI, format=kind, metadata=metadata)
    return [*paths, write_csv(folder / f"{name}.csv", columns, rows)]


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    """Write a CSV file (see `csv_text`); returns its path."""
    with replace_when_complete(path) as partial:
        partial.write_text(csv_text(columns, rows), encoding="utf-8", newline="")
    return path
