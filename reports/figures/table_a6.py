"""Table A6: word-for-word overlap of captions and product info (BLEU), from stored runs."""

from pathlib import Path

from benchmark.grid import Grid, write_tables
from reports.experiments import tables
from reports.figures.material import Material, MissingInputError
from reports.tables.scores import caveats, copying_grid


def grid(material: Material) -> Grid:
    """The table as a grid.

    Raises:
        MissingInputError: without a run of the full model.
    """
    table, split = tables(material.profile)["tablea6"], material.evaluated
    full = table.rows[0]
    if not material.measurer.runs_of(full):
        raise MissingInputError(
            f"it needs a run of {full.variant!r}, profile {material.profile}; "
            f"train it: python -m reports.reproduce {table.name} --profile {material.profile}"
        )
    notes = [
        *caveats(material.profile, split),
        *(f"no run: {row.label}" for row in table.trained if not material.measurer.runs_of(row)),
    ]
    return copying_grid(table, material.measurer.measure(table.rows, split.name), split, notes)


def draw(material: Material, folder: Path) -> list[Path]:
    """Write `tablea6.md`, `.tex` and `.csv`; returns the paths.

    Raises:
        MissingInputError: without a run of the full model.
    """
    found = grid(material)
    return write_tables(folder, "tablea6", [found], found.csv(exact=False))
