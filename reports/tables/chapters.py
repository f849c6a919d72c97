"""Chapters of the report: one table each, measured once, with intervals, what is missing, and the claims about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmark.grid import Grid, number, pm
from benchmark.scoring.significance import interval
from reports.experiments import Table
from reports.tables.claims import CLAIMS, Finding, findings
from reports.tables.measured import Measured, Measurer
from reports.tables.report import length_grid
from reports.tables.scores import copying_grid, labels, role_grid, score_grid
from reports.tables.sizes import size_grid


@dataclass(frozen=True)
class Chapter:
    """A table with its measured rows and the findings on its claims, by split."""

    table: Table
    rows: Mapping[str, Sequence[Measured]]
    found: Mapping[str, Sequence[Finding]]

    @property
    def short(self) -> str:
        """Its number: Table 2."""
        return self.table.title.partition(":")[0]

    @property
    def place(self) -> str:
        """Its page."""
        return f"{self.table.name}.html"

    @property
    def missing(self) -> list[str]:
        """Labels of the rows without a run."""
        there = {m.row.id for measured in self.rows.values() for m in measured}
        return [row.label for row in self.table.rows if row.id not in there]


def measure(table: Table, measurer: Measurer) -> Chapter | None:
    """The chapter of a table; None if none of its systems has a run."""
    rows = {split: measurer.measure(table.rows, split) for split in table.splits}
    if not any(m.row.variant and not m.row.control for measured in rows.values() for m in measured):
        return None
    claims = CLAIMS.get(table.name, ())
    return Chapter(table, rows, {split: findings(claims, measured) for split, measured in rows.items()})


def interval_grid(title: str, metrics: Sequence[str], rows: Sequence[Measured]) -> Grid:
    """Scores with 95 % intervals over images, "838.45 [829.10, 847.20]"; seeds averaged.

    Args:
        title: of the grid.
        metrics: its columns.
        rows: measured on one split.
    """
    grid = Grid(title, ["system", "seeds", *metrics])
    for measured in rows:
        row = measured.row
        low, high = interval(measured.resampled)
        cells = []
        for metric in metrics:
            i = measured.names.index(metric)
            if row.shows and metric not in row.shows:
                cells.append("-")
            else:
                cells.append(f"{pm(*measured.score(metric))} [{number(low[i])}, {number(high[i])}]")
        seeds = str(len(measured.system.seeds)) if row.variant else "-"
        grid.rows.append([f"control: {row.label}" if row.control else row.label, seeds, *cells])
    grid.notes.append("in brackets: 95 % interval, bootstrap over images; ±: standard deviation over seeds")
    return grid


def split_grids(chapter: Chapter, measurer: Measurer) -> dict[str, list[Grid]]:
    """Of each split, the last one (test) first: scores with intervals, the paper's beside ours, exact match by role."""
    table, found = chapter.table, dict[str, list[Grid]]()
    for name in reversed(table.splits) if table.metrics else ():
        rows, split = chapter.rows[name], measurer.splits[name]
        beside = score_grid(table, {name: rows}, labels(measurer.profile, split))
        paper = any(row[0].startswith("·") for row in beside.rows)
        beside.title = f"{'Beside the paper' if paper else 'Ties'}, {name}"
        found[name] = [interval_grid(f"Scores on {name}", table.metrics, rows), beside]
        if roles := role_grid(rows, split):
            found[name].append(roles)
        for grid in found[name]:
            grid.columns = ["system", *grid.columns[1:]]
    return found


def more_grids(chapter: Chapter, measurer: Measurer) -> list[Grid]:
    """What only one table has: sizes and lengths (Figure 4), copying (Table A6)."""
    table = chapter.table
    split = measurer.splits[table.splits[-1]]
    notes = labels(measurer.profile, split)
    found = list[Grid]()
    if table.name == "tablea6":
        found = [copying_grid(table, chapter.rows[split.name], split, notes)]
    if table.name == "figure4":
        grids = [size_grid(table, measurer), length_grid(chapter.rows[split.name], split)]
        found = [grid for grid in grids if grid.rows]
    for grid in found:
        grid.columns = [grid.columns[0] or "system", *grid.columns[1:]]
    return found
