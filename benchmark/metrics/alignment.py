"""METEOR's alignment of a prediction and its reference: which words are matched, found by a beam search.

Words are matched if they are equal, synonyms, or in phrases that paraphrase each other. One
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

Invariant: captions come as words of one code point each, equal words as equal code points (`meteor`).
"""

from operator import itemgetter
from typing import NamedTuple

BEAM = 40

EXACT, SYNONYM, PARAPHRASE = 0, 1, 2

#: One-letter words of WordNet's synonym sets; longer words do not occur, since every character is a word.
SYNONYMS = {"1": "i", "i": "1", "5": "v", "v": "5", "g": "km", "k": "gm", "m": "gk"}

_TABLE = "1c=1b 1c=1°c ar=rs c=g c=k e=d f=h f=r h=f j=7 k=c k=w l=1 l=d o=0 o=· r=f r=s t=l v=5 x=× £=₤ ·=•"

#: The entries of METEOR's English paraphrase table whose words are single characters, in its order.
PARAPHRASES = [(first, second) for first, second in (entry.split("=") for entry in _TABLE.split())]

#: Words that can match words other than themselves.
VERSATILE = frozenset(SYNONYMS).union(*(word for entry in PARAPHRASES for word in entry))


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
