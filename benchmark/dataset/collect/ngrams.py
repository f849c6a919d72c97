"""N-grams of characters: a language model learnt from the build's own captions and titles, in two halves.

Invariants:
* no caption is scored by a model that has learnt from it, or from another caption of its image: `CrossFittedNgrams`
  learns in two halves, each scored by the other one;
* probabilities of the n-grams sum to one over all characters, whatever was learnt.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from ...errors import InputError
from ...integrity import sha256_of
from .normalise import compatible

#: Characters of an n-gram. Four of 16 bits each make one number of 64 bits.
ORDER = 4

# Codes that stand for no character: before a text, after it, and for what has no code of 16 bits.
_BEGIN, _END, _UNKNOWN = 0, 1, 0xFFFD

#: Number of codes that can follow: all of 16 bits but `_BEGIN`.
ALPHABET = 2**16 - 1

#: Texts that are counted or scored at a time, which bounds the memory, and longest line of a corpus in characters.
_CHUNK, _LINE = 100_000, 100_000

#: N-grams as sorted numbers, and how often each one counts.
Counts = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class NgramTable:
    """Counts of the n-grams of one order, and of what follows their contexts.

    Attributes:
        keys, counts: the n-grams as numbers, sorted, and how often each one counts.
        contexts, totals, kinds: what stands before their last character, sorted; the sum of the counts after it, and
            how many different characters follow it.
        discount: what is taken off each count.
    """

    keys: np.ndarray
    counts: np.ndarray
    contexts: np.ndarray
    totals: np.ndarray
    kinds: np.ndarray
    discount: float


class NgramModel:
    """An n-gram model of characters: interpolated, with absolute discounts and continuation counts (Kneser-Ney).

    Args:
        keys, counts: the n-grams of the highest order, sorted, and how often each one occurs; see `count`.
    """

    def __init__(self, keys: np.ndarray, counts: np.ndarray) -> None:
        self.tables: list[NgramTable] = []  # from the highest order to the lowest
        for order in range(ORDER, 0, -1):
            if order < ORDER:
                keys, counts = _shorter(keys, counts, order)
            self.tables.append(_table(keys, counts))

    def log_probabilities(self, windows: np.ndarray) -> np.ndarray:
        """Natural logarithm of the probability of each window's last character after the ones before."""
        probability = np.full(len(windows), 1 / ALPHABET)
        for order, table in zip(range(1, ORDER + 1), reversed(self.tables), strict=True):
            keys = windows & _mask(order)
            count = _look_up(table.keys, table.counts, keys)
            total = _look_up(table.contexts, table.totals, keys >> np.uint64(16))
            kinds = _look_up(table.contexts, table.kinds, keys >> np.uint64(16))
            left = np.maximum(count - table.discount, 0) + table.discount * kinds * probability
            probability = np.where(total > 0, left / np.maximum(total, 1), probability)
        return np.log(probability)

    def score(self, texts: Sequence[str]) -> np.ndarray:
        """Mean of the log-probabilities of each text's characters and of its end."""
        scores = [np.empty(0)]
        for some in _chunks(texts):
            lengths = np.array([len(text) for text in some]) + 1
            logs = self.log_probabilities(_windows(some))
            scores.append(np.add.reduceat(logs, np.cumsum(lengths) - lengths) / lengths)
        return np.concatenate(scores)


def count(texts: Iterable[str]) -> Counts:
    """The n-grams of the highest order in texts, as sorted numbers, and how often each one occurs."""
    counted: Counts = np.empty(0, np.uint64), np.empty(0, np.int64)
    for some in _chunks(texts):
        counted = add_counts(counted, np.unique(_windows(some), return_counts=True))
    return counted


def add_counts(*parts: Counts) -> Counts:
    """The sum of several counts."""
    keys, places = np.unique(np.concatenate([keys for keys, _ in parts]), return_inverse=True)
    weights = np.concatenate([counts for _, counts in parts])
    return keys, np.bincount(places, weights, len(keys)).astype(np.int64)


class CrossFittedNgrams:
    """The default: n-grams learnt from the build's own captions and titles, and from a corpus if there is one.

    The captions are cut in two halves by their groups, and each half is scored by a model of the other half, of all
    titles and of the corpus. Titles are written by people, so an image's own one may speak for its captions.

    Args:
        corpus: a text file in UTF-8, such as reviews or news in the captions' language.

    Raises:
        InputError: if the corpus cannot be read.
    """

    def __init__(self, corpus: Path | None = None) -> None:
        self.name = f"ngram:{ORDER}"
        self._corpus = count(_pieces(_lines(corpus))) if corpus else count([])
        if corpus:
            self.name += f"+{sha256_of(corpus)[:16]}"

    def score(self, captions: Sequence[str], infos: Sequence[str], groups: Sequence[str] = ()) -> np.ndarray:
        """Score captions; see `language_model.LanguageModel`."""
        groups = groups or [info or caption for info, caption in zip(infos, captions, strict=True)]
        halves = [_half(group) for group in groups]
        common = add_counts(self._corpus, count(_pieces(dict.fromkeys(infos))))
        scores = np.zeros(len(captions))
        for half in (0, 1):
            others = [caption for caption, place in zip(captions, halves, strict=True) if place != half]
            model = NgramModel(*add_counts(common, count(others)))
            own = [i for i, place in enumerate(halves) if place == half]
            scores[own] = model.score([captions[i] for i in own])
        return scores


def _half(group: str) -> int:
    """The half of a group, which adding other images does not change."""
    return hashlib.sha256(group.encode("utf-8", "surrogatepass")).digest()[0] & 1


def _chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    remaining = iter(texts)
    while some := list(islice(remaining, _CHUNK)):
        yield some


def _windows(texts: Sequence[str]) -> np.ndarray:
    """The n-grams that end at the characters of texts and at their ends, as numbers; the last character is lowest."""
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)
    codes[(codes > 0xFFFF) | (codes <= _END)] = _UNKNOWN
    margin = ORDER - 1
    starts = np.cumsum(lengths + margin + 1) - (lengths + 1)  # of each text in the row of all of them
    row: np.ndarray = np.full(int((lengths + margin + 1).sum()), _BEGIN, dtype=np.uint64)
    shift = starts - (np.cumsum(lengths) - lengths)
    row[np.arange(len(codes)) + np.repeat(shift, lengths)] = codes
    row[starts + lengths] = _END
    ends = np.flatnonzero(row != _BEGIN)
    windows: np.ndarray = np.zeros(len(ends), dtype=np.uint64)
    for back in range(margin, -1, -1):
        windows = (windows << np.uint64(16)) | row[ends - back]
    return windows


def _shorter(keys: np.ndarray, counts: np.ndarray, order: int) -> Counts:
    """N-grams of an order from those one longer: counted by how many different characters stand before each.

    Before the start of a text there is nothing to differ, so what begins there keeps its own count.
    """
    first = (keys >> np.uint64(16 * (order - 1))) & np.uint64(0xFFFF)
    weights = np.where((first == _BEGIN) & (order > 1), counts, 1)
    return add_counts((keys & _mask(order), weights))


def _table(keys: np.ndarray, counts: np.ndarray) -> NgramTable:
    contexts, places = np.unique(keys >> np.uint64(16), return_inverse=True)
    totals = np.bincount(places, counts, len(contexts))
    kinds = np.bincount(places, minlength=len(contexts))
    once, twice = np.count_nonzero(counts == 1), np.count_nonzero(counts == 2)
    discount = once / (once + 2 * twice) if once else 0.5
    return NgramTable(keys, counts, contexts, totals, kinds, min(max(discount, 0.1), 0.9))


def _mask(order: int) -> np.uint64:
    return np.uint64(2 ** (16 * order) - 1)


def _look_up(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The value of each wanted key; 0 where there is none."""
    if not len(keys):
        return np.zeros(len(wanted))
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, values[places], 0).astype(float)


def _pieces(texts: Iterable[str]) -> Iterator[str]:
    """What stands between punctuation and blanks in texts."""
    for text in texts:
        for piece in re.findall(r"\w+", text):
            yield compatible(piece)


def _lines(path: Path) -> Iterator[str]:
    """The lines of a text file, long ones in parts."""
    number = 0
    try:
        with path.open(encoding="utf-8-sig", newline="\n") as file:
            while line := file.readline(_LINE):
                number += line.endswith("\n")
                yield line
    except OSError as error:
        raise InputError(f"corpus: {path}: {error.strerror}; expected a text file") from None
    except UnicodeDecodeError:
        raise InputError(f"corpus: {path}: not UTF-8 after line {number}; save the file as UTF-8") from None
