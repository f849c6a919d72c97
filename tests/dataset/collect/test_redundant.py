"""Redundant images: exactly those go that the authors' rule drops, and each names an image that it repeats."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from math import ceil
from pathlib import Path
from random import Random
from time import process_time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.dataset.collect import ranges, redundant
from benchmark.dataset.collect.hashing import perceptual_hash
from benchmark.dataset.collect.records import WHOLE, Candidate, Drop, Listing, Reading, Record
from benchmark.dataset.collect.redundant import SAME_PICTURE, SHARED_CAPTIONS, Rounding, redundant_stage
from benchmark.errors import InputError

CaptionSets = list[list[str]]

ROUNDINGS: list[Rounding] = ["ceil", "round"]

#: The roundings as plain functions; seven tenths are whole numbers, so both are exact.
NEEDED: dict[str, Callable[[int], int]] = {"round": lambda n: round(0.7 * n), "ceil": lambda n: ceil(7 * n / 10)}


def made_sets(count: int, seed: int) -> CaptionSets:
    """Sets of 2 to 10 captions, of which few are frequent and most are rare; every eighth is a changed copy."""
    random = Random(seed)
    made: CaptionSets = []
    for _ in range(count):
        own = [f"c{int((2 * count) ** random.random())}" for _ in range(min(10, 2 + int(random.expovariate(0.38))))]
        if made and random.random() < 0.12:
            copy = list(random.choice(made))
            copy[random.randrange(len(copy))] = own[0]
            if random.random() < 0.3:
                copy.append(own[1])
            own = copy
        random.shuffle(own)
        made.append(own)
    return made


def walked(captions: Sequence[Sequence[str]], needed: Callable[[int], int]) -> list[bool]:
    """Which images stay by the rule of the authors' scripts: a walk with an index from captions to images.

    Args:
        captions: captions of each image.
        needed: how many shared captions make an image with so many captions redundant.
    """
    index: dict[str, set[int]] = defaultdict(set)
    for image, texts in enumerate(captions):
        for text in texts:
            index[text].add(image)
    kept = []
    for image, texts in enumerate(captions):
        own = set(texts)
        shared: dict[int, int] = defaultdict(int)
        for text in own:
            for other in index[text]:
                shared[other] += 1
        shared.pop(image, None)
        redundant = any(number >= needed(len(own)) for number in shared.values())
        if redundant:
            for text in own:
                index[text].remove(image)
        kept.append(not redundant)
    return kept


def compared(captions: Sequence[Sequence[str]], needed: Callable[[int], int]) -> list[bool]:
    """Which images stay if each is compared with every other one; no index."""
    sets = [set(texts) for texts in captions]
    kept = [True] * len(sets)
    for image, own in enumerate(sets):
        others = (j for j in range(len(sets)) if j > image or (j < image and kept[j]))
        kept[image] = not own or all(len(own & sets[j]) < max(1, needed(len(own))) for j in others)
    return kept


def check(captions: CaptionSets, rounding: Rounding, share: float = 0.7) -> np.ndarray:
    """Run the search, check that every dropped image repeats the one that it names, and return which are kept."""
    kept, repeats = redundant.redundant(captions, share, rounding)
    assert (kept == (repeats < 0)).all()
    for image in np.flatnonzero(~kept).tolist():
        partner = int(repeats[image])
        own = set(captions[image])
        assert partner > image or (partner < image and kept[partner])
        needed = ceil(round(share * len(own), 9)) if rounding == "ceil" else round(share * len(own))
        assert len(own & set(captions[partner])) >= max(1, needed)
    return kept


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_equals_the_released_rule(rounding: Rounding) -> None:
    """Guards against a filter that loses partners: results would differ from those of the authors' scripts."""
    captions = made_sets(5000, seed=0)
    kept = check(captions, rounding)
    assert kept.tolist() == walked(captions, NEEDED[rounding])
    assert 100 < (~kept).sum() < 4900


@pytest.mark.slow
@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("seed", range(1, 20))
def test_equals_the_released_rule_for_many_seeds(rounding: Rounding, seed: int) -> None:
    """Guards against rare cases, such as an earlier partner that is kept while the later ones are not partners."""
    captions = made_sets(5000, seed)
    assert check(captions, rounding).tolist() == walked(captions, NEEDED[rounding])


@settings(deadline=None)
@given(
    st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=7), max_size=12),
    st.sampled_from(ROUNDINGS),
)
def test_equals_brute_force_on_small_sets(captions: CaptionSets, rounding: Rounding) -> None:
    """Guards against errors with empty sets, repeated captions, equal images and every order of sizes."""
    assert check(captions, rounding).tolist() == compared(captions, NEEDED[rounding])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(ROUNDINGS))
def test_batches_change_nothing(seed: int, rounding: Rounding) -> None:
    """Guards against a search that skips candidates where its batches end."""
    captions = made_sets(60, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redundant, "BATCH", 3)
        patch.setattr(ranges.slices, "__defaults__", (2,))
        assert check(captions, rounding).tolist() == walked(captions, NEEDED[rounding])


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=7), max_size=8),
    st.integers(1, 100),
)
def test_any_share(captions: CaptionSets, percent: int) -> None:
    """Guards against thresholds that are 0 for a small share, or one too high because 0.07 * 100 is above 7."""
    expected = compared(captions, lambda n: -(-percent * n // 100))
    assert redundant.redundant(captions, percent / 100, "ceil")[0].tolist() == expected


def test_planted_copies_are_found() -> None:
    """Guards against copies that hide among frequent captions."""
    random = Random(5)
    captions = made_sets(1000, seed=3)
    planted = []
    for _ in range(100):
        texts = [f"planted {random.random()}" for _ in range(6)] + ["c1"]
        place = random.randrange(len(captions))
        captions.insert(place, texts)
        planted.append(texts)
    captions += [[*texts[:5], "c1", "another"] for texts in planted]
    kept = check(captions, "ceil")
    images = {texts[0]: image for image, texts in reversed(list(enumerate(captions)))}
    assert not any(kept[images[texts[0]]] for texts in planted)
    assert kept[-100:].all()


def test_two_captions_of_which_one_is_shared() -> None:
    """Guards the difference of the roundings, which decides about every image with two captions."""
    captions = [["a", "b"], ["a", "c"], ["d", "e"]]
    assert check(captions, "ceil").tolist() == [True, True, True]
    assert check(captions, "round").tolist() == [False, True, True]


def test_earlier_image_counts_only_if_it_is_kept() -> None:
    """Guards the greedy order: [ab] repeats the larger image before it, unless that went because of the last one."""
    large = list("abcdef")
    assert check([large, ["a", "b"]], "ceil").tolist() == [True, False]
    assert check([large, ["a", "b"], [*"cdef", "x"]], "ceil").tolist() == [True, False, False]
    assert check([large, ["a", "b"], [*"bcdef", "x"]], "ceil").tolist() == [False, True, True]


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_equal_images_are_no_worst_case(rounding: Rounding) -> None:
    """Guards against pairs of all images with all: a shop that prints the same texts on every picture."""
    many = 10_000
    began = process_time()
    assert check([["a", "b", "c", "d"]] * many, rounding).tolist() == [False] * (many - 1) + [True]
    shared = [[*"abcdefg", f"x{i}", f"y{i}", f"z{i}"] for i in range(many)]
    assert check(shared, rounding).tolist() == [False] * (many - 1) + [True]
    assert process_time() - began < 20


def test_caption_of_every_image_is_no_worst_case() -> None:
    """Guards against looking at all images because of a brand name that is in each of them."""
    many = 10_000
    began = process_time()
    assert check([["brand", f"x{i}", f"y{i}", f"z{i}"] for i in range(many)], "ceil").all()
    assert process_time() - began < 10
    assert check([["brand", f"x{i}"] for i in range(many)], "round").tolist() == [False] * (many - 1) + [True]


def test_image_with_very_many_captions() -> None:
    """Guards against memory for the largest image times all others."""
    captions = [[f"c{i}" for i in range(50_000)], *([f"c{i}", f"c{i + 1}"] for i in range(0, 2000, 2))]
    kept, repeats = redundant.redundant(captions)
    assert kept.tolist() == [True] + [False] * 1000
    assert not repeats[1:].any()


def test_nothing_is_fine() -> None:
    """Guards against an exception for no images, and for images without captions, which share nothing."""
    assert redundant.redundant([])[0].tolist() == []
    assert redundant.redundant([[], [], ["a"]])[0].tolist() == [True, True, True]


@pytest.mark.parametrize("share", [0, -0.1, 1.5, float("nan")])
def test_impossible_share_is_refused(share: float) -> None:
    """Guards against a share given in per cent, which would keep everything."""
    with pytest.raises(InputError, match="share of captions"):
        redundant.redundant([["a"]], share)


def test_unknown_rounding_is_refused() -> None:
    """Guards against a misspelt rounding that silently means another."""
    with pytest.raises(InputError, match="rounding"):
        redundant.redundant([["a"]], 0.7, "floor")  # type: ignore[arg-type]


def record(image_id: str, texts: str, bits: int = 0) -> Record:
    captions = tuple(Candidate(i, text, (0, 0, 1, 1)) for i, text in enumerate(texts))
    return Record(Listing(image_id, Path(f"{image_id}.jpg")), Reading("", 100, 100, hash=bits), captions)


HASH = 0x0123_4567_89AB_CDEF


def test_stage_drops_with_reasons_and_links() -> None:
    """Guards the account: each image that goes has one drop that says why, and names what it repeats."""
    records = [
        record("d", "pqr", HASH ^ 0b111),
        record("c", "klmn", HASH),
        record("b", "abcx"),
        record("a", "abcy"),
        record("f", "uvw", HASH ^ 0xFF),
        record("e", "stz", ~HASH & (2**64 - 1)),
    ]
    kept, drops, links = redundant_stage(records)
    shared = Drop("redundant", "a", WHOLE, "b", SHARED_CAPTIONS, 3, 3)
    assert [one.image_id for one in kept] == ["b", "c", "e", "f"]
    assert drops == [shared, Drop("redundant", "d", WHOLE, "c", SAME_PICTURE, 3, 3)]
    assert links == [("a", "b"), ("c", "d"), ("c", "f")]
    kept, drops, links = redundant_stage(records, same=None, alike=None)
    assert ([one.image_id for one in kept], drops, links) == (["b", "c", "d", "e", "f"], [shared], [("a", "b")])


def test_stage_keeps_the_first_of_equal_pictures() -> None:
    """Guards against equal pictures that all go, or of which two stay because a third one went before."""
    near = [record(name, name, HASH ^ bits) for name, bits in [("a", 0), ("b", 0b11), ("c", 0b1111), ("d", 0b1111)]]
    kept, drops, _ = redundant_stage(near, same=2)
    assert [one.image_id for one in kept] == ["a", "c"]
    assert [(drop.image_id, drop.text, drop.number) for drop in drops] == [("b", "a", 2), ("d", "c", 0)]
    kept, drops, _ = redundant_stage([*near, record("e", "e", HASH ^ 0b1111)], same=4)
    found = [(drop.image_id, drop.text, drop.number) for drop in drops]
    assert found == [("b", "a", 2), ("c", "a", 4), ("d", "a", 4), ("e", "a", 4)]


def test_stage_compares_no_plain_pictures() -> None:
    """Guards against posters of texts alone, which are all one colour without them, taken for the same picture."""
    y, x = np.mgrid[:60, :80]
    plain = [np.full((60, 80, 3), colour, np.uint8) for colour in (0, 90, 255)]
    gradients = [np.repeat((axis * 3)[:, :, None], 3, axis=2).astype(np.uint8) for axis in (x, y)]
    hashes = [0, *map(perceptual_hash, [*plain, *gradients])]
    records = [record(f"{i}{k}", chr(97 + 2 * i + k), bits) for i, bits in enumerate(hashes) for k in range(2)]
    kept, drops, links = redundant_stage(records)
    assert (len(kept), drops, links) == (12, [], [])


def test_stage_compares_no_captions_if_told() -> None:
    """Guards against images that go for their captions although that rule is off."""
    kept, drops, links = redundant_stage([record("a", "xyz"), record("b", "xyz")], share=None)
    assert (len(kept), drops, links) == (2, [], [])


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.text("abcdef", max_size=5), st.integers(0, 63)), max_size=12),
    st.randoms(use_true_random=False),
    st.sampled_from(ROUNDINGS),
    st.none() | st.integers(0, 2),
)
def test_stage_accounts_close(
    images: list[tuple[str, int]], random: Random, rounding: Rounding, same: int | None
) -> None:
    """Guards against images that vanish without a drop, results that depend on the order, and pictures kept twice."""
    records = [record(f"{i:03}", texts, HASH ^ bits) for i, (texts, bits) in enumerate(images)]
    shuffled = random.sample(records, len(records))
    kept, drops, links = redundant_stage(shuffled, rounding=rounding, same=same, alike=2)
    assert redundant_stage(records, rounding=rounding, same=same, alike=2) == (kept, drops, links)
    stays = {one.image_id for one in kept}
    assert sorted([*stays, *(drop.image_id for drop in drops)]) == [one.image_id for one in records]
    hashes = {one.image_id: one.reading.hash for one in records}
    group = {other: first for first, other in links}
    for drop in drops:
        assert group.get(drop.image_id, drop.image_id) == group.get(drop.text, drop.text)
        if drop.reason == SAME_PICTURE:
            assert drop.text in stays
            assert drop.number == (hashes[drop.text] ^ hashes[drop.image_id]).bit_count() <= drop.threshold
    for one in stays:
        for other in stays:
            if one < other and same is not None:
                assert (hashes[one] ^ hashes[other]).bit_count() > same


def test_stage_refuses_an_id_twice() -> None:
    """Guards against one of two pictures with the same id getting lost in a table by id."""
    with pytest.raises(InputError, match="'a'"):
        redundant_stage([record("a", "xy"), record("b", "xy"), record("a", "vw")])


@pytest.mark.slow
def test_two_hundred_thousand_images_in_ten_seconds() -> None:
    """Guards the growth: two million images have to stay a matter of minutes."""
    captions = made_sets(200_000, seed=0)
    began = process_time()
    kept, _ = redundant.redundant(captions)
    assert process_time() - began < 10
    assert 0.5 < kept.mean() < 1
