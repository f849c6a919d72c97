"""The paper's tables with our scores: mean and deviation over seeds, the paper's value, and the difference.

Systems that share a letter in a column do not differ in it, by the rule of `benchmark.scoring.ties`. All grids are
built from measured rows alone, so equal prediction files give equal tables, byte for byte.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from benchmark import paper
from benchmark.dataset.mini import REACHABLE_EXACT
from benchmark.dataset.store import Split
from benchmark.grid import SYNTHETIC_NOTE, Cell, Content, Grid, csv_text, number, percent, score, signed
from benchmark.metrics import METRICS
from benchmark.metrics.copying import copy_check
from benchmark.metrics.corpus import characters
from benchmark.scoring.ties import comparisons
from reports.experiments import Table
from reports.tables.measured import Measured

CSV_COLUMNS = (
    *("table", "row", "label", "variant", "configuration", "split", "metric"),
    *("seeds", "mean", "deviation", "paper", "difference", "ties"),
)

#: Metrics of a summary, a table narrow enough for the README.
SUMMARY = tuple(metric.name for metric in METRICS if metric.summary)

#: Measured rows, by split.
Rows = Mapping[str, Sequence[Measured]]


def score_grid(table: Table, rows: Rows, caveats: Sequence[str]) -> Grid:
    """A table as in the paper: splits side by side; a row that the paper has takes three lines.

    The lines are our scores, the paper's, and the difference.

    Args:
        table: table of the paper.
        rows: its measured rows, by split.
        caveats: warnings to print below it, see `caveats`.
    """
    columns = [(split, metric) for split in rows for metric in table.metrics]
    letters = {split: tie_letters(measured) for split, measured in rows.items()}
    grid = Grid(table.title, ["", "seeds", *(f"{split} {metric}" for split, metric in columns)])
    by_id = {split: {m.row.id: m for m in measured} for split, measured in rows.items()}
    for row in table.rows:
        here = {split: by_id[split][row.id] for split in rows if row.id in by_id[split]}
        if not here:
            continue
        cells = [_cells(table, here.get(split), split, metric, letters[split]) for split, metric in columns]
        ours, theirs, gaps = zip(*cells, strict=True)
        seeds = len(next(iter(here.values())).system.seeds) if row.variant else ""
        grid.add(row.label, seeds, *ours, kind="control" if row.control else "row")
        if any(cell.number is not None for cell in theirs):
            grid.add("paper", "", *theirs, kind="paper")
            grid.add("difference", "", *gaps, kind="difference")
    grid.notes += [*caveats, *_same_runs(table, rows), *(f"{row.label}: {row.note}" for row in table.rows if row.note)]
    grid.notes.append(
        "systems that share a letter in a column do not differ in it: not significantly over images (all pairs of the "
        "table tested together), or by no more than two standard errors over seeds"
    )
    return grid


def _cells(
    table: Table, measured: Measured | None, split: str, metric: str, letters: Mapping[tuple[str, str], str]
) -> tuple[Cell, Cell, Cell]:
    """Our score with its tie letters, the paper's score, and the difference."""
    if measured is None or not measured.row.shows(metric):
        return number(None), number(None), number(None)
    mean, deviation = measured.score(metric)
    printed = paper.value(table.name, measured.row.paper, split, metric)
    ours = score(mean, deviation, ties=letters.get((measured.row.id, metric), ""))
    return ours, number(printed), signed(None if printed is None else mean - printed)


def summary_grid(table: Table, rows: Sequence[Measured], split: str, caveats: Sequence[str]) -> Grid:
    """A table narrow enough for the README: our scores with the paper's in brackets.

    Args:
        table: table of the paper.
        rows: its measured rows on the split.
        split: name of the split.
        caveats: warnings to print below it, see `caveats`.
    """
    metrics = [metric for metric in SUMMARY if metric in table.metrics]
    grid = Grid(f"{table.title}, {split}: ours (paper's)", ["", "seeds", *metrics], notes=list(caveats))
    for measured in rows:
        row = measured.row
        cells: list[Content] = []
        for metric in metrics:
            if not row.shows(metric):
                cells.append(None)
                continue
            printed = paper.value(table.name, row.paper, split, metric)
            mean, deviation = measured.score(metric)
            cells.append(Cell(mean, "{:.2f}", deviation, beside=printed))
        seeds = len(measured.system.seeds) if row.variant else ""
        grid.add(row.label, seeds, *cells, kind="control" if row.control else "row")
    return grid


def _same_runs(table: Table, rows: Rows) -> Iterator[str]:
    """Notes that name the rows that share a run."""
    groups: dict[object, list[str]] = {}
    for measured in next(iter(rows.values()), []):
        groups.setdefault(measured.system, []).append(measured.row.label)
    for group in groups.values():
        if len(group) > 1:
            yield f"one run: {'; '.join(group)}"


def tie_letters(rows: Sequence[Measured]) -> dict[tuple[str, str], str]:
    """Tie letters by row id and metric; no two rows that share a letter differ by the rule of `scoring.ties`."""
    found: dict[tuple[str, str], str] = {}
    distinct = list(dict.fromkeys(m.system for m in rows))
    if len(distinct) < 2:
        return found
    for metric, comparison in comparisons(distinct).items():
        everyone = range(len(distinct))
        graph = {a: {b for b in everyone if b != a and not comparison.differ(a, b)} for a in everyone}
        groups = sorted(sorted(clique) for clique in _cliques(set(), set(graph), set(), graph) if len(clique) > 1)
        for place, group in enumerate(groups):
            systems = {distinct[member] for member in group}
            for m in rows:
                if m.system in systems:
                    found[m.row.id, metric] = found.get((m.row.id, metric), "") + _letter(place)
    return found


def _cliques(
    inside: set[int], candidates: set[int], done: set[int], graph: Mapping[int, set[int]]
) -> Iterator[set[int]]:
    """Maximal cliques of a graph (Bron and Kerbosch 1973)."""
    if not candidates and not done:
        yield inside
    for node in sorted(candidates):
        yield from _cliques(inside | {node}, candidates & graph[node], done & graph[node], graph)
        candidates = candidates - {node}
        done = done | {node}


def _letter(place: int) -> str:
    return chr(ord("a") + place % 26) * (1 + place // 26)


def role_grid(rows: Sequence[Measured], split: Split) -> Grid | None:
    """Exact match by role, the meaning that the generator gave a box; None for real data, which have no roles."""
    if split.roles is None:
        return None
    roles = np.array(split.roles)
    references = [characters(caption) for caption in split.captions]
    kinds = sorted(set(split.roles))
    grid = Grid(f"exact match by role, {split.name}, per cent", ["", *kinds])
    for measured in rows:
        if measured.row.blind == "references":  # would be compared with themselves
            continue
        seeds = measured.captions
        right = np.mean([[characters(c) == r for c, r in zip(s, references, strict=True)] for s in seeds], axis=0)
        grid.add(measured.row.label, *(percent(float(right[roles == kind].mean())) for kind in kinds))
    grid.notes.append(
        f"what a box says, and how, is drawn by chance; {REACHABLE_EXACT} over all roles is more than anyone can reach "
        "but by luck (docs/data.md)"
    )
    return grid


def copying_grid(table: Table, rows: Sequence[Measured], split: Split, caveats: Sequence[str]) -> Grid:
    """Table A6: word-for-word overlap of captions and product info (BLEU-1 to BLEU-4, from 0 to 1)."""
    infos = [title + attributes for title, attributes in zip(split.titles, split.attributes, strict=True)]
    infos = [infos[i] for i in split.image_of_box.tolist()]
    orders = range(1, 5)
    grid = Grid(table.title, ["", "direction", "seeds", *(f"BLEU-{n}" for n in orders)])
    for measured in rows:
        checks = [copy_check(captions, infos) for captions in measured.captions]
        label, seeds = measured.row.label, len(checks) if measured.row.variant else ""
        for direction, values in (
            ("info as hypothesis", np.mean([c.info_to_caption for c in checks], axis=0)),
            ("caption as hypothesis", np.mean([c.caption_to_info for c in checks], axis=0)),
        ):
            grid.add(label, direction, seeds, *(number(value, 3) for value in values.tolist()))
        if not measured.row.control:
            grid.add("paper", "not stated", 5, *(number(paper.copying(n), 3) for n in orders), kind="paper")
    grid.notes += [
        *caveats,
        f"{split.name}, from 0 to 1; the paper's numbers are possible with the info as hypothesis only; "
        "the other direction is without brevity penalty",
    ]
    return grid


def caveats(profile: str, split: Split) -> list[str]:
    """Warnings to print under a table: scaled-down models, synthetic data."""
    found = []
    if profile != "paper":
        found.append(f"SCALED DOWN: profile {profile}, small models and few updates; orders and gaps count, not values")
    if split.synthetic:
        found.append(f"SYNTHETIC DATA: {split.dataset}; {SYNTHETIC_NOTE.partition(': ')[2]}")
    return found


def long_csv(table: Table, rows: Rows, hashes: Mapping[str, str]) -> str:
    """Every metric of every row at full precision, one a line, as CSV text.

    Args:
        table: table of the paper.
        rows: its measured rows, by split.
        hashes: configuration hashes of the trained rows, by row id.
    """

    def lines() -> Iterator[list[object]]:
        for split, measured in rows.items():
            letters = tie_letters(measured)
            for m in measured:
                for metric in m.names:
                    mean, deviation = m.score(metric)
                    printed = paper.value(table.name, m.row.paper, split, metric)
                    yield [
                        *(table.name, m.row.id, m.row.label, m.row.variant, hashes.get(m.row.id), split, metric),
                        *(len(m.system.seeds), mean, deviation, printed, None if printed is None else mean - printed),
                        letters.get((m.row.id, metric)),
                    ]

    return csv_text(CSV_COLUMNS, lines())
