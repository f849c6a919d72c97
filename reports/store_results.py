"""`python -m reports.store_results`: copy what is committed of finished runs to `reports/results/`.

Only runs that a table needs, made by the version that their system has now: results that nobody could make again are
not kept.
"""

from pathlib import Path
from typing import Annotated

import typer

from benchmark import cli
from benchmark.dataset import open_dataset
from benchmark.errors import InputError
from reference_model.registry import network
from reports.experiments import tables
from reports.runs.stored import RESULTS, find_runs, state, store


def main(
    runs: Annotated[Path, typer.Argument(help="Folder of run folders.")] = Path("runs"),
    profile: Annotated[str, typer.Option(help="Of the runs.")] = "mini",
    data: cli.Data = None,
    results: Annotated[
        Path, typer.Option(help="Where stored results are kept.", show_default="reports/results")
    ] = RESULTS,
    keep_old: Annotated[
        bool, typer.Option("--keep-old", help="Also runs made by other versions of their systems.")
    ] = False,
) -> None:
    """Store the finished runs of all tables: configuration, packed predictions, receipts, validation scores.

    Example: `python -m reports.store_results runs`, then `python -m reports.reproduce table2 --stored`
    """
    splits = open_dataset(data)
    configs = {row.config(profile).hash: row.config(profile) for t in tables(profile).values() for row in t.trained}
    found = [(run, config) for config in configs.values() for run in find_runs([runs], config)]
    done = [
        store(run, splits, results)
        for run, config in found
        if state(run, network(config.system).version, keep_old=keep_old) == "complete"
    ]
    if not done:
        raise InputError(
            f"{runs} holds no finished run of a table at profile {profile}, made by the version that its system has now"
        )
    for path in done:
        cli.stdout.print(f"stored {path}", markup=False, soft_wrap=True)


if __name__ == "__main__":
    cli.run(main)
