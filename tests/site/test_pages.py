"""Pages of a site: what they let through, where their links lead, and tables sorted in a real browser."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmark.grid import Cell, Grid, score
from benchmark.site.pages import Site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HOSTILE = "</td><script>alert(1)</script><img src=x onerror=alert(1)>\"' {{ 7*7 }}"
#: Names that begin like numbers, hold an interval, or look like a line of the paper.
ODD_NAMES = ["2 stage model", "1,000 [steps] net", "2.1M", "·x"]
GRID = Grid("Scores", ["system", "CIDEr", "note"], notes=["one note"])
GRID.add(Cell("middle", href="deep/er/page.html"), score(20.5, 0.1, (19.0, 22.0), "a"), Cell("b", tone="good"))
GRID.add("paper", Cell(99.0), "", kind="paper")
GRID.add("best", Cell(1234.5, "{:,}", 0.2), "c")
GRID.add("none", None, "a")
GRID.add("worst", Cell(-3.25), "d")
GRID.add(HOSTILE, 7, HOSTILE)
for place, name in enumerate(ODD_NAMES):
    GRID.add(name, Cell(float("nan") if name == "2.1M" else 30.0 + place), name)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("site")
    templates = folder / "templates"
    templates.mkdir()
    (templates / "own.html.j2").write_text(
        '{% extends "base.html.j2" %}{% from "tables.html.j2" import table %}'
        "{% block main %}{{ table(grid) }}{% endblock %}"
    )
    navigation = [("Overview", "index.html"), ("Deeper", "deep/er/page.html")]
    made = Site(folder / "out", "A site", "made data", navigation, [templates])
    for _, place in navigation:
        made.page(place, "own.html.j2", heading=HOSTILE, grid=GRID)
    made.finish()
    return made


def names(page: "Page") -> list[str]:
    return [row.inner_text() for row in page.query_selector_all("tbody tr:first-child th")]


def cells(page: "Page", name: str) -> list[str]:
    row = page.locator("tbody tr", has=page.get_by_role("rowheader", name=name, exact=True))
    return row.locator("th, td").all_inner_texts()


def test_text_is_escaped_and_links_lead_somewhere(site: Site) -> None:
    """A name that acts; a link that is broken once a page stands deeper; a page that loads from elsewhere."""
    for place in ("index.html", "deep/er/page.html"):
        path = site.folder / place
        html = path.read_text(encoding="utf-8")
        assert "<script>alert" not in html
        assert "<img" not in html
        assert "{{ 7*7 }}" in html
        assert "made data" in html
        assert "default-src 'none'" in html
        assert not re.search(r"(?:src|href)=\"(?:https?:|//|/)|<style|\son[a-z]+=\"|javascript:", html)
        for target in re.findall(r'(?:src|href)="([^"#]+)"', html.split("<main")[0]):
            assert target == "data:," or (path.parent / target).is_file(), target
    assert 'href="deep/er/page.html" aria-current' not in (site.folder / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("place", ["../out.html", "/out.html", "a/../../out.html", "", "a\\b.html"])
def test_no_page_outside_the_folder(site: Site, place: str) -> None:
    """A name of a stranger that becomes a path."""
    with pytest.raises(ValueError, match="inside the site"):
        site.page(place, "own.html.j2", heading="x", grid=GRID)


def test_sorting(site: Site, page: "Page") -> None:
    """The wrong order, dashes first, or a line of the paper left behind."""
    page.goto((site.folder / "index.html").as_uri())
    assert names(page)[:2] == ["middle", "best"]
    header = page.get_by_role("columnheader", name="CIDEr")
    page.get_by_role("button", name="CIDEr").click()
    assert names(page) == ["best", "·x", *ODD_NAMES[1::-1], "middle", HOSTILE, "worst", "none", "2.1M"]
    assert header.get_attribute("aria-sort") == "descending"
    page.get_by_role("button", name="CIDEr").click()
    assert names(page) == ["worst", HOSTILE, "middle", *ODD_NAMES[:2], "·x", "best", "none", "2.1M"]
    assert header.get_attribute("aria-sort") == "ascending"
    lines = [row.inner_text() for row in page.query_selector_all("tbody tr th")]
    assert lines[lines.index("middle") + 1] == "· paper"
    page.get_by_role("button", name="note").focus()
    page.keyboard.press("Enter")
    assert set(names(page)[:5]) == {HOSTILE, *ODD_NAMES}
    assert names(page)[5:8] == ["none", "middle", "best"]
    assert header.get_attribute("aria-sort") is None
    assert page.locator("td.good").inner_text() == "b"
    assert page.evaluate("document.querySelectorAll('main img, main script').length") == 0


def test_names_that_look_like_numbers_stay_names(site: Site, page: "Page") -> None:
    """A system that is called "2 stage model" shown as the number 2 with the tie letters "model"."""
    page.goto((site.folder / "index.html").as_uri())
    for place, name in enumerate(ODD_NAMES):
        assert cells(page, name) == [name, "-" if name == "2.1M" else str(30.0 + place), name]
    assert page.locator("tbody sup").all_inner_texts() == ["a"]
    assert page.locator("tbody small").all_inner_texts() == ["[19.00, 22.00]"]
    assert cells(page, "middle")[1].split() == ["20.50", "±", "0.10", "a", "[19.00,", "22.00]"]
    page.get_by_role("button", name="system").click()
    assert set(names(page)) >= set(ODD_NAMES)


def test_the_policy_stops_what_slips_through(site: Site, chromium: "Browser") -> None:
    """A policy that a page from disk ignores: a script put into the page must not run, nor load a picture."""
    page = chromium.new_page()
    page.goto((site.folder / "index.html").as_uri())
    ran = page.evaluate(
        """() => { const s = document.createElement('div'); s.innerHTML = '<img src=x onerror="window.ran = 1">';
        document.body.append(s); const t = document.createElement('script'); t.textContent = 'window.ran = 2';
        document.body.append(t); return new Promise((done) => setTimeout(() => done(window.ran ?? 0), 200)); }"""
    )
    page.close()
    assert ran == 0


def test_without_scripts_it_is_still_a_table(site: Site, chromium: "Browser") -> None:
    """A page that is empty where scripts are off."""
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((site.folder / "deep/er/page.html").as_uri())
    assert page.locator("tbody tr").count() == 6 + len(ODD_NAMES)
    assert page.locator("th button").count() == 0
    assert page.locator("nav a[aria-current]").inner_text() == "Deeper"
    context.close()


def test_phone_dark_and_keyboard(site: Site, chromium: "Browser") -> None:
    """A page wider than a phone, white in a dark room, or without a way past its navigation."""
    context = chromium.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
    page = context.new_page()
    page.goto((site.folder / "index.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 29)"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    context.close()


def test_print(site: Site, page: "Page") -> None:
    """Columns cut off at the edge of a sheet of A4, 190 mm between its margins."""
    roles = ["brand", "colour", "first point", "headline", "last point", "material", "middle point", "pattern"]
    columns = ["system", *roles, "promise centre", "promise right", "scene", "shape"]
    grid = Grid("Wide", columns)
    grid.add("most frequent caption", *[Cell(100.0)] * 12)
    path = site.page("wide.html", "own.html.j2", heading="Wide", grid=grid)
    page.set_viewport_size({"width": 718, "height": 1000})
    page.emulate_media(media="print")
    page.goto(path.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 718
    assert page.evaluate("getComputedStyle(document.querySelector('th button'), '::after').display") == "none"


def test_colours_can_be_read() -> None:
    """Grey on grey: WCAG 2.1 asks for a contrast of 4.5 of text, in light and dark."""
    css = (Path(__file__).parents[2] / "benchmark/site/static/style.css").read_text(encoding="utf-8")
    schemes = [dict(re.findall(r"--(\w+): (#\w{6});", block)) for block in re.findall(r":root \{(.*?)\}", css, re.S)]
    assert len(schemes) == 2
    for colours in schemes:
        for name in ("ink", "soft", "accent", "good", "bad", "open"):
            for ground in ("paper", "wash"):
                assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
        assert contrast(colours["ink"], colours["extra"]) >= 4.5


def contrast(a: str, b: str) -> float:
    """Contrast ratio of two colours, each "#rrggbb" (WCAG 2.1, from 1 to 21)."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)
