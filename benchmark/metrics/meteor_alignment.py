"""METEOR's alignment: which words of a prediction are matched with which words of its reference.

Words are matched if they are equal, synonyms, or in phrases that paraphrase each other. One alignment is chosen out of
all possible ones by a beam search over the reference, from left to right (Denkowski and Lavie 2011, 2014). The papers
say: most matched words, then fewest chunks, then smallest distance. What the original program does was found out from
its answers, and is copied here with its peculiarities, because they decide scores:

* Matched words are counted with their module's weight cut to an integer: words equal or in a phrase count, a synonym
  or a paraphrase of one word counts nothing. So such a pair is taken only where it makes no further chunk, or where
  nothing else competes for its words.
* A word that can match in two ways at once has competition too: 5 and v are synonyms and paraphrases, and so stay
  unmatched between two captions that share nothing else.
* The distance of a match is charged not to who takes it but to who turns it down for a later choice.
* Only the 40 best partial alignments survive a step. Hence repeats can cost chunks, and runs of more than a few
  synonyms match after all, once the empty alignment has fallen off the beam.
"""

from collections.abc import Sequence
from operator import itemgetter
from typing import NamedTuple

BEAM = 40

EXACT, SYNONYM, PARAPHRASE = 0, 1, 2

#: One-letter words of WordNet's synonym sets; longer words do not occur, since every character is a word.
SYNONYMS = {"1": "i", "i": "1", "5": "v", "v": "5", "g": "km", "k": "gm", "m": "gk"}

#: The entries of METEOR's English paraphrase table whose words are single characters. They hold in both directions.
_PARAPHRASES = (
    "1c=1b 1c=1°c ar=rs c=g c=k e=d f=h f=r h=f j=7 k=c k=w l=1 l=d o=0 o=· r=f r=s t=l v=5 x=× £=₤ ·=•"
).split()

#: (phrase of the prediction, phrase of the reference), in the order in which METEOR tries them.
PARAPHRASES = [
    *((second, first) for first, second in (entry.split("=") for entry in _PARAPHRASES)),
    *((first, second) for first, second in (entry.split("=") for entry in _PARAPHRASES)),
]

#: Words that can match others than themselves.
VERSATILE = frozenset(SYNONYMS).union(*_PARAPHRASES) - {"="}


class Match(NamedTuple):
    """Words `start` to `start + length` of the prediction matched with such words of the reference, by one module."""

    start: int
    length: int
    reference_start: int
    reference_length: int
    module: int

    @property
    def words_in_use(self) -> int:
        """The words of the prediction that it takes, a bit each."""
        return (1 << self.length) - 1 << self.start


#: An alignment's matches so far, the latest first: (match, those before it), or None.
_Chain = tuple[Match, "_Chain"] | None

#: A partial alignment, the better the smaller: minus matched words, chunks closed, distance; then where in the
#: prediction a match would go on with the open chunk, the prediction's words in use (a bit each), the next free word of
#: the reference, all matches.
_Partial = tuple[int, int, int, int, int, int, _Chain]

_NOWHERE = -1

_rank = itemgetter(0, 1, 2)


def align(prediction: str, reference: str) -> tuple[list[Match], int]:
    """The matches that METEOR chooses, and the number of their chunks.

    Args:
        prediction: one code point per word, equal words by equal code points (see `meteor`).
        reference: the same.
    """
    choices = _candidates(prediction, reference)
    certain = _uncontested(choices, len(prediction), len(reference))
    beam: list[_Partial] = [(0, 0, 0, _NOWHERE, 0, 0, None)]
    for position, matches in enumerate(choices):
        beam = _step(beam, position, matches, certain=position in certain)
    best = min(beam, key=lambda partial: (partial[0], partial[1] + (partial[3] >= 0), partial[2]))
    chain, chosen = best[-1], []
    while chain is not None:
        chosen.append(chain[0])
        chain = chain[1]
    return chosen, best[1] + (best[3] >= 0)


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
    for ours, theirs in PARAPHRASES:
        starts = _occurrences(ours, prediction)
        for j in _occurrences(theirs, reference) if starts else ():
            choices[j] += [Match(i, len(ours), j, len(theirs), PARAPHRASE) for i in starts]
    return choices


def _occurrences(phrase: str, caption: str) -> list[int]:
    return [i for i in range(len(caption)) if caption.startswith(phrase, i)] if phrase in caption else []


def _uncontested(choices: list[list[Match]], n_words: int, n_reference_words: int) -> set[int]:
    """Where matches start that share none of their words with another one; no other choices are there."""
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


def _step(beam: list[_Partial], position: int, matches: list[Match], *, certain: bool) -> list[_Partial]:
    """Extend every partial alignment by each match that starts at one word of the reference, or by none."""
    options = [
        (match, match.start, match.words_in_use, match.module == EXACT or match.length > 1, abs(match.start - position))
        for match in matches
    ]
    crowded = len(options) > BEAM
    extended: list[_Partial] = []
    for partial in beam:
        gain, chunks, distance, end, used, free, chain = partial
        if position < free:
            extended.append(partial)
            continue
        room = [BEAM, BEAM]
        for match, start, words, counts, away in options:
            if used & words:
                continue
            after = chunks if end == start or end < 0 else chunks + 1
            if crowded and end != start:
                # Later ones of a kind are never better: what cannot survive is not made, which bounds long repeats.
                room[counts] -= 1
                if room[counts] < 0:
                    distance += away
                    continue
            extended.append(
                (
                    gain - counts,
                    after,
                    distance,
                    start + match[1],
                    used | words,
                    position + match[3],
                    (match, chain),
                )
            )
            distance += away
        if not certain:
            extended.append((gain, chunks + (end >= 0), distance, _NOWHERE, used, free, chain))
    extended.sort(key=_rank)
    return extended[:BEAM]
