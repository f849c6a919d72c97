"""Score the predictions of a split, and systems of several seeds; all scores come from here.

Invariants:
* the same captions give the same bits on every run, with any number of threads and in any line order: integer
  statistics are summed exactly, floating-point ones with math.fsum;
* scores are in the scale of the paper's tables (x 100), lengths in characters;
* a slice is summed from the statistics of the whole split, so CIDEr keeps the split's document frequencies.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, Protocol, TypeVar

import numpy as np

from ..dataset.store import Split
from ..metrics import Metric, bleu, by_module, length_fit, load, meteor
from ..metrics.corpus import Corpus
from .significance import (
    RESAMPLES,
    SEED,
    Aggregate,
    Difference,
    interval,
    mean_and_deviation,
    paired_difference,
    resampled_sums,
)
from .slices import cuts

#: Version of what all metrics share: tokens, data, bootstrap. Raised whenever a change of these can change a score of
#: unchanged predictions; each metric has its own version in the registry. See CHANGELOG.md, "Changes scores".
METRIC_VERSION = "0.1"

#: All values that METRIC_VERSION has had before; a receipt with any other value was made up.
EARLIER_METRIC_VERSIONS: tuple[str, ...] = ()

#: Maximum mean caption length of predictions that are scored, in characters; references have about five. METEOR's
#: alignment takes 10 to 20 microseconds per character of an adversarial caption, so this bounds the work: 23 s and
#: 600 MB for the worst 20,000 images found, most of it on the longest references.
MAX_MEAN_LENGTH = 15


@dataclass(frozen=True)
class Part:
    """The additive statistics of one metric module over a split.

    Attributes:
        metrics: metrics of the module.
        statistics: additive statistics, one row per box, or per image where `rows_are_images`.
        aggregate: function from summed rows to metric values in natural scale.
    """

    metrics: tuple[Metric, ...]
    statistics: np.ndarray
    aggregate: Aggregate

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the metrics."""
        return tuple(metric.name for metric in self.metrics)

    @property
    def rows_are_images(self) -> bool:
        """Whether `statistics` has one row per image, not per box."""
        return self.metrics[0].level == "image"

    @property
    def scale(self) -> np.ndarray:
        """Factors from natural to table scale, shape (len(names),)."""
        return np.array([metric.scale for metric in self.metrics])

    def scores(self) -> dict[str, float]:
        """Scores in table scale over all rows."""
        [scores] = self.slice_scores(np.zeros(len(self.statistics), np.int64), 1)
        return scores

    def slice_scores(self, slices: np.ndarray, n: int) -> list[dict[str, float]]:
        """Scores in table scale over the rows of each of n slices; `slices` is the one of each row, from 0 on."""
        values = self.aggregate(_exact_sums(self.statistics, slices, n)) * self.scale
        return [dict(zip(self.names, row, strict=True)) for row in values.tolist()]


def _exact_sums(statistics: np.ndarray, slices: np.ndarray, n: int) -> np.ndarray:
    """Sum of the rows of each of n slices, shape (n, K): of real numbers, the exact sum, rounded once."""
    sums = np.stack([np.bincount(slices, column, n) for column in statistics.T], axis=1)
    if statistics.dtype.kind == "i":
        return sums.astype(np.int64)
    order = np.argsort(slices, kind="stable")
    ends = np.cumsum(np.bincount(slices, minlength=n))[:-1]
    for k, column in enumerate(statistics.T):
        if not np.array_equal(column, np.rint(column)):  # whole numbers add up without rounding
            sums[:, k] = [math.fsum(part.tolist()) for part in np.split(column[order], ends)]
    return sums


class Additive(ABC):
    """Scores, intervals and resamples that follow from additive statistics: the part that all tracks share."""

    @property
    @abstractmethod
    def parts(self) -> list[Part]:
        """Statistics of every metric module, in the order of the tables."""

    def by_image(self, part: Part) -> np.ndarray:
        """The statistics of a part summed per image, shape (n_images, K)."""
        return part.statistics

    @cached_property
    def scores(self) -> dict[str, float]:
        """Score of the split in every metric, in table scale, by name."""
        return {name: value for part in self.parts for name, value in part.scores().items()}

    @cached_property
    def image_statistics(self) -> np.ndarray:
        """The statistics of all parts summed per image, side by side; shape (n_images, K)."""
        return np.concatenate([self.by_image(part) for part in self.parts], axis=1, dtype=np.float64)

    @property
    def names(self) -> list[str]:
        """Names of the metrics that `aggregate` returns."""
        return [name for part in self.parts for name in part.names]

    @property
    def without_interval(self) -> np.ndarray:
        """Whether a metric has no interval and no test: resampling shifts its value; bool, shape (len(names),)."""
        return np.array([not metric.interval for part in self.parts for metric in part.metrics], bool)

    def aggregate(self, sums: np.ndarray) -> np.ndarray:
        """Compute all scores, shape (..., len(names)), from summed `image_statistics`, shape (..., K)."""
        values, first = [], 0
        for part in self.parts:
            width = part.statistics.shape[1]
            values.append(part.aggregate(sums[..., first : first + width]) * part.scale)
            first += width
        return np.concatenate(values, axis=-1)

    def intervals(self, resamples: int = RESAMPLES, seed: int = SEED) -> dict[str, tuple[float, float]]:
        """95 % intervals of every score, from an image-clustered bootstrap; NaN for a metric that has none."""
        low, high = interval(self.aggregate(resampled_sums(self.image_statistics, resamples, seed)))
        low[self.without_interval] = high[self.without_interval] = np.nan
        return dict(zip(self.names, zip(low.tolist(), high.tolist(), strict=True), strict=True))


@dataclass(frozen=True)
class Evaluation(Additive):
    """Predictions measured against the references of a split.

    Attributes:
        corpus: predictions and references.
        aspect_ratios: aspect ratio of each box, shape (n_boxes,); None: metrics that need it are left out.
    """

    corpus: Corpus
    aspect_ratios: np.ndarray | None = None

    @cached_property
    def parts(self) -> list[Part]:
        """Statistics of every metric module, in the order of the tables."""
        parts = []
        for name, metrics in by_module().items():
            needs_boxes, module = metrics[0].needs_aspect_ratios, load(name)
            if needs_boxes and self.aspect_ratios is None:
                continue
            given = (self.corpus, self.aspect_ratios) if needs_boxes else (self.corpus,)
            parts.append(Part(metrics, module.statistics(*given), module.aggregate))
        return parts

    def by_image(self, part: Part) -> np.ndarray:
        """The statistics of a part summed per image, shape (n_images, K)."""
        return part.statistics if part.rows_are_images else self.corpus.sum_by_image(part.statistics)

    @property
    def meteor_statistics(self) -> np.ndarray:
        """`meteor.statistics` of the corpus."""
        return next(part.statistics for part in self.parts if part.names == meteor.NAMES)

    def segments(self) -> dict[str, np.ndarray]:
        """Scores of each box in table scale: bleu (BLEU-4), meteor, cider, exact; arrays of shape (n_boxes,)."""
        statistics = {part.names[0]: part.statistics for part in self.parts}
        return {
            "bleu": bleu.aggregate(statistics["BLEU-1"])[:, 3] * 100,
            "meteor": meteor.segment_scores(self.meteor_statistics) * 100,
            "cider": statistics["CIDEr"][:, 0] * 100,
            "exact": statistics["Exact"][:, 0],
        }

    def slice_scores(self, split: Split) -> dict[str, dict[str, dict[str, float]]]:
        """Scores by slice: {"category": {"面霜": {"boxes": 120, "CIDEr": ...}}}; Div@n for whole images only."""
        tables: dict[str, dict[str, dict[str, float]]] = {}
        for cut in cuts(split):
            boxes = np.bincount(cut.slices, minlength=len(cut.names))
            tables[cut.by] = {name: {"boxes": n} for name, n in zip(cut.names, boxes.tolist(), strict=True)}
            for part in self.parts:
                rows = cut.image_slices if part.rows_are_images else cut.slices
                if rows is not None:
                    for name, scores in zip(cut.names, part.slice_scores(rows, len(cut.names)), strict=True):
                        tables[cut.by][name] |= scores
        return tables

    def length_curve(self) -> length_fit.Curve | None:
        """Curves of Figure 4b for these predictions; None without aspect ratios."""
        if self.aspect_ratios is None:
            return None
        return length_fit.length_curve(self.corpus, self.aspect_ratios)


def evaluate(split: Split, captions: Sequence[str]) -> Evaluation:
    """Evaluate predicted captions, one per box in the split's order.

    Raises:
        InputError: if the references of the split are hidden.
    """
    corpus = Corpus.from_captions(predictions=captions, references=split.captions, offsets=split.offsets)
    return Evaluation(corpus, split.aspect_ratios)


class Seed(Protocol):
    """Measurement of one seed of a system: an `Evaluation`, or the part of one that the board keeps."""

    @property
    def names(self) -> Sequence[str]:
        """Names of the metrics that `aggregate` returns."""

    @property
    def scores(self) -> Mapping[str, float]:
        """Score in every metric, in table scale; at least those of `names`."""

    @property
    def image_statistics(self) -> np.ndarray:
        """Additive statistics of each image, shape (n_images, K)."""

    def aggregate(self, sums: np.ndarray) -> np.ndarray:
        """Compute metrics in table scale, shape (..., len(names)), from summed statistics, shape (..., K)."""


S_co = TypeVar("S_co", bound=Seed, covariant=True)


@dataclass(frozen=True, eq=False)
class System(Generic[S_co]):
    """A named system on one split; equal only to itself, so that two rows of the same run can be recognised.

    Attributes:
        name: name that distinguishes it from others; also breaks ties of equal scores.
        seeds: measurements, one for each seed.
        trained: whether another seed would give other captions; false for systems without a model.
    """

    name: str
    seeds: Sequence[S_co]
    trained: bool = True

    @property
    def names(self) -> Sequence[str]:
        """Names of the metrics that can be resampled."""
        return self.seeds[0].names

    def score(self, metric: str) -> tuple[float, float]:
        """Mean and unbiased deviation over seeds, table scale; NaN deviation for a single seed."""
        return mean_and_deviation([seed.scores[metric] for seed in self.seeds])

    @cached_property
    def resampled(self) -> np.ndarray:
        """All metrics on bootstrap resamples of the images, means over seeds, shape (resamples, len(names))."""
        return resample([self])[0]

    def interval(self, metric: str) -> tuple[float, float]:
        """95 % interval over images, seeds averaged."""
        at = list(self.names).index(metric)
        low, high = interval(self.resampled[:, at : at + 1])
        return float(low[0]), float(high[0])


def resample(systems: Sequence[System[Seed]]) -> list[np.ndarray]:
    """Compute `System.resampled` of many systems at once: the images are drawn once for all of them."""
    if not systems:
        return []
    seeds = [seed for system in systems for seed in system.seeds]
    sums = resampled_sums(np.concatenate([seed.image_statistics for seed in seeds], axis=1, dtype=np.float64))
    values, first = [], 0
    for seed in seeds:
        width = seed.image_statistics.shape[1]
        values.append(seed.aggregate(sums[:, first : first + width]))
        first += width
    parts = iter(values)
    return [np.mean([next(parts) for _ in system.seeds], axis=0) for system in systems]


def compare(a: System[Seed], b: System[Seed]) -> Difference:
    """Paired difference of two systems in all metrics of `names`, tested without regard to other pairs."""
    ours, theirs = ([seed.image_statistics for seed in system.seeds] for system in (a, b))
    difference = paired_difference(ours, theirs, a.seeds[0].aggregate)
    without = getattr(a.seeds[0], "without_interval", None)  # which the board's seeds do not have
    if without is not None and without.any():
        for name in ("low", "high", "p_bootstrap", "p_randomisation", "resolvable"):
            getattr(difference, name)[without] = np.nan
    return difference
