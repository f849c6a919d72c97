"""A table on a page's width, as the README shows it: main metrics beside the paper's, and verdicts on claims.

Invariant: made of the same measured rows and findings as the full table, so the two cannot disagree.
"""

from collections.abc import Mapping, Sequence

from benchmark import paper
from benchmark.grid import Cell, Content, Grid
from benchmark.metrics import METRICS
from reports.experiments import Table
from reports.tables.claims import Finding
from reports.tables.measured import Measured

SUMMARY = tuple(metric.name for metric in METRICS if metric.summary)


def summary_grid(table: Table, rows: Sequence[Measured], split: str, labels: Sequence[str]) -> Grid:
    """Ours and, in brackets, the paper's.

    Args:
        table: which.
        rows: its measured rows on the split.
        split: name of it.
        labels: what a reader must know first.
    """
    metrics = [metric for metric in SUMMARY if metric in table.metrics]
    grid = Grid(f"{table.title}, {split}: ours (paper's)", ["", "seeds", *metrics], notes=list(labels))
    for measured in rows:
        row = measured.row
        cells: list[Content] = []
        for metric in metrics:
            if row.shows and metric not in row.shows:
                cells.append(None)
                continue
            printed = paper.value(table.name, row.paper, split, metric)
            mean, deviation = measured.score(metric)
            cells.append(Cell(mean, "{:.2f}", deviation, beside=printed))
        seeds = len(measured.system.seeds) if row.variant else ""
        grid.add(row.label, seeds, *cells, kind="control" if row.control else "row")
    return grid


def verdict_grid(found: Mapping[str, Sequence[Finding]], title: str, labels: Sequence[str]) -> Grid:
    """One line a claim: its verdict on each split; several where its metrics differ.

    Args:
        found: findings by split.
        title: of the grid.
        labels: what a reader must know first.
    """
    sentences = dict.fromkeys(f.claim.sentence for findings in found.values() for f in findings)
    grid = Grid(title, ["claim", *found], notes=list(labels))
    for sentence in sentences:
        cells = []
        for findings in found.values():
            by_verdict: dict[str, list[str]] = {}
            for f in findings:
                if f.claim.sentence == sentence:
                    by_verdict.setdefault(f.verdict, []).append(f.metric)
            cells.append("; ".join(f"{verdict} ({', '.join(metrics)})" for verdict, metrics in by_verdict.items()))
        grid.add(sentence, *cells)
    return grid
