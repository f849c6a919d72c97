"""Writes the page of figures: each figure with the files of its numbers, and the reason for each one left out."""

import re
from typing import Any

from benchmark.pictures import picture_size
from benchmark.site.pages import Site
from reports.figures.catalogue import FIGURES, TABLES
from reports.figures.material import Material, MissingInputError


def write_figures(site: Site, material: Material) -> None:
    """Draw all figures into `figures/`, and write their page."""
    drawn: list[dict[str, Any]] = []
    left_out: list[str] = []
    for name, draw in FIGURES.items():
        try:
            paths = draw(material, site.folder / "figures")
        except MissingInputError as error:
            left_out.append(f"{_display_name(name)}: {'; '.join(error.problems)}")
            continue
        places = [path.relative_to(site.folder).as_posix() for path in paths]
        pictures = [place for place in places if place.endswith(".png")]
        tables = [TABLES[name](material)] if name in TABLES else []
        # Width and height reserve the space, so that anchors below do not jump.
        sizes = {place: picture_size(site.folder / place) for place in pictures}
        drawn.append({"name": _display_name(name), "id": name, "pictures": sizes, "tables": tables, "files": places})
    site.page("figures.html", "figures.html.j2", heading="Figures", figures=drawn, left_out=left_out)


def _display_name(name: str) -> str:
    """Name as the paper spells it: "Figure A7" for figureA7, "Table A6" for tablea6."""
    return re.sub(r"^(figure|table)(a?)", lambda words: f"{words[1].capitalize()} {words[2].upper()}", name)
