"""Table A6 from stored runs: how much of the captions stands word for word in the product info."""

from pathlib import Path

from reports.experiments import tables
from reports.figures.drawing import csv_text
from reports.figures.material import Material, NotThereError
from reports.tables.files import write_pages
from reports.tables.scores import copying_grid, labels


def draw(material: Material, folder: Path) -> list[Path]:
    """Write `tablea6.md`, `.tex`, `.html` and `.csv`; returns the paths.

    Raises:
        NotThereError: without a run of the full model.
    """
    table, split = tables(material.profile)["tablea6"], material.evaluated
    full = table.rows[0]
    if not material.measurer.runs_of(full):
        raise NotThereError(
            f"it needs a run of {full.variant!r}, profile {material.profile}; "
            f"train it: python -m reports.reproduce {table.name}"
        )
    measured = material.measurer.measure(table.rows, split.name)
    notes = [
        *labels(material.profile, split),
        *(f"no run: {row.label}" for row in table.trained if not material.measurer.runs_of(row)),
    ]
    grid = copying_grid(table, measured, split, notes)
    return write_pages(folder, table.name, table.title, [grid], csv_text(grid.columns, grid.rows))
