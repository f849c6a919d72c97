"""Writes the pages of the report: overview, tables, claims, figures, and a caption browser for each split.

Invariants: every number is computed from stored predictions; rows and figures whose runs are missing are left out and
named on the page; the folder appears complete or not at all.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmark.errors import InputError
from benchmark.files import folder_when_complete
from benchmark.metrics import METRICS
from benchmark.site.pages import Site
from reports.chapters import Chapter, interval_grid
from reports.experiments import Table
from reports.figures.material import Material
from reports.site import samples
from reports.site.figures import write_figures
from reports.site.samples import write_samples
from reports.tables.claims import ORDER, Finding
from reports.tables.scores import caveats


def write_site(material: Material, tables: Sequence[Table], folder: Path) -> Path:
    """Write the site.

    Args:
        material: data set and runs.
        tables: tables to show; those without runs are left out.
        folder: folder of the site; an older one is replaced when the new one is complete.

    Returns:
        Path of the first page.

    Raises:
        InputError: if none of the tables has a run.
    """
    chapters = [chapter for table in tables if (chapter := Chapter.measure(table, material.measurer)).has_runs]
    if not chapters:
        raise InputError(
            f"no complete run of {', '.join(table.name for table in tables)} at profile {material.profile} in "
            f"{', '.join(map(str, material.roots))}; train some (reports.reproduce), or name others: --run DIR"
        )
    browsed: list[str] = [name for name in ("test", "val") if name in material.splits]
    navigation = [
        ("Overview", "index.html"),
        *((chapter.short_title, chapter.page) for chapter in chapters),
        ("Claims", "claims.html"),
        ("Figures", "figures.html"),
        *((f"Samples of {name}", samples.browser_page(name)) for name in browsed),
    ]
    with folder_when_complete(folder) as partial:
        site = Site(partial, "CapOnImage report", material.label, navigation, [Path(__file__).parent / "templates"])
        for chapter in chapters:
            _write_chapter(site, chapter)
        write_figures(site, material)
        called = {name: write_samples(site, material, tables, name) for name in browsed}
        _write_claims(site, chapters, called)
        _write_overview(site, chapters, material, browsed)
        site.finish()
    return folder / "index.html"


def overview_metrics(table: Table) -> list[str]:
    """Metrics of a table that the first page shows."""
    return [m.name for m in METRICS if (m.summary or m.report) and m.name in table.metrics]


def _write_overview(site: Site, chapters: Sequence[Chapter], material: Material, browsed: Sequence[str]) -> None:
    first = chapters[0]
    split = first.table.splits[-1]
    metrics = overview_metrics(first.table)
    scores = interval_grid(f"{first.table.title}, {split}", metrics, first.rows[split]) if metrics else None
    verdicts = [f.verdict for chapter in chapters for found in chapter.findings.values() for f in found]
    site.page(
        "index.html",
        "overview.html.j2",
        heading=site.title,
        chapters=chapters,
        scores=scores,
        scores_page=first.page,
        verdicts={verdict: verdicts.count(verdict) for verdict in reversed(ORDER)},
        browsed=browsed,
        splits=material.splits,
        notes=caveats(material.profile, next(iter(material.splits.values()))),
    )


def _write_chapter(site: Site, chapter: Chapter) -> None:
    table = chapter.table
    csv, curves = f"files/{table.name}.csv", f"files/{table.name}_curves.png"
    if table.metrics:
        path = site.folder / csv
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(chapter.csv, encoding="utf-8")
    site.page(
        chapter.page,
        "table.html.j2",
        heading=table.title,
        chapter=chapter,
        splits=chapter.page_grids(),
        more=chapter.extra_grids(),
        curves=curves if chapter.draw_curves(site.folder / curves, site.label, controls=False) else "",
        files=[csv] if table.metrics else [],
    )


def _write_claims(site: Site, chapters: Sequence[Chapter], called: Mapping[str, Mapping[str, str]]) -> None:
    """Write the page of claims, each with a link to the images of its two systems."""

    def link(finding: Finding, split: str) -> str:
        return samples.link_to(finding, split, called.get(split, {}))

    grids = [chapter.claims_grid(chapter.table.title, link) for chapter in chapters if any(chapter.findings.values())]
    below = list(dict.fromkeys(note for grid in grids for note in grid.notes))
    for grid in grids:
        grid.notes.clear()
        grid.move("verdict", 1)  # near the front, since a phone shows few columns
    site.page("claims.html", "claims.html.j2", heading="Claims of the paper, tested", grids=grids, notes=below)
