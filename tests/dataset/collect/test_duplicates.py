"""Near-duplicate pictures: exactly the pairs that brute force finds, in bounded memory."""

import tracemalloc
from itertools import combinations
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.dataset.collect import duplicates, ranges
from benchmark.dataset.collect.duplicates import differing_bits, near_pairs
from benchmark.dataset.collect.splits import Groups
from benchmark.errors import InputError

HASHES = st.integers(0, 2**64 - 1)


def found(hashes: list[int], distance: int) -> list[tuple[int, int]]:
    """All pairs in order, each as often as it is found."""
    return sorted((one, other) for pairs in near_pairs(hashes, distance) for one, other in pairs.tolist())


def expected(hashes: list[int], distance: int) -> list[tuple[int, int]]:
    """The pairs by comparing all: first ones with each other, and each other one with the first of its hash."""
    first: dict[int, int] = {}
    for i, value in enumerate(hashes):
        first.setdefault(value, i)
    near = [
        (min(i, j), max(i, j))
        for (one, i), (other, j) in combinations(first.items(), 2)
        if (one ^ other).bit_count() <= distance
    ]
    return sorted([*near, *((first[value], i) for i, value in enumerate(hashes) if first[value] != i)])


def scattered(count: int, seed: int, most: int) -> list[int]:
    """Random hashes, and beside each third one another with up to `most` differing bits."""
    random = Random(seed)
    made: list[int] = []
    while len(made) < count:
        made.append(random.getrandbits(64))
        if len(made) % 3 == 0:
            places = random.sample(range(64), random.randint(0, most))
            made.append(random.choice(made) ^ sum(1 << place for place in places))
    random.shuffle(made)
    return made


@pytest.mark.parametrize("distance", [0, 1, 3, 4, 8, 15])
def test_equals_brute_force(distance: int) -> None:
    """Guards against bands that are too wide for the distance, and against pairs found twice."""
    hashes = scattered(400, distance, distance + 2)
    assert found(hashes, distance) == expected(hashes, distance)


@settings(max_examples=50, deadline=None)
@given(st.lists(HASHES, min_size=1, max_size=4), st.lists(st.sets(st.integers(0, 63), max_size=6)), st.integers(0, 9))
def test_equals_brute_force_near_few_hashes(centres: list[int], flips: list[set[int]], distance: int) -> None:
    """Guards against pairs lost where the differing bits lie in one band, at its edges, or in the highest bit."""
    hashes = [centres[i % len(centres)] ^ sum(1 << place for place in places) for i, places in enumerate(flips)]
    assert found(hashes, distance) == expected(hashes, distance)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_batches_change_nothing(seed: int) -> None:
    """Guards against candidates skipped where a batch ends."""
    hashes = [value & 0xFFFF_FFFF_0003_0007 for value in scattered(40, seed, 5)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranges.slices, "__defaults__", (2,))
        assert found(hashes, 5) == expected(hashes, 5)


def test_equal_hashes_take_no_quadratic_memory() -> None:
    """Guards against thousands of blank pictures that are paired with each other: 10 GB for these."""
    tracemalloc.start()
    pairs = list(near_pairs([7] * 50_000 + [5], 3))
    assert tracemalloc.get_traced_memory()[1] < 50_000_000
    tracemalloc.stop()
    assert sum(map(len, pairs)) == 50_000


def test_full_bucket_takes_no_quadratic_memory() -> None:
    """Guards against all candidates of a bucket in memory at once: pictures that are blank but for a corner."""
    hashes = np.unique(np.random.default_rng(0).integers(0, 2**48, 3000).astype(np.uint64) << np.uint64(16))
    tracemalloc.start()
    assert sum(map(len, near_pairs(hashes, 3))) == 0
    assert tracemalloc.get_traced_memory()[1] < 60_000_000
    tracemalloc.stop()


def test_groups_equal_those_of_all_pairs() -> None:
    """Guards the promise that pairs with the first of equal pictures connect whatever all pairs would connect."""
    random = Random(3)
    centres = [random.getrandbits(64) for _ in range(5)]
    hashes = [random.choice(centres) ^ (1 << random.randrange(3)) for _ in range(60)]
    near = [(i, j) for i, j in combinations(range(60), 2) if (hashes[i] ^ hashes[j]).bit_count() <= 2]
    one, other = Groups(60), Groups(60)
    one.join(np.array(near))
    for pairs in near_pairs(hashes, 2):
        other.join(pairs)
    assert one.labels.tolist() == other.labels.tolist()
    assert len(set(one.labels.tolist())) == 5


@settings(deadline=None)
@given(st.lists(st.tuples(HASHES, HASHES)))
def test_differing_bits(pairs: list[tuple[int, int]]) -> None:
    """Guards the count of bits, in numpy 2 and in numpy 1, which has none of its own."""
    one, other = (np.array([pair[k] for pair in pairs], np.uint64) for k in (0, 1))
    bits = [(a ^ b).bit_count() for a, b in pairs]
    assert differing_bits(one, other).tolist() == bits
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(duplicates.np, "bitwise_count", raising=False)
        assert differing_bits(one, other).tolist() == bits


@pytest.mark.parametrize("distance", [-1, 16, 64])
def test_impossible_distance_is_refused(distance: int) -> None:
    """Guards against a distance for which the search would take days."""
    with pytest.raises(InputError, match="distance of hashes"):
        next(near_pairs([1, 2], distance))


def test_nothing_is_fine() -> None:
    """Guards against an exception for no pictures."""
    assert found([], 8) == []
