"""`python -m reports.size_speed`: seconds per caption of the points of Figure 4, measured side by side.

Trainings share their machine with others, so the times in their logs do not compare. Here all points take turns on the
same captions in one process, with one thread: training is forward and backward on one update's captions, decoding is
greedy. The smallest of some turns counts. Weights are fresh, so decoding goes on to the length limit.
"""

import json
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.progress import track

from benchmark import cli
from benchmark.dataset import open_dataset
from benchmark.dataset.store import Split
from benchmark.files import replace_when_complete
from benchmark.grid import Grid, number
from reference_model.config import Config
from reference_model.variants import PROFILES
from reports.experiments import tables
from reports.runs.stored import RESULTS
from reports.tables.sizes import NAME, Seconds

TURNS = 7


def main(
    profile: Annotated[str, typer.Option(help=f"{', '.join(PROFILES)}.")] = "mini",
    data: Annotated[
        str | None, typer.Option(help="Data set folder, or mini. [default: $CAPONIMAGE_DATA, else mini]")
    ] = None,
    results: Annotated[
        Path, typer.Option(help="Where stored results are kept.", show_default="reports/results")
    ] = RESULTS,
) -> None:
    """Measure the points of Figure 4, and keep the times where the figure finds them.

    Example: `python -m reports.size_speed` on an otherwise idle machine
    """
    splits = open_dataset(data)
    table = tables(profile)["figure4"]
    configs = {config.hash: config for row in table.trained if not row.control and (config := row.config(profile))}
    seconds = measure(configs, splits)
    content = {"machine": platform.machine(), "python": platform.python_version(), "threads": 1, "turns": TURNS}
    content["seconds"] = {key: [one.training, one.decoding] for key, one in seconds.items()}
    path = results / profile / NAME
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
        configs: what to measure.
        splits: `train` for the vocabulary, `val` for the captions.
        turns: how often each is measured; the smallest counts.
    """
    import torch

    torch.set_num_threads(1)
    steps = {key: _steps(config, splits) for key, config in configs.items()}
    best = {key: [float("inf")] * 2 for key in configs}
    for _ in track(range(turns), "measuring", console=cli.stderr, disable=not cli.stderr.is_terminal):
        for key, pair in steps.items():
            for k, (step, captions) in enumerate(pair):
                started = time.perf_counter()
                step()
                best[key][k] = min(best[key][k], (time.perf_counter() - started) / captions)
    return {key: Seconds(*values) for key, values in best.items()}


def _steps(config: Config, splits: Mapping[str, Split]) -> list[tuple[Callable[[], Any], int]]:
    """One update's forward and backward pass, and greedy decoding of as many captions; each with their number."""
    from reference_model.run_folder import build_model
    from reference_model.training.batches import collate
    from reference_model.training.inputs import PreparedSplit
    from reference_model.training.vocabulary import Vocabulary

    config = replace(config, model=replace(config.model, backbone_weights="none"))
    vocabulary = Vocabulary.of_split(splits["train"], config.inputs.vocabulary)
    data = PreparedSplit(splits["val"], config.inputs, vocabulary, keep_images=config.train.cache_images)
    network: Any = build_model(config, len(vocabulary))
    boxes = np.arange(min(config.train.batch, data.n_boxes))
    batch, prompts = collate(data, boxes), collate(data, boxes, sos=True)

    def train() -> None:
        network.train()
        network(batch).backward()

    def decode() -> None:
        network.eval()
        network.generate(prompts, beam=1)

    return [(train, len(boxes)), (decode, len(boxes))]


if __name__ == "__main__":
    cli.run(main)
