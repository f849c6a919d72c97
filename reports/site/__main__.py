"""`python -m reports.site`: write the report of stored runs as a folder of static pages that opens from disk."""

from pathlib import Path
from typing import Annotated

import typer

from benchmark import cli
from benchmark.dataset import open_dataset
from benchmark.errors import InputError
from reference_model.registry import PROFILES
from reports.experiments import select_tables, tables
from reports.figures.material import Material
from reports.runs.stored import RESULTS
from reports.site.build import write_site


def main(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="TABLE...", help=f"Tables to show: {', '.join(tables('mini'))}. [default: all]"),
    ] = None,
    data: cli.Data = None,
    profile: Annotated[str, typer.Option(help=f"Model sizes of the runs: {', '.join(PROFILES)}.")] = "mini",
    run: Annotated[
        list[Path] | None,
        typer.Option(help="Run folder, or folder of run folders; repeatable. [default: stored results of the profile]"),
    ] = None,
    types: Annotated[
        str | None,
        typer.Option(
            help="Caption types of figure3: mini, or a folder written by benchmark.fit_types. "
            "[default: mini, for synthetic data only]"
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for the site; an older site in it is replaced.")
    ] = Path("reports/output/site"),
) -> None:
    r"""Write the report: results with intervals, claims, figures, and every image with the captions of all systems.

    Examples::

        python -m reports.site
        python -m reports.site table2 -o site --run runs --data DIR \
            --profile paper
    """
    wanted = select_tables(names or ["all"], profile, [])
    problems = [f"--run {folder}: no such folder" for folder in run or [] if not folder.is_dir()]
    if output.exists() and not (output / "static" / "browser.js").is_file():
        problems.append(f"-o {output}: exists and holds no site, so it is not replaced; try another folder")
    if problems:
        raise InputError(*problems)
    material = Material(open_dataset(data), run or [RESULTS / profile], profile=profile, types=types)
    page = write_site(material, wanted, output)
    files = [path.stat().st_size for path in output.rglob("*") if path.is_file()]
    cli.say(f"{page}: open it in a browser")
    cli.say(f"{len(files):,} files, {sum(files) / 1e6:,.1f} MB")


if __name__ == "__main__":
    cli.run(main)
