"""`python -m reports.reproduce`: reproduce the paper's tables: plan, train missing runs, score, test claims.

It prints the plan first: which runs exist, which are missing, and how long these will take. Then it trains them;
after an interruption, the same command continues. At the end it prints tables with the paper's numbers and its claims,
tested.
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
from reference_model.registry import PROFILES
from reports.chapters import Chapter
from reports.experiments import select_tables, tables
from reports.runs.plan import LAUNCHER_NAMES, RunPlan
from reports.runs.stored import RESULTS
from reports.tables.measured import Measurer


def main(
    names: Annotated[
        list[str], typer.Argument(metavar="TABLE...", help=f"Tables to reproduce: {', '.join(tables('mini'))}, or all.")
    ],
    profile: Annotated[str, typer.Option(help=f"Model sizes and lengths of training: {', '.join(PROFILES)}.")] = "mini",
    seeds: Annotated[
        int | None,
        typer.Option(
            help="Number of seeds per row. [default: 1; profile paper: 5 or 3, by table; --stored: all stored]", min=1
        ),
    ] = None,
    data: cli.Data = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Reproduce this row only, for example T2-full; repeatable.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a setting of all rows, for example train.precision=bf16; repeatable."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan with its times, and stop.")] = False,
    jobs: Annotated[
        int | None,
        typer.Option(help="Number of runs trained at once. [default: one per core, at most 4; profile paper: 1]"),
    ] = None,
    launcher: Annotated[str, typer.Option(help=f"Where to train: {', '.join(LAUNCHER_NAMES)}.")] = "local",
    processes: Annotated[
        str,
        typer.Option(
            help="Processes per run, started by torchrun; auto: one per device. "
            "[default: one, without torchrun; --launcher torchrun: auto]"
        ),
    ] = "",
    resource: Annotated[
        list[str] | None,
        typer.Option(help="KEY=VALUE that each job asks of slurm (submitit's names) or ray; repeatable."),
    ] = None,
    runs: Annotated[Path, typer.Option(help="Folder for run folders.")] = Path("runs"),
    keep_old: Annotated[
        bool, typer.Option("--keep-old", help="Reuse runs trained by other versions of their networks.")
    ] = False,
    stored: Annotated[
        bool, typer.Option("--stored", help="Reuse the stored results that come with this project.")
    ] = False,
    results: Annotated[
        Path, typer.Option(help="Folder of stored results. [default: reports/results]", show_default=False)
    ] = RESULTS,
    output: Annotated[
        Path | None, typer.Option(help="Folder for the tables. [default: reports/output/PROFILE]")
    ] = None,
    citation: cli.Citation = False,
) -> None:
    r"""Reproduce tables and figures of the paper: train missing runs, score them, test the paper's claims.

    Examples::

        python -m reports.reproduce table2               # train, score, test claims
        python -m reports.reproduce table2 --dry-run     # print the plan only
        python -m reports.reproduce table2 --stored      # reuse stored results
        python -m reports.reproduce all --seeds 3        # every table and figure
        python -m reports.reproduce table2 --profile paper --data DIR --jobs 4 \
            --launcher slurm --processes 8 --resource slurm_partition=gpu \
            --resource gpus_per_node=8 --resource timeout_min=2880
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
    costs = plan.costs(at_once if launcher == "local" else 1)
    plan.grid(costs).show(cli.stdout)
    for line in plan.summary(costs, at_once):
        cli.say(line)
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
    """The training command, and the arguments appended to every run's own."""
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
