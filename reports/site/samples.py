"""Caption browsers of the report: every image with the captions of each system's first seed."""

from collections.abc import Mapping, Sequence

from benchmark.dataset.store import Split
from benchmark.errors import InputError
from benchmark.metrics.caption_types import load_type_model
from benchmark.site.browser import image_scores, link, write_browser
from benchmark.site.pages import Site
from reports.experiments import Table
from reports.figures.figure3 import central
from reports.figures.material import Material
from reports.tables.claims import Finding
from reports.tables.measured import Measured

#: Systems shown at first, if they exist.
FIRST = ("full", "baseline")


def browser_page(split: str) -> str:
    """Path of a split's browser within the site."""
    return f"browser/{split}/index.html"


def browser_names(measured: Sequence[Measured]) -> dict[str, str]:
    """Name in the browser of each row's system, by row id; rows that share a run share a name.

    Args:
        measured: rows of any tables on one split; references get no name, since the browser always shows them.
    """
    of_run: dict[object, str] = {}
    systems = [m for m in measured if m.row.blind != "references"]
    for m in sorted(systems, key=lambda m: (*FIRST, m.row.label).index(m.row.label)):
        taken = m.row.label in of_run.values()
        of_run.setdefault(m.system, f"{m.row.label} ({m.row.id})" if taken else m.row.label)
    return {m.row.id: of_run[m.system] for m in systems}


def link_to(finding: Finding, split: str, called: Mapping[str, str]) -> str:
    """Link to a finding's two systems in the browser, images that support it first; "" if one is not shown."""
    if finding.first not in called or finding.second not in called:
        return ""
    order = "up" if finding.effect > 0 else "down"
    return browser_page(split) + link(called[finding.first], called[finding.second], sort=order)


def write_samples(site: Site, material: Material, tables: Sequence[Table], name: str) -> dict[str, str]:
    """Write the browser of one split; returns `browser_names` of its systems."""
    measured = material.measurer.measure([row for table in tables for row in table.rows], name)
    called = browser_names(measured)
    of_name = {called[m.row.id]: m for m in measured if m.row.id in called}
    order = sorted(of_name, key=lambda system: (*FIRST, system).index(system))
    split = material.splits[name]
    write_browser(
        site,
        f"browser/{name}",
        split,
        {system: of_name[system].captions[0] for system in order},
        {system: image_scores(of_name[system].system.seeds[0]) for system in order},
        _labels(split, material.types),
        heading=f"Samples of {name}",
    )
    return called


def _labels(split: Split, types: str | None) -> dict[str, list[str]]:
    """Labels to filter boxes by: types of the references, if there is a type model, and roles of synthetic data."""
    found: dict[str, list[str]] = {}
    if types or split.synthetic:
        try:
            model = load_type_model(types or "mini")
        except InputError:
            if types:
                raise
        else:
            names = [f"{k + 1}: {' '.join(words)}" for k, words in enumerate(central(model, split.captions, 3))]
            found["caption type"] = [names[kind] for kind in model.assign(split.captions)]
    if split.roles:
        found["role"] = split.roles
    return found
