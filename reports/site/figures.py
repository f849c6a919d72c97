"""The page of figures: every one that can be drawn, with the numbers behind it, and a sentence for each that cannot."""

import csv
import re
from pathlib import Path
from typing import Any

from PIL import Image

from benchmark.grid import Grid
from benchmark.site.pages import Site
from reports.figures.catalogue import FIGURES
from reports.figures.material import Material, NotThereError


def write_figures(site: Site, material: Material) -> None:
    """Draw all into `figures/`, and write their page."""
    drawn: list[dict[str, Any]] = []
    left_out: list[str] = []
    for name, draw in FIGURES.items():
        try:
            paths = draw(material, site.folder / "figures")
        except NotThereError as error:
            left_out.append(f"{_spelt(name)}: {'; '.join(error.problems)}")
            continue
        places = [path.relative_to(site.folder).as_posix() for path in paths]
        pictures = [place for place in places if place.endswith(".png")]
        # A table without a picture is shown as its CSV has it.
        tables = [] if pictures else [_read_csv(path) for path in paths if path.suffix == ".csv"]
        sizes = {place: _size(site.folder / place) for place in pictures}
        drawn.append({"name": _spelt(name), "id": name, "pictures": sizes, "tables": tables, "files": places})
    site.page("figures.html", "figures.html.j2", heading="Figures", figures=drawn, left_out=left_out)


def _spelt(name: str) -> str:
    """Figure A7 for figureA7, Table A6 for tablea6."""
    return re.sub(r"^(figure|table)(a?)", lambda words: f"{words[1].capitalize()} {words[2].upper()}", name)


def _size(path: Path) -> tuple[int, int]:
    """Of a picture: a page that knows it keeps the room, so that links to what stands below it arrive."""
    with Image.open(path) as picture:
        return picture.size


def _read_csv(path: Path) -> Grid:
    with path.open(encoding="utf-8", newline="") as file:
        columns, *rows = csv.reader(file)
    return Grid("", [columns[0] or "system", *columns[1:]], [[_short(cell) for cell in row] for row in rows])


def _short(cell: str) -> str:
    """Two decimals for a number of full precision."""
    return f"{float(cell):.2f}" if re.fullmatch(r"-?\d+\.\d{5,}", cell) else cell
