"""`python -m reports.size_speed`: measure the seconds per caption of each model size of Figure 4, side by side.

Trainings share their machine with others, so the times in their logs cannot be compared. Here all sizes take turns on
the same captions in one process with one thread: training is forward and backward on the captions of one update,
decoding is greedy. The shortest of `TURNS` turns counts. Weights are random, so decoding goes on to the length limit.
"""

import json
import platform
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from rich.progress import track

from benchmark import cli
from benchmark.dataset import open_dataset
from benchmark.dataset.store import Split
from benchmark.files import replace_when_complete
from benchmark.grid import Grid, number
from reference_model.config import Config
from reference_model.measure import Trial, fastest
from reference_model.registry import PROFILES
from reference_model.training.batches import collate
from reports.experiments import tables
from reports.runs.stored import RESULTS
from reports.tables.sizes import SECONDS_FILE, Seconds

TURNS = 7


def main(
    profile: Annotated[str, typer.Option(help=f"Model sizes: {', '.join(PROFILES)}.")] = "mini",
    data: cli.Data = None,
    results: Annotated[
        Path, typer.Option(help="Folder of stored results. [default: reports/results]", show_default=False)
    ] = RESULTS,
) -> None:
    """Measure the model sizes of Figure 4 on an idle machine, and store the times for the figure.

    Examples::

        python -m reports.size_speed
    """
    splits = open_dataset(data)
    table = tables(profile)["figure4"]
    configs = {config.hash: config for row in table.trained if not row.control and (config := row.config(profile))}
    seconds = measure(configs, splits)
    content = {"machine": platform.machine(), "python": platform.python_version(), "threads": 1, "turns": TURNS}
    content["seconds"] = {key: [one.training, one.decoding] for key, one in seconds.items()}
    path = results / profile / SECONDS_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    with replace_when_complete(path) as partial:
        partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    grid = Grid("per caption, one thread", ["point", "training, ms", "decoding, ms"])
    for row in table.trained:
        if one := seconds.get(row.config(profile).hash):
            grid.add(row.label, number(1e3 * one.training), number(1e3 * one.decoding))
    grid.show(cli.stdout)


def measure(configs: Mapping[str, Config], splits: Mapping[str, Split], turns: int = TURNS) -> dict[str, Seconds]:
    """Seconds per caption of each configuration, by the same keys.

    Args:
        configs: configurations to measure, by any key.
        splits: splits of the data set: `train` gives the vocabulary, `val` the captions.
        turns: number of measurements of each configuration; the shortest counts.
    """
    torch.set_num_threads(1)
    works, captions = {}, {}
    for key, config in configs.items():
        trial = Trial.of(config, splits, "val")
        boxes = np.arange(min(config.train.batch, trial.data.n_boxes))
        captions[key] = len(boxes)
        works[key, "training"] = partial(trial.train, trial.as_given(collate(trial.data, boxes)))
        works[key, "decoding"] = partial(trial.decode, trial.as_given(collate(trial.data, boxes, sos=True)))
    rounds = track(range(turns), "measuring", console=cli.stderr, disable=not cli.stderr.is_terminal)
    best = fastest(works, rounds)
    return {key: Seconds(*(best[key, what] / n for what in ("training", "decoding"))) for key, n in captions.items()}


if __name__ == "__main__":
    cli.run(main)
