"""What the points of Figure 4 cost: parameters, and the time of an update ("accuracy-efficiency trade-offs")."""

import math
from collections.abc import Sequence

from benchmark.formatting import Grid, number
from reference_model.config import Config, override
from reports.experiments import Table
from reports.runs import Run
from reports.systems import Measurer


def size_grid(table: Table, measurer: Measurer) -> Grid:
    """Parameters (counted) and milliseconds of an update (measured while training, median) of the trained rows."""
    from reference_model.training.vocabulary import Vocabulary

    grid = Grid("sizes", ["", "parameters", "of these backbone", "ms an update"])
    train = measurer.splits["train"]
    for row in table.trained:
        runs = measurer.runs_of(row)
        if runs and not row.control:
            config = row.config(measurer.profile, measurer.changes)
            entries = len(Vocabulary.of_split(train, config.inputs.vocabulary))
            total, backbone = count_parameters(config, entries)
            speed = number(1e3 * seconds_per_update(runs), 1)
            grid.rows.append([row.label, f"{total:,}", f"{backbone:,}", speed])
    grid.notes.append("times were measured while other runs may have shared the machine")
    return grid


def seconds_per_update(runs: Sequence[Run]) -> float:
    """Mean over those runs that know it; NaN if none does."""
    seconds = [s for run in runs if (s := run.seconds_per_update)]
    return sum(seconds) / len(seconds) if seconds else math.nan


def count_parameters(config: Config, vocabulary_size: int) -> tuple[int, int]:
    """Of the whole network, and of its backbone; nothing is allocated."""
    import torch

    from reference_model.run_folder import build_model

    with torch.device("meta"):
        model = build_model(override(config, ["model.backbone_weights=none"]), vocabulary_size)
    counts = {name: parameter.numel() for name, parameter in model.named_parameters()}
    return sum(counts.values()), sum(n for name, n in counts.items() if ".backbone." in name)
