"""Copies and leaked references, altered in all the ways that are cheap, beside the honest entries stored here."""

from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("pydantic")
pytest.importorskip("yaml")

from benchmark.dataset.store import Split
from benchmark.leaderboard.copies import (
    ENOUGH_SYSTEMS,
    LEAKED,
    NEARLY_LEAKED,
    Closeness,
    Similarity,
    _each_seen,
    caption_hashes,
    kept_share,
    seen,
)
from benchmark.leaderboard.entries import predictions_of
from benchmark.predictions import read_predictions

SUBMISSIONS = Path(__file__).parents[2] / "submissions"
ENTRIES = {name: SUBMISSIONS / f"20261125_{name}-scaled-down" for name in ("full", "context", "m2-w-o-tatt", "no-info")}
BLANKS = "\u200b\u200d\u2060\ufeff\u00ad\u034f\u3164\U000e0041"


@pytest.fixture(scope="module")
def test_split(embedded: dict[str, Split]) -> Split:
    return embedded["test"]


@pytest.fixture(scope="module")
def systems(test_split: Split) -> dict[str, list[str]]:
    """Test captions of two seeds of some honest systems, by name and seed."""
    return {
        f"{name} {seed}": read_predictions(path / predictions_of(seed, "test"), test_split)
        for name, path in ENTRIES.items()
        for seed in (1, 2)
    }


def altered(captions: list[str], share: float, how: Callable[[str], str]) -> list[str]:
    """Captions of which a share, drawn at random, is altered."""
    random = Random(1)
    return [how(caption) if random.random() < share else caption for caption in captions]


def edited(caption: str) -> str:
    return caption[:-1] + "呢"


def compared(mine: list[str], theirs: list[str], split: Split) -> Similarity:
    return Similarity.of(*map(caption_hashes, (mine, theirs, split.captions)))


@pytest.mark.parametrize("blank", [*BLANKS, " ", "\u3000", "\t", "\n"])
def test_what_cannot_be_seen_makes_no_other_caption(blank: str) -> None:
    """A copy with an invisible character in every caption, which no caption of the original equals."""
    assert seen(f"温{blank}和ＡB1") == seen(f"{blank}温和ab１{blank}") == "温和ab1"
    assert caption_hashes([f"温{blank}和"]) == caption_hashes(["温和"])


def test_honest_entries_are_no_copies(systems: dict[str, list[str]], test_split: Split) -> None:
    """Alarms over systems that were trained apart, which teach people to look away."""
    found = {
        (a, b): compared(systems[a], systems[b], test_split)
        for a, b in combinations(systems, 2)
        if a.split()[0] != b.split()[0]
    }
    assert {similarity.degree for similarity in found.values()} == {""}
    assert max(similarity.equal for similarity in found.values()) > 0.05  # they do agree on some


@pytest.mark.parametrize(
    ("how", "degree"),
    [
        (lambda captions: [BLANKS[0] + caption for caption in captions], "copy"),
        (lambda captions: [caption[:1] + BLANKS[3] + caption[1:] for caption in captions], "copy"),
        (lambda captions: altered(captions, 0.008, edited), "copy"),
        (lambda captions: altered(captions, 0.03, edited), "look"),
        (lambda captions: altered(captions, 0.07, edited), "look"),
        (lambda captions: altered(captions, 0.20, edited), "note"),
        (lambda captions: altered(captions, 0.40, edited), "note"),
        (lambda captions: altered(captions, 0.99, edited), ""),
    ],
)
@pytest.mark.parametrize("system", ["full 1", "no-info 1"])
def test_altered_copies(
    systems: dict[str, list[str]],
    test_split: Split,
    system: str,
    how: Callable[[list[str]], list[str]],
    degree: str,
) -> None:
    """A copy that passes without a word since one caption in a hundred is another."""
    assert compared(how(systems[system]), systems[system], test_split).degree == degree


def test_a_copy_that_is_wrong_in_other_words(systems: dict[str, list[str]], test_split: Split) -> None:
    """A copy of which exactly the wrong captions are altered, by somebody who knows the references."""
    captions = systems["full 1"]
    pairs = zip(captions, test_split.captions, strict=True)
    other = [caption if caption == reference else edited(caption) for caption, reference in pairs]
    similarity = compared(other, captions, test_split)
    assert (similarity.errors < 0.1, similarity.hits, similarity.degree) == (True, 1.0, "look")


def test_few_boxes_tell_nothing(systems: dict[str, list[str]], test_split: Split) -> None:
    """An alarm because both are wrong in the same one box."""
    references = caption_hashes(["a"] * 99 + ["b"])
    assert Similarity.of(caption_hashes(["a"] * 100), caption_hashes(["c"] * 2 + ["a"] * 98), references).degree == ""


def closeness(captions: list[str], split: Split, others: list[list[str]]) -> Closeness:
    hashes = [caption_hashes(one) for one in others]
    kept = kept_share(captions, split.captions)
    return Closeness.of(caption_hashes(captions), kept, caption_hashes(split.captions), hashes)


def degrees(found: Closeness) -> set[str]:
    return {sign.degree for sign in found.signs}


def test_honest_entries_have_seen_no_references(systems: dict[str, list[str]], test_split: Split) -> None:
    """Entries of good systems refused, or never free of warnings."""
    for name, captions in systems.items():
        others = [theirs for other, theirs in systems.items() if other.split()[0] != name.split()[0]]
        found = closeness(captions, test_split, others)
        assert found.leaked == ""
        assert "look" not in degrees(found)


@pytest.mark.parametrize("share", [0.0, 0.04])
def test_references_are_refused(test_split: Split, share: float) -> None:
    """The references handed in with an invisible character in each, or with a few of them altered."""
    captions = altered([f"{c}\u200b" for c in test_split.captions], share, lambda _: "好")
    assert f"expected less than {LEAKED:.0%}" in closeness(captions, test_split, []).leaked


@pytest.mark.parametrize("share", [0.07, 0.5, 1.0])
def test_references_with_a_character_altered_are_refused(test_split: Split, share: float) -> None:
    """The references with another last character in many of them."""
    captions = altered(test_split.captions, share, edited)
    assert f"expected less than {NEARLY_LEAKED:.0%}" in closeness(captions, test_split, []).leaked


@pytest.mark.parametrize("share", [0.07, 0.5])
def test_references_mixed_with_other_captions(systems: dict[str, list[str]], test_split: Split, share: float) -> None:
    """References in some boxes and honest captions in the others, which no share of equal captions shows."""
    random = Random(2)
    pairs = zip(test_split.captions, systems["no-info 2"], strict=True)
    captions = [theirs if random.random() < share else reference for reference, theirs in pairs]
    others = list(systems.values())
    assert len(others) >= ENOUGH_SYSTEMS
    found = closeness(captions, test_split, others)
    assert "look" in degrees(found)
    assert found.beyond > 0.4
    assert closeness(captions, test_split, []).beyond == 0  # too few systems to tell


def test_references_in_another_order(test_split: Split) -> None:
    """References shifted by a box, or shuffled."""
    shuffled = list(test_split.captions)
    Random(0).shuffle(shuffled)
    for captions in (shuffled, test_split.captions[1:] + test_split.captions[:1]):
        found = closeness(captions, test_split, [])
        assert found.permuted == 1.0
        assert degrees(found) == {"look"}


def test_long_captions_take_no_time(test_split: Split) -> None:
    """A quadratic comparison of captions that are a thousand characters long."""
    captions = ["好" * 1000] * len(test_split.captions)
    assert kept_share(captions, test_split.captions) == 0
    assert kept_share(["ab", "abcd", "abcd", "", "a"], ["ab", "abxy", "axyz", "", ""]) == pytest.approx(3 / 5)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.text(st.sampled_from("好用，ａa１ßİ\u0301\u09c7\u09be\u1100\u1161\u200b \u3000ﬁ😀\ud800"), max_size=4))
)
def test_captions_are_seen_together_as_alone(captions: list[str]) -> None:
    """Signs that join with those of the next caption, and so change a caption that stays as it is alone."""
    assert list(_each_seen(captions)) == [seen(caption) for caption in captions]


def test_hashes_are_the_same_in_every_process() -> None:
    """Hashes that the cache keeps and the next process does not know."""
    assert caption_hashes(["温和", "Nivea 面霜"]).tolist() == [1618579885, 265283337]
    assert caption_hashes([]).dtype == np.uint32
