"""Find pictures that are nearly the same: pairs of 64-bit perceptual hashes that differ in few bits.

Invariants:
* the search is exact. A hash has four bands of 16 bits; hashes that differ in at most d bits differ in at most d // 4
  bits in one of the bands. So within 3 bits, one band is equal; for more, bands that differ in few bits are tried too;
* memory is bounded however many hashes are equal or fall together. Pictures with equal hashes, such as thousands of
  blank ones, are all paired with the first of them and not with each other, and pairs come in pieces.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

from ...errors import InputError
from .ranges import ranges, slices

_BANDS = 4
_WIDTH = 16
_VALUES = 1 << _WIDTH

#: Number of bits in each number of 16 bits.
_ONES = np.array([number.bit_count() for number in range(_VALUES)], np.uint8)


def differing_bits(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How many bits differ between hashes: the Hamming distances of two arrays of 64-bit numbers."""
    differing = np.bitwise_xor(one, other)
    if hasattr(np, "bitwise_count"):  # since numpy 2
        return np.bitwise_count(differing)
    return sum(_ONES[(differing >> np.uint64(_WIDTH * band)) & np.uint64(_VALUES - 1)] for band in range(_BANDS))


def near_pairs(hashes: Sequence[int] | np.ndarray, distance: int = 3) -> Iterator[np.ndarray]:
    """Find the pairs of pictures whose hashes differ in few bits.

    Two pictures with different hashes are a pair if each is the first one with its hash. Any other picture is paired
    with the first one of its hash. So pairs connect all pictures that they have to, and their number stays small.

    TIMES

    Args:
        hashes: 64-bit hash of each picture.
        distance: in how many bits a pair may differ, from 0 to 15.

    Yields:
        Arrays with two columns, the indices of two pictures, of which the first is smaller; every pair once.

    Raises:
        InputError: if the distance is out of its range.
    """
    if not 0 <= distance < 16:
        raise InputError(f"distance of hashes: got {distance}, expected 0 to 15; try 3 (the same picture)")
    values, first, inverse = np.unique(np.asarray(hashes, np.uint64), return_index=True, return_inverse=True)
    again = np.flatnonzero(first[inverse] != np.arange(len(inverse)))
    if len(again):
        yield np.column_stack([first[inverse[again]], again])
    for band in range(_BANDS):
        for one, other in _in_band(values, band, distance):
            yield np.sort(np.column_stack([first[one], first[other]]), axis=1)


def _in_band(values: np.ndarray, band: int, distance: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Find the pairs of different hashes that are near in one band, and in no band before it."""
    radius = distance // _BANDS
    keys = _band(values, band)
    order = np.argsort(keys, kind="stable")
    keys, values = keys[order], values[order]
    opening = np.searchsorted(keys, np.arange(_VALUES + 1))
    for bits in range(radius + 1):
        for places in combinations(range(_WIDTH), bits):
            flipped = keys ^ sum(1 << place for place in places)
            # Within a bucket, each hash meets those after it; of two buckets, the lower one asks.
            start = np.where(flipped == keys, np.arange(len(keys)) + 1, opening[flipped])
            lengths = np.where(flipped >= keys, opening[flipped + 1] - start, 0)
            asking = np.flatnonzero(lengths)
            for part in slices(lengths[asking]):
                asked = asking[part]
                one = np.repeat(asked, lengths[asked])
                other = ranges(start[asked], lengths[asked])
                near = differing_bits(values[one], values[other]) <= distance
                one, other = one[near], other[near]
                for earlier in range(band):
                    new = differing_bits(_band(values[one], earlier), _band(values[other], earlier)) > radius
                    one, other = one[new], other[new]
                if len(one):
                    yield order[one], order[other]


def _band(values: np.ndarray, band: int) -> np.ndarray:
    """One of the bands of each hash, as a whole number."""
    return ((values >> np.uint64(_WIDTH * band)) & np.uint64(_VALUES - 1)).astype(np.int64)
