"""How every figure looks and is saved: PNG, SVG, PDF, and the CSV of what is drawn.

Invariants:
* text is text: no mathtext, so `$x$` stands there as typed; a character without a glyph stands there as `MISSING`;
* Chinese has a real font, whatever fonts the machine has; SVG holds outlines, so it looks alike everywhere;
* colours are Okabe and Ito's, and markers and hatches differ too, so that nothing hangs on colour alone;
* files appear complete or not at all, with the same bytes on every run.
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
    """A figure and its axes, row by row, in the style of all figures; it must be saved inside the block.

    Args:
        rows: of axes.
        columns: of axes.
        size: of one of them, in inches.
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
    """Untrusted text as it is drawn: cut off after `longest` characters, `MISSING` for what has no glyph."""
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
        figure: of `canvas`.
        folder: made if need be.
        name: of the files.
        title: above the picture.
        columns: of the CSV.
        rows: of the CSV.
        note: below the picture.
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
    """Write a CSV file, see `csv_text`; returns the path."""
    with replace_when_complete(path) as partial:
        partial.write_text(csv_text(columns, rows), encoding="utf-8", newline="")
    return path
