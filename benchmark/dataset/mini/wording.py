"""How a fact is put into words: the law of a caption, given what it says, the shop's style and the room for it.

    P(text | fact, style, room) is proportional to usage(text | fact, style) * fit(length of text, room)

where usage is a mixture of the captions written by hand for this fact, of its words in front of the product's noun, and
of templates filled with its words; fit is a bell curve around the number of characters that the box has room for. The
room is known to `STEP` characters only, so that what depends on it can be kept.

Invariants:
* probabilities of one law add up to 1; the same arguments give the same law on every machine;
* every text has `SHORTEST` to `LONGEST` characters.
"""

import math
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import accumulate, product

import numpy as np

from .lexicon import STYLES, Fact, grammar

SHORTEST, LONGEST = 2, 10
#: Room is rounded to multiples of this many characters.
STEP = 0.5
#: Standard deviation of a caption's length around the room, in characters.
SPREAD = 0.6
#: Share of the captions written by hand; the rest is composed from templates.
STOCK = 0.6
#: Share, among what is not written by hand, of the fact's word in front of the product's noun: 保湿面霜.
ECHO = 0.3
#: The power of the weights in the grammar's file: above 1, usual forms are still more usual.
SHARPNESS = 1.4
#: A shop uses its favourite among the hand-written captions of one size so many times as often as each other one; sizes
#: are up to 3 characters, 4 or 5, and more.
FAVOURITE, SIZE_LIMITS = 30.0, (3, 5)
#: Probability of a fact's words by their order; the last one stands for all that follow.
FIRST_WORD = 0.6

_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, eq=False)
class Frames:
    """All fillings of the templates of one word class, still without the fact's word.

    Attributes:
        texts: the n captions, with `{k}` where the word goes, once or twice.
        lengths: their characters without the word; shape (n,).
        times: how often the word comes; shape (n,).
        usage: probability of each by style; shape (4, n), every row adds up to 1.
    """

    texts: tuple[str, ...]
    lengths: np.ndarray
    times: np.ndarray
    usage: np.ndarray


@cache
def frames(kind: str) -> Frames:
    """The fillings of all templates for a word class."""
    found: dict[str, list[float]] = {}
    templates = [template for template in grammar().templates if template.kind == kind]
    totals = [sum(template.weights[s] for template in templates) for s in range(len(STYLES))]
    for template in templates:
        slots = [name for name in _SLOT.findall(template.text) if name != "k"]
        choices = [grammar().fillers[name] for name in slots]
        sums = [[sum(w[s] for _, w in texts) for s in range(len(STYLES))] for texts in choices]
        for chosen in product(*choices):
            text = template.text
            for name, (filler, _) in zip(slots, chosen, strict=True):
                text = text.replace(f"{{{name}}}", filler, 1)
            shares = found.setdefault(text, [0.0] * len(STYLES))
            for s in range(len(STYLES)):
                share = template.weights[s] / totals[s]
                for (_, weights), total in zip(chosen, sums, strict=True):
                    share *= weights[s] / max(total[s], 1)
                shares[s] += share
    usage = []
    for column in zip(*found.values(), strict=True):
        sharp = [share**SHARPNESS for share in column]
        total_share = sum(sharp)
        usage.append([share / total_share for share in sharp])
    lengths = np.array([len(text.replace("{k}", "")) for text in found])
    return Frames(tuple(found), lengths, np.array([text.count("{k}") for text in found]), np.array(usage))


@cache
def fit(length: int, room: float) -> float:
    """How well a caption of `length` characters fits where there is room for `room` of them, in [0, 1]."""
    return math.exp(-(((length - room) / SPREAD) ** 2) / 2) if SHORTEST <= length <= LONGEST else 0.0


def rounded(room: float) -> float:
    """Room in characters as the law sees it."""
    return min(max(round(room / STEP) * STEP, SHORTEST), LONGEST)


@cache
def _fitting(kind: str, word_length: int, room: float) -> np.ndarray:
    """Usage times fit of the n frames of a word class, filled with a word; shape (4, n)."""
    found = frames(kind)
    lengths = (found.lengths + found.times * word_length).tolist()
    return found.usage * np.array([fit(length, room) for length in lengths])


@cache
def _running(kind: str, word_length: int, room: float, style: int) -> list[float]:
    """Running sums of a row of `_fitting`."""
    return list(accumulate(_fitting(kind, word_length, room)[style].tolist()))


@cache
def _word_shares(n: int) -> tuple[float, ...]:
    if n == 1:
        return (1.0,)
    return (FIRST_WORD, *((1 - FIRST_WORD) / (n - 1) for _ in range(n - 1)))


@cache
def _stock_usage(sizes: tuple[int, ...]) -> tuple[float, ...]:
    """How often each of a fact's hand-written captions is used: there is a favourite of each size, the first one."""
    row = [1.0 if size in sizes[:i] else FAVOURITE for i, size in enumerate(sizes)]
    return tuple(usage / sum(row) for usage in row)


@lru_cache(maxsize=50_000)
def _choices(fact: Fact, noun: str, style: int) -> tuple[list[str], list[int], list[float], list[float]]:
    """Complete captions of a fact, their lengths and usage; and the usage of its words, which frames complete."""
    stock = STOCK if fact.stock else 0.0
    echo = (1 - stock) * ECHO if fact.kind != "headline" else 0.0  # a headline's word is the noun itself
    shares = _word_shares(len(fact.words))
    sizes = tuple(sum(len(text) > limit for limit in SIZE_LIMITS) for text in fact.stock)
    captions = [*fact.stock, *(word + noun for word in fact.words)]
    usage = [stock * used for used in _stock_usage(sizes)] + [echo * share for share in shares]
    return captions, list(map(len, captions)), usage, [(1 - stock - echo) * share for share in shares]


def write(fact: Fact, noun: str, style: int, room: float, which: float, form: float) -> str:
    """Draw a caption from the law.

    Args:
        fact: what it says.
        noun: the noun of the product's category.
        style: place of the shop's style in `STYLES`.
        room: room in the box, in characters.
        which: a number drawn uniformly from [0, 1), which decides between hand-written captions and words.
        form: another one, which decides the form that a word is put into.
    """
    room = rounded(room)
    captions, lengths, usage, composed = _choices(fact, noun, style)
    parts = [used * fit(length, room) for used, length in zip(usage, lengths, strict=True)]
    running = [_running(fact.kind, len(word), room, style) for word in fact.words]
    parts += [used * sums[-1] for used, sums in zip(composed, running, strict=True)]
    sums = list(accumulate(parts))
    i = bisect_right(sums, which * sums[-1])
    if i < len(captions):
        return captions[i]
    i -= len(captions)
    text = frames(fact.kind).texts[bisect_right(running[i], form * running[i][-1])]
    return text.replace("{k}", fact.words[i])


class Numbering:
    """Numbers for texts, so that laws are arrays; a text keeps its number while the process runs."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._numbers: dict[str, int] = {}

    def of(self, texts: Sequence[str]) -> np.ndarray:
        """Numbers of texts, which get one if they have none; shape (n,)."""
        for text in texts:
            if self._numbers.setdefault(text, len(self.texts)) == len(self.texts):
                self.texts.append(text)
        return np.array([self._numbers[text] for text in texts], dtype=np.int64)

    def known(self, text: str) -> int | None:
        """Number of a text, or None if it has none."""
        return self._numbers.get(text)


NUMBERING = Numbering()


@cache
def _numbers(kind: str, word: str) -> np.ndarray:
    """Numbers of the frames of a word class, filled with a word."""
    return NUMBERING.of([text.replace("{k}", word) for text in frames(kind).texts])


@lru_cache(maxsize=50_000)
def _complete(fact: Fact, noun: str) -> np.ndarray:
    return NUMBERING.of(_choices(fact, noun, 0)[0])


def wordings(fact: Fact, noun: str, room: float) -> tuple[np.ndarray, np.ndarray]:
    """The law of a caption by style; see `write` for the arguments.

    Returns:
        Numbers of its n texts in `NUMBERING`, some of which may come twice, shape (n,); and their probabilities, a row
        for each style, shape (4, n).
    """
    room = rounded(room)
    by_style = [_choices(fact, noun, style) for style in range(len(STYLES))]
    fits = np.array([fit(length, room) for length in by_style[0][1]])
    parts = [np.array([usage for _, _, usage, _ in by_style]) * fits]
    for i, word in enumerate(fact.words):
        used = np.array([composed[i] for _, _, _, composed in by_style])
        parts.append(used[:, None] * _fitting(fact.kind, len(word), room))
    numbers = [_complete(fact, noun), *(_numbers(fact.kind, word) for word in fact.words)]
    found = np.concatenate(parts, axis=1)
    return np.concatenate(numbers), found / found.sum(axis=1, keepdims=True)
