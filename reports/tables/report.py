"""A report of each table: scores beside the paper's, claims, exact match by role, figures; on screen and as files."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from benchmark.dataset.store import Split
from benchmark.files import replace_when_complete
from benchmark.grid import Grid, number
from reports.experiments import Table
from reports.figures import figure4a
from reports.figures.curves import draw_curves
from reports.figures.drawing import csv_text
from reports.figures.material import NotThereError
from reports.tables.claims import CLAIMS, Finding, claims_grid, findings
from reports.tables.files import write_pages
from reports.tables.measured import Measured, Measurer
from reports.tables.scores import copying_grid, labels, long_csv, role_grid, score_grid
from reports.tables.sizes import size_grid
from reports.tables.summary import summary_grid, verdict_grid

#: Findings by split.
Found = Mapping[str, Sequence[Finding]]


def write_report(tables: Sequence[Table], measurer: Measurer, folder: Path) -> list[Grid]:
    """Measure the rows of some tables and write everything about them.

    Args:
        tables: which.
        measurer: of their rows.
        folder: `<table>.{md,tex,csv,html}` and the figures are written there.

    Returns:
        The grids for the screen, one split each.
    """
    shown: list[Grid] = []
    for table in tables:
        rows = {split: measurer.measure(table.rows, split) for split in table.splits}
        split = measurer.splits[table.splits[-1]]
        notes = labels(measurer.profile, split)
        if table.name == "tablea6":
            grids = [copying_grid(table, rows["test"], split, notes)]
            shown += grids
            write_pages(folder, table.name, table.title, grids, csv_text(grids[0].columns, grids[0].rows))
            continue
        narrow = [score_grid(table, {name: measured}, notes) for name, measured in rows.items()]
        wide = [score_grid(table, rows, notes)] if len(rows) > 1 else narrow
        claims = CLAIMS.get(table.name, ())
        found = {name: findings(claims, measured) for name, measured in rows.items()} if claims else {}
        more = _more(table, rows, found, measurer, notes)
        if found:
            _write_summary(table, rows[split.name], found, notes, folder)
        hashes = {row.id: row.config(measurer.profile, measurer.changes).hash for row in table.trained}
        write_pages(folder, table.name, table.title, [*wide, *more], long_csv(table, rows, hashes))
        _draw(table, measurer, folder)
        shown += [*narrow, *more]
    return shown


def _write_summary(table: Table, rows: Sequence[Measured], found: Found, notes: list[str], folder: Path) -> None:
    split = table.splits[-1]
    grids = [summary_grid(table, rows, split, notes), verdict_grid(found, _claims_title(table), notes)]
    with replace_when_complete(folder / f"{table.name}_summary.md") as partial:
        partial.write_text("\n\n".join(grid.markdown() for grid in grids) + "\n", encoding="utf-8")


def _claims_title(table: Table) -> str:
    return f"{table.title.partition(':')[0]}: claims of the paper"


def _more(
    table: Table, rows: dict[str, list[Measured]], found: Found, measurer: Measurer, notes: list[str]
) -> list[Grid]:
    grids = [claims_grid(found, _claims_title(table), notes)] if found else []
    if table.name == "figure4":
        lengths = length_grid(rows["test"], measurer.splits["test"])
        grids += [grid for grid in (size_grid(table, measurer), lengths) if grid.rows]
    else:
        roles = [role_grid(measured, measurer.splits[split]) for split, measured in rows.items()]
        grids += [grid for grid in roles if grid is not None]
    return grids


def length_grid(rows: Sequence[Measured], split: Split) -> Grid:
    """Figure 4b: mean caption length by the aspect ratio of the box, of the first seed; bins of 30 boxes or more."""
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
            grid.rows.append([name, f"{boxes:,}", *lengths, number(float(curves[0].references[i]))])
    grid.rows.append(["rank correlation", "", *(number(curve.spearman) for curve in curves), "-"])
    return grid


def _draw(table: Table, measurer: Measurer, folder: Path) -> None:
    title = "; ".join(note.partition(":")[0].lower() for note in labels(measurer.profile, measurer.splits["test"]))
    if table.name == "figure4":
        with suppress(NotThereError):  # too few points for a curve; their table says which there are
            figure4a.write(table, measurer, "test", title, folder)
    elif runs := {row.label: found for row in table.trained if (found := measurer.runs_of(row))}:
        draw_curves(runs, folder / f"{table.name}_curves.png", title)
