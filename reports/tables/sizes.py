"""Tables of Figure 4: cost of each model size (parameters, seconds per caption), and lengths by aspect ratio."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.dataset.store import Split
from benchmark.grid import Grid, count, number
from reports.experiments import Table, TableRow
from reports.runs.stored import RESULTS
from reports.tables.measured import Measured, Measurer

#: File of the times that `reports.size_speed` measured, in the folder of a profile's results.
SECONDS_FILE = "size_seconds.json"


@dataclass(frozen=True)
class Seconds:
    """Seconds per caption in training and in decoding, with one thread."""

    training: float
    decoding: float


def read_seconds(results: Path, profile: str) -> dict[str, Seconds]:
    """Measured seconds per caption, by configuration hash; empty if nothing was measured."""
    path = results / profile / SECONDS_FILE
    if not path.is_file():
        return {}
    content = json.loads(path.read_text(encoding="utf-8"))
    return {key: Seconds(*values) for key, values in content["seconds"].items()}


def size_grid(table: Table, measurer: Measurer) -> Grid:
    """Parameters and milliseconds per caption (as measured by `size_speed`) of the rows with runs."""
    grid = Grid("sizes", ["", "parameters", "of these backbone", "training, ms a caption", "decoding, ms a caption"])
    for row in table.trained:
        if measurer.runs_of(row) and not row.control:
            total, backbone, seconds = cost(row, measurer)
            times = (number(1e3 * one) for one in (seconds.training, seconds.decoding))
            grid.add(row.label, count(total), count(backbone), *times)
    grid.notes.append("times: one CPU thread, all points by turns on the same captions (python -m reports.size_speed)")
    return grid


def length_grid(rows: Sequence[Measured], split: Split) -> Grid:
    """Figure 4b: mean caption length of the first seed by aspect ratio of the box, in bins of at least 30 boxes."""
    mine = [m for m in rows if m.row.id.startswith("F4b")]
    grid = Grid(f"Figure 4b: mean caption length by aspect ratio of the box, {split.name}", ["aspect ratio", "boxes"])
    curves = [curve for m in mine if (curve := m.system.seeds[0].length_curve())]
    if not curves:  # no complete run of these rows
        return grid
    grid.columns = [*grid.columns, *(m.row.label for m in mine), "references"]
    last = len(curves[0].boxes)
    for i, boxes in enumerate(curves[0].boxes.tolist()):
        if boxes >= 30:
            lengths = [number(float(curve.predictions[i])) for curve in curves]
            name = f"{i + 1} - {i + 2}" if i + 1 < last else f"above {last}"
            grid.add(name, count(boxes), *lengths, number(float(curves[0].references[i])))
    grid.add("rank correlation", "", *(number(curve.spearman) for curve in curves), None)
    return grid


def cost(row: TableRow, measurer: Measurer) -> tuple[int, int, Seconds]:
    """Parameters of a row's network and of its backbone, and seconds per caption, NaN if not measured."""
    from reference_model.measure import count_parameters
    from reference_model.training.vocabulary import Vocabulary

    config = row.config(measurer.profile, measurer.changes)
    entries = len(Vocabulary.of_split(measurer.splits["train"], config.inputs.vocabulary))
    seconds = read_seconds(RESULTS, measurer.profile).get(config.hash, Seconds(math.nan, math.nan))
    return *count_parameters(config, entries), seconds
