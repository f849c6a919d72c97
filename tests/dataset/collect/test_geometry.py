"""Boxes of lines and their parts: hand-made cases, and brute force."""

import math
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.dataset.collect.geometry import (
    SEPARATORS,
    hull,
    in_order,
    line_height,
    pieces,
    second_reading,
    shrunk,
    slant,
)
from benchmark.dataset.collect.records import Box, Candidate, Line, Quadrilateral


def level(x1: float, y1: float, x2: float, y2: float) -> Quadrilateral:
    return ((x1, y1), (x2, y1), (x2, y2), (x1, y2))


def turned(corners: Quadrilateral, degrees: float) -> Quadrilateral:
    """Corners turned clockwise as seen about the origin."""
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    return tuple((x * cosine - y * sine, x * sine + y * cosine) for x, y in corners)


def line_of(text: str, boxes: list[Box], second: str | None = None, score: float = 0.9) -> Line:
    """A line whose box is just around its characters."""
    x1, y1, x2, y2 = zip(*boxes, strict=True)
    shown = [c for c in text if not c.isspace()]
    corners = level(min(x1), min(y1), max(x2), max(y2))
    return Line(text, score, corners, tuple(zip(shown, boxes, strict=True)), second)


def cells(starts: list[float], width: float, top: float = 10, bottom: float = 50) -> list[Box]:
    return [(x, top, x + width, bottom) for x in starts]


coordinates = st.floats(-50, 250, allow_nan=False)


@given(st.lists(st.tuples(coordinates, coordinates), min_size=4, max_size=4))
def test_a_mask_covers_the_line_within_the_picture(points: list[tuple[float, float]]) -> None:
    """A mask that leaves an edge of a slanted line visible, or turns inside out, as the released scripts' do."""
    width, height = 200, 100
    x1, y1, x2, y2 = hull(tuple(points), width, height)
    assert all(isinstance(value, int) for value in (x1, y1, x2, y2))
    assert 0 <= x1 <= x2 <= width
    assert 0 <= y1 <= y2 <= height
    for x, y in points:
        assert x1 <= min(max(x, 0), width) <= x2
        assert y1 <= min(max(y, 0), height) <= y2


def test_the_mask_of_a_slanted_line_by_hand() -> None:
    """Corners 1 and 3 alone, of which the second is higher: a box that masks nothing."""
    corners = ((10.5, 60.2), (90.1, 20.0), (95.9, 32.0), (16.0, 72.5))
    assert hull(corners, 100, 100) == (10, 20, 96, 73)


def test_the_box_of_a_caption_by_hand() -> None:
    """The detector's margin in every box, which biases heights and aspect ratios (facts, rule 1)."""
    assert shrunk(level(100, 200, 400, 250), 0.12) == pytest.approx((106, 206, 394, 244))
    assert shrunk(level(100, 200, 130, 500), 0.12) == pytest.approx((103.6, 203.6, 126.4, 496.4))  # runs downwards
    assert shrunk(level(100, 200, 400, 250), 0) == (100, 200, 400, 250)


@given(st.floats(-500, 500), st.floats(-500, 500), st.floats(0.5, 500), st.floats(0.5, 500), st.floats(0, 0.49))
def test_a_box_never_vanishes(x: float, y: float, width: float, height: float, margin: float) -> None:
    """A narrow letter whose margin is wider than itself."""
    x1, y1, x2, y2 = shrunk(level(x, y, x + width, y + height), margin)
    assert x <= x1 < x2 <= x + width
    assert y <= y1 < y2 <= y + height


@given(st.floats(-44, 44), st.floats(60, 500), st.floats(10, 40), st.booleans())
def test_slant(degrees: float, length: float, height: float, vertical: bool) -> None:
    """A slanted line that passes for a level one, or a line that runs downwards for one of 90 degrees."""
    size = (height, length) if vertical else (length, height)
    if vertical:
        length = max(length, 1.6 * height)
        size = (height, length)
    corners = turned(level(0, 0, *size), degrees)
    angle, runs_down = slant(corners)
    assert angle == pytest.approx(degrees, abs=1e-6)
    assert runs_down == (vertical or height >= 1.5 * length)
    assert line_height(corners) == pytest.approx(height)


def test_a_line_divided_at_a_wide_gap() -> None:
    """Two captions taken for one: 支持定制 舒适耐用 with a gap of 22 and characters of 40 pixels (facts, rule 3)."""
    starts = [0, 43, 86, 129, 191, 234, 277, 320]  # gaps of 3, one of 22
    left, right = pieces(line_of("支持定制 舒适耐用", cells(starts, 40)), 7, 0.1)
    assert (left.text, right.text) == ("支持定制", "舒适耐用")
    assert left.line == right.line == 7
    assert left.box == pytest.approx((4, 14, 169, 46))  # from the line's own end, less a tenth of its height of 40
    assert right.box == pytest.approx((191, 14, 356, 46))


@pytest.mark.parametrize(("gap", "count"), [(17, 1), (19, 2)])
def test_gaps_around_the_bound(gap: float, count: int) -> None:
    """Spaced letters torn apart: the bound is .45 of a character of 40 pixels, so 18."""
    boxes = cells([0, 43, 83 + gap, 126 + gap], 40)
    assert len(pieces(line_of("画质视频", boxes), 0, 0)) == count


def test_characters_among_digits_are_not_torn_apart() -> None:
    """强芯 torn apart in 10代强芯, since engines give all characters one width, too small for Chinese ones."""
    centres = [10, 30, 58, 94, 130]  # digits at 20, Chinese characters at 36 pixels
    assert len(pieces(line_of("10代强芯", [(x - 12, 0, x + 12, 40) for x in centres]), 0, 0)) == 1
    letters = [10, 30, 58, 94, 114, 144]
    assert len(pieces(line_of("TPLINK", [(x - 8, 0, x + 8, 40) for x in letters]), 0, 0)) == 1
    apart = [10, 30, 98, 134, 170]  # a gap wider than a character
    assert [p.text for p in pieces(line_of("10代强芯", [(x - 12, 0, x + 12, 40) for x in apart]), 0, 0)] == [
        "10",
        "代强芯",
    ]


@pytest.mark.parametrize("separator", [*SEPARATORS, "／", "｜", "＋"])
def test_a_line_divided_at_a_separator(separator: str) -> None:
    """A separator that stays in a caption, or one in its full-width form that is not seen."""
    line = line_of(f"窄边{separator}金属", cells([0, 40, 80, 120, 160], 40), second=f"窄边{separator}全属")
    left, right = pieces(line, 0, 0.0)
    assert [(p.text, p.box, p.second) for p in (left, right)] == [
        ("窄边", (0, 10, 80, 50), "窄边"),
        ("金属", (120, 10, 200, 50), "全属"),
    ]


def test_a_separator_at_the_end_is_not_part_of_the_box() -> None:
    """A box that reaches over a bullet in front of the caption."""
    [piece] = pieces(line_of("·金属", cells([0, 40, 80], 40)), 0, 0.1)
    assert piece.text == "金属"
    assert piece.box == pytest.approx((40, 14, 116, 46))


@pytest.mark.parametrize("text", ["", "|", "／·", "  "])
def test_a_line_without_text_is_still_a_piece(text: str) -> None:
    """A line that vanishes from the account."""
    [piece] = pieces(Line(text, 0.5, level(0, 0, 100, 20)), 3, 0.1)
    assert (piece.line, piece.text) == (3, unicodedata.normalize("NFKC", text).strip())


def test_a_dash_that_was_read_as_a_one() -> None:
    """一 from a decorative dash in a caption; a 一 as high as its neighbours must stay (facts, rule 7)."""
    flat, high = (0.0, 27.0, 40.0, 33.0), (0.0, 10.0, 40.0, 50.0)
    rest = cells([43, 86, 129], 40)
    assert [p.text for p in pieces(line_of("一袋一份", [flat, *rest]), 0, 0)] == ["袋一份"]
    assert [p.text for p in pieces(line_of("一袋一份", [high, *rest]), 0, 0)] == ["一袋一份"]


def test_characters_in_compatible_form() -> None:
    """Full-width letters that no lexicon and no second reading would find."""
    [piece] = pieces(Line("Ｇ３①", 0.5, level(0, 0, 100, 20), (), "Ｇ31"), 0, 0)
    assert (piece.text, piece.second) == ("G31", "G31")


texts = st.text(st.sampled_from("品质生活一二三ABC12/|·+丨／ "), min_size=1, max_size=15)


@given(texts, st.data())
def test_pieces_hold_every_character_once(text: str, data: st.DataObject) -> None:
    """A character that is lost where a line is divided, or a box outside the line."""
    boxes, at = [], 0.0
    for _ in text.replace(" ", ""):
        at += data.draw(st.sampled_from([0, 2, 15, 30]))
        boxes.append((at, 0.0, at + 20, 24.0))
        at += 20
    line = line_of(text, boxes) if boxes else Line(text, 0.9, level(0, 0, 50, 24))
    for told in (line, Line(text, 0.9, line.corners)):  # with and without boxes of characters
        found = pieces(told, 0, 0.1)
        whole = "".join(unicodedata.normalize("NFKC", c) for c in text if not c.isspace())
        shown = "".join(c for c in whole if c not in SEPARATORS)
        assert "".join(p.text for p in found).replace(" ", "") == (shown or whole)
        x1, y1, x2, y2 = hull(line.corners, 10_000, 10_000)
        for piece in found:
            assert x1 - 1e-6 <= piece.box[0] < piece.box[2] <= x2 + 1e-6
            assert y1 - 1e-6 <= piece.box[1] < piece.box[3] <= y2 + 1e-6
        assert all(a.box[2] <= b.box[0] + 1e-6 for a, b in pairwise(found))


def test_second_reading_of_a_line_that_is_not_divided_by_the_second_engine() -> None:
    """Both halves of a line suspected because one character of one half was read differently."""
    starts = [0, 43, 86, 129, 191, 234, 277, 320]
    found = pieces(line_of("支持定制 舒适耐用", cells(starts, 40), second="支持定利舒适耐用"), 0, 0)
    assert [p.second for p in found] == ["支持定利舒适耐用", "舒适耐用"]


def test_the_second_engine_in_the_same_place() -> None:
    """A second reading from elsewhere, or none though there is one in smaller boxes."""
    line = Line("强劲核三", 0.9, level(100, 100, 300, 150))
    same = Line("强劲核芯", 0.9, level(106, 106, 294, 144))
    assert second_reading(line, [Line("别处", 0.9, level(100, 160, 300, 200)), same]) == "强劲核芯"
    assert second_reading(line, [Line("别处", 0.9, level(100, 160, 300, 200))]) is None
    assert second_reading(line, [Line("芯", 0.9, level(260, 106, 294, 144))]) is None  # too little of it
    assert second_reading(line, []) is None


def test_the_second_engine_divided_the_line() -> None:
    """A right caption that goes because the second engine tells it in two boxes, in whatever order."""
    line = Line("支持定制舒适耐用", 0.9, level(0, 0, 400, 50))
    parts = [Line("舒适耐用", 0.9, level(210, 5, 395, 45)), Line("支持定制", 0.9, level(5, 5, 190, 45))]
    assert second_reading(line, parts) == "支持定制 舒适耐用"


def test_the_second_engine_joined_two_lines() -> None:
    """A right caption that goes because the second engine read its neighbour along with it."""
    joined = line_of("画质视频体验", cells([0, 40, 80, 200, 240, 280], 40))
    assert second_reading(Line("画质视", 0.9, level(-4, 6, 124, 54)), [joined]) == "画质视"
    assert second_reading(Line("频体验", 0.9, level(196, 6, 324, 54)), [joined]) == "频体验"


def test_slanted_lines_are_not_mixed_up() -> None:
    """Lines at -12 degrees, whose upright hulls overlap by half, taken for parts of each other."""
    lines = [Line(text, 0.9, turned(level(100, y, 400, y + 40), -12)) for text, y in (("上面", 300), ("下面", 350))]
    assert [second_reading(line, lines[::-1]) for line in lines] == ["上面", "下面"]


def candidate(number: int, box: Box) -> Candidate:
    return Candidate(number, str(number), box)


def test_reading_order() -> None:
    """Lines of a row in the order of their tops, which differ by a pixel or two."""
    boxes = [(200, 12, 300, 40), (10, 14, 100, 42), (10, 60, 100, 90), (120, 58, 200, 92)]
    assert [c.line for c in in_order([candidate(i, box) for i, box in enumerate(boxes)])] == [1, 0, 2, 3]


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=8, unique=True))
def test_nearest_order_by_brute_force(corners: list[tuple[int, int]]) -> None:
    """A released order that jumps over a nearer box."""
    boxes = [candidate(i, (x, y, x + 10, y + 5)) for i, (x, y) in enumerate(corners)]
    found = in_order(boxes, "nearest")
    assert sorted(c.line for c in found) == list(range(len(boxes)))
    assert found[0] == in_order(boxes)[0]
    for i, (here, following) in enumerate(pairwise(found), 1):
        nearest = min(math.dist(here.box[:2], c.box[:2]) for c in found[i:])
        assert math.dist(here.box[:2], following.box[:2]) == nearest
