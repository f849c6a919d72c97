"""Names of all figures with the functions that draw them, and drawing all of them at once."""

from collections.abc import Callable, Sequence
from pathlib import Path

from benchmark import cli
from benchmark.grid import Grid
from reports.figures import examples, figure3, figure4a, figure4b, figure_a7, figure_a8, figure_a10, table1, table_a6
from reports.figures.material import Material, MissingInputError

FIGURES: dict[str, Callable[[Material, Path], list[Path]]] = {
    "figure3": figure3.draw,
    "figure4a": figure4a.draw,
    "figure4b": figure4b.draw,
    "figure5": examples.draw_figure5,
    "figureA7": figure_a7.draw,
    "figureA8": figure_a8.draw,
    "figureA9": examples.draw_figure_a9,
    "figureA10": figure_a10.draw,
    "table1": table1.draw,
    "tablea6": table_a6.draw,
}
#: Tables among them, as grids for the pages of the report.
TABLES: dict[str, Callable[[Material], Grid]] = {"table1": table1.grid, "tablea6": table_a6.grid}


def draw_all(material: Material, output: Path) -> None:
    """Draw every figure whose inputs exist; prints the files, and at the end which figures were left out and why."""
    left_out = []
    for name, draw in FIGURES.items():
        try:
            print_paths(draw(material, output))
        except MissingInputError as error:
            left_out.append(f"{name} was left out: {'; '.join(error.problems)}")
    for line in left_out:
        cli.note(line)


def print_paths(paths: Sequence[Path]) -> None:
    """Print paths of files, one a line."""
    for path in paths:
        cli.say(str(path))
