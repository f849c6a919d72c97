"""`python -m reports.draw`: draw the paper's figures, and Tables 1 and A6, from stored runs without training.

Invariants: all names are checked before anything is drawn; every picture comes with a CSV file of the numbers it shows
and says if its data are synthetic; `all` draws every figure whose inputs exist and names the others.
"""

from pathlib import Path
from typing import Annotated

import typer

from benchmark import cli
from benchmark.dataset import open_dataset
from benchmark.errors import InputError
from reference_model.registry import PROFILES
from reports.figures.catalogue import FIGURES, draw_all, print_paths
from reports.figures.material import Material, MissingInputError
from reports.runs.stored import RESULTS

_KNOWN = (*FIGURES, "all")


def main(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help=f"Figures to draw: {', '.join(FIGURES)}, or all.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the files; made if it does not exist.")],
    data: cli.Data = None,
    run: Annotated[
        list[Path] | None,
        typer.Option(help="Run folder, or folder of run folders; repeatable. [default: stored results of the profile]"),
    ] = None,
    split: Annotated[str, typer.Option(help="Split whose predictions are drawn: val or test.")] = "test",
    profile: Annotated[str, typer.Option(help=f"Model sizes of the runs: {', '.join(PROFILES)}.")] = "mini",
    types: Annotated[
        str | None,
        typer.Option(
            help="Caption types of figure3: mini, or a folder written by benchmark.fit_types. "
            "[default: mini, for synthetic data only]"
        ),
    ] = None,
    citation: cli.Citation = False,
) -> None:
    r"""Draw figures of the paper as PNG, SVG and PDF, and write the numbers behind each as CSV.

    Examples::

        python -m reports.draw all -o figures
        python -m reports.draw figure4b figure5 -o figures --split val
        python -m reports.draw figure4b -o figures --run runs/full/HASH/seed1 \
            --run runs/baseline/HASH/seed1
    """
    problems = [f"no figure {n!r}; expected one of {', '.join(FIGURES)}, or all" for n in names if n not in _KNOWN]
    problems += [f"--run {folder}: no such folder" for folder in run or [] if not folder.is_dir()]
    if profile not in PROFILES:
        problems.append(f"--profile: got {profile!r}, expected one of {', '.join(PROFILES)}")
    if problems:
        raise InputError(*problems)
    material = Material(open_dataset(data), run or [RESULTS / profile], split, profile, types=types)
    material.evaluated  # noqa: B018, raises for an unknown split before anything is drawn
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
