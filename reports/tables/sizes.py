"""What the points of Figure 4 cost: parameters, and seconds per caption ("accuracy-efficiency trade-offs")."""

import json
from dataclasses import dataclass
from pathlib import Path

from benchmark.grid import Grid, number
from reference_model.measure import count_parameters
from reference_model.training.vocabulary import Vocabulary
from reports.experiments import Table
from reports.runs.stored import RESULTS
from reports.tables.measured import Measurer

#: Where `reports.size_speed` keeps what it measures, in the results of a profile.
NAME = "size_seconds.json"


@dataclass(frozen=True)
class Seconds:
    """Per caption."""

    training: float
    decoding: float


def read_seconds(results: Path, profile: str) -> dict[str, Seconds]:
    """Measured seconds by configuration hash; empty if nothing was measured."""
    path = results / profile / NAME
    if not path.is_file():
        return {}
    content = json.loads(path.read_text(encoding="utf-8"))
    return {key: Seconds(*values) for key, values in content["seconds"].items()}


def size_grid(table: Table, measurer: Measurer) -> Grid:
    """Parameters (counted) and milliseconds per caption (`size_speed`, if measured) of the trained rows."""
    grid = Grid("sizes", ["", "parameters", "of these backbone", "training, ms a caption", "decoding, ms a caption"])
    train, measured = measurer.splits["train"], read_seconds(RESULTS, measurer.profile)
    for row in table.trained:
        runs = measurer.runs_of(row)
        if runs and not row.control:
            config = row.config(measurer.profile, measurer.changes)
            entries = len(Vocabulary.of_split(train, config.inputs.vocabulary))
            total, backbone = count_parameters(config, entries)
            speed = measured.get(config.hash)
            times = [number(1e3 * s) for s in (speed.training, speed.decoding)] if speed else ["-", "-"]
            grid.rows.append([row.label, f"{total:,}", f"{backbone:,}", *times])
    grid.notes.append("times: one CPU thread, all points by turns on the same captions (python -m reports.size_speed)")
    return grid
