"""Cleaning: each reason on both sides of its threshold, evidence from other images, and accounts that close."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from collect_candidates import candidate, record, texts
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.dataset.collect.clean import clean
from benchmark.dataset.collect.records import WHOLE, Candidate, Record
from benchmark.dataset.collect.rules import PRESETS, Rules, parse
from benchmark.dataset.collect.select import IMAGE_DROPPED

NO_MODEL = parse("language_model=off")
OTHERS = (candidate("持久留香", 98), candidate("全家适用", 99))


class Fixed:
    """A model that scores a caption by its length: the longer, the less likely."""

    name = "fixed"

    def score(self, captions: Sequence[str], infos: Sequence[str], groups: Sequence[str] = ()) -> np.ndarray:
        return np.array([-float(len(caption)) for caption in captions])


def test_confidence() -> None:
    """A caption on the threshold goes, one below stays, or the rule cannot be switched off."""
    images = [record(candidate("温和", 0, score=0.8), candidate("不油腻", 1, score=0.79), *OTHERS)]
    done = clean(images, NO_MODEL)
    assert texts(done.records[0]) == ["温和", "持久留香", "全家适用"]
    assert [(d.stage, d.line, d.reason, d.number, d.threshold) for d in done.drops] == [
        ("clean", 1, "low confidence", 0.79, 0.8)
    ]
    assert clean(images, parse("language_model=off confidence=0")).drops == []
    assert (done.threshold, done.model, done.borderline) == (None, "", ())


def test_second_reading() -> None:
    """A caption goes if it was read twice and differently; without a second reading there is nothing to differ."""
    images = [record(candidate("核三", 0, second="核芯"), candidate("温和", 1, second="温和"), *OTHERS)]
    done = clean(images, NO_MODEL)
    assert [(d.text, d.reason) for d in done.drops] == [("核三", "second reading differs")]
    assert clean(images, parse("language_model=off second_reading=false")).drops == []


def pictures(*captions: Candidate, n: int) -> list[Record]:
    return [record(*captions, *OTHERS, image_id=f"vouching{i}") for i in range(n)]


@pytest.mark.parametrize("wrong", [{"second": "核三"}, {"score": 0.1}])
def test_evidence(wrong: dict[str, object]) -> None:
    """A caption that three unrelated images show stays; related images, or ones that are in doubt, do not count."""
    doubtful = record(candidate("核芯", 0, **wrong), *OTHERS, image_id="doubtful")
    three = pictures(candidate("核芯", 0, second="核芯"), n=3)
    done = clean([doubtful, *three], NO_MODEL)
    assert done.drops == []
    assert done.by_evidence == 1
    for images, groups in (
        ([doubtful, *three[:2]], {}),
        ([doubtful, *three], {"vouching0": "g", "vouching1": "g"}),
        ([doubtful, *three], {"vouching0": "g", "doubtful": "g"}),
        ([doubtful, *pictures(candidate("核芯", 0, second="核心"), n=3)], {}),
    ):
        assert "doubtful" in {d.image_id for d in clean(images, NO_MODEL, groups=groups).drops}
    assert len(clean([doubtful, *three], parse("language_model=off evidence=0")).drops) == 1


LONG = candidate("一二三四五六七八", 0)


def test_language_model() -> None:
    """The worst share goes, with its score; what the product's texts hold, or other images show, stays."""
    rules = parse("lm_share=0.34")
    [drop] = clean([record(LONG, *OTHERS)], rules, Fixed()).drops
    assert (drop.text, drop.reason, drop.number, drop.threshold) == (LONG.text, "unlikely language", -8, -4)
    held = clean([record(LONG, *OTHERS, title=f"【新】{LONG.text} 面霜")], rules, Fixed())
    assert (held.drops, held.in_info) == ([], 1)
    assert (
        len(
            clean([record(LONG, *OTHERS, title=LONG.text)], parse("lm_share=0.34 keep_if_in_info=false"), Fixed()).drops
        )
        == 1
    )
    many = [record(LONG, candidate("温和", 1), candidate("不含酒精", 2), image_id=str(i)) for i in range(4)]
    shown = clean(many, rules, Fixed())
    assert (shown.drops, shown.by_evidence) == ([], 4)
    assert clean([record(LONG, *OTHERS)], parse("lm_share=0"), Fixed()).drops == []


def test_threshold_of_the_released_scripts() -> None:
    """A score on the threshold stays, one below goes; the preset without a model says so in a sentence."""
    rules = parse("lm_threshold=-7", PRESETS["released"])
    images = [record(candidate("一二三四五六七", 0), LONG, *OTHERS)]
    done = clean(images, rules, Fixed())
    assert [d.text for d in done.drops] == [LONG.text]
    assert (done.threshold, done.model) == (-7, "fixed")


def test_share_is_the_most_that_goes() -> None:
    """Equal scores that are parted by chance, or a share that is exceeded."""
    images = [record(*(candidate("一二三四五六七八"[: 2 + i % 7] + "甲乙丙丁"[i % 4], i) for i in range(50)))]
    for share in (0.02, 0.1, 0.3, 0.5, 1.0):
        done = clean(images, parse([f"lm_share={share}", "evidence=0"]), Fixed())
        gone = [d for d in done.drops if d.reason == "unlikely language"]
        assert len(gone) <= share * 50
        assert {len(d.text) for d in gone}.isdisjoint(len(text) for text in texts(done.records[0]))


def test_borderline_captions() -> None:
    """People are shown the captions next to the threshold, on both sides, each once."""
    images = [record(LONG, replace(LONG, line=1), *OTHERS, candidate("温和", 2), candidate("一二三四五", 3))]
    done = clean(images, parse("lm_share=0.4"), Fixed())
    assert [(c.text, c.score, c.dropped) for c in done.borderline] == [
        (LONG.text, -8, True),
        ("一二三四五", -5, False),
        ("全家适用", -4, False),
        ("持久留香", -4, False),
        ("温和", -2, False),
    ]
    assert len(clean(pictures(LONG, n=50), Rules(), Fixed()).borderline) == 3


def test_characters_deleted_at_last() -> None:
    """The released scripts delete ] - ￥ 口 after cleaning, and what is too short then."""
    rules = parse("language_model=off", PRESETS["released"])
    done = clean(
        [record(candidate("温口和", 0), candidate("口温", 1), candidate("口红", 2), candidate("持久", 3))], rules
    )
    assert texts(done.records[0]) == ["温和", "持久"]
    assert [(d.text, d.reason, d.number) for d in done.drops] == [("口温", "too short", 1), ("口红", "too short", 1)]


def test_an_image_with_too_few_left_goes() -> None:
    done = clean([record(candidate("温和", 0, score=0.1), candidate("不油腻", 1))], NO_MODEL)
    assert done.records == []
    assert [(d.line, d.reason, d.number) for d in done.drops] == [
        (0, "low confidence", 0.1),
        (1, IMAGE_DROPPED, None),
        (WHOLE, "too few captions", 1),
    ]


def test_nothing() -> None:
    """A build of which nothing is left until here."""
    assert clean([], Rules()).drops == []


captions = st.builds(
    candidate,
    text=st.text("温和口不刺激", min_size=2, max_size=4),
    line=st.integers(0, 5),
    score=st.floats(0.5, 1),
    second=st.none() | st.text("温和口", max_size=3),
)


@settings(deadline=None)
@given(
    st.lists(st.lists(captions, max_size=5), max_size=6),
    st.sampled_from([Rules(), parse("lm_share=0.5 evidence=1"), parse("language_model=ngram", PRESETS["released"])]),
)
def test_accounts_close(images: list[list[Candidate]], rules: Rules) -> None:
    """A caption that vanishes without a reason, or has two; a result that depends on the order of the images."""
    records = [record(*captions, image_id=str(i)) for i, captions in enumerate(images)]
    done = clean(records, rules)
    left = {each.image_id: each for each in done.records}
    for before in records:
        drops = [d for d in done.drops if d.image_id == before.image_id]
        whole = [d for d in drops if d.line == WHOLE]
        assert len(whole) == (before.image_id not in left)
        assert len(drops) - len(whole) + len(texts(left.get(before.image_id))) == len(before.captions)
    turned = clean(records[::-1], rules)
    assert {each.image_id: each for each in turned.records} == left
    assert Counter(turned.drops) == Counter(done.drops)
    assert turned.threshold == done.threshold
