"""`python -m reports.draw`: figures of the paper from stored runs, its Tables 1 and A6; nothing is trained.

Invariants: names are checked before anything is drawn; every picture comes with the CSV of what it shows, and says
when its data are synthetic; `all` draws what can be drawn and says what could not.
"""

from pathlib import Path
from typing import Annotated

import typer

from benchmark import cli
from benchmark.dataset import open_dataset
from benchmark.errors import InputError
from reference_model.variants import PROFILES
from reports.figures.catalogue import FIGURES, draw_all, print_paths
from reports.figures.material import Material, MissingInputError
from reports.runs.stored import RESULTS

_KNOWN = (*FIGURES, "all")


def main(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help=f"{', '.join(FIGURES)}, or all.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the files.")],
    data: cli.Data = None,
    run: Annotated[
        list[Path] | None,
        typer.Option(help="A run's folder, or a folder of runs; repeatable. [default: stored results of the profile]"),
    ] = None,
    split: Annotated[str, typer.Option(help="Split whose predictions are drawn.")] = "test",
    profile: Annotated[str, typer.Option(help=f"Sizes of the runs: {', '.join(PROFILES)}.")] = "mini",
    types: Annotated[
        str | None, typer.Option(help="Type model for figure3: mini, or a folder of benchmark.fit_types.")
    ] = None,
    citation: cli.Citation = False,
) -> None:
    """Draw figures of the paper: PNG, SVG, PDF, and the numbers behind each as CSV.

    Examples::

        python -m reports.draw all -o figures
        python -m reports.draw figure4b figure5 -o figures --split val
        python -m reports.draw figure4b -o figures --run runs/full/HASH/seed1 --run runs/baseline/HASH/seed1
    """
    problems = [f"no figure {n!r}; expected one of {', '.join(FIGURES)}, or all" for n in names if n not in _KNOWN]
    problems += [f"--run {folder}: no such folder" for folder in run or [] if not folder.is_dir()]
    if profile not in PROFILES:
        problems.append(f"--profile: got {profile!r}, expected one of {', '.join(PROFILES)}")
    if problems:
        raise InputError(*problems)
    material = Material(open_dataset(data), run or [RESULTS / profile], split, profile, types=types)
    material.evaluated  # noqa: B018, a wrong split is told first
    if "all" in names:
        draw_all(material, output)
        return
    for name in dict.fromkeys(names):
        try:
            print_paths(FIGURES[name](material, output))
        except MissingInputError as error:
            raise InputError(*(f"{name}: {problem}" for problem in error.problems)) from None


if __name__ == "__main__":
    cli.run(main)
