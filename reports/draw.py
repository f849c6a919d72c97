"""`python -m reports.draw`: figures of the paper from stored runs, and its Table 1; nothing is trained.

Invariants: names are checked before anything is drawn; every picture comes with the CSV of what it shows, and says
when its data are synthetic.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from benchmark import cli
from benchmark.dataset import open_dataset
from benchmark.errors import InputError
from reports.paper_figures import examples, figure4b, figure_a7, figure_a10, table1
from reports.paper_figures.material import Material
from reports.runs import RESULTS

FIGURES: dict[str, Callable[[Material, Path], list[Path]]] = {
    "figure4b": figure4b.draw,
    "figure5": examples.draw_figure5,
    "figureA7": figure_a7.draw,
    "figureA9": examples.draw_figure_a9,
    "figureA10": figure_a10.draw,
    "table1": table1.draw,
}


def main(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help=f"{', '.join(FIGURES)}, or all.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the files.")],
    data: Annotated[
        str | None, typer.Option(help="Data set folder, or mini. [default: $CAPONIMAGE_DATA, else mini]")
    ] = None,
    run: Annotated[
        list[Path] | None,
        typer.Option(help="A run's folder, or a folder of runs; repeatable. [default: stored results of mini]"),
    ] = None,
    split: Annotated[str, typer.Option(help="Split whose predictions are drawn.")] = "test",
) -> None:
    """Draw figures of the paper: PNG, SVG, PDF, and the numbers behind each as CSV.

    Examples::

        python -m reports.draw all -o figures
        python -m reports.draw figure4b figure5 -o figures --split val
        python -m reports.draw figure4b -o figures --run runs/full/HASH/seed1 --run runs/baseline/HASH/seed1
    """
    wanted = list(FIGURES) if "all" in names else list(dict.fromkeys(names))
    if unknown := [name for name in wanted if name not in FIGURES]:
        raise InputError(*(f"no figure {name!r}; expected one of {', '.join(FIGURES)}, or all" for name in unknown))
    material = Material(open_dataset(data), run or [RESULTS / "mini"], split)
    for name in wanted:
        for path in FIGURES[name](material, output):
            typer.echo(str(path))


if __name__ == "__main__":
    cli.run(main)
