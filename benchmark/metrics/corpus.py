"""Predictions and references of a split as tokens, with their n-grams counted once for every metric.

Tokens: every Unicode code point is one token; white space is dropped. The choice decides the scores (the same Chinese
file gets BLEU 34 to 60 under three common tokenizers), so it is fixed here (`characters`) and named in the signature as
`tok:char`. `str.split` drops every character that METEOR's normaliser drops (blank, tab, CR, LF, FF, U+00A0,
U+2000..U+200A, U+202F, U+205F, U+3000) and a few more, so after it all metrics see the same tokens. ZERO WIDTH SPACE
(U+200B) is white space for none of them: a token.

BLEU, CIDEr and Div@n all count n-grams of single code points, up to order four. Doing it in numpy on integers for
the whole split at once is what makes the harness fast; see `Ngrams`.

Invariants: captions hold tokens only (white space dropped), run in the data set's box order, and the boxes of one image
are adjacent.
"""

import reprlib
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

MAX_ORDER = 4


def characters(caption: str) -> str:
    """The tokens of a caption, as a string whose code points are the tokens."""
    return "".join(caption.split())


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


@dataclass(frozen=True)
class Ngrams:
    """The distinct n-grams of order n in each caption.

    One entry per distinct (caption, n-gram), sorted by caption, then by n-gram: `caption[i]` holds `gram[i]`
    exactly `count[i]` times. Equal n-grams have equal ids across all captions counted together.
    """

    caption: np.ndarray
    gram: np.ndarray
    count: np.ndarray


def count_ngrams(captions: Sequence[str], max_order: int = MAX_ORDER) -> list[Ngrams]:
    """Count the n-grams of many captions at once.

    Ids of order n are ranks of (id of the first n - 1 tokens, id of the last token), so they stay small whatever
    the alphabet, and no n-gram crosses a caption.

    Returns:
        The counts of order 1..max_order.
    """
    lengths = np.fromiter(map(len, captions), np.int64, len(captions))
    points = np.frombuffer("".join(captions).encode("utf-32-le", "surrogatepass"), np.uint32)
    caption = np.repeat(np.arange(len(captions)), lengths)
    # Tokens of the caption from this position on; an n-gram starts here if there are at least n of them.
    remaining = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(points))
    tokens = np.unique(points, return_inverse=True)[1].astype(np.int64)
    n_tokens = int(tokens.max(initial=0)) + 1
    start = np.arange(len(points))
    grams = tokens
    orders = []
    for n in range(1, max_order + 1):
        if n > 1:
            fits = remaining[start] >= n
            start, grams = start[fits], grams[fits]
            grams = np.unique(grams * n_tokens + tokens[start + n - 1], return_inverse=True)[1].astype(np.int64)
        n_grams = int(grams.max(initial=0)) + 1
        keys = np.sort(caption[start] * n_grams + grams)
        first = np.flatnonzero(np.diff(keys, prepend=-1))
        counts = np.diff(first, append=len(keys))
        orders.append(Ngrams(keys[first] // n_grams, keys[first] % n_grams, counts))
    return orders


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
        return cls([characters(c) for c in predictions], [characters(c) for c in references], offsets)

    @property
    def n_boxes(self) -> int:
        """Number of boxes."""
        return len(self.references)

    @property
    def n_images(self) -> int:
        """Number of images."""
        return len(self.offsets) - 1

    @cached_property
    def prediction_lengths(self) -> np.ndarray:
        """Tokens of each prediction, shape (n_boxes,)."""
        return np.fromiter(map(len, self.predictions), np.int64, self.n_boxes)

    @cached_property
    def reference_lengths(self) -> np.ndarray:
        """Tokens of each reference, shape (n_boxes,)."""
        return np.fromiter(map(len, self.references), np.int64, self.n_boxes)

    @cached_property
    def ngrams(self) -> list[Ngrams]:
        """N-grams of order 1..4 of all captions: predictions are captions 0..n_boxes-1, references follow."""
        return count_ngrams([*self.predictions, *self.references])

    @cached_property
    def matches(self) -> list["Matches"]:
        """For each order 1..4, the n-grams that a prediction shares with its reference."""
        return [_match(ngrams, self.n_boxes) for ngrams in self.ngrams]

    def sum_by_image(self, statistics: np.ndarray) -> np.ndarray:
        """Add per-box statistics, shape (n_boxes, K), up per image, shape (n_images, K)."""
        return np.add.reduceat(statistics, self.offsets[:-1], axis=0)


@dataclass(frozen=True)
class Matches:
    """The n-grams of one order that occur in both the prediction and the reference of a box."""

    box: np.ndarray
    gram: np.ndarray
    prediction_count: np.ndarray
    reference_count: np.ndarray


def _match(ngrams: Ngrams, n_boxes: int) -> Matches:
    n_grams = int(ngrams.gram.max(initial=0)) + 1
    keys = ngrams.caption * n_grams + ngrams.gram
    split = int(np.searchsorted(ngrams.caption, n_boxes))
    prediction_keys, reference_keys = keys[:split], keys[split:] - n_boxes * n_grams
    place = np.searchsorted(reference_keys, prediction_keys)
    found = place < len(reference_keys)
    found[found] = reference_keys[place[found]] == prediction_keys[found]
    place = place[found]
    return Matches(
        ngrams.caption[:split][found],
        ngrams.gram[:split][found],
        ngrams.count[:split][found],
        ngrams.count[split:][place],
    )
