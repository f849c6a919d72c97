"""The report as a site: numbers of its pages are those of the harness, and what is not there is said."""

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from made_systems import spoilt
from PIL import Image
from run_folders import write_results

from benchmark.dataset.store import Split
from benchmark.errors import InputError
from benchmark.scoring.evaluation import evaluate
from reports.experiments import tables
from reports.figures.material import Material
from reports.site import figures, samples
from reports.site.__main__ import main
from reports.site.build import write_site

if TYPE_CHECKING:
    from playwright.sync_api import Page

SHARES = {"T2-full": 0.1, "T2-base": 0.5}
_TABLE2 = tables("mini")["table2"]
#: Few rows, so that few pairs are tested.
ROWS = tuple(row for row in _TABLE2.rows if row.id in (*SHARES, "T2-ud", "T2-human", "T2-title"))
TABLES = [replace(_TABLE2, rows=ROWS), tables("mini")["tablea6"]]


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory, splits: dict[str, Split]) -> Material:
    """Stored results of two rows of Table 2: references of which a known share is spoilt."""
    results = tmp_path_factory.mktemp("results")
    for row in TABLES[0].rows:
        if row.id in SHARES:
            config = row.config("mini")
            folder = results / config.name / config.hash / "seed1"
            folder.mkdir(parents=True)
            (folder / "config.json").write_text(json.dumps({"seed": 1, "config": {"name": config.name}}))
            log = [json.dumps({"update": u, "validation": {"CIDEr": u, "Exact": u}}) for u in (1, 2)]
            (folder / "log.jsonl").write_text("\n".join(log))
            for name in ("val", "test"):
                write_results(folder, splits[name], spoilt(splits[name], SHARES[row.id], seed=3), ".gz")
    return Material(splits, [results])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, material: Material) -> Path:
    folder = tmp_path_factory.mktemp("report") / "site"
    drawn = {"figureA10": draw_nothing, **{name: figures.FIGURES[name] for name in ("figure4a", "table1")}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "FIGURES", drawn)  # drawing takes long, and has tests of its own
        patch.setattr(samples, "load_type_model", no_types)
        write_site(material, TABLES, folder)
    return folder


def draw_nothing(material: Material, folder: Path) -> list[Path]:
    folder.mkdir(exist_ok=True)
    Image.new("RGB", (40, 30)).save(folder / "figureA10.png")
    return [folder / "figureA10.png"]


def no_types(name: str) -> None:
    raise InputError(f"{name} takes long to load")


def text_of(path: Path) -> str:
    return unescape(re.sub(r"<[^>]*>", " ", path.read_text(encoding="utf-8")))


def test_scores_are_those_of_the_harness(site: Path, splits: dict[str, Split]) -> None:
    """A page that shows another number, or an interval of something else, than `benchmark.score` prints."""
    evaluation = evaluate(splits["test"], spoilt(splits["test"], SHARES["T2-full"], seed=3))
    low, high = evaluation.intervals()["CIDEr"]
    for place in ("index.html", "table2.html"):
        cells = re.sub(r"\s+", " ", text_of(site / place))
        assert f"{evaluation.scores['CIDEr']:.2f} [{low:.2f}, {high:.2f}]" in cells


def test_what_is_not_there_is_said(site: Path) -> None:
    """A reader who takes a missing row for one that does not exist; a figure that is gone without a word."""
    table2 = text_of(site / "table2.html")
    assert "Left out, since they have no complete run: Up-down w/o TAtt" in table2
    drawn = text_of(site / "figures.html")
    assert "Left out" in drawn
    assert "Figure 4a:" in drawn
    # With its size, so that links to what stands below a picture arrive before it is loaded.
    assert 'src="figures/figureA10.png" width="40" height="30"' in (site / "figures.html").read_text(encoding="utf-8")
    assert "table3.html" not in (site / "index.html").read_text(encoding="utf-8")


def test_rounded_numbers_of_the_paper_are_sorted_by_value(site: Path) -> None:
    """Table 1 sorted as text: 108K images before 2.1M."""
    table1 = (site / "figures.html").read_text(encoding="utf-8")
    assert '<td class="number" data-value="2100000"><bdi>2.1M</bdi></td>' in table1


@pytest.mark.parametrize(
    ("name", "words"), [("figure4b", "Figure 4b"), ("figureA7", "Figure A7"), ("tablea6", "Table A6")]
)
def test_figures_are_called_as_in_the_paper(name: str, words: str) -> None:
    """A table that no reader of the paper finds."""
    assert figures._display_name(name) == words


def test_every_page_says_what_its_data_are_and_leads_somewhere(site: Path) -> None:
    """Numbers of synthetic data passed on without the word; a dead link; anything from outside."""
    pages = [path for path in site.rglob("*.html") if path.parent.name != "figures"]
    assert len(pages) == 7
    for path in pages:
        html = path.read_text(encoding="utf-8")
        assert "synthetic data; scaled-down models" in html
        assert not re.search(r'(?:src|href)="(?:https?:|//|/)', html)
        for target in re.findall(r'(?:src|href)="([^"#:]+)', html):
            if target != "data":
                assert (path.parent / target).is_file(), f"{path}: {target}"


def test_claims_lead_to_their_images(site: Path, page: "Page") -> None:
    """A claim without the runs it needs; one that shows the images of other systems than it is about."""
    claims = text_of(site / "claims.html")
    assert "human captions are the most diverse" in claims
    assert "full is above context" not in claims
    assert "baseline - title copy" in claims
    assert "T2-base" not in claims
    page.goto((site / "claims.html").as_uri())
    page.get_by_role("link", name="every system is above the blind ones (ours)").last.click()
    page.wait_for_selector(".card")
    shown = [page.locator(f"[name='{name}']").input_value() for name in ("a", "b", "sort")]
    assert shown == ["baseline", "title copy", "up"]


def test_the_browser_of_the_report(site: Path, page: "Page", splits: dict[str, Split]) -> None:
    """The two systems people want to see first, and their captions in the right columns."""
    page.goto((site / "index.html").as_uri())
    page.get_by_role("link", name="Samples of val").first.click()
    page.wait_for_selector(".card")
    assert [page.locator(f"[name='{side}']").input_value() for side in "ab"] == ["full", "baseline"]
    captions = [spoilt(splits["val"], SHARES[row], seed=3) for row in SHARES]
    first = page.eval_on_selector_all(
        ".card:first-child tbody tr",
        "rows => rows.map((row) => [...row.cells].slice(2).map((c) => c.innerText.trim()))",
    )
    for box, row in enumerate(first):
        assert [cell.removesuffix(" ✓") for cell in row] == [captions[0][box], captions[1][box]]
    for place in ("index.html", "table2.html", "claims.html", "figures.html", "browser/test/index.html"):
        page.set_viewport_size({"width": 390, "height": 844})
        page.goto((site / place).as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, place


def test_nothing_to_report(tmp_path: Path, material: Material) -> None:
    """An empty site that looks like a finished one."""
    table3 = tables("mini")["table3"]
    without = replace(table3, rows=tuple(row for row in table3.rows if row.id == "T3-2"))
    with pytest.raises(InputError, match="no complete run of table3"):
        write_site(material, [without], tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_only_a_site_is_replaced(tmp_path: Path) -> None:
    """Somebody's folder deleted because of a slip in `-o`."""
    (tmp_path / "thesis.txt").write_text("years")
    with pytest.raises(InputError) as refusal:
        main(["table2"], output=tmp_path, run=[tmp_path / "nowhere"])
    assert all(problem in str(refusal.value) for problem in ("exists and holds no site", "nowhere: no such folder"))
    assert (tmp_path / "thesis.txt").exists()
