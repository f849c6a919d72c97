"""METEOR 1.5 (Denkowski and Lavie 2014; language en, normalised), as pycocoevalcap's Java program computes it.

Matches words of a prediction with words of its reference (`meteor_alignment`), takes the harmonic mean of precision
and recall, recall weighing more, and multiplies it by a penalty for matches that fall into many chunks, a chunk being
a run of matched words in the same order on both sides.

Invariants: statistics are integers, and the corpus score comes from their sums. It is not the mean of segments.

Surprising, and true:

* Function words weigh a third of content words, also in Chinese captions: punctuation and the letters a, i and s.
* A segment whose words all match in one chunk counts no chunk at all.
* Words are lower-cased and compared by Java's 32-bit string hash, so emoji match other emoji: 😀 (U+1F600) and
  🧡 (U+1F9E1) are one word. İ is ྾ (U+0FBE).
* An empty caption scores 0; the words of the other side count in the corpus. Control characters at either end of a
  caption do not exist.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from .corpus import Corpus
from .meteor_alignment import EXACT, PARAPHRASE, SYNONYM, VERSATILE, align

NAMES = ("METEOR",)
RECIPE = "meteor:1.5-en-norm"

ALPHA, BETA, GAMMA = 0.85, 0.2, 0.6

# Weights as integers: delta = 0.75 makes words count 3 or 1 quarters, modules count fifths.
_CONTENT, _FUNCTION = 3, 1
_MODULE = {EXACT: 5, SYNONYM: 4, PARAPHRASE: 3}
_FULL = _MODULE[EXACT]

_FUNCTION_WORDS = frozenset(",.:?'\"()$-—ais")

_CONTROLS = "".join(map(chr, range(32)))

# Code points unassigned in Unicode 13, the version of Java 17: later Pythons give some of them lower cases.
_CASELESS = (
    range(0x2C2F, 0x2C30),
    range(0xA7C0, 0xA7C2),
    range(0xA7CB, 0xA7F5),
    range(0x10570, 0x105C0),
    range(0x10D40, 0x10D90),
    range(0x16EA0, 0x16EE0),
)


class _Words(dict[int, int]):
    """Table for `str.translate`: code point -> first code point that METEOR takes for the same word."""

    def __missing__(self, point: int) -> int:
        word = self[point] = _word(point)
        return word


def _word(point: int) -> int:
    lower = chr(point) if any(point in block for block in _CASELESS) else chr(point).lower()
    if len(lower) == 2:  # only İ, which becomes i and a combining dot: one word by Java's hash of both
        return 31 * ord(lower[0]) + ord(lower[1])
    point = ord(lower)
    if point < 0x10000:
        return point
    # Java hashes an astral character as 31 x high surrogate + low surrogate: one less of the former and 31 more of
    # the latter, which is 993 code points down, is the same word.
    high, low = divmod(point - 0x10000, 0x400)
    return point - 993 * min(high, (0x3FF - low) // 31)


_WORDS = _Words({ord(mark): ord(plain) for marks, plain in (("‘’`", "'"), ("“”", '"'), ("–", "-")) for mark in marks})


def statistics(corpus: Corpus) -> np.ndarray:
    """`pair_statistics` of each box; METEOR is the slowest metric, so each distinct pair is aligned once."""
    pairs: dict[tuple[str, str], int] = {}
    both = zip(corpus.predictions, corpus.references, strict=True)
    inverse = [pairs.setdefault(pair, len(pairs)) for pair in both]
    predictions, references = zip(*pairs, strict=True)
    return pair_statistics(predictions, references)[inverse]


def pair_statistics(predictions: Sequence[str], references: Sequence[str]) -> np.ndarray:
    """Additive counts of each pair.

    Args:
        predictions: captions without white space, as `Corpus` holds them.
        references: reference captions, one for each prediction.

    Returns:
        int64, shape (n_pairs, 6): weight of the prediction's words, of the reference's words (content 3, function 1),
        weight of matched words of the prediction, of the reference (times 5, 4 or 3 by module), number of matched
        words on both sides, chunks.
    """
    rows = [_statistics(*pair) for pair in zip(_words(predictions), _words(references), strict=True)]
    return np.array(rows, np.int64).reshape(-1, 6)


def _words(captions: Iterable[str]) -> list[str]:
    return [caption.strip(_CONTROLS).translate(_WORDS) for caption in captions]


def _weight(words: str) -> int:
    if _FUNCTION_WORDS.isdisjoint(words):
        return _CONTENT * len(words)
    return sum(_FUNCTION if word in _FUNCTION_WORDS else _CONTENT for word in words)


def _statistics(prediction: str, reference: str) -> tuple[int, int, int, int, int, int]:
    weight, reference_weight = _weight(prediction), _weight(reference)
    if prediction == reference:  # the search always finds one chunk here: its first choice is never worse than another
        return weight, weight, _FULL * weight, _FULL * weight, 2 * len(prediction), 0
    shared = set(prediction).intersection(reference)
    if not (VERSATILE.isdisjoint(prediction) or VERSATILE.isdisjoint(reference)) or any(
        prediction.count(word) > 1 or reference.count(word) > 1 for word in shared
    ):
        return weight, reference_weight, *_searched(prediction, reference)
    if not shared:
        return weight, reference_weight, 0, 0, 0, 0
    # Nearly all pairs come here: no word has two ways to match, so there is nothing to search.
    chunks, previous = 0, -2
    for word in prediction:
        place = reference.find(word)
        if place >= 0 and place != previous + 1:
            chunks += 1
        previous = place if place >= 0 else -2
    matched = _FULL * _weight("".join(shared))
    return weight, reference_weight, matched, matched, 2 * len(shared), chunks


def _searched(prediction: str, reference: str) -> tuple[int, int, int, int]:
    """The last four statistics, from the alignment search."""
    matches, chunks = align(prediction, reference)
    matched = reference_matched = words = reference_words = 0
    for start, length, reference_start, reference_length, module in matches:
        matched += _MODULE[module] * _weight(prediction[start : start + length])
        reference_matched += _MODULE[module] * _weight(reference[reference_start : reference_start + reference_length])
        words += length
        reference_words += reference_length
    if chunks == 1 and words == len(prediction) and reference_words == len(reference):
        chunks = 0
    return matched, reference_matched, words + reference_words, chunks


def aggregate(sums: np.ndarray) -> np.ndarray:
    """METEOR from summed statistics.

    Args:
        sums: shape (..., 6), sums of `pair_statistics` over the pairs of a corpus (or of a single one).

    Returns:
        Scores in [0, 1], shape (..., 1).
    """
    weight, reference_weight, matched, reference_matched, words, chunks = np.moveaxis(sums, -1, 0)
    some = words > 0
    precision = np.divide(matched, _FULL * weight, out=np.ones(some.shape), where=some)
    recall = np.divide(reference_matched, _FULL * reference_weight, out=np.ones(some.shape), where=some)
    mean = 1 / ((1 - ALPHA) / precision + ALPHA / recall)
    fragmentation = np.divide(2 * chunks, words, out=np.zeros(some.shape), where=some)
    # Powers are taken by Python, once per distinct value, for the same bits on every CPU, which numpy's do not give.
    distinct, inverse = np.unique(fragmentation, return_inverse=True)
    penalty = np.array([GAMMA * value**BETA for value in distinct.tolist()])[inverse].reshape(some.shape)
    return np.where(some, mean * (1 - penalty), 0.0)[..., np.newaxis]


def segment_scores(statistics: np.ndarray) -> np.ndarray:
    """METEOR of each pair in [0, 1], from `pair_statistics`; shape (n_pairs,)."""
    return aggregate(statistics)[:, 0]
