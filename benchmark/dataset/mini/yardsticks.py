"""What can be reached on mini, with all inputs and without some: the best predictors under the generator's own law.

Two predictors know the law (`law.box_law`) and nothing about an image's captions: one answers the most probable
caption, the other the caption of highest expected CIDEr. The first one's exact match on a split's references is what
no model can beat but by luck, and so, nearly, is the second one's CIDEr: among the law's most probable captions it
takes the best by the cosine of n-grams, without CIDEr-D's clipping and length penalty. A model without an input that
scores above its yardstick has found a leak; one far below it has not learned to read something.

Invariants: predictions depend on inputs and the law alone, never on the captions of the split; only the document
frequencies of CIDEr's n-grams, which everybody may count in the train split, are taken from data.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...metrics import cider
from ...metrics.corpus import MAX_ORDER, Corpus, offsets_of
from .law import Law, Removed, box_law
from .samples import Sample

#: What is removed -> the inputs, of `law.INPUTS`.
REMOVALS: Mapping[str, Removed] = {
    "nothing removed": frozenset(),
    "without neighbours": frozenset({"neighbours"}),
    "without image": frozenset({"image"}),
    "without title and attributes": frozenset({"info"}),
    "without location": frozenset({"location"}),
}
#: Number of a law's most probable captions among which the best by expected CIDEr is looked for.
CANDIDATES = 400


@dataclass(frozen=True)
class Yardstick:
    """What the best predictors of one box would say.

    Attributes:
        probable: the most probable caption.
        expected: the caption of highest expected CIDEr.
        probability: how probable the law holds the reference to be.
    """

    probable: str
    expected: str
    probability: float


class Judge:
    """Expected CIDEr under a law, with document frequencies counted in some captions."""

    def __init__(self, captions: Sequence[str]) -> None:
        self._frequencies = Counter(gram for caption in captions for gram in set(_grams(caption)))
        self._log_n = math.log(len(captions))
        self._vectors: dict[str, dict[str, float]] = {}

    def vector(self, text: str) -> Mapping[str, float]:
        """Weights of a caption's n-grams, of length 1 for each order."""
        if text not in self._vectors:
            found: dict[str, float] = {}
            for n in range(1, MAX_ORDER + 1):
                counts = Counter(gram for gram in _grams(text) if len(gram) == n)
                weights = {
                    gram: k * (self._log_n - math.log(max(1, self._frequencies[gram]))) for gram, k in counts.items()
                }
                if norm := math.sqrt(sum(w * w for w in weights.values())):
                    found |= {gram: w / norm for gram, w in weights.items()}
            self._vectors[text] = found
        return self._vectors[text]

    def best(self, law: Law) -> str:
        """The caption of highest expected CIDEr without clipping and length penalty, among a law's most probable."""
        candidates = law.most_probable(CANDIDATES)
        mean: dict[str, float] = {}
        for text, p in candidates.items():
            for gram, weight in self.vector(text).items():
                mean[gram] = mean.get(gram, 0.0) + p * weight
        return max(candidates, key=lambda text: sum(w * mean[gram] for gram, w in self.vector(text).items()))


def _grams(text: str) -> list[str]:
    return [text[i : i + n] for n in range(1, MAX_ORDER + 1) for i in range(len(text) - n + 1)]


def yardsticks(sample: Sample, removed: Removed, judge: Judge) -> list[Yardstick]:
    """What the best predictors would say without some inputs, for each box of an image.

    Args:
        sample: image of the data set.
        removed: inputs they do not have, of `law.INPUTS`.
        judge: knows the document frequencies.
    """
    found = []
    for i, caption in enumerate(sample.drawn):
        if not i or "location" not in removed:  # else all boxes have one law
            law = box_law(sample.product, sample.layout, i, removed)
            [probable], expected = law.most_probable(1), judge.best(law)
        found.append(Yardstick(probable, expected, law.probability(caption)))
    return found


@dataclass(frozen=True)
class Reached:
    """Mean scores over some boxes, with standard errors; CIDEr times 100, exact match in per cent."""

    cider: float
    cider_error: float
    exact: float
    exact_error: float


def reached(predictions: Sequence[str], made: Sequence[Sample]) -> Reached:
    """Score predictions for the first images of a split.

    Args:
        predictions: captions of all boxes of the first images.
        made: all images of the split, whose captions decide the document frequencies of CIDEr.
    """
    references = [caption for sample in made for caption in sample.drawn]
    counts = np.array([len(sample.drawn) for sample in made])
    n = len(predictions)
    corpus = Corpus.from_captions(
        predictions=[*predictions, *references[n:]], references=references, offsets=offsets_of(counts)
    )
    image = np.repeat(np.arange(len(made)), counts)[:n]
    exact = [prediction == reference for prediction, reference in zip(predictions, references, strict=False)]
    return Reached(
        *_mean(100 * cider.segment_scores(corpus)[:n], image), *_mean(100 * np.array(exact, dtype=float), image)
    )


def _mean(values: np.ndarray, image: np.ndarray) -> tuple[float, float]:
    """Mean over boxes, and its standard error, the boxes of an image being drawn together; both arrays (n,)."""
    deviations = np.bincount(image, values - values.mean())
    return float(values.mean()), float(np.sqrt((deviations**2).sum()) / len(values))


def bits_per_character(found: Sequence[Yardstick], captions: Sequence[str]) -> float | None:
    """Mean number of bits that the law needs for a character of captions; None if it holds one to be impossible."""
    if not all(each.probability for each in found):
        return None
    return -sum(math.log2(each.probability) for each in found) / sum(map(len, captions))
