"""METEOR 1.5 (Denkowski and Lavie 2014; language en, normalised), as pycocoevalcap's Java program computes it.

Matches words of a prediction with words of its reference (`align`), takes the harmonic mean of precision
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

The alignment (`align`): words are matched if they are equal, synonyms, or in phrases that paraphrase each other. One
alignment is chosen out of all possible ones by a beam search over the reference, from left to right (Denkowski and
Lavie 2011, 2014). The papers say: most matched words, then fewest chunks, then smallest distance. What the original
program does was found out from its answers, and is copied here with its peculiarities, because they decide scores:

* Matched words are counted with their module's weight cut to an integer: words equal or in a phrase count, a synonym
  or a paraphrase of one word counts nothing. So such a pair is taken only where it makes no further chunk, or where
  nothing else competes for its words.
* A word that can match in two ways at once has competition too: 5 and v are synonyms and paraphrases, and so stay
  unmatched between two captions that share nothing else.
* The distance of a match is charged not to who takes it but to who turns it down for a later choice.
* Only the 40 best partial alignments survive a step. Hence repeats can cost chunks, and runs of more than a few
  synonyms match after all, once the empty alignment has fallen off the beam.

No difference from the original is known: none in 97,000 made captions, none in 600,000 hostile pairs (repeats of up to
300 words, everything that has synonyms or paraphrases, odd and colliding characters).
"""

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from .corpus import Corpus

NAMES = ("METEOR",)
RECIPE = "meteor:1.5-en-norm"

BEAM = 40

EXACT, SYNONYM, PARAPHRASE = 0, 1, 2

#: One-letter words of WordNet's synonym sets; longer words do not occur, since every character is a word.
SYNONYMS = {"1": "i", "i": "1", "5": "v", "v": "5", "g": "km", "k": "gm", "m": "gk"}

_TABLE = "1c=1b 1c=1°c ar=rs c=g c=k e=d f=h f=r h=f j=7 k=c k=w l=1 l=d o=0 o=· r=f r=s t=l v=5 x=× £=₤ ·=•"

#: The entries of METEOR's English paraphrase table whose words are single characters, in its order.
PARAPHRASES = [(first, second) for first, second in (entry.split("=") for entry in _TABLE.split())]

#: Words that can match words other than themselves.
VERSATILE = frozenset(SYNONYMS).union(*(word for entry in PARAPHRASES for word in entry))

ALPHA, BETA, GAMMA = 0.85, 0.2, 0.6

# Weights as integers: delta = 0.75 content words weigh 3/4, function words 1/4; module weights are fifths.
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
    # Java hashes an astral character as 31 x high surrogate + low surrogate: (high - 1, low + 31) has the same hash, so
    # the code point 993 lower is the same word to Java.
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


class Match(NamedTuple):
    """Match of words `start` to `start + length` of the prediction with such words of the reference, by one module."""

    start: int
    length: int
    reference_start: int
    reference_length: int
    module: int


#: An alignment's matches so far, the latest first: (match, those before it), or None.
_Chain = tuple[Match, "_Chain"] | None

#: A partial alignment: its cost (chunks still open are not in it), prediction position at which the open chunk would
#: continue, the prediction's words in use (a bit each), the next free word of the reference, all matches.
_Partial = tuple[int, int, int, int, _Chain]

_NOWHERE = -1

_cost = itemgetter(0)


def align(prediction: str, reference: str) -> tuple[list[Match], int]:
    """The matches that METEOR chooses, and the number of their chunks.

    Args:
        prediction: words of the prediction, one code point each, equal words by equal code points (see `meteor`).
        reference: words of the reference in the same form.
    """
    choices = _candidates(prediction, reference)
    certain = _uncontested(choices, len(prediction), len(reference))
    # One integer encodes the cost: most words first, then fewest chunks, then smallest distance.
    chunk = 1 + sum(abs(match.start - match.reference_start) for matches in choices for match in matches)
    word = chunk * (len(reference) + 1)
    beam: list[_Partial] = [(0, _NOWHERE, 0, 0, None)]
    for position, matches in enumerate(choices):
        beam = _step(beam, position, matches, word, chunk, certain=position in certain)
    cost, chain = min(((cost + chunk * (end != _NOWHERE), chain) for cost, end, _, _, chain in beam), key=_cost)
    chosen = []
    while chain is not None:
        match, chain = chain
        chosen.append(match)
    return chosen, cost % word // chunk


def _candidates(prediction: str, reference: str) -> list[list[Match]]:
    """All possible matches by the reference word they start at, in the order in which METEOR tries them."""
    places: dict[str, list[int]] = {}
    for i, word in enumerate(prediction):
        places.setdefault(word, []).append(i)
    choices = [[Match(i, 1, j, 1, EXACT) for i in places.get(word, ())] for j, word in enumerate(reference)]
    if VERSATILE.isdisjoint(prediction) or VERSATILE.isdisjoint(reference):
        return choices
    for j, word in enumerate(reference):
        synonyms = sorted(i for synonym in SYNONYMS.get(word, "") for i in places.get(synonym, ()))
        choices[j] += [Match(i, 1, j, 1, SYNONYM) for i in synonyms]
    # Paraphrases hold in both directions: first all from reference to prediction, then all the other way round.
    for theirs, ours in PARAPHRASES:
        for j in _occurrences(theirs, reference):
            choices[j] += [Match(i, len(ours), j, len(theirs), PARAPHRASE) for i in _occurrences(ours, prediction)]
    for i in range(len(prediction)):
        for ours, theirs in PARAPHRASES:
            if prediction.startswith(ours, i):
                for j in _occurrences(theirs, reference):
                    choices[j].append(Match(i, len(ours), j, len(theirs), PARAPHRASE))
    return choices


def _occurrences(phrase: str, caption: str) -> list[int]:
    return [i for i in range(len(caption)) if caption.startswith(phrase, i)] if phrase in caption else []


def _uncontested(choices: list[list[Match]], n_words: int, n_reference_words: int) -> set[int]:
    """Positions in the reference whose only match shares none of its words with another match."""
    claims, reference_claims = [0] * n_words, [0] * n_reference_words
    for matches in choices:
        for start, length, reference_start, reference_length, _ in matches:
            for i in range(start, start + length):
                claims[i] += 1
            for j in range(reference_start, reference_start + reference_length):
                reference_claims[j] += 1
    return {
        position
        for position, matches in enumerate(choices)
        for start, length, _, reference_length, _ in matches
        if max(claims[start : start + length]) == 1
        and max(reference_claims[position : position + reference_length]) == 1
    }


def _step(
    beam: list[_Partial], position: int, matches: list[Match], word: int, chunk: int, *, certain: bool
) -> list[_Partial]:
    """Extend every partial alignment by each match that starts at one word of the reference, or by none."""
    options = [
        (
            match,
            match.start,
            match.start + match.length,
            (1 << match.length) - 1 << match.start,
            position + match.reference_length,
            word if match.module == EXACT or match.length > 1 else 0,
            abs(match.start - position),
        )
        for match in matches
    ]
    crowded = len(options) > BEAM
    extended: list[_Partial] = []
    for partial in beam:
        cost, end, used, free, chain = partial
        if position < free:
            extended.append(partial)
            continue
        going_on = cost
        if end != _NOWHERE:
            cost += chunk
        quota = {word: BEAM, 0: BEAM} if crowded else {}
        for match, start, stop, words, then_free, worth, away in options:
            if used & words:
                continue
            if start == end:
                extended.append((going_on - worth, stop, used | words, then_free, (match, chain)))
            elif not crowded or quota[worth] > 0:
                extended.append((cost - worth, stop, used | words, then_free, (match, chain)))
                if crowded:
                    # Later options of equal worth are never better, so those that cannot survive are not made; this
                    # bounds the cost of long repeats.
                    quota[worth] -= 1
            cost += away
            going_on += away
        if not certain:
            extended.append((cost, _NOWHERE, used, position, chain))
    extended.sort(key=_cost)
    return extended[:BEAM]
