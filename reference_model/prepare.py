"""`python -m reference_model.prepare`: prepares the arrays that a run reads, before it or for many runs at once.

A training prepares what is missing itself, in one process. For millions of images run this first, on the machine (or
the shared cache folder) of the training: its GPUs then wait for nothing.
"""

import os
import time
from typing import Annotated

import typer

from benchmark import cli
from benchmark.dataset import open_dataset
from benchmark.grid import Cell, Grid, count
from reference_model.registry import PRESET_HELP, PROFILE_HELP, configured


def main(
    variant: Annotated[str, typer.Argument(help="Variant that will be trained.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="Its settings, such as `inputs.grid=8`.")] = None,
    profile: Annotated[str, typer.Option(help=PROFILE_HELP)] = "mini",
    preset: Annotated[str, typer.Option(help=PRESET_HELP)] = "paper",
    data: cli.Data = None,
    seed: Annotated[int, typer.Option(help="Seed of the run, on which random neighbours depend.", min=1)] = 1,
    workers: Annotated[
        int, typer.Option(help="Processes that prepare. [default: one per core]", min=1, show_default=False)
    ] = os.cpu_count() or 1,
) -> None:
    """Prepare all splits of a data set for a variant, in the cache folder; one that was interrupted goes on.

    Runs that agree in data, input settings and libraries share the arrays.

    Examples::

        python -m reference_model.prepare context
        python -m reference_model.prepare full --profile paper --data data/caponimage2m --workers 16
    """
    from reference_model.training.inputs import PreparedSplit
    from reference_model.training.vocabulary import Vocabulary

    config, splits = configured(variant, profile, preset, overrides), open_dataset(data)
    vocabulary = Vocabulary.of_split(splits["train"], config.inputs.vocabulary)
    grid = Grid(
        f"prepared for {config.name}, {config.profile} profile", ["split", "images", "MB", "seconds", "images/s"]
    )
    for name, split in splits.items():
        started = time.perf_counter()
        prepared = PreparedSplit(
            split, config.inputs, vocabulary, seed=seed, keep_images=config.keeps_pictures, workers=workers
        )
        seconds = time.perf_counter() - started
        size = sum(path.stat().st_size for path in prepared.folder.iterdir())
        rate = Cell(prepared.n_images / seconds, "{:,.0f}") if prepared.is_new else "was there"
        grid.add(name, count(prepared.n_images), Cell(size / 1e6, "{:,.1f}"), Cell(seconds, "{:,.1f}"), rate)
    grid.show(cli.stdout)


if __name__ == "__main__":
    cli.run(main)
