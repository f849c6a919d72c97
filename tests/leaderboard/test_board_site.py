"""The pages of the board: what strangers wrote does nothing, links lead somewhere, views show what the board says."""

import csv
import html
import json
import re
import shutil
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("pydantic")
pytest.importorskip("jinja2")

from board_entries import ABOUT, add_entry

from benchmark.dataset.description import write_description
from benchmark.dataset.schema import EVALUATED_SPLITS
from benchmark.dataset.store import Split, open_directory
from benchmark.errors import InputError
from benchmark.leaderboard.accepted import read_hashes
from benchmark.leaderboard.board import Board
from benchmark.leaderboard.check import Checker
from benchmark.leaderboard.entries import HASH_LIST, list_entry
from benchmark.leaderboard.gather import gather
from benchmark.leaderboard.metadata import Metadata
from benchmark.leaderboard.new_entry import fill_entry
from benchmark.leaderboard.site import bibtex, write_board
from benchmark.leaderboard.statistics_cache import StatisticsCache, sample_images
from benchmark.scoring import receipt as receipt_module
from benchmark.scoring.evaluation import evaluate

if TYPE_CHECKING:
    from playwright.sync_api import Page

HOSTILE = "x</td><script>alert(1)</script>{{ 7*7 }}\"'"


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory, splits: dict[str, Split]) -> Board:
    submissions = tmp_path_factory.mktemp("site") / "submissions"
    add_entry(
        submissions,
        splits,
        HOSTILE,
        0.3,
        authors=[HOSTILE, "a \\input{x} & b"],
        training_command=f"python train.py # {HOSTILE}\n--seed 1",
        paper_url="https://example.org/paper?a=1&b=2",
    )
    add_entry(submissions, splits, "Good", 0.8, seeds=[1, 2])
    old = add_entry(submissions, splits, "Open", 0.5, uses_external_data=True, external_data=HOSTILE)
    receipt = json.loads((old / "seed1/scores.test.json").read_text())
    receipt["versions"]["metrics"] = HOSTILE
    (old / "seed1/scores.test.json").write_text(json.dumps(receipt))
    read_hashes(submissions / HASH_LIST).accept(list_entry(old))
    add_entry(submissions, splits, "Peeked", 0.7, trained_on_val_or_test=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(receipt_module, "EARLIER_METRIC_VERSIONS", (HOSTILE,))
        return gather(submissions, splits)


@pytest.fixture(scope="module")
def site(board: Board, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages") / "board"
    write_board(board, folder)
    return folder


TEXT = {".html", ".js", ".json", ".csv", ".md", ".css"}


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def test_every_link_leads_somewhere_and_nothing_acts(site: Path) -> None:
    """A dead link, or metadata that becomes markup."""
    pages = sorted(site.rglob("*.html"))
    assert len(pages) == 6 + 2 + 3 + 2
    for page in pages:
        content = text_of(page)
        assert "<script>alert" not in content
        assert not re.search(r"<style|\son[a-z]+=|javascript:", content.replace(html.escape(HOSTILE), ""))
        for target in re.findall(r'(?:src|href)="([^"]+)"', content):
            target = html.unescape(target)
            if not target.startswith(("data:", "https://", "#")):
                assert (page.parent / target.partition("#")[0]).is_file(), (page.name, target)


def test_an_entry_page_says_it_all(board: Board, site: Path) -> None:
    """A page without what the metadata says, or with a template's language run on it."""
    (entry,) = (entry for entry in board.entries if entry.label == HOSTILE)
    content = text_of(site / f"entries/{entry.name}.html")
    shown = html.unescape(content)
    for words in (HOSTILE, "--seed 1", "https://example.org/paper?a=1&b=2", board.signatures["val"], "closed division"):
        assert words in shown
    assert "49" not in re.findall(r"<h1>(.*?)</h1>", content)[0]
    assert 'rel="nofollow noopener noreferrer ugc"' in content
    receipt = json.loads((site / f"receipts/{entry.name}/seed1.test.json").read_text())
    assert receipt["scores"]["CIDEr"] == entry.score("test", "CIDEr")[0]
    good = text_of(site / "entries/20270131_good.html")
    assert "mean ± sd (n=2)" in good
    assert "Scores of other metric versions" not in good
    assert "Scores of other metric versions" in text_of(site / "entries/20270131_open.html")


def test_bibtex_is_plain_for_tex(board: Board) -> None:
    """A name that runs a TeX command in somebody's paper, or leaves a brace open."""
    (entry,) = (entry for entry in board.entries if entry.label == HOSTILE)
    made = bibtex(entry)
    assert r"\input" not in made
    assert r"a \textbackslash{}input\textbraceleft{}x\textbraceright{} \& b" in made
    assert entry.metadata is not None
    lone = replace(
        entry, metadata=entry.metadata.model_copy(update={"name": "x}}, url = {{y", "authors": ["a}", "{b"]})
    )
    for line in bibtex(lone).splitlines()[1:-1]:  # BibTeX counts every brace, also behind a backslash
        depths = list(accumulate((c == "{") - (c == "}") for c in line.rstrip(",")))
        assert depths[-1] == 0
        assert 0 not in depths[depths.index(1) : -1]


def test_views_hold_their_entries_and_the_rows_for_scale(site: Path) -> None:
    """An entry in the wrong division, a view without blind rows, or numbers of the paper without their label."""
    open_view = text_of(site / "val-open.html")
    assert "20270131_open.html" in open_view
    assert "20270131_good.html" not in open_view
    for place in ("index.html", "val.html", "test-closed.html", "val-open.html"):
        content = text_of(site / place)
        assert "nearest training box" in content
        assert "reported, not re-scored" in content
        assert "never compare these numbers" in content
        assert "trained on val or test" in content
    parts = text_of(site / "slices-val.html")
    assert "CIDEr by position, val" in parts


def test_the_first_view_is_small(site: Path) -> None:
    """A megabyte before anything is seen: with few entries there is room for a hundred."""
    size = sum(path.stat().st_size for path in [site / "index.html", *(site / "static").iterdir()])
    assert size < 200_000


def test_large_splits_are_shown_in_part(
    board: Board, splits: dict[str, Split], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Captions of one image beside the picture of another, when only some images are shown."""
    from benchmark.leaderboard import statistics_cache

    monkeypatch.setattr(statistics_cache, "SAMPLES", 3)
    split = splits["test"]
    assert sample_images(split) == [0, 5, 11]
    submissions = tmp_path / "submissions"
    add_entry(submissions, splits, "One", 0.6)
    write_board(gather(submissions, splits, StatisticsCache(tmp_path / "cache")), tmp_path / "site")

    def data(name: str) -> list[list[object]]:
        script = text_of(tmp_path / f"site/browser/test/data/{name}.js")
        return json.loads(script.partition(",")[2].removesuffix(");\n"))

    rows = data("rows/0")
    assert [row[0] for row in rows] == [split.image_ids[i] for i in (0, 5, 11)]
    captions = data("captions/0/0")
    assert [len(of_image) for of_image in captions] == [len(row[-1]) for row in rows]  # type: ignore[arg-type]
    equal = sum(c == r for cs, row in zip(captions, rows, strict=True) for c, r in zip(cs, row[-1], strict=True))  # type: ignore[call-overload]
    assert equal >= 3
    assert "3 of 12 images" in text_of(tmp_path / "site/browser/test/index.html")
    assert (tmp_path / "site/browser/test/images/0/2.webp").is_file()


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory, directory: Path) -> dict[str, Split]:
    """The data set of the tests, not marked as public."""
    folder = shutil.copytree(directory, tmp_path_factory.mktemp("private") / "data")
    about = json.loads((folder / "dataset.json").read_text())
    write_description(folder, name="secret", synthetic=False, splits=about["splits"])
    return open_directory(folder)


@pytest.fixture(scope="module")
def private_board(tmp_path_factory: pytest.TempPathFactory, private: dict[str, Split]) -> tuple[Board, Path]:
    """A board on data that are not public, of captions that no reference is like."""
    folder = tmp_path_factory.mktemp("private-board")
    about = Metadata(**ABOUT | {"name": "Model", "seeds": [1, 2]})
    captions = [
        {name: [f"caption-{seed}-{k}" for k in range(private[name].n_boxes)] for name in EVALUATED_SPLITS}
        for seed in about.seeds
    ]
    evaluations = [{name: evaluate(private[name], one[name]) for name in one} for one in captions]
    (folder / "submissions").mkdir()
    fill_entry(folder / "submissions/20270131_model", about, captions, evaluations, private)
    receipt = json.loads((folder / "submissions/20270131_model/seed1/scores.test.json").read_text())
    board = gather(folder / "submissions", private)
    write_board(board, folder / "site", types=None)
    assert receipt["scores"] != board.entries[0].statistics["test"][0].receipt["scores"]
    return board, folder / "site"


def test_nothing_of_private_data_is_published(private_board: tuple[Board, Path], private: dict[str, Split]) -> None:
    """References, pictures or product info of a data set that is handed out on request, on public pages."""
    board, site = private_board
    assert [entry.label for entry in board.entries] == ["Model"]
    secrets = {
        text for name in ("train", *EVALUATED_SPLITS) for text in (*private[name].captions, *private[name].titles)
    }
    secrets |= {text for name in EVALUATED_SPLITS for text in private[name].attributes if text}
    texts = {path.relative_to(site).as_posix(): text_of(path) for path in site.rglob("*") if path.suffix in TEXT}
    told = {
        place: found for place, text in texts.items() if (found := [s for s in secrets if len(s) > 2 and s in text])
    }
    assert told == {}
    assert not list(site.rglob("*.webp"))
    assert not list(site.rglob("receipts"))
    assert "caption-1-7" in "".join(texts.values())
    assert all("not marked as public" in text for place, text in texts.items() if place.endswith((".html", ".md")))
    scores = [cell for row in csv.reader(texts["leaderboard.csv"].splitlines()[1:]) for cell in row[14:]]
    assert scores
    assert len(texts["slices.csv"].splitlines()) == 1  # no slice has enough boxes
    assert re.findall(r"\[[0-9,]*[0-9][0-9,]*\]", texts["browser/test/data/scores/0.js"]) == []


def test_data_are_public_only_if_they_say_so(
    private: dict[str, Split], splits: dict[str, Split], tmp_path: Path
) -> None:
    """Real data that count as public because nobody has thought of it."""
    assert splits["test"].public
    assert not private["test"].public
    folder = shutil.copytree(private["test"].directory, tmp_path / "data")
    for public in (True, False):
        about = json.loads((folder / "dataset.json").read_text())
        write_description(folder, name="x", synthetic=True, splits=about["splits"], public=public)
        assert open_directory(folder)["test"].public is public
    with pytest.raises(InputError, match="public is 'false', expected true or false"):
        write_description(folder, name="x", synthetic=True, splits=about["splits"], public="false")


def test_no_recomputed_score_of_private_data_is_told(
    private: dict[str, Split], private_board: tuple[Board, Path], tmp_path: Path
) -> None:
    """A wrong receipt that is handed in to read the right number in the failure."""
    entry = shutil.copytree(private_board[1].parent / "submissions/20270131_model", tmp_path / "20270131_model")
    path = entry / "seed1/scores.test.json"
    receipt = json.loads(path.read_text())
    path.write_text(json.dumps(receipt | {"scores": receipt["scores"] | {"CIDEr": 1.0}}))
    report = Checker(private).check(entry)
    [(_, problem)] = report.failures
    assert problem.endswith("does not belong to its predictions: scores.CIDEr differs")
    assert report.receipts[1, "test"]["scores"]["METEOR"] == round(receipt["scores"]["METEOR"], 2)
    [refused] = gather(tmp_path, private).refused
    assert refused.reasons[0].endswith("scores.CIDEr differs")


def test_private_samples_in_a_browser(private_board: tuple[Board, Path], page: "Page") -> None:
    """A sample browser that waits for references which are not there."""
    page.goto((private_board[1] / "browser/test/index.html").as_uri())
    page.locator("#cards .card").first.wait_for()
    assert "caption-1-0" in page.locator("#cards").inner_text()
    assert page.locator("#cards thead").first.inner_text().split() == ["box", "A:", "Model"]


def test_in_a_browser(board: Board, site: Path, page: "Page") -> None:
    """A page that its own policy breaks, that a phone has to scroll sideways, or a browser without the entry."""
    for width in (1366, 390):
        page.set_viewport_size({"width": width, "height": 800})
        for place in ("index.html", "slices-test.html", f"entries/{board.entries[0].name}.html"):
            page.goto((site / place).as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= width, place
    page.goto((site / "index.html").as_uri())
    page.get_by_role("button", name="METEOR").first.click()
    assert page.locator("tbody th").first.inner_text() == "Good"
    page.get_by_role("link", name="Good").click()
    page.get_by_role("link", name="Its captions on pictures").click()
    page.locator("#cards .card").first.wait_for()
    assert "Good" in page.locator("#cards thead").first.inner_text()


@pytest.mark.slow
def test_speed_measures_every_step() -> None:
    """A command for the README that no longer runs."""
    from benchmark.leaderboard.speed import measure

    grid = measure(images=12, entries=2, large=4, jobs=1)
    steps = [row[0].split()[0] for row in grid.texts()]
    assert steps == ["from", "nothing", "one", "tests", "Markdown,", "tests", "Markdown,"]
    assert all((row.cells[2].number or 0) >= 0 for row in grid.rows)
    assert "4 entries" in grid.notes[0]
