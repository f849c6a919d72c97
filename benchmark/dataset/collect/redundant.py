"""Drop images that repeat the captions of another image, or its picture (paper, appendix A.6).

The rule of the authors' scripts: walk the images in order; an image goes if another one that is still there shares at
least t = rounding(share * n) of its n captions. All later images are still there, and of the earlier ones those that
were kept.

Invariants:
* the result is exactly that of the rule, although hardly any pair of images is compared. A partner that shares t of n
  captions holds one of the n - t + 1 rarest, so only the images that hold one of these few are looked at;
* of images with equal captions the last one stays, as with the authors; of equal pictures the first one;
* the result depends on the images and their order alone; the stage sorts them by id;
* memory grows with the number of captions, never with the number of pairs that are compared.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, count, pairwise
from math import ceil
from typing import Literal

import numpy as np

from ...errors import InputError
from .duplicates import differing_bits, near_pairs
from .ranges import BATCH, ranges, slices
from .records import WHOLE, Drop, Record
from .splits import Groups

#: How share * n becomes a whole number: up ("ceil"), or to the nearest one as in the authors' scripts ("round").
Rounding = Literal["ceil", "round"]

#: Name of the stage, and the reasons that it gives.
STAGE = "redundant"
SHARED_CAPTIONS = "shares captions with another image"
SAME_PICTURE = "same picture as another image"

#: A hash with fewer bits set tells nothing: about half of them are set, unless the picture is of one colour or a plain
#: gradient. So are the backgrounds of many posters, once their texts are gone, and yet these are not the same.
_LEAST_BITS = 16


def redundant_stage(
    records: Iterable[Record],
    share: float | None = 0.7,
    rounding: Rounding = "ceil",
    same: int | None = 3,
    alike: int | None = 8,
) -> tuple[list[Record], list[Drop], list[tuple[str, str]]]:
    """Drop redundant images, and find out which images must not be separated when the data set is split.

    First, images go that share captions. Of those left, in order of the ids, images go whose picture is the same as
    that of an image kept before. Pictures are compared by the hash of the reading, made without their texts. Plain
    ones are not compared, nor those without a hash, which is 0.

    Args:
        records: the images, with normalised captions, in any order.
        share: part of its captions that an image has to share to be redundant, above 0 and at most 1; None to compare
            no captions.
        rounding: how the share becomes a number of captions. With "round", an image with two captions goes as soon as
            it shares one of them.
        same: pictures with at most so many differing bits are the same; None to drop no pictures.
        alike: images whose pictures have at most so many differing bits belong into one split; None to compare none.

    Returns:
        The records that stay, sorted by image id; a `Drop` for each other one, sorted in the same way, whose `text`
        is the id of the image that it repeats; and the links between images, dropped ones among them, that belong into
        one split: pairs of the smallest id of a group and another id of it.

    Raises:
        InputError: if two records have the same id, or an argument is out of its range.
    """
    ordered = sorted(records, key=lambda record: record.image_id)
    ids = [record.image_id for record in ordered]
    for one, other in pairwise(ids):
        if one == other:
            raise InputError(f"image id {one!r}: got two images of this id, expected one; give each its own id")
    hashes = np.array([record.reading.hash for record in ordered], np.uint64)

    captions = [[candidate.text for candidate in record.captions] for record in ordered]
    repeats = np.full(len(ordered), -1)
    if share is not None:
        _, repeats = redundant(captions, share, rounding)
    comparable = differing_bits(hashes, np.zeros_like(hashes)) >= _LEAST_BITS
    pictured = _same_pictures(hashes, np.flatnonzero(comparable & (repeats < 0)), same)

    drops = []
    for i in np.flatnonzero((repeats >= 0) | (pictured >= 0)).tolist():
        if share is not None and repeats[i] >= 0:
            partner, reason = int(repeats[i]), SHARED_CAPTIONS
            own = set(captions[i])
            number, threshold = len(own & set(captions[partner])), _needed(len(own), share, rounding)
        else:
            partner, reason = int(pictured[i]), SAME_PICTURE
            number, threshold = int(differing_bits(hashes[i], hashes[partner])), same or 0
        drops.append(Drop(STAGE, ids[i], WHOLE, ids[partner], reason, number, threshold))
    gone = {drop.image_id for drop in drops}

    groups = Groups(len(ordered))
    for partners in (repeats, pictured):
        linked = np.flatnonzero(partners >= 0)
        groups.join(np.column_stack([linked, partners[linked]]))
    if alike is not None:
        compared = np.flatnonzero(comparable)
        for pairs in near_pairs(hashes[compared], alike):
            groups.join(compared[pairs])
    links = [(ids[smallest], ids[i]) for i, smallest in enumerate(groups.labels.tolist()) if smallest != i]
    return [record for record in ordered if record.image_id not in gone], drops, links


def _same_pictures(hashes: np.ndarray, compared: np.ndarray, distance: int | None) -> np.ndarray:
    """For each image that is compared, an earlier one that stays and has the same picture; -1 where there is none."""
    found = np.full(len(hashes), -1)
    if distance is None:
        return found
    pairs = compared[np.concatenate([np.empty((0, 2), np.int64), *near_pairs(hashes[compared], distance)])]
    for earlier, later in pairs[np.lexsort(pairs.T)].tolist():
        if found[later] >= 0:
            continue
        if found[earlier] < 0:
            found[later] = earlier
        elif hashes[earlier] == hashes[later]:
            # Of pictures with equal hashes, all are paired with the first one only; what it repeats, they repeat too.
            found[later] = found[earlier]
    return found


def _needed(size: int, share: float, rounding: Rounding) -> int:
    """How many of its captions an image has to share to be redundant; at least 1."""
    if rounding == "round":
        return max(1, round(share * size))
    # The share as it is written: with numbers of finite precision, 0.55 * 20 is above 11.
    return max(1, ceil(Fraction(str(float(share))) * size))


def redundant(
    captions: Sequence[Sequence[str]], share: float = 0.7, rounding: Rounding = "ceil"
) -> tuple[np.ndarray, np.ndarray]:
    """Find the images that repeat the captions of others, by the rule above.

    A caption counts once in an image. An image without captions shares none, so it is kept.

    Args:
        captions: the normalised captions of each image, in order of image id.
        share: part of its captions that an image has to share to be redundant, above 0 and at most 1.
        rounding: how the share becomes a number of captions.

    Returns:
        For each image, whether it is kept; and the index of an image that it repeats, -1 if it is kept. That one comes
        later, and may repeat another one still, or it comes earlier and is kept.

    Raises:
        InputError: if the share or the rounding is none.
    """
    if not 0 < share <= 1:
        raise InputError(f"share of captions: got {share}, expected a number above 0 and up to 1; try 0.7")
    if rounding not in ("ceil", "round"):
        raise InputError(f"rounding: got {rounding!r}, expected 'ceil' or 'round'; try 'ceil'")
    sets = _sets(captions)
    sizes = np.diff(sets.first)
    distinct, place = np.unique(sizes, return_inverse=True)
    needed = np.array([_needed(size, share, rounding) for size in distinct.tolist()], np.int64)[place]

    repeats = np.full(len(captions), -1)
    _search(sets, needed, np.flatnonzero(sizes), np.ones(len(captions), bool), repeats, later=True)
    kept = repeats < 0
    # An earlier partner that nothing later repeats shares too little to go itself: it needs more captions than the
    # image that asks. So who needs the most is decided first, and each image finds its partners decided.
    asking = np.flatnonzero(kept & (sizes > 0))
    asking = asking[np.argsort(-needed[asking], kind="stable")]
    kept[asking] = False
    for images in np.split(asking, np.flatnonzero(np.diff(needed[asking])) + 1):
        _search(sets, needed, images, kept, repeats, later=False)
        kept[images] = repeats[images] < 0
    return kept, repeats


@dataclass(frozen=True)
class _Sets:
    """The captions of all images as numbers, and for each caption the images that hold it.

    An element is one caption of one image. Elements are numbered image by image, from the rarest caption of an image
    to its most frequent one; captions are numbered in the same way.

    Attributes:
        first: first element of each image, and the number of elements.
        caption: caption of each element.
        owner: image of each element.
        holders: elements sorted by caption, then by image.
        place: index of each element in `holders`.
        rest: for each of `holders`, the number of elements from it to the last one of its image.
        opening: where each caption begins in `holders`, and the number of elements.
    """

    first: np.ndarray
    caption: np.ndarray
    owner: np.ndarray
    holders: np.ndarray
    place: np.ndarray
    rest: np.ndarray
    opening: np.ndarray


def _sets(captions: Sequence[Sequence[str]]) -> _Sets:
    """Number the captions and sort the elements; a caption that an image repeats is one element."""
    lengths = np.fromiter(map(len, captions), np.int64, len(captions))
    numbers: defaultdict[str, int] = defaultdict(count().__next__)
    read = np.fromiter(map(numbers.__getitem__, chain.from_iterable(captions)), np.int64, int(lengths.sum()))
    total = max(1, len(numbers))
    del numbers
    owner, caption = np.divmod(np.unique(np.repeat(np.arange(len(captions)), lengths) * total + read), total)
    rank = np.empty(total, np.int64)
    rank[np.argsort(np.bincount(caption, minlength=total), kind="stable")] = np.arange(total)
    owner, caption = np.divmod(np.sort(owner * total + rank[caption]), total)
    holders = np.argsort(caption, kind="stable")
    place = np.empty_like(holders)
    place[holders] = np.arange(len(holders))
    first = np.searchsorted(owner, np.arange(len(captions) + 1))
    return _Sets(
        first=first,
        caption=caption,
        owner=owner,
        holders=holders,
        place=place,
        rest=first[owner[holders] + 1] - holders,
        opening=np.searchsorted(caption[holders], np.arange(total + 1)),
    )


def _search(
    sets: _Sets, needed: np.ndarray, images: np.ndarray, allowed: np.ndarray, repeats: np.ndarray, *, later: bool
) -> None:
    """Find for each of some images a partner that comes later, or one that comes earlier.

    The images that hold a caption are looked at from the last one on, in steps that grow, and an image with a partner
    looks no further: of thousands that hold the same captions, each compares itself with very few.

    Args:
        sets: the captions.
        needed: how many captions each image has to share.
        images: the images that look for a partner; each has captions.
        allowed: for each image, whether it may be a partner.
        repeats: the partner of each image, written here; -1 where there is none.
        later: whether to look at later images, or else at earlier ones.
    """
    start = sets.first[images]
    element = ranges(start, sets.first[images + 1] - start - needed[images] + 1)
    place, caption = sets.place[element], sets.caption[element]
    low, high = (place + 1, sets.opening[caption + 1]) if later else (sets.opening[caption], place)
    step = 1
    while len(element):
        unread = (high > low) & (repeats[sets.owner[element]] < 0)
        element, low, high = element[unread], low[unread], high[unread]
        next_high = np.maximum(low, high - step)
        for part in slices(high - next_high):
            lengths = (high - next_high)[part]
            candidate = ranges(next_high[part], lengths)
            # If these two elements are the first that the images share, the rest of the partner has to suffice.
            enough = sets.rest[candidate] >= np.repeat(needed[sets.owner[element[part]]], lengths)
            one, other = np.repeat(element[part], lengths)[enough], sets.holders[candidate[enough]]
            image, partner = sets.owner[one], sets.owner[other]
            possible = allowed[partner] & (repeats[image] < 0)
            one, other, image, partner = one[possible], other[possible], image[possible], partner[possible]
            found = _shared(sets, one, other) >= needed[image]
            np.maximum.at(repeats, image[found], partner[found])
        high = next_high
        step = min(4 * step, BATCH)


def _shared(sets: _Sets, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """For pairs of elements, how many captions their images share from these elements on."""
    one_end, other_end = sets.first[sets.owner[one] + 1], sets.first[sets.owner[other] + 1]
    shared = np.zeros(len(one), np.int64)
    for part in slices(one_end - one):
        lengths = (one_end - one)[part]
        pair = np.repeat(np.arange(len(lengths)), lengths)
        wanted = sets.caption[ranges(one[part], lengths)]
        # A binary search for each wanted caption among those of the other image.
        low, end = other[part][pair], other_end[part][pair]
        high = end
        while (unsure := low < high).any():
            middle = np.minimum((low + high) // 2, len(sets.caption) - 1)
            below = sets.caption[middle] < wanted
            low = np.where(unsure & below, middle + 1, low)
            high = np.where(unsure & ~below, middle, high)
        inside = low < end
        equal = sets.caption[np.where(inside, low, 0)] == wanted
        shared[part] = np.bincount(pair[inside & equal], minlength=len(lengths))
    return shared
