"""Figure 4 a: BLEU-4, CIDEr and cost of the context model by number of layers, width and grid size.

Invariants: scores are means over seeds, with their standard deviation where there are several; parameters are counted;
seconds are those that `reports.size_speed` measured, and missing for sizes that it did not measure.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reports.experiments import Table, TableRow, tables
from reports.figures.drawing import COLOURS, MARKERS, canvas, save
from reports.figures.material import Material, MissingInputError
from reports.tables.measured import Measurer
from reports.tables.sizes import cost

#: Prefix of row ids by panel; the id ends with the panel's value: F4a1-L6, F4a2-d1024, F4a3-g8.
PANELS = {"layers": "F4a1-L", "width": "F4a2-d", "grid side": "F4a3-g"}
TIMES = ("training", "decoding")
COLUMNS = (
    *("panel", "value", "seeds", "BLEU-4", "BLEU-4 deviation", "CIDEr", "CIDEr deviation"),
    *("parameters", *(f"seconds per caption, {what}" for what in TIMES)),
)
FEWEST = 2  # points that a panel needs to be a curve

Point = tuple[str, int, int, float, float, float, float, int, float, float]


def points(rows: Sequence[TableRow], measurer: Measurer, split: str) -> list[Point]:
    """Rows of `COLUMNS`, one for each point with a complete run; unknown values are NaN.

    Args:
        rows: rows of the figure's table.
        measurer: scorer of the rows.
        split: name of the split to score.
    """
    found: list[Point] = []
    for measured in measurer.measure([row for row in rows if _panel(row)], split):
        row = measured.row
        panel = _panel(row)
        value = int(row.id.removeprefix(PANELS[panel]))
        scores = (*measured.score("BLEU-4"), *measured.score("CIDEr"))
        parameters, _, seconds = cost(row, measurer)
        found.append((panel, value, len(measured.captions), *scores, parameters, seconds.training, seconds.decoding))
    return found


def write(table: Table, measurer: Measurer, split: str, label: str, folder: Path) -> list[Path]:
    """Write the figure; returns the paths of its files.

    Args:
        table: table of the figure's points.
        measurer: scorer of its rows.
        split: name of the split to score.
        label: description of the data, shown in the picture's title.
        folder: folder for the files.

    Raises:
        MissingInputError: if no panel has `FEWEST` points.
    """
    wanted = [row for row in table.rows if _panel(row)]
    found = [row for row in wanted if measurer.runs_of(row)]
    if max((sum(_panel(row) == panel for row in found) for panel in PANELS), default=0) < FEWEST:
        missing = ", ".join(row.id for row in wanted if row not in found)
        raise MissingInputError(
            f"it needs runs of the context model at other sizes, and {len(found)} of {len(wanted)} points exist; "
            f"missing: {missing}; train them: python -m reports.reproduce {table.name} --profile {measurer.profile}"
        )
    rows = points(found, measurer, split)
    with canvas(3, len(PANELS), (4.6, 2.9)) as (figure, axes):
        for k, panel in enumerate(PANELS):
            mine = np.array([row[1:] for row in rows if row[0] == panel], dtype=np.float64).reshape(
                -1, len(COLUMNS) - 1
            )
            above, middle, below = axes[k :: len(PANELS)]
            above.set_title(f"a{k + 1}: {panel}")
            _pair(above, mine[:, 0], ("BLEU-4", mine[:, 2], mine[:, 3]), ("CIDEr", mine[:, 4], mine[:, 5]))
            none = np.full(len(mine), np.nan)
            times = [(f"{what}, ms a caption", 1e3 * mine[:, 7 + i], none) for i, what in enumerate(TIMES)]
            _pair(middle, mine[:, 0], *times, from_zero=True)
            _pair(below, mine[:, 0], ("parameters, millions", mine[:, 6] / 1e6, none), from_zero=True)
            below.set_xlabel(panel)
        title = f"Figure 4 a: sizes of the context model, {split} ({label})"
        missing = ", ".join(row.id for row in wanted if row not in found)
        note = "bars: deviation over seeds; times: one CPU thread, all points by turns on the same captions"
        return save(
            figure, folder, "figure4a", title, COLUMNS, rows, note + (f"; no run: {missing}" if missing else "")
        )


def draw(material: Material, folder: Path) -> list[Path]:
    """Write the figure from stored runs; returns the paths of its files.

    Raises:
        MissingInputError: without runs of the context model at two sizes or more.
    """
    table = tables(material.profile)["figure4"]
    return write(table, material.measurer, material.evaluated.name, material.label, folder)


def _panel(row: TableRow) -> str:
    return next((panel for panel, prefix in PANELS.items() if row.id.startswith(prefix)), "")


def _pair(axis: Any, x: np.ndarray, *sides: tuple[str, np.ndarray, np.ndarray], from_zero: bool = False) -> None:
    """Plot quantities over one x axis, each with a scale, a colour, a marker and a line style of its own."""
    axis.grid(alpha=0.3)
    axis.set_xticks(x)
    for k, (name, mean, deviation) in enumerate(sides):
        side, colour = (axis.twinx() if k else axis), COLOURS[(0, 3)[k]]
        bars = np.nan_to_num(deviation)
        style = {"color": colour, "marker": MARKERS[k], "linestyle": "-:"[k], "capsize": 3 if bars.any() else 0}
        side.errorbar(x, mean, bars, **style)
        side.set_ylabel(f"{name} ({('solid', 'dotted')[k]})", color=colour)
        side.margins(0.12, 0.2)
        if from_zero:
            side.set_ylim(0, 1.2 * float(np.nanmax([*mean, 0])) or 1)
