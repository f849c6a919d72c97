"""Scores a table of the paper with its claims, and writes it as files or as grids for the report's pages.

Invariant: files and pages are built from the same measured rows and findings, so they cannot disagree.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from benchmark.dataset.store import Split
from benchmark.files import replace_when_complete
from benchmark.grid import Content, Grid, score, write_tables
from benchmark.scoring.significance import interval
from reports.experiments import Table
from reports.figures.curves import draw_curves
from reports.figures.material import MissingInputError
from reports.tables.claims import CLAIMS, Finding, claims_grid, findings, verdict_grid
from reports.tables.measured import Measured, Measurer
from reports.tables.scores import caveats, copying_grid, long_csv, role_grid, score_grid, summary_grid
from reports.tables.sizes import length_grid, size_grid


@dataclass(frozen=True)
class Chapter:
    """A table of the paper with everything that is measured for it.

    Attributes:
        table: the table.
        measurer: the scorer of its rows.
        rows: measured rows, by split.
        findings: findings on its claims, by split; empty for a table without claims.
    """

    table: Table
    measurer: Measurer
    rows: Mapping[str, Sequence[Measured]]
    findings: Mapping[str, Sequence[Finding]]

    @classmethod
    def measure(cls, table: Table, measurer: Measurer) -> Self:
        """Score the rows of a table that can be scored, and test its claims."""
        rows = {split: measurer.measure(table.rows, split) for split in table.splits}
        claims = CLAIMS.get(table.name, ())
        found = {split: findings(claims, measured) for split, measured in rows.items()} if claims else {}
        return cls(table, measurer, rows, found)

    @property
    def short_title(self) -> str:
        """The table's number, such as "Table 2"."""
        return self.table.title.partition(":")[0]

    @property
    def page(self) -> str:
        """File name of the page that shows the table in the report."""
        return f"{self.table.name}.html"

    @property
    def has_runs(self) -> bool:
        """Whether any trained row that is no control has a run."""
        return any(m.row.variant and not m.row.control for measured in self.rows.values() for m in measured)

    @property
    def any_tested(self) -> bool:
        """Whether any claim could be tested on the rows that were measured."""
        return any(self.findings.values())

    @property
    def missing(self) -> list[str]:
        """Labels of the rows without a run."""
        there = {m.row.id for measured in self.rows.values() for m in measured}
        return [row.label for row in self.table.rows if row.id not in there]

    @property
    def split(self) -> Split:
        """The last of the table's splits, which is test."""
        return self.measurer.splits[self.table.splits[-1]]

    @property
    def notes(self) -> list[str]:
        """Warnings to print under every grid: scaled-down models, synthetic data."""
        return caveats(self.measurer.profile, self.split)

    @property
    def csv(self) -> str:
        """Every metric of every row at full precision, as CSV text."""
        changes = self.measurer.changes
        hashes = {row.id: row.config(self.measurer.profile, changes).hash for row in self.table.trained}
        return long_csv(self.table, self.rows, hashes)

    def score_grid(self, *splits: str) -> Grid:
        """Scores on the given splits, side by side, with the paper's below ours."""
        return score_grid(self.table, {split: self.rows[split] for split in splits}, self.notes)

    def role_grids(self, *splits: str) -> list[Grid]:
        """Exact match by role on each of the given splits whose roles are known."""
        grids = (role_grid(self.rows[split], self.measurer.splits[split]) for split in splits)
        return [grid for grid in grids if grid is not None]

    def claims_grid(self, title: str, link: Callable[[Finding, str], str] = lambda finding, split: "") -> Grid:
        """All findings as a table; see `claims.claims_grid`."""
        return claims_grid(self.findings, title, self.notes, link)

    def extra_grids(self) -> list[Grid]:
        """Grids that only this table has: copying (Table A6), or sizes and lengths (Figure 4)."""
        rows = self.rows[self.split.name]
        if self.table.name == "tablea6":
            return [copying_grid(self.table, rows, self.split, self.notes)]
        if self._is_figure4:
            grids = [size_grid(self.table, self.measurer), length_grid(rows, self.split)]
            return [grid for grid in grids if grid.rows]
        return []

    def page_grids(self) -> dict[str, list[Grid]]:
        """Grids of a page by split, test first: scores with intervals, our scores beside the paper's, roles."""
        found: dict[str, list[Grid]] = {}
        for name in reversed(self.table.splits) if self.table.metrics else ():
            beside = self.score_grid(name)
            paper = any(row.kind == "paper" for row in beside.rows)
            beside.title = f"{'Beside the paper' if paper else 'Ties'}, {name}"
            scores = interval_grid(f"Scores on {name}", self.table.metrics, self.rows[name])
            found[name] = [scores, beside, *self.role_grids(name)]
        return found

    def draw_curves(self, path: Path, label: str, *, controls: bool) -> bool:
        """Draw the learning curves of the table's runs; returns whether there are any.

        Args:
            path: file to write the picture to.
            label: description of the data, shown in the picture's title.
            controls: whether to draw the curves of control rows too.
        """
        trained = [row for row in self.table.trained if controls or not row.control] if self.table.metrics else []
        if runs := {row.label: found for row in trained if (found := self.measurer.runs_of(row))}:
            draw_curves(runs, path, label)
        return bool(runs)

    def write(self, folder: Path) -> list[Grid]:
        """Write `<table>.{md,tex,csv}`, a summary if the table has claims, and figures; returns grids to print."""
        own, splits = self.extra_grids(), self.table.splits if self.table.metrics else ()
        narrow = [self.score_grid(split) for split in splits]
        wide = [self.score_grid(*splits)] if len(splits) > 1 else narrow
        title = f"{self.short_title}: claims of the paper"
        more = [*([self.claims_grid(title)] if self.any_tested else []), *(own or self.role_grids(*splits))]
        csv = self.csv if splits else own[0].csv(exact=False)
        write_tables(folder, self.table.name, [*wide, *more], csv)
        if self.findings:
            summary = summary_grid(self.table, self.rows[self.split.name], self.split.name, self.notes)
            verdicts = [verdict_grid(self.findings, title, self.notes)] if self.any_tested else []
            with replace_when_complete(folder / f"{self.table.name}_summary.md") as partial:
                partial.write_text(
                    "\n\n".join(grid.markdown() for grid in [summary, *verdicts]) + "\n", encoding="utf-8"
                )
        label = "; ".join(note.partition(":")[0].lower() for note in self.notes)
        if self._is_figure4:
            from reports.figures import figure4a

            with suppress(MissingInputError):  # too few points for a curve; the table says which points exist
                figure4a.write(self.table, self.measurer, self.split.name, label, folder)
        else:
            self.draw_curves(folder / f"{self.table.name}_curves.png", label, controls=True)
        return [*narrow, *more]

    @property
    def _is_figure4(self) -> bool:
        return self.table.name == "figure4"


def interval_grid(title: str, metrics: Sequence[str], rows: Sequence[Measured]) -> Grid:
    """Scores with 95 % intervals over images, "838.45 [829.10, 847.20]"; seeds averaged.

    Args:
        title: title of the grid.
        metrics: metrics to show, one a column.
        rows: rows measured on one split.
    """
    grid = Grid(title, ["system", "seeds", *metrics])
    for measured in rows:
        row = measured.row
        low, high = interval(measured.resampled)
        ends = dict(zip(measured.names, zip(low.tolist(), high.tolist(), strict=True), strict=True))
        cells: list[Content] = [
            score(*measured.score(metric), interval=ends[metric]) if row.shows(metric) else None for metric in metrics
        ]
        seeds = len(measured.system.seeds) if row.variant else None
        grid.add(row.label, seeds, *cells, kind="control" if row.control else "row")
    grid.notes.append("in brackets: 95 % interval, bootstrap over images; ±: standard deviation over seeds")
    return grid
