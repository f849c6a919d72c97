"""`python -m reports.reproduce`: from nothing to the paper's tables: plan, train what is missing, score, test claims.

The plan comes first: which runs there are, which are missing, how long the rest takes. Then the runs are made, in any
number of sittings; at the end stand the tables beside the paper's and the claims check.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from benchmark import cli
from benchmark.dataset import open_dataset
from benchmark.dataset.schema import EVALUATED_SPLITS
from benchmark.errors import InputError
from reference_model.variants import PROFILES
from reports.chapters import Chapter
from reports.experiments import select_tables, tables
from reports.runs.plan import LAUNCHER_NAMES, RunPlan
from reports.runs.stored import RESULTS
from reports.tables.measured import Measurer


def main(
    names: Annotated[list[str], typer.Argument(metavar="TABLE...", help=f"{', '.join(tables('mini'))}, or all.")],
    profile: Annotated[str, typer.Option(help=f"Sizes: {', '.join(PROFILES)}.")] = "mini",
    seeds: Annotated[
        int | None, typer.Option(help="Runs of each row. [default: 1; paper: 5; with --stored: all stored]", min=1)
    ] = None,
    data: cli.Data = None,
    only: Annotated[list[str] | None, typer.Option(help="This row alone, e.g. T2-full; may be repeated.")] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of all rows, e.g. train.precision=bf16; repeatable.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")] = False,
    jobs: Annotated[int | None, typer.Option(help="Runs side by side. [default: 1 a core, up to 4; paper: 1]")] = None,
    launcher: Annotated[str, typer.Option(help=f"{', '.join(LAUNCHER_NAMES)}.")] = "local",
    processes: Annotated[str, typer.Option(help="Processes of one run, for torchrun; auto: one a device.")] = "",
    resource: Annotated[
        list[str] | None, typer.Option(help="KEY=VALUE for slurm (submitit's names) or ray; repeatable.")
    ] = None,
    runs: Annotated[Path, typer.Option(help="Where run folders are kept.")] = Path("runs"),
    keep_old: Annotated[
        bool, typer.Option("--keep-old", help="Reuse runs made by other versions of their systems.")
    ] = False,
    stored: Annotated[bool, typer.Option("--stored", help="Reuse the results that come with this project.")] = False,
    results: Annotated[
        Path, typer.Option(help="Where stored results are kept.", show_default="reports/results")
    ] = RESULTS,
    output: Annotated[Path | None, typer.Option(help="Where tables go. [default: reports/output/PROFILE]")] = None,
    citation: cli.Citation = False,
) -> None:
    r"""Reproduce tables and figures of the paper: train what is missing, score, test the paper's claims.

    Examples::

        python -m reports.reproduce table2                       # on the embedded data, here, one seed
        python -m reports.reproduce table2 --dry-run             # the plan
        python -m reports.reproduce table2 --stored              # from the results that come with this project
        python -m reports.reproduce all --seeds 3 --jobs 2        # and every figure
        python -m reports.reproduce table2 --profile paper --data DIR --launcher slurm --processes 8 \
            --resource slurm_partition=gpu --resource gpus_per_node=8 --resource timeout_min=2880 --jobs 4
    """
    wanted = select_tables(names, profile, only or [])
    if launcher not in LAUNCHER_NAMES:
        raise InputError(f"--launcher: got {launcher!r}, expected one of {', '.join(LAUNCHER_NAMES)}")
    resources = _resources(resource or [])
    splits = open_dataset(data)
    if missing := [name for name in ("train", *EVALUATED_SPLITS) if name not in splits]:
        raise InputError(f"tables need the splits train, val and test; this data set lacks {', '.join(missing)}")
    plan = RunPlan(
        wanted,
        profile,
        seeds,
        tuple(changes or ()),
        splits,
        runs,
        results / profile if stored else None,
        keep_old,
        _command(launcher, processes, data),
    )
    at_once = jobs or (1 if profile == "paper" else min(4, _cores()))
    todo = plan.todo()
    costs = plan.costs()
    plan.grid(costs).show(cli.stdout)
    for line in plan.summary(costs, at_once):
        cli.stdout.print(line, markup=False, soft_wrap=True)
    if dry_run:
        return
    failed = False
    if todo:
        from reports.runs.progress import run_all

        failed = run_all(todo, launcher, at_once, resources, costs)
    complete = plan.complete()
    folder = output or Path("reports") / "output" / profile
    measurer = Measurer(splits, complete, profile, plan.changes)
    for grid in [grid for table in wanted for grid in Chapter.measure(table, measurer).write(folder)]:
        grid.show(cli.stdout)
    used = [run for runs_of_one in complete.values() for run in runs_of_one]
    if not all(run.folder.is_relative_to(results) for run in used):
        from reports.runs.agreement import agreement_grid

        agreement = agreement_grid(used, results / profile, splits)
        if agreement.rows:
            agreement.show(cli.stdout)
    if "all" in names and not only:
        from reports.figures.catalogue import draw_all
        from reports.figures.material import Material

        draw_all(Material(splits, [run.folder for run in used], profile=profile, changes=plan.changes), folder)
    if failed:
        sys.exit(1)


def _command(launcher: str, processes: str, data: str | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What trains, and the arguments that every run ends with."""
    start: tuple[str, ...] = (sys.executable, "-m", "reference_model.train")
    if launcher == "torchrun" or processes:
        from reports.runs.launchers import torchrun

        start = torchrun(processes or "auto")
    return start, ("--data", data) if data else ()


def _resources(assignments: list[str]) -> dict[str, str | int]:
    found: dict[str, str | int] = {}
    for assignment in assignments:
        key, sign, value = assignment.partition("=")
        if not sign or not key:
            raise InputError(f"--resource: got {assignment!r}, expected KEY=VALUE")
        found[key] = int(value) if value.isdigit() else value
    return found


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


if __name__ == "__main__":
    cli.run(main)
