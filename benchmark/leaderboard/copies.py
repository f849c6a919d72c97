"""Finds copies of other entries and of the references, also altered ones, by degrees.

Good systems may agree on most boxes: on mini-1, the first embedded data set, they wrote the reference in nine of ten.
So two systems are compared over the boxes that they get wrong, and over which boxes these are; and a system is compared
with the references by what it makes of those that it misses, and of those that all others miss. The limits below were
set there, by 39 trainings of 13 systems on two splits ("there"). Today's entries, on mini-2, are far from all of them:
no two share more than 36 % of their wrong captions, agree by more than 0.62 beyond chance on what is right, or have
more than 37 % equal captions.

Invariant: captions are compared as a reader sees them: without invisible characters, white space, case and width.
"""

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..invisible import visible
from ..metrics.corpus import characters

#: Share of equal captions from which two prediction files are copies: refused. At most 0.980 between two entries there.
NEAR_DUPLICATE = 0.99
#: Share of equal wrong captions from which it is noted, and from which the reviewer is asked to look; 0.853 is the
#: largest between two trainings there, which belong to one family.
SHARED_ERRORS, SAME_ERRORS = 0.5, 0.9
#: Agreement of hits and misses from which the reviewer is asked to look; 0.952 is the largest there.
SAME_HITS = 0.97
#: Share of captions equal to their reference from which references count as leaked: refused. At most 0.944 there, and
#: people reach far less. From the second number it is noted.
LEAKED, NOTED_HITS = 0.95, 0.5
#: Share of captions that keep half of their reference or more from which references count as leaked: refused.
#: At most 0.946 there.
NEARLY_LEAKED = 0.97
#: Share of the other captions that keep half of their reference from which it is noted, and from which the reviewer is
#: asked to look. At most 0.062 there.
KEPT, MOSTLY_KEPT = 0.15, 0.5
#: Share of hits where all other systems miss from which it is noted, and from which the reviewer is asked to look. It
#: was 0.4 to 0.6 for the two systems there that were far better than all before them, and at most 0.1 for all others.
BEYOND_OTHERS, FAR_BEYOND_OTHERS = 0.1, 0.4
#: Number of other systems from which that share tells something.
ENOUGH_SYSTEMS = 5
#: Share of captions that are references of any boxes, counted, from which predictions are references in another order.
PERMUTED = 0.97
#: Number of boxes from which a share of them tells something.
ENOUGH = 30

#: Captions that are looked at together by `_each_seen`.
_TOGETHER = 16

Degree = Literal["", "note", "look", "copy"]


def seen(caption: str) -> str:
    """A caption as a reader sees it: no invisible characters, white space, case or width."""
    return characters(unicodedata.normalize("NFKC", visible(caption)).casefold())


def _each_seen(captions: Sequence[str]) -> Iterator[str]:
    """What `seen` gives for each caption, quicker than one by one.

    If a few captions stay as they are when they are joined, so does each of them: a part of a normalised text is
    normalised, and all else in `seen` changes single characters. That holds for nearly all captions.
    """
    for first in range(0, len(captions), _TOGETHER):
        some = captions[first : first + _TOGETHER]
        text = "".join(some)
        yield from some if seen(text) == text else map(seen, some)


def caption_hashes(captions: Sequence[str]) -> np.ndarray:
    """Hashes of captions as they are seen, the same in every process; uint32, shape (len(captions),)."""
    place = {caption: i for i, caption in enumerate(dict.fromkeys(captions))}
    digests = (
        hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=4).digest() for text in _each_seen([*place])
    )
    hashes = np.frombuffer(b"".join(digests), "<u4").astype(np.uint32)
    return hashes[np.fromiter(map(place.__getitem__, captions), np.int64, len(captions))]


def kept_share(captions: Sequence[str], references: Sequence[str]) -> float:
    """Share of the captions that are their reference, or keep at least half of it (edit distance, of the longer)."""
    pairs = Counter(zip(captions, references, strict=True))
    both = zip(_each_seen([caption for caption, _ in pairs]), _each_seen([one for _, one in pairs]), strict=True)
    kept = sum(boxes for (a, b), boxes in zip(both, pairs.values(), strict=True) if a == b or _near(a, b))
    return kept / len(captions)


def _near(a: str, b: str) -> bool:
    """Whether at most half of the characters of the longer must be edited to make one text of the other."""
    longer = max(len(a), len(b))
    if 2 * abs(len(a) - len(b)) > longer or 2 * sum(map(b.__contains__, a)) < longer:
        return False  # too few characters are common, whatever their order
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return 2 * row[-1] <= longer


def equal_share(mine: np.ndarray, theirs: np.ndarray) -> float:
    """Share of boxes with the same caption, from two results of `caption_hashes`; much quicker than `Similarity`."""
    return np.count_nonzero(mine == theirs) / len(mine)


def leaked(equal: float, kept: float) -> str:
    """Why predictions are refused as references; empty if they are not.

    Args:
        equal: share of captions that are their reference.
        kept: share that are it or keep half of it, see `kept_share`.
    """
    if equal >= LEAKED:
        return f"{equal:.1%} of the captions equal their reference, expected less than {LEAKED:.0%}"
    if kept >= NEARLY_LEAKED:
        return (
            f"{kept:.1%} of the captions equal their reference or keep half of it, expected less than "
            f"{NEARLY_LEAKED:.0%}"
        )
    return ""


@dataclass(frozen=True, order=True)
class Similarity:
    """How similar two prediction files of one split are.

    Attributes:
        errors: share of the wrong captions, of the file with fewer, that the other file has, too; 0 for few.
        hits: agreement on which boxes are right, beyond chance (Cohen's kappa); 0 if few are right, or few wrong.
        equal: share of boxes with the same caption.
    """

    errors: float
    hits: float
    equal: float

    @classmethod
    def of(cls, mine: np.ndarray, theirs: np.ndarray, references: np.ndarray) -> "Similarity":
        """Compare two results of `caption_hashes`, given that of the references; each of shape (n_boxes,)."""
        same = mine == theirs
        right, other = mine == references, theirs == references
        n, a, b = len(mine), int(right.sum()), int(other.sum())
        fewest = n - max(a, b)
        errors = int((same & ~right).sum()) / fewest if fewest >= ENOUGH else 0.0
        if min(a, b) < ENOUGH or fewest < ENOUGH:
            return cls(errors, 0.0, float(same.mean()))
        chance = (a * b + (n - a) * (n - b)) / n**2
        return cls(errors, (float((right == other).mean()) - chance) / (1 - chance), float(same.mean()))

    @property
    def degree(self) -> Degree:
        """What to do about it: nothing, a note, ask the reviewer to look, or refuse."""
        if self.equal >= NEAR_DUPLICATE:
            return "copy"
        if self.errors >= SAME_ERRORS or self.hits >= SAME_HITS:
            return "look"
        return "note" if self.errors >= SHARED_ERRORS else ""

    def __str__(self) -> str:
        """The three shares in words."""
        return (
            f"{self.errors:.1%} of the wrong captions are the same, right and wrong boxes agree to {self.hits:.1%} "
            f"beyond chance, {self.equal:.1%} of all captions are equal"
        )


@dataclass(frozen=True)
class Closeness:
    """How close the captions of a prediction file are to the references.

    Attributes:
        equal: share of captions that are their reference.
        kept: share that are it or keep half of it, see `kept_share`.
        beyond: share of the boxes that no other system gets right which this one does; 0 for few.
        permuted: share of captions that are the reference of some box, each reference counted once.
        boxes: number of boxes.
        alone: whether there are too few other systems to tell anything by `beyond`.
    """

    equal: float
    kept: float
    beyond: float
    permuted: float
    boxes: int
    alone: bool

    @classmethod
    def of(cls, mine: np.ndarray, kept: float, references: np.ndarray, others: Sequence[np.ndarray]) -> "Closeness":
        """Compare a result of `caption_hashes` with that of the references, given those of all other systems.

        `others` is empty if there are too few systems (`ENOUGH_SYSTEMS`).
        """
        right = mine == references
        missed = np.ones(len(mine), bool)
        for one in others:
            missed &= one != references
        beyond = float(right[missed].mean()) if others and missed.sum() >= ENOUGH else 0.0
        (values, counts), (wanted, most) = (
            np.unique(mine, return_counts=True),
            np.unique(references, return_counts=True),
        )
        place = np.minimum(np.searchsorted(wanted, values), len(wanted) - 1)
        common = np.minimum(counts, np.where(wanted[place] == values, most[place], 0)).sum()
        return cls(float(right.mean()), kept, beyond, float(common / len(mine)), len(mine), not others)

    @property
    def altered(self) -> float:
        """Share of the captions that are not their reference which keep half of it; 0 for few."""
        wrong = round((1 - self.equal) * self.boxes)
        return (self.kept - self.equal) / (1 - self.equal) if wrong >= ENOUGH else 0.0

    @property
    def leaked(self) -> str:
        """Why the predictions are refused as references; empty if they are not."""
        return leaked(self.equal, self.kept)

    @property
    def signs(self) -> Iterator["Sign"]:
        """Signs that references were seen, each with its degree."""
        if self.permuted >= PERMUTED and self.permuted - self.equal >= NOTED_HITS:
            yield Sign("look", self.permuted, "of the captions are references, but of other boxes")
        if self.altered >= KEPT:
            yield Sign(
                "look" if self.altered >= MOSTLY_KEPT else "note",
                self.altered,
                "of the captions that are not their reference keep half of it; in honest entries it was at most 6%",
            )
        if self.beyond >= BEYOND_OTHERS:
            yield Sign(
                "look" if self.beyond >= FAR_BEYOND_OTHERS else "note",
                self.beyond,
                "of the boxes that no other entry gets right are right; in honest entries it was at most 10%, or about "
                "half for a system that was far better than all before it",
            )
        if self.equal >= NOTED_HITS:
            yield Sign("look" if self.alone else "note", self.equal, "of the captions equal their reference")


@dataclass(frozen=True)
class Sign:
    """A sign that references were seen: what to do about it, a share, and of what."""

    degree: Degree
    share: float
    words: str
