"""Splits without leaks: a group stays together, and stays where it is."""

from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.dataset.collect.splits import assign_splits, groups, linked_splits
from benchmark.errors import InputError

SHARES = {"val": 0.2, "test": 0.3}
PAIRS = st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=25)


def reached(size: int, pairs: list[tuple[int, int]]) -> list[int]:
    """The smallest thing that each one is connected to, by walking along the pairs."""
    near: list[set[int]] = [{i} for i in range(size)]
    for one, other in pairs:
        near[one].add(other)
        near[other].add(one)
    smallest = []
    for i in range(size):
        seen, ahead = {i}, [i]
        while ahead:
            new = near[ahead.pop()] - seen
            seen |= new
            ahead += new
        smallest.append(min(seen))
    return smallest


@settings(deadline=None)
@given(PAIRS)
def test_groups_equal_a_walk(pairs: list[tuple[int, int]]) -> None:
    """Guards against groups that stay apart though a chain of pairs connects them."""
    assert groups(20, pairs).tolist() == reached(20, pairs)


@pytest.mark.parametrize("reverse", [False, True])
def test_long_chain(reverse: bool) -> None:
    """Guards against one round for each link of a chain, and against a limit of depth."""
    order = list(range(30_000))
    Random(1).shuffle(order)
    links = list(pairwise(order))
    assert not groups(30_000, links[::-1] if reverse else links).any()
    assert not groups(30_000, [(i, i + 1) for i in range(29_999)]).any()


@settings(deadline=None)
@given(PAIRS, st.text(max_size=3))
def test_no_group_across_splits(pairs: list[tuple[int, int]], seed: str) -> None:
    """Guards against copies of a training picture in the test set."""
    ids = [f"image{i}" for i in range(20)]
    splits = assign_splits(ids, groups(20, pairs), SHARES, seed)
    assert all(splits[one] == splits[other] for one, other in pairs)
    assert linked_splits(ids, [(ids[i], ids[j]) for i, j in pairs], SHARES, seed) == dict(zip(ids, splits, strict=True))


@settings(deadline=None)
@given(PAIRS, st.randoms(use_true_random=False))
def test_order_of_images_changes_nothing(pairs: list[tuple[int, int]], random: Random) -> None:
    """Guards against splits that depend on the order in which a folder is listed."""
    ids = [f"image{i}" for i in range(20)]
    links = [(ids[i], ids[j]) for i, j in pairs]
    shuffled = random.sample(ids, 20)
    assert linked_splits(shuffled, links[::-1], SHARES) == linked_splits(ids, links, SHARES)


@settings(deadline=None)
@given(PAIRS)
def test_added_pictures_move_nothing(pairs: list[tuple[int, int]]) -> None:
    """Guards against a larger data set whose test images were trained on before.

    Added pictures have larger ids, and may be linked to any earlier one, but to one group each.
    """
    ids = [f"{i:02}" for i in range(20)]
    links = [(ids[i], ids[j]) for i, j in pairs]
    before = linked_splits(ids, links, SHARES)
    added = [f"later{i}" for i in range(20)]
    after = linked_splits([*added, *ids], [*links, *zip(added, ids, strict=True)], SHARES)
    assert {image_id: after[image_id] for image_id in ids} == before
    assert all(after[one] == after[other] for one, other in zip(added, ids, strict=True))


def test_picture_that_joins_two_groups() -> None:
    """Guards what is documented: both groups go where the one with the smaller id was."""
    ids = [f"{i:03}" for i in range(200)]
    alone = linked_splits(ids, [], SHARES)
    test = next(i for i in ids if alone[i] == "test")
    train = next(i for i in ids if alone[i] == "train" and i > test)
    joined = linked_splits([*ids, "new"], [("new", train), ("new", test)], SHARES)
    assert {joined["new"], joined[train], joined[test]} == {"test"}
    assert all(joined[i] == alone[i] for i in ids if i != train)


def test_dropped_image_still_counts() -> None:
    """Guards against a group that moves because a copy has replaced the image with its smallest id."""
    ids = [f"{i:03}" for i in range(100)]
    alone = linked_splits(ids, [], SHARES)
    copies = linked_splits([f"copy of {i}" for i in ids], [(i, f"copy of {i}") for i in ids], SHARES)
    assert list(copies.values()) == list(alone.values())


def test_sizes_and_seed() -> None:
    """Guards against shares that are not met on the average, and a seed without effect."""
    ids = [f"image{i}" for i in range(20_000)]
    splits = np.array(assign_splits(ids, np.arange(20_000), SHARES))
    for name, share in {**SHARES, "train": 0.5}.items():
        assert abs((splits == name).mean() - share) < 0.015
    assert (np.array(assign_splits(ids, np.arange(20_000), SHARES, "other")) != splits).mean() > 0.5
    assert set(assign_splits(ids, np.arange(20_000), {"val": 0.5, "test": 0.5})) == {"val", "test"}
    assert set(assign_splits(ids, np.arange(20_000), {})) == {"train"}


def test_splits_never_change() -> None:
    r"""Guards published splits: these were drawn by hand, from the first digits of `printf '7\na' | sha256sum`."""
    drawn = ["train", "test", "test", "test", "val", "train", "test", "train"]  # 99, 6f, 57, 5b, 10, dd, 3b, 90
    assert assign_splits(list("abcdefgh"), range(8), SHARES, "7") == drawn


@pytest.mark.parametrize("shares", [{"val": -0.1}, {"val": 0.6, "test": 0.6}, {"val": float("nan")}, {"train": 0.5}])
def test_impossible_shares_are_refused(shares: dict[str, float]) -> None:
    """Guards against shares in per cent, with which no image is left to train on."""
    with pytest.raises(InputError, match="shares of the splits"):
        assign_splits(["a"], [0], shares)


def test_nothing_is_fine() -> None:
    """Guards against an exception for no images."""
    assert assign_splits([], [], SHARES) == []
    assert groups(0, []).tolist() == []
