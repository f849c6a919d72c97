"""METEOR 1.5 (Denkowski and Lavie 2014; language en, normalised), as pycocoevalcap's Java program computes it.

Matches words of a prediction with words of its reference (`alignment`), takes the harmonic mean of precision
and recall, recall weighing more, and multiplies it by a penalty for matches that fall into many chunks, a chunk being
a run of matched words in the same order on both sides.

Nearly all pairs are counted many at a time, without a search: what the search would find is clear where no word of a
pair has more than two choices, and where prediction and reference are the same.

Invariants: statistics are integers, and the corpus score comes from their sums. It is not the mean of segments.

Surprising, and true:

* Function words weigh a third of content words, also in Chinese captions: punctuation and the letters a, i and s.
* A segment whose words all match in one chunk counts no chunk at all.
* Words are lower-cased and compared by Java's 32-bit string hash, so emoji match other emoji: 😀 (U+1F600) and
  🧡 (U+1F9E1) are one word. İ is ྾ (U+0FBE).
* An empty caption scores 0; the words of the other side count in the corpus. Control characters at either end of a
  caption do not exist.

No difference from the original is known: none in 97,000 made captions, none in 600,000 hostile pairs (repeats of up to
300 words, everything that has synonyms or paraphrases, odd and colliding characters).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .alignment import EXACT, PARAPHRASE, SYNONYM, VERSATILE, align
from .corpus import Corpus, code_points, look_up, members

NAMES = ("METEOR",)
RECIPE = "meteor:1.5-en-norm"

ALPHA, BETA, GAMMA = 0.85, 0.2, 0.6

# Weights as integers: delta = 0.75 content words weigh 3/4, function words 1/4; module weights are fifths.
_CONTENT, _FUNCTION = 3, 1
_MODULE = {EXACT: 5, SYNONYM: 4, PARAPHRASE: 3}
_FULL = _MODULE[EXACT]

_FUNCTION_WORDS = frozenset(",.:?'\"()$-—ais")

#: Words of predictions and references compared at once: what fits into the processor's cache.
_COMPARISONS = 1 << 17

#: Words of a pair that may have two choices without a search: 3 ** 3 partial alignments stay within the beam.
_CHOICES = 3

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


_PLAIN = {ord(mark): ord(plain) for marks, plain in (("‘’`", "'"), ("“”", '"'), ("–", "-")) for mark in marks}


def _word(point: int) -> int:
    """The first code point that METEOR takes for the same word as this one."""
    if point in _PLAIN:
        return _PLAIN[point]
    lower = chr(point) if any(point in block for block in _CASELESS) else chr(point).lower()
    if len(lower) == 2:  # only İ, which becomes i and a combining dot: one word by Java's hash of both
        return 31 * ord(lower[0]) + ord(lower[1])
    point = ord(lower)
    if point < 0x10000:
        return point
    # Java hashes an astral character as 31 x high surrogate + low surrogate: (high - 1, low + 31) has the same hash, so
    # the code point 993 lower is the same word to Java.
    high, low = divmod(point - 0x10000, 0x400)
    return point - 993 * min(high, (0x3FF - low) // 31)


@dataclass(frozen=True)
class _Words:
    """Captions as words, one code point each, equal words by equal code points.

    Attributes:
        points: code points of all words; caption i owns those from offsets[i] to offsets[i + 1].
        offsets: ranges of the captions, see `corpus.offsets_of`.
        weights: weight of each word.
        caption_weights: weight of all words of each caption.
        lengths: number of words of each caption.
        versatile: whether a caption has words that can match words other than themselves, for each caption.
        text: all words, as a string.
    """

    points: np.ndarray
    offsets: np.ndarray
    weights: np.ndarray
    caption_weights: np.ndarray
    lengths: np.ndarray
    versatile: np.ndarray
    text: str

    @classmethod
    def of(cls, captions: Sequence[str]) -> "_Words":
        """Take the words of captions without white space."""
        points, offsets = code_points([caption.strip(_CONTROLS) for caption in captions])
        points = look_up(_word, points)
        weights = look_up(lambda point: _weight(chr(point)), points)
        versatile = look_up(lambda point: chr(point) in VERSATILE, points)
        caption_weights, n_versatile = (
            np.diff(np.concatenate([[0], np.cumsum(values)])[offsets]) for values in (weights, versatile)
        )
        text = points.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
        return cls(points, offsets, weights, caption_weights, np.diff(offsets), n_versatile > 0, text)

    def __getitem__(self, caption: int) -> str:
        return self.text[self.offsets[caption] : self.offsets[caption + 1]]


def statistics(corpus: Corpus) -> np.ndarray:
    """`pair_statistics` of each box; each distinct pair is aligned once."""
    return _statistics(corpus.texts.captions, corpus.pairs.prediction, corpus.pairs.reference)[corpus.pairs.of_box]


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
    number = np.arange(len(predictions))
    return _statistics([*predictions, *references], number, number + len(predictions))


def _statistics(captions: Sequence[str], predictions: np.ndarray, references: np.ndarray) -> np.ndarray:
    """`pair_statistics` of pairs of captions, which are given by their numbers."""
    words = _Words.of(captions)
    rows = np.empty((len(predictions), 6), np.int64)
    rows[:, 0], rows[:, 1] = words.caption_weights[predictions], words.caption_weights[references]
    sizes = words.lengths[predictions] * words.lengths[references]
    many = sizes > _COMPARISONS
    few = np.flatnonzero(~many)
    ends = np.cumsum(sizes[few])
    batches = np.split(few, np.searchsorted(ends, np.arange(_COMPARISONS, ends[-1:].sum(), _COMPARISONS)))
    left = [np.flatnonzero(many)]
    for pairs in batches:
        rows[pairs, 2:], searched = _compared(words, predictions[pairs], references[pairs])
        left.append(pairs[searched])
    for pair in np.concatenate(left).tolist():
        rows[pair, 2:] = _searched(words[predictions[pair]], words[references[pair]])
    return rows


class _Equal(NamedTuple):
    """Pairs of equal words, sorted by pair of captions, then by word; words of all captions of a side have numbers.

    Attributes:
        pair: pair of captions.
        word: number of the prediction's word.
        reference_word: number of the reference's word.
        weight: weight of the word.
    """

    pair: np.ndarray
    word: np.ndarray
    reference_word: np.ndarray
    weight: np.ndarray

    def chosen(self, mask: np.ndarray) -> "_Equal":
        """Some of them."""
        return _Equal(*(column[mask] for column in self))


def _compared(words: _Words, predictions: np.ndarray, references: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compare each word of a prediction with each of its reference, for many pairs at once.

    Returns:
        The last four statistics of each pair, and whether they are missing, since its alignment must be searched for.
    """
    n_pairs, lengths, reference_lengths = len(predictions), words.lengths[predictions], words.lengths[references]
    ours, _ = members(words.offsets, predictions)
    pair_of_word = np.repeat(np.arange(n_pairs), lengths)
    theirs, compared = members(words.offsets, references[pair_of_word])
    found = np.flatnonzero(words.points[theirs] == np.repeat(words.points[ours], compared))
    word = np.searchsorted(np.cumsum(compared), found, side="right")
    pair = pair_of_word[word]
    first, reference_first = np.cumsum(lengths) - lengths, np.cumsum(reference_lengths) - reference_lengths
    reference_word = reference_first[pair] + theirs[found] - words.offsets[references[pair]]
    equal = _Equal(pair, word, reference_word, words.weights[ours[word]])

    # A caption and itself: the search always finds one chunk, since its first choice is never worse than another. One
    # chunk of all words counts as none.
    straight = np.bincount(pair[word - first[pair] == reference_word - reference_first[pair]], minlength=n_pairs)
    same = (straight == lengths) & (lengths == reference_lengths)
    full = _FULL * words.caption_weights[predictions]
    copies = np.stack([full, full, 2 * lengths, np.zeros_like(full)], axis=1)

    counted, unclear = _counted(equal.chosen(~same[pair]), n_pairs)
    unclear |= words.versatile[predictions] & words.versatile[references]
    return np.where(same[:, np.newaxis], copies, counted), unclear & ~same


def _counted(equal: _Equal, n_pairs: int) -> tuple[np.ndarray, np.ndarray]:
    """Count matches and chunks where words match equal words alone.

    A word that stands twice on one side and once on the other has two choices. Where a pair has up to `_CHOICES` such
    words, the beam of the search holds all possible alignments, and so finds the fewest chunks that there can be.

    Returns:
        The last four statistics of each pair, and whether they are wrong, since it has words with more choices, or
        more such words.
    """
    pair, word, reference_word, _ = equal
    times, reference_times = (np.bincount(side)[side] for side in (word, reference_word))
    choices = times * reference_times
    # Of the two that exclude each other, the second is the other choice.
    group = np.where(times > 1, word, word.max(initial=-1) + 1 + reference_word)
    first = np.zeros(int(group.max(initial=-1)) + 1, np.int64)
    first[group[::-1]] = np.arange(len(pair))[::-1]
    second = first[group] != np.arange(len(pair))
    begins = (choices > 1) & ~second
    before = np.cumsum(begins) - begins
    of_pair = np.bincount(pair, minlength=n_pairs)
    before -= before[(np.cumsum(of_pair) - of_pair)[pair]]
    number = np.where(choices > 1, before[first[group]], _CHOICES)
    unclear = np.bincount(pair[(choices > 2) | ((choices > 1) & (number >= _CHOICES))], minlength=n_pairs) > 0

    taken = equal.chosen(~second)
    weight = np.bincount(taken.pair, _FULL * taken.weight, n_pairs)
    matches, chunks = np.bincount(taken.pair, minlength=n_pairs), _chunks(taken, n_pairs)
    several = np.bincount(pair[choices == 2], minlength=n_pairs) > 0
    some = several[pair]
    equal, second, number = equal.chosen(some), second[some], number[some]
    for bits in range(1, 1 << _CHOICES):
        other = _chunks(equal.chosen(second == (bits >> number & 1)), n_pairs)
        chunks = np.where(several, np.minimum(chunks, other), chunks)
    return np.stack([weight, weight, 2 * matches, chunks], axis=1).astype(np.int64), unclear


def _chunks(taken: _Equal, n_pairs: int) -> np.ndarray:
    """Number of chunks of each pair, whose matches are given."""
    goes_on = (np.diff(taken.pair, prepend=-1) == 0) & (np.diff(taken.word, prepend=-1) == 1)
    goes_on &= np.diff(taken.reference_word, prepend=-1) == 1
    return np.bincount(taken.pair[~goes_on], minlength=n_pairs)


def _searched(prediction: str, reference: str) -> tuple[int, int, int, int]:
    """The last four statistics of a pair, from the alignment search."""
    if prediction == reference:
        return _FULL * _weight(prediction), _FULL * _weight(prediction), 2 * len(prediction), 0
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


def _weight(words: str) -> int:
    return sum(_FUNCTION if word in _FUNCTION_WORDS else _CONTENT for word in words)


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
