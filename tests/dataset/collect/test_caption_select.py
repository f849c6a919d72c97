"""Selection: each rule on both sides of its threshold, and accounts that close whatever comes in."""

from collections import Counter
from dataclasses import replace

import pytest
from collect_candidates import SIDE, candidate, record, texts
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.dataset.collect.expressions import LABELS, read_expressions
from benchmark.dataset.collect.records import WHOLE, Candidate, Line
from benchmark.dataset.collect.rules import PRESETS, Rules, parse, preset
from benchmark.dataset.collect.select import IMAGE_DROPPED, select, text_height

LEXICON = read_expressions()
OTHERS = (candidate("持久留香", 98), candidate("全家适用", 99))


def reason(one: Candidate, rules: Rules) -> str:
    """Why a candidate goes from a picture with two others that stay; empty if it stays."""
    kept, drops = select(record(one, *OTHERS), rules, LEXICON)
    assert len(texts(kept)) + len(drops) == 3
    return drops[0].reason if drops else ""


@pytest.mark.parametrize(
    ("stays", "goes", "why", "off"),
    [
        (candidate("温和"), candidate("温"), "too short", "min_length=1"),
        (candidate("一二三四五六七八九十"), candidate("一二三四五六七八九十一"), "too long", "max_length=1000"),
        (candidate("温1", score=1), candidate("12。", score=1), "no Chinese character", "require_chinese=false"),
        (candidate("温和"), candidate("温和spa"), "Latin letter", "allow_latin=true"),
        (candidate("温和"), candidate("温和2次"), "digit", "allow_digits=true"),
        (candidate("舒适透气"), candidate("舒适、透气"), "refused character", "refused="),
        (candidate("可折叠收纳"), candidate("全场八折"), "discount", "discounts=off"),
        (candidate("送女友礼物"), candidate("满额送壕礼"), "discount", "discounts=off"),
        (candidate(height=35), candidate(height=34.9), "too small", "size=0"),
        (candidate(height=200, angle=8.0), candidate(height=200, angle=8.1), "slanted", "slant=90"),
        (candidate(height=200, angle=-8.0), candidate(height=200, angle=-8.1), "slanted", "slant=90"),
        (candidate(), candidate(vertical=True, angle=90), "vertical", "allow_vertical=true"),
    ],
)
def test_both_sides_of_a_rule(stays: Candidate, goes: Candidate, why: str, off: str) -> None:
    """A rule that drops what it should keep, keeps what it should drop, or cannot be switched off."""
    rules = parse("allow_digits=true") if "1" in stays.text else Rules()
    assert reason(stays, rules) == ""
    assert reason(goes, rules) == why
    also = " allow_digits=true" if why == "no Chinese character" else ""
    assert reason(goes, parse(off + also)) == ""


def test_numbers_and_thresholds() -> None:
    """A drop that does not say how far it was from staying."""
    _, [drop] = select(record(candidate(height=20, line=7), *OTHERS), Rules(), LEXICON)
    assert (drop.stage, drop.image_id, drop.line, drop.text) == ("select", "a", 7, "温和不刺激")
    assert (drop.number, drop.threshold) == (pytest.approx(0.02), 0.035)


def test_repeats() -> None:
    """Labels on a row of bottles as captions: all of them go, unless repeats are allowed."""
    twice = record(candidate("婴儿专用", 0), candidate("婴儿专用", 1), *OTHERS)
    kept, drops = select(twice, Rules(), LEXICON)
    assert texts(kept) == ["持久留香", "全家适用"]
    assert [(d.reason, d.number, d.threshold) for d in drops] == [("repeated in the picture", 2, 1)] * 2
    assert len(texts(select(twice, parse("allow_repeats=true"), LEXICON)[0])) == 4


def test_watermark() -> None:
    assert reason(candidate("某某平台"), Rules()) == ""
    assert reason(candidate("某某平台"), parse(["watermarks=某某 平台"])) == "watermark"


@pytest.mark.parametrize("box", [(5.0, 0.0, 5.0, 90.0), (0.0, 90.0, 50.0, 10.0), (float("nan"), 0.0, 9.0, 90.0)])
@pytest.mark.parametrize("name", PRESETS)
def test_box_without_area(box: tuple[float, float, float, float], name: str) -> None:
    """A box that no data set can hold, whatever the rules are."""
    assert reason(candidate(box=box), preset(name)) == "box without area"


def test_too_few_captions() -> None:
    """A picture with one caption goes, and that caption with it, once."""
    kept, drops = select(record(candidate("温和", 0), candidate("spa", 1)), Rules(), LEXICON)
    assert kept is None
    assert [(d.line, d.reason, d.number, d.threshold) for d in drops] == [
        (1, "no Chinese character", None, None),
        (0, IMAGE_DROPPED, None, None),
        (WHOLE, "too few captions", 1, 2),
    ]
    assert texts(select(record(candidate("温和")), parse("min_captions=1"), LEXICON)[0]) == ["温和"]


@pytest.mark.parametrize("changes", [{"problem": "truncated"}, {"width": 0}, {"height": 0}])
def test_picture_that_cannot_be_used(changes: dict[str, object]) -> None:
    kept, drops = select(record(*OTHERS, **changes), Rules(), LEXICON)
    assert kept is None
    assert [d.reason for d in drops] == [IMAGE_DROPPED, IMAGE_DROPPED, "picture cannot be used"]


def test_images_of_discounts() -> None:
    """An image of which half the lines are discounts goes; with less than half, these lines alone."""
    rules = parse("discounts=images")
    half = record(*OTHERS, candidate("全场包邮", 1), candidate("限时抢购", 2))
    kept, drops = select(half, rules, LEXICON)
    assert kept is None
    assert Counter(d.reason for d in drops) == {
        "discount": 2,
        IMAGE_DROPPED: 2,
        "too many discounts among its lines": 1,
    }
    assert (drops[-1].number, drops[-1].threshold) == (0.5, 0.5)
    less = replace(half, captions=(*half.captions, candidate("不含酒精", 3)))
    assert len(texts(select(less, rules, LEXICON)[0])) == 3
    assert len(texts(select(half, Rules(), LEXICON)[0])) == 2


def test_signs_of_a_price_are_seen() -> None:
    """Normalising deletes ¥, so a price would pass for a bare number: the line as read counts, if it was not split."""
    line = Line("￥ 99 起", 1.0, ((0.0, 0.0),) * 4)
    price = record(candidate("99起", 0), candidate("持久留香", 1), candidate("全家适用", 2))
    price = replace(price, reading=replace(price.reading, lines=(line, *price.reading.lines[1:])))
    assert [d.reason for d in select(price, parse("allow_digits=true"), LEXICON)[1]] == ["discount"]
    split = replace(price, captions=(candidate("无线蓝牙", 0), candidate("办公兼备", 0)))
    assert select(split, Rules(), LEXICON)[1] == []


def test_height_of_a_slanted_line() -> None:
    """The box of a slanted line is higher than its letters: a line on a product would pass for a big one."""
    # 400 by 20 at 5 degrees: its hull is 400 cos 5 + 20 sin 5 by 400 sin 5 + 20 cos 5.
    slanted = candidate(box=(0.0, 0.0, 400.221, 54.786), angle=5.0)
    assert text_height(slanted) == pytest.approx(20, abs=0.01)
    assert text_height(candidate(box=(0.0, 0.0, 30.0, 400.0), vertical=True)) == 30
    assert text_height(candidate(box=(0.0, 0.0, 900.0, 40.0), angle=8.0)) == 40  # no hull of such a line


numbers = st.floats(-50, SIDE + 50)
candidates = st.builds(
    Candidate,
    line=st.integers(0, 12),
    text=st.text("温和不刺激持久券折满减aB1 9/、!🍵", max_size=12),
    box=st.tuples(numbers, numbers, numbers, numbers),
    angle=st.floats(-90, 90),
    vertical=st.booleans(),
    score=st.floats(0, 1),
)


@settings(deadline=None)
@given(
    st.lists(candidates, max_size=8),
    st.sampled_from([*PRESETS.values(), parse("discounts=images min_captions=1")]),
    st.sampled_from(["", "truncated"]),
)
def test_accounts_close(captions: list[Candidate], rules: Rules, problem: str) -> None:
    """A line that vanishes without a reason, or has two; an image that is neither kept nor dropped."""
    before = record(*captions, problem=problem)
    kept, drops = select(before, rules, LEXICON)
    left = kept.captions if kept else ()
    accounted = [(one.line, one.text) for one in (*drops, *left) if one.line != WHOLE]
    assert Counter(accounted) == Counter((c.line, c.text) for c in captions)
    assert len([d for d in drops if d.line == WHOLE]) == (kept is None)
    if kept:
        assert [c for c in captions if c in kept.captions] == list(kept.captions)  # in their order, unchanged
        assert len(kept.captions) >= rules.min_captions


WASHING = ("洗涤说明", "最高洗涤温度30", "常规程序", "不可漂白", "悬挂晾干", "注意事项")


def test_a_label_is_no_advertisement() -> None:
    """Rows from a washing label, whose lines look like captions; or a poster that goes for one such line."""
    labels = read_expressions(LABELS)
    label = record(*(candidate(text, i) for i, text in enumerate(WASHING)))
    kept, drops = select(label, Rules(), LEXICON, labels)
    assert kept is None
    assert [drop.reason for drop in drops if drop.line == WHOLE] == ["a label or tag"]
    assert select(label, parse("label_share=0"), LEXICON, labels)[0] is not None
    assert select(label, Rules(), LEXICON)[0] is not None
    poster = record(candidate("柔软亲肤", 0), candidate("透气排汗", 1), candidate("合格证齐全", 2))
    assert len(texts(select(poster, Rules(), LEXICON, labels)[0])) == 3
    few = record(*(candidate(text, i) for i, text in enumerate(WASHING[:2])))  # two of two say little
    assert "a label or tag" not in {drop.reason for drop in select(few, Rules(), LEXICON, labels)[1]}
