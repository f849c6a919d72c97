"""`python -m reports.store_results`: copy the committed part of finished runs to `reports/results/`.

It copies only runs that a table needs, trained by the present version of their network, so that anybody can reproduce
what is stored.
"""

from pathlib import Path
from typing import Annotated

import typer

from benchmark import cli
from benchmark.dataset import open_dataset
from benchmark.errors import InputError
from benchmark.shell import quoted
from reference_model.registry import PROFILES, network
from reports.experiments import tables
from reports.runs.stored import RESULTS, find_runs, state, store


def main(
    runs: Annotated[Path, typer.Argument(help="Folder of the run folders.")] = Path("runs"),
    profile: Annotated[str, typer.Option(help=f"Model sizes of the runs: {', '.join(PROFILES)}.")] = "mini",
    data: cli.Data = None,
    results: Annotated[
        Path, typer.Option(help="Folder of stored results. [default: reports/results]", show_default=False)
    ] = RESULTS,
    keep_old: Annotated[
        bool, typer.Option("--keep-old", help="Also store runs trained by other versions of their networks.")
    ] = False,
) -> None:
    """Store the finished runs of all tables: configuration, packed predictions, receipts, validation scores.

    Examples::

        python -m reports.store_results runs
        python -m reports.reproduce table2 --stored      # then use them
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
            f"{runs} holds no finished run of a table at profile {profile} by the present version of its network; "
            "store older ones with --keep-old, or train some: "
            f"python -m reports.reproduce all --profile {profile} --runs {quoted(runs)}"
        )
    for path in done:
        cli.say(f"stored {path}")


if __name__ == "__main__":
    cli.run(main)
