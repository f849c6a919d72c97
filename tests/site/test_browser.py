"""The sample browser in a real Chromium, from disk: what is shown is what the data hold."""

import difflib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from chromium import until
from made_split import made_split

from benchmark.dataset.store import Split
from benchmark.metrics.length_fit import aspect_bins
from benchmark.scoring.evaluation import evaluate
from benchmark.site.browser import MAX_CHARACTERS, SHARD, image_scores, link, write_browser
from benchmark.site.pages import Site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PAGE = 12
HOSTILE = [
    "<script>window.ran = 1</script>",
    "\"'><img src=x onerror='window.ran = 2'>",
    "\u202eabc\u202c\u200f温和",
    "长" * 5000,
    "</script><!-- \\u003c ${1} `x` \u2028 \x00 \ud800",
    "",
    "a\nb\tc",
]


@dataclass(frozen=True)
class Made:
    """A browser on disk, and what it was made of."""

    url: str
    split: Split
    captions: dict[str, list[str]]
    scores: dict[str, np.ndarray]


def written(folder: Path, split: Split, captions: dict[str, list[str]], scores: dict[str, np.ndarray]) -> str:
    site = Site(folder, "A site", "made data", [("Samples", "browser/test/index.html")])
    kinds = [f"kind {k % 3}" for k in range(split.n_boxes)]
    page = write_browser(site, "browser/test", split, captions, scores, {"caption type": kinds})
    site.finish()
    return page.as_uri()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("browser")
    split, predictions = made_split(folder / "data", n_boxes=600)
    hostile = [HOSTILE[k % len(HOSTILE)] for k in range(split.n_boxes)]
    captions = {"one": predictions, "two & <b>": hostile, "references again": list(split.captions)}
    scores = {name: image_scores(evaluate(split, given)) for name, given in captions.items()}
    return Made(written(folder / "site", split, captions, scores), split, captions, scores)


def opened(page: "Page", made: Made, address: str = "") -> None:
    page.goto("about:blank")  # another address of the same page would not load it anew
    page.goto(made.url + address)
    settled(page)


def settled(page: "Page") -> None:
    until(page, "document.body.dataset.drawn === String(drawing)")


def choose(page: "Page", name: str, value: str) -> None:
    page.locator(f"[name='{name}']").select_option(value)
    settled(page)


def images(page: "Page") -> list[str]:
    return page.eval_on_selector_all(".card", "cards => cards.map((card) => card.dataset.image)")


def boxes(split: Split, i: int) -> range:
    return range(int(split.offsets[i]), int(split.offsets[i + 1]))


def cells(page: "Page", image: str) -> list[list[str]]:
    return page.eval_on_selector_all(
        f"[data-image='{image}'] tbody tr",
        "rows => rows.map((row) => [...row.cells].slice(1).map((cell) => cell.firstChild.textContent))",
    )


def test_first_view(made: Made, page: "Page") -> None:
    """Captions of another box, or all data loaded before anything is seen."""
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url.partition("/data/")[2]))
    opened(page, made)
    assert images(page) == made.split.image_ids[:PAGE]
    expected_files = {"index.js", "scores/0.js", "scores/1.js", "rows/0.js", "captions/0/0.js", "captions/1/0.js"}
    assert set(filter(None, loaded)) == expected_files
    assert made.split.n_images > 2 * SHARD
    reference, caption = made.split.captions, made.captions["one"]
    for i in range(PAGE):
        shown = [row[:2] for row in cells(page, made.split.image_ids[i])]
        assert len(shown) == len(boxes(made.split, i))
        for box, (left, right) in zip(boxes(made.split, i), shown, strict=True):
            assert left == (visible(reference[box]) or "empty")
            right_answer = " ✓" if caption[box] == reference[box] else ""
            assert right == (visible(caption[box]) or "empty") + right_answer
    assert page.locator(".card svg .box").count() == int(made.split.offsets[PAGE])


def visible(text: str) -> str:
    return text.replace("\u200b", "U+200B")


def test_boxes_stand_where_the_data_say(made: Made, page: "Page") -> None:
    """Outlines of another size or in another corner than the box."""
    opened(page, made)
    split = made.split
    for i in range(3):
        drawn = page.eval_on_selector_all(
            f"[data-image='{split.image_ids[i]}'] .outline",
            """all => all.map((o) => { const f = o.ownerSVGElement.getBoundingClientRect(), r = o.getBBox();
            const v = o.ownerSVGElement.viewBox.baseVal;
            return [r.x / v.width, r.y / v.height, (r.x + r.width) / v.width, (r.y + r.height) / v.height]; })""",
        )
        np.testing.assert_allclose(drawn, split.boxes[list(boxes(split, i))], atol=0.001)


@pytest.mark.parametrize(
    ("order", "key"),
    [
        ("up", lambda a, b: b - a),
        ("down", lambda a, b: a - b),
        ("gap", lambda a, b: -abs(a - b)),
        ("a-low", lambda a, b: a),
        ("b-high", lambda a, b: -b),
    ],
)
def test_orders(made: Made, page: "Page", order: str, key: Callable[..., np.ndarray]) -> None:
    """The images that a reader looks for at the wrong end."""
    opened(page, made, link("one", "references again"))
    choose(page, "sort", order)
    rounded = [np.rint(10 * made.scores[name]) for name in ("one", "references again")]
    expected = np.argsort(key(*rounded), kind="stable")
    assert images(page) == [made.split.image_ids[i] for i in expected[:PAGE]]
    page.get_by_label("last page").first.click()
    settled(page)
    first = (len(expected) - 1) // PAGE * PAGE
    assert images(page) == [made.split.image_ids[i] for i in expected[first:]]


def test_filters(made: Made, page: "Page") -> None:
    """An image whose boxes fit one filter each, but none fits all; or the wrong box marked."""
    split = made.split
    opened(page, made)
    choose(page, "category", "口红")
    choose(page, "aspect ratio", "1-2")
    choose(page, "position", "top left")
    choose(page, "caption type", "kind 1")
    centres = (split.boxes[:, :2] + split.boxes[:, 2:]) / 2
    fits = (aspect_bins(split.aspect_ratios) == 0) & (centres < 1 / 3).all(axis=1) & (np.arange(split.n_boxes) % 3 == 1)
    fits &= np.array(split.categories)[split.image_of_box] == "口红"
    expected = [i for i in range(split.n_images) if fits[list(boxes(split, i))].any()]
    assert len(expected) > 2
    assert images(page) == [split.image_ids[i] for i in expected[:PAGE]]
    for i in expected[:PAGE]:
        marked = page.eval_on_selector_all(
            f"[data-image='{split.image_ids[i]}'] tbody tr", "rows => rows.map((r) => r.classList.contains('fit'))"
        )
        assert marked == fits[list(boxes(split, i))].tolist()
    assert page.locator("#count").inner_text() == f"{len(expected)} of {split.n_images} images"
    page.locator("#clear").click()
    settled(page)
    assert images(page) == split.image_ids[:PAGE]
    for length in sorted({len("".join(caption.split())) for caption in split.captions})[-2:]:
        choose(page, "caption length", str(length))
        lengths = np.array([len("".join(caption.split())) for caption in split.captions]) == length
        here = [split.image_ids[i] for i in np.unique(split.image_of_box[lengths])]
        assert images(page) == here[:PAGE]


def test_paging(made: Made, page: "Page") -> None:
    """Images skipped or shown twice between pages."""
    opened(page, made)
    seen = images(page)
    while page.get_by_label("next page").first.is_enabled():
        page.get_by_label("next page").last.click()
        settled(page)
        seen += images(page)
    assert seen == made.split.image_ids
    assert page.url.endswith(f"page={-(-len(seen) // PAGE)}")


def test_the_pressed_button_keeps_the_focus(made: Made, page: "Page") -> None:
    """Who pages by keyboard sent back to the top of the page with every press."""
    opened(page, made)
    page.get_by_label("next page").first.focus()
    for _ in range(2):
        page.keyboard.press("Enter")
        settled(page)
    assert images(page)[0] == made.split.image_ids[2 * PAGE]
    page.get_by_label("last page").first.focus()
    page.keyboard.press("Enter")
    settled(page)
    assert page.evaluate("document.activeElement.ariaLabel") == "first page"


def test_a_deep_link_says_everything(made: Made, page: "Page", chromium: "Browser") -> None:
    """A link that shows somebody else another image, other systems or another order."""
    split = made.split
    category = split.categories[40]
    address = link("two & <b>", "one", split.image_ids[40], sort="down", category=category, against="other", draw="b")
    opened(page, made, address)
    assert page.locator(".card.current").get_attribute("data-image") == split.image_ids[40]
    assert page.evaluate("document.activeElement.dataset.image") == split.image_ids[40]
    assert [page.locator(f"[name='{name}']").input_value() for name in ("a", "b", "sort", "category", "draw")] == [
        *("two & <b>", "one", "down", category, "b")
    ]
    other = chromium.new_page()
    other.goto(page.url)
    settled(other)
    assert images(other) == images(page)
    assert other.locator(".card.current").get_attribute("data-image") == split.image_ids[40]
    other.close()
    href = page.locator(".card:not(.current) h2 a").first.get_attribute("href")
    opened(page, made, href or "")
    assert page.url.endswith(href or "-")


def test_links_that_lead_nowhere(made: Made, page: "Page") -> None:
    """An empty page without a word for a link to a system or an image that is not there."""
    opened(page, made, link("gone", "one", "nothing"))
    assert "There is no image nothing here" in page.locator("#trouble").inner_text()
    other = next(c for c in made.split.categories if c != made.split.categories[0])
    opened(page, made, link("one", "", made.split.image_ids[0], category=other))
    assert "does not fit the filters" in page.locator("#trouble").inner_text()
    opened(page, made, link("gone"))
    assert "Not here: system gone" in page.locator("#trouble").inner_text()
    opened(page, made, "#sort=__proto__")
    assert page.locator("#trouble").inner_text() == "Not here: sort __proto__"
    assert len(images(page)) == PAGE


def test_two_systems(made: Made, page: "Page") -> None:
    """A select that changes the heading and not the captions; references alone."""
    opened(page, made)
    choose(page, "b", "references again")
    image = made.split.image_ids[1]
    for box, row in zip(boxes(made.split, 1), cells(page, image), strict=True):
        assert row[2] == (visible(made.split.captions[box]) or "empty") + " ✓"
    a, b = (round(made.scores[name][1] * 10) / 10 for name in ("one", "references again"))
    line = page.locator(f"[data-image='{image}'] .scores").inner_text()
    assert f"A {a:.1f}" in line
    assert f"B {b:.1f}" in line
    page.locator("#swap").click()
    settled(page)
    assert page.locator("[name='a']").input_value() == "references again"
    choose(page, "a", "")
    choose(page, "b", "")
    assert all(len(row) == 1 for row in cells(page, image))


def test_marks_are_what_differs(made: Made, page: "Page") -> None:
    """Equal characters marked, or different ones not: held against difflib on texts where both must agree."""
    opened(page, made)
    pairs = [("温和很刺激", "温和不刺激"), ("好用", "好用"), ("abc", ""), ("不伤手啊", "不伤手"), ("甲乙", "丙丁")]
    for text, other in pairs:
        found = page.evaluate("([a, b]) => inCommon([...a], [...b])", [text, other])
        blocks = difflib.SequenceMatcher(None, text, other, autojunk=False).get_matching_blocks()
        common = {i for block in blocks for i in range(block.a, block.a + block.size)}
        assert found == [i in common for i in range(len(text))]
    long = page.evaluate("() => inCommon([...'长'.repeat(5000)], [...'短'.repeat(5000)]).length")
    assert long == 5000


def test_hostile_captions_are_text(made: Made, page: "Page") -> None:
    """A caption that acts, hides, turns the line around, or breaks the page."""
    opened(page, made, link("two & <b>", "one"))
    for draw in ("a", ""):
        choose(page, "draw", draw)
    shown = [cell for i in range(PAGE) for cell in (row[1] for row in cells(page, made.split.image_ids[i]))]
    shown = [text.removesuffix(" ✓") for text in shown]
    expected = [
        *HOSTILE[:2],
        "U+202EabcU+202CU+200F温和",
        "长" * MAX_CHARACTERS + "… [4,000 more characters]",
        "</script><!-- \\u003c ${1} `x` U+2028 U+0000 U+D800",
        "empty",
        "aU+000AbU+0009c",
    ]
    for k, text in enumerate(shown):
        assert text == expected[k % len(expected)]
    assert page.evaluate("window.ran") is None
    assert page.locator("#cards script, #cards img, #cards b b").count() == 0
    assert "A: two & <b>" in page.locator(".card thead").first.inner_text()
    for width in (1366, 390):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_keys(made: Made, page: "Page") -> None:
    """A page that needs a mouse."""
    opened(page, made)
    ids = made.split.image_ids
    for key, current in (("j", 0), ("ArrowRight", 1), ("j", 2), ("k", 1), ("n", None), ("k", 11), ("j", 12)):
        page.keyboard.press(key)
        if current is None:
            until(page, f"document.querySelector('.card').dataset.image === {json.dumps(ids[PAGE])}")
        else:
            page.wait_for_selector(f".card.current[data-image='{ids[current]}']")
    page.keyboard.press("x")
    settled(page)
    assert page.locator("[name='a']").input_value() == "two & <b>"
    page.keyboard.press("Escape")
    settled(page)
    assert page.locator(".card.current").count() == 0
    page.locator("[name='id']").fill(ids[30])
    page.keyboard.press("Enter")
    page.wait_for_selector(f".card.current[data-image='{ids[30]}']")


def test_pictures(tmp_path: Path, splits: dict[str, Split], page: "Page") -> None:
    """A picture of another image, one that does not load, or one so large that a page takes long."""
    split = splits["test"]
    page.goto(written(tmp_path / "site", split, {"one": split.captions}, {"one": np.zeros(split.n_images)}))
    settled(page)
    assert page.evaluate("[...document.images].every((image) => image.loading === 'lazy')")
    page.evaluate("for (const image of document.images) image.loading = 'eager'")
    until(page, "[...document.images].every((image) => image.complete && image.naturalWidth)")
    ratios = page.eval_on_selector_all("img", "all => all.map((i) => i.naturalWidth / i.naturalHeight)")
    expected = [split.image(image_id).width / split.image(image_id).height for image_id in split.image_ids]
    np.testing.assert_allclose(ratios, expected, rtol=0.01)
    sizes = [path.stat().st_size for path in (tmp_path / "site").rglob("*.webp")]
    assert len(sizes) == split.n_images
    assert max(sizes) < 80_000


def test_a_missing_file_is_named(tmp_path: Path, made: Made, chromium: "Browser") -> None:
    """A blank page where somebody copied half of the folder."""
    folder = Path(re.sub("^file://", "", made.url)).parents[2]
    shutil.copytree(folder, tmp_path / "half")
    (tmp_path / "half/browser/test/data/rows/0.js").unlink()
    page = chromium.new_page()
    page.goto((tmp_path / "half/browser/test/index.html").as_uri())
    page.wait_for_selector("#trouble:not([hidden])")
    assert "data/rows/0.js cannot be read" in page.locator("#trouble").inner_text()
    page.close()


def test_wrong_numbers_of_captions(tmp_path: Path, made: Made) -> None:
    """Captions shifted by one, in silence."""
    site = Site(tmp_path, "A site", "", [])
    with pytest.raises(ValueError, match="expected 600, one per box"):
        write_browser(site, "b", made.split, {"one": ["x"]}, {"one": made.scores["one"]})
    with pytest.raises(ValueError, match="scores of"):
        write_browser(site, "b", made.split, made.captions, {})
