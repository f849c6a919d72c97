"""Writes the report site: chapters, claims, figures, and a sample browser for each split.

Invariants: every number is computed from stored predictions; a table or figure whose runs are not there is left out,
and the page says so; the folder appears complete or not at all.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmark.errors import InputError
from benchmark.files import folder_when_complete
from benchmark.metrics import METRICS
from benchmark.site.pages import Site
from reports.experiments import Table
from reports.figures.curves import draw_curves
from reports.figures.material import Material
from reports.site import samples
from reports.site.figures import write_figures
from reports.site.samples import write_samples
from reports.tables.chapters import Chapter, interval_grid, measure, more_grids, split_grids
from reports.tables.claims import ORDER, claims_grid
from reports.tables.scores import labels, long_csv


def write_site(material: Material, tables: Sequence[Table], folder: Path) -> Path:
    """Write the site.

    Args:
        material: data set and runs.
        tables: which; those without runs are left out.
        folder: to write; replaced when the new one is complete.

    Returns:
        Its first page.

    Raises:
        InputError: if there is no run of any of the tables.
    """
    measurer = material.measurer
    chapters = [chapter for table in tables if (chapter := measure(table, measurer))]
    if not chapters:
        raise InputError(
            f"no complete run of {', '.join(table.name for table in tables)} at profile {material.profile} in "
            f"{', '.join(map(str, material.roots))}; train some (reports.reproduce), or name others: --run DIR"
        )
    browsed: list[str] = [name for name in ("test", "val") if name in material.splits]
    navigation = [
        ("Overview", "index.html"),
        *((chapter.short, chapter.place) for chapter in chapters),
        ("Claims", "claims.html"),
        ("Figures", "figures.html"),
        *((f"Samples of {name}", samples.place(name)) for name in browsed),
    ]
    with folder_when_complete(folder) as partial:
        site = Site(partial, "CapOnImage report", material.label, navigation, [Path(__file__).parent / "templates"])
        for chapter in chapters:
            _write_chapter(site, chapter, material)
        write_figures(site, material)
        called = {name: write_samples(site, material, tables, name) for name in browsed}
        _write_claims(site, chapters, material, called)
        _write_overview(site, chapters, material, browsed)
        site.finish()
    return folder / "index.html"


def overview_metrics(table: Table) -> list[str]:
    """The metrics of a table that the first page shows."""
    return [m.name for m in METRICS if (m.summary or m.report) and m.name in table.metrics]


def _write_overview(site: Site, chapters: Sequence[Chapter], material: Material, browsed: Sequence[str]) -> None:
    first = chapters[0]
    split = first.table.splits[-1]
    metrics = overview_metrics(first.table)
    scores = interval_grid(f"{first.table.title}, {split}", metrics, first.rows[split]) if metrics else None
    verdicts = [f.verdict for chapter in chapters for found in chapter.found.values() for f in found]
    site.page(
        "index.html",
        "overview.html.j2",
        heading=site.title,
        chapters=chapters,
        scores=scores,
        scores_place=first.place,
        verdicts={verdict: verdicts.count(verdict) for verdict in reversed(ORDER)},
        browsed=browsed,
        splits=material.splits,
        notes=labels(material.profile, next(iter(material.splits.values()))),
    )


def _write_chapter(site: Site, chapter: Chapter, material: Material) -> None:
    measurer, table = material.measurer, chapter.table
    files: list[str] = []
    if table.metrics:
        hashes = {row.id: row.config(measurer.profile, measurer.changes).hash for row in table.trained}
        _write_text(site.folder / "files" / f"{table.name}.csv", long_csv(table, chapter.rows, hashes))
        files.append(f"files/{table.name}.csv")
    curves = ""
    runs = {row.label: found for row in table.trained if not row.control and (found := measurer.runs_of(row))}
    if table.metrics and runs:
        curves = f"files/{table.name}_curves.png"
        draw_curves(runs, site.folder / curves, site.label)
    site.page(
        chapter.place,
        "table.html.j2",
        heading=table.title,
        chapter=chapter,
        splits=split_grids(chapter, measurer),
        more=more_grids(chapter, measurer),
        curves=curves,
        files=files,
    )


def _write_claims(
    site: Site, chapters: Sequence[Chapter], material: Material, called: Mapping[str, Mapping[str, str]]
) -> None:
    """The claims; each leads to the images of its two systems."""
    notes = labels(material.profile, next(iter(material.splits.values())))
    grids = [claims_grid(c.found, c.table.title, notes) for c in chapters if any(c.found.values())]
    below = list(dict.fromkeys(note for grid in grids for note in grid.notes))
    for grid in grids:
        grid.notes.clear()
        columns, *rows = ([line[0], line[-1], *line[1:-1]] for line in (grid.columns, *grid.rows))
        grid.columns, grid.rows = columns, list(rows)  # the verdict first: a phone shows few columns
    links = [
        [
            samples.link_to(finding, split, called.get(split, {}))
            for split, found in c.found.items()
            for finding in found
        ]
        for c in chapters
        if any(c.found.values())
    ]
    site.page(
        "claims.html",
        "claims.html.j2",
        heading="Claims of the paper, tested",
        grids=list(zip(grids, links, strict=True)),
        notes=below,
    )


def _write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
