"""The page of a rater in a real Chromium, from disk: answers are kept, exported, and come back as the right votes."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from chromium import until

from benchmark.dataset.description import write_description
from benchmark.dataset.schema import AnnotationRow
from benchmark.dataset.store import Split, SplitWriter, open_directory
from reports.human_study.answers import read_answers
from reports.human_study.study import QUESTIONS, Key, make

if TYPE_CHECKING:
    from playwright.sync_api import Page

HOSTILE = "</script><script>window.ran = 1</script>\"'><img src=x onerror='window.ran = 2'>\u202e{{ 7*7 }}"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, splits: dict[str, Split]) -> Path:
    """Four images; titles, attributes and captions of system A are hostile."""
    folder, split = tmp_path_factory.mktemp("human"), splits["test"]
    with SplitWriter(folder / "data", "test") as writer:
        for _, row in zip(range(4), split.rows(), strict=False):
            hostile: AnnotationRow = {name: row[name] for name in AnnotationRow.__annotations__ if name in row}  # type: ignore[assignment]
            writer.append(hostile | {"title": HOSTILE, "attributes": HOSTILE})
    write_description(folder / "data", name="made", synthetic=True, splits={"test": writer.summary()})
    (folder / "data" / "images").symlink_to(split.directory / "images")
    made = open_directory(folder / "data")["test"]
    make(made, [[HOSTILE] * made.n_boxes, made.captions], ("a", "b"), folder / "study", images=4, raters=2)
    return folder / "study"


def test_answers_are_kept_exported_and_collected(study: Path, page: "Page", tmp_path: Path) -> None:
    """An evening of a rater's work lost on reload, or collected with the sides the wrong way round."""
    key = Key.read(study)
    url = (study / "pages/rater-1.html").as_uri()
    page.goto(url)
    order: list[str] = []
    for _ in range(4):
        form = page.locator("form:not([hidden])")
        order.append(form.get_attribute("data-item") or "")
        assert form.locator("img").evaluate_all("all => all.every((image) => image.src.startsWith('file:'))")
        if len(order) == 1:  # by mouse
            for question in QUESTIONS:
                form.locator(f"input[name='{question}'][value='left']").check()
        elif len(order) == 2:  # by keyboard: left, indistinguishable, right
            for press in ("1", "ArrowDown", "3"):
                page.keyboard.press(press)
        elif len(order) == 3:  # one answer, then taken back
            page.keyboard.press("3")
            page.keyboard.press("c")
        page.locator("#next").click()
    page.reload()
    assert "image 3 of 4" in page.locator("#place").inner_text()
    assert page.locator("#done").inner_text() == "2 done"
    page.keyboard.press("Backspace")
    chosen = page.locator("form:not([hidden]) input:checked")
    assert chosen.evaluate_all("all => all.map((input) => input.value)") == ["left", "same", "right"]
    with page.expect_download() as download:
        page.locator("#export").click()
    assert download.value.suggested_filename == "rater-1.json"
    download.value.save_as(tmp_path / "rater-1.json")

    ratings = read_answers(key, [tmp_path / "rater-1.json"])
    assert (ratings.raters, ratings.artificial) == (["rater-1"], False)
    b_left = dict(zip(key.items, key.raters["rater-1"], strict=True))
    for question, second in zip(QUESTIONS, (1, 0, -1), strict=True):
        votes = dict(zip(key.items, ratings.votes[question][0].tolist(), strict=True))
        assert votes[order[0]] == (1 if b_left[order[0]] else -1)
        assert votes[order[1]] == second * (1 if b_left[order[1]] else -1)
        assert np.isnan([votes[order[2]], votes[order[3]]]).all()


def test_hostile_text_is_shown_as_text(study: Path, page: "Page") -> None:
    """A title that acts in the browser of a rater, or that fills the page with something else."""
    page.goto((study / "pages/rater-2.html").as_uri())
    words = page.locator("form:not([hidden]) > p").inner_text()
    assert words.replace("\n", " ") == f"{HOSTILE} {HOSTILE}"
    assert page.evaluate("window.ran") is None
    assert page.locator("form:not([hidden]) img").count() == 2
    until(page, "[...document.querySelectorAll('form:not([hidden]) img')].every((i) => i.naturalWidth)")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
