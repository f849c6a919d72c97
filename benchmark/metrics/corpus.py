"""Predictions and references of a split as tokens, with their n-grams counted once for every metric.

Tokens: every Unicode code point is one token; white space is dropped. The choice decides the scores (the same Chinese
file gets BLEU 34 to 60 under three common tokenizers), so it is fixed here (`characters`) and named in the signature as
`tok:char`. `str.split` drops every character that METEOR's normaliser drops (blank, tab, CR, LF, FF, U+00A0,
U+2000..U+200A, U+202F, U+205F, U+3000) and a few more, so after it all metrics see the same tokens. ZERO WIDTH SPACE
(U+200B) is white space for none of them: a token.

BLEU, CIDEr and Div@n all count n-grams of single code points, up to order four. Doing it in numpy on integers for
the whole split at once, and once for each distinct text, is what makes the harness fast; see `Ngrams`.

Invariants: captions hold tokens only (white space dropped), run in the data set's box order, and the boxes of one image
are adjacent. Work that depends on a text alone is done once per text (`Corpus.texts`), on a prediction and its
reference once per distinct pair of them (`Corpus.pairs`).
"""

import reprlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Any

import numpy as np

MAX_ORDER = 4


def characters(caption: str) -> str:
    """The tokens of a caption, as a string whose code points are the tokens."""
    return "".join(caption.split())


def without_white_space(captions: Sequence[str]) -> list[str]:
    """The `characters` of each caption."""
    text = "".join(captions)
    if text == characters(text):  # nearly always, and quicker than one by one
        return list(captions)
    return [characters(caption) for caption in captions]


def check_list(captions: Any, name: str, expected: str = "a list with one caption per box") -> None:
    """Check that captions come in an order: the keys of a dict and the characters of a text could be scored, too.

    Raises:
        TypeError: if they are text, a dict, a set, or nothing that has items.
    """
    unordered = isinstance(captions, str | bytes | bytearray | Mapping | Set)
    if unordered or not (hasattr(captions, "__getitem__") and hasattr(captions, "__len__")):
        raise TypeError(f"{name}: {got(captions)}, expected {expected}")


def got(value: Any) -> str:
    """Words for a wrong value in a message: its start and its type."""
    return f"got {reprlib.repr(value)} ({type(value).__name__})"


def code_points(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The code points of many texts, one text after the other.

    Returns:
        The code points, uint32, and their ranges: text i owns the code points from offsets[i] to offsets[i + 1].
    """
    points = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)
    return points, offsets_of(np.fromiter(map(len, texts), np.int64, len(texts)))


def look_up(function: Callable[[int], float], points: np.ndarray, dtype: type = np.int64) -> np.ndarray:
    """A function of each code point, called once for each distinct one."""
    table: np.ndarray = np.zeros(int(points.max(initial=0)) + 1, dtype)
    for point in np.flatnonzero(np.bincount(points)).tolist():
        table[point] = function(point)
    return table[points]


def offsets_of(counts: np.ndarray) -> np.ndarray:
    """Ranges of groups of so many items: group i owns the items from offsets[i] to offsets[i + 1]."""
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])


def members(offsets: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The items of some groups, group by group.

    Args:
        offsets: ranges of all groups, see `offsets_of`.
        groups: groups whose items are wanted, in any order, also repeatedly.

    Returns:
        The index of each item, and the number of items of each of the groups.
    """
    counts = offsets[groups + 1] - offsets[groups]
    ends = np.cumsum(counts)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(offsets[groups] - (ends - counts), counts), counts


def _ranks(keys: np.ndarray) -> np.ndarray:
    """Rank of each of some int64 from 0 on among the distinct ones; several times faster than `np.unique`."""
    largest, bits = int(keys.max(initial=0)), len(keys).bit_length()
    if largest < 4 * len(keys):
        seen = np.zeros(largest + 1, bool)
        seen[keys] = True
        return np.cumsum(seen)[keys] - 1
    if largest >> (63 - bits):  # no room for key and place in one number
        return np.unique(keys, return_inverse=True)[1].reshape(-1)
    ordered = np.sort(keys << bits | np.arange(len(keys)))
    places = ordered & ((1 << bits) - 1)
    ordered >>= bits
    ranks = np.empty(len(keys), np.int64)
    ranks[places] = np.cumsum(np.diff(ordered, prepend=ordered[:1]) != 0)
    return ranks


@dataclass(frozen=True)
class Ngrams:
    """The distinct n-grams of order n in each caption.

    One entry per distinct (caption, n-gram), sorted by caption, then by n-gram: `caption[i]` holds `gram[i]`
    exactly `count[i]` times. Equal n-grams have equal ids across all captions counted together, and ids are in the
    order of the code points.

    Attributes:
        caption: number of the caption, of each entry.
        gram: id of the n-gram, of each entry.
        count: occurrences, of each entry.
        offsets: ranges of the entries of each caption, see `offsets_of`.
        points: code points of each n-gram by id, shape (number of n-grams, n).
    """

    caption: np.ndarray
    gram: np.ndarray
    count: np.ndarray
    offsets: np.ndarray
    points: np.ndarray

    @property
    def n_grams(self) -> int:
        """Number of distinct n-grams, over all captions."""
        return len(self.points)


def count_ngrams(captions: Sequence[str], max_order: int = MAX_ORDER) -> list[Ngrams]:
    """Count the n-grams of many captions at once.

    Ids of order n are ranks of (id of the first n - 1 tokens, id of the last token), so they stay small whatever
    the alphabet, and no n-gram crosses a caption.

    Returns:
        The counts of order 1..max_order.
    """
    points, offsets = code_points(captions)
    lengths = np.diff(offsets)
    caption = np.repeat(np.arange(len(captions)), lengths)
    # Tokens of the caption from this position on; an n-gram starts here if there are at least n of them.
    remaining = np.repeat(offsets[1:], lengths) - np.arange(len(points))
    tokens = _ranks(points.astype(np.int64))
    n_tokens = int(tokens.max(initial=-1)) + 1
    start = np.arange(len(points))
    grams = tokens
    orders = []
    for n in range(1, max_order + 1):
        if n > 1:
            fits = remaining[start] >= n
            start, grams = start[fits], grams[fits]
            grams = _ranks(grams * n_tokens + tokens[start + n - 1])
        n_grams = int(grams.max(initial=-1)) + 1
        occurrence = np.zeros(n_grams, np.int64)
        occurrence[grams] = start
        keys = np.sort(caption[start] * n_grams + grams)
        first = np.flatnonzero(np.diff(keys, prepend=-1))
        counts = np.diff(first, append=len(keys))
        keys = keys[first]
        owner = keys // max(n_grams, 1)
        orders.append(
            Ngrams(
                caption=owner,
                gram=keys - owner * n_grams,
                count=counts,
                offsets=offsets_of(np.bincount(owner, minlength=len(captions))),
                points=points[occurrence[:, np.newaxis] + np.arange(n)],
            )
        )
    return orders


@dataclass(frozen=True)
class Texts:
    """The distinct captions among predictions and references.

    Attributes:
        captions: the distinct captions.
        prediction: index of each box's prediction in `captions`, shape (n_boxes,).
        reference: index of each box's reference in `captions`, shape (n_boxes,).
    """

    captions: Sequence[str]
    prediction: np.ndarray
    reference: np.ndarray

    @cached_property
    def lengths(self) -> np.ndarray:
        """Tokens of each distinct caption."""
        return np.fromiter(map(len, self.captions), np.int64, len(self.captions))


@dataclass(frozen=True)
class Pairs:
    """The distinct pairs of prediction and reference.

    Attributes:
        prediction: index of each pair's prediction in `Texts.captions`, shape (n_pairs,).
        reference: index of each pair's reference in `Texts.captions`, shape (n_pairs,).
        of_box: pair of each box, shape (n_boxes,).
    """

    prediction: np.ndarray
    reference: np.ndarray
    of_box: np.ndarray

    def __len__(self) -> int:
        return len(self.prediction)


@dataclass(frozen=True)
class Corpus:
    """Predicted and reference captions of the boxes of a split.

    Attributes:
        predictions: one caption per box, tokens only.
        references: reference captions, one per box, tokens only.
        offsets: box ranges of the images: image i owns boxes offsets[i] to offsets[i + 1], shape (n_images + 1,).
    """

    predictions: Sequence[str]
    references: Sequence[str]
    offsets: np.ndarray

    @classmethod
    def from_captions(
        cls,
        *,
        predictions: Sequence[str],
        references: Sequence[str],
        offsets: np.ndarray | None = None,
        ids: Sequence[Any] | None = None,
    ) -> "Corpus":
        """Make a corpus from captions as written; their white space is dropped.

        Args:
            predictions: predicted captions, one per box.
            references: reference captions, one per box.
            offsets: box ranges of the images, as in the class; by default every box is an image of its own.
            ids: names of the images, for messages; by default their numbers from 0.

        Raises:
            TypeError: if one is not a list of strings; it names image and box.
            ValueError: if the lengths do not agree.
        """
        for name, captions in (("predictions", predictions), ("references", references)):
            check_list(captions, name)
        if offsets is None:
            offsets = np.arange(len(references) + 1)
        if not len(predictions) == len(references) == offsets[-1]:
            raise ValueError(
                f"{len(predictions)} predictions and {len(references)} references for {offsets[-1]} boxes: "
                "expected one of each per box"
            )
        for name, captions in (("predictions", predictions), ("references", references)):
            if set(map(type, captions)) <= {str}:  # quicker than to look at each one
                continue
            for i, caption in enumerate(captions):
                if not isinstance(caption, str):
                    image = int(np.searchsorted(offsets, i, "right")) - 1
                    where = f"{name}: image {image if ids is None else ids[image]}, box {i - offsets[image]}"
                    raise TypeError(f"{where}: {got(caption)}, expected a caption (a string; '' if it is empty)")
        return cls(without_white_space(predictions), without_white_space(references), offsets)

    @property
    def n_boxes(self) -> int:
        """Number of boxes."""
        return len(self.references)

    @property
    def n_images(self) -> int:
        """Number of images."""
        return len(self.offsets) - 1

    @cached_property
    def image_of_box(self) -> np.ndarray:
        """Index of each box's image, shape (n_boxes,)."""
        return np.repeat(np.arange(self.n_images), np.diff(self.offsets))

    @cached_property
    def texts(self) -> Texts:
        """The distinct captions."""
        numbers: defaultdict[str, int] = defaultdict(count().__next__)
        prediction, reference = (
            np.fromiter(map(numbers.__getitem__, captions), np.int64, self.n_boxes)
            for captions in (self.predictions, self.references)
        )
        return Texts(list(numbers), prediction, reference)

    @cached_property
    def pairs(self) -> Pairs:
        """The distinct pairs of prediction and reference."""
        n_texts = len(self.texts.captions)
        keys = self.texts.reference * n_texts + self.texts.prediction
        of_box = _ranks(keys)
        distinct = np.empty(int(of_box.max(initial=-1)) + 1, np.int64)
        distinct[of_box] = keys
        reference, prediction = np.divmod(distinct, max(n_texts, 1))
        return Pairs(prediction, reference, of_box)

    @cached_property
    def prediction_lengths(self) -> np.ndarray:
        """Tokens of each prediction, shape (n_boxes,)."""
        return self.texts.lengths[self.texts.prediction]

    @cached_property
    def reference_lengths(self) -> np.ndarray:
        """Tokens of each reference, shape (n_boxes,)."""
        return self.texts.lengths[self.texts.reference]

    @cached_property
    def ngrams(self) -> list[Ngrams]:
        """N-grams of order 1..4 of the distinct captions."""
        return count_ngrams(self.texts.captions)

    @cached_property
    def document_frequencies(self) -> list[np.ndarray]:
        """For each order 1..4, the number of boxes whose reference holds an n-gram, by id; int64."""
        boxes = np.bincount(self.texts.reference, minlength=len(self.texts.captions))
        return [
            np.bincount(ngrams.gram, boxes[ngrams.caption], ngrams.n_grams).astype(np.int64) for ngrams in self.ngrams
        ]

    @cached_property
    def matches(self) -> list["Matches"]:
        """For each order 1..4, the n-grams that the prediction of a pair shares with its reference."""
        return [_match(ngrams, self.pairs) for ngrams in self.ngrams]

    def sum_by_image(self, statistics: np.ndarray) -> np.ndarray:
        """Add per-box statistics, shape (n_boxes, K), up per image, shape (n_images, K)."""
        return np.add.reduceat(statistics, self.offsets[:-1], axis=0)


@dataclass(frozen=True)
class Matches:
    """The n-grams of one order that occur in both captions of a pair, sorted by pair, then by n-gram."""

    pair: np.ndarray
    gram: np.ndarray
    prediction_count: np.ndarray
    reference_count: np.ndarray


def _match(ngrams: Ngrams, pairs: Pairs) -> Matches:
    entry, counts = members(ngrams.offsets, pairs.prediction)
    gram = ngrams.gram[entry]
    keys = ngrams.caption * ngrams.n_grams + ngrams.gram
    wanted = np.repeat(pairs.reference * ngrams.n_grams, counts) + gram
    place = np.searchsorted(keys, wanted)
    found = np.flatnonzero(keys[np.minimum(place, len(keys) - 1)] == wanted) if len(keys) else place
    return Matches(
        np.repeat(np.arange(len(pairs)), counts)[found],
        gram[found],
        ngrams.count[entry[found]],
        ngrams.count[place[found]],
    )
