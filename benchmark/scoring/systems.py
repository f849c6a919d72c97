"""A system with its seeds on one split: what the board ranks, a table's row measures, and two of which are compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, Protocol, TypeVar

import numpy as np

from .significance import Difference, interval, mean_and_deviation, paired_difference, resampled_sums


class Seed(Protocol):
    """What is known of one seed of a system: an `Evaluation`, or what the board keeps of one."""

    @property
    def names(self) -> Sequence[str]:
        """Names of the metrics that `aggregate` returns."""

    @property
    def scores(self) -> Mapping[str, float]:
        """Every metric in table scale, at least those of `names`."""

    @property
    def image_statistics(self) -> np.ndarray:
        """Additive statistics of each image, shape (n_images, K)."""

    def aggregate(self, sums: np.ndarray) -> np.ndarray:
        """From summed statistics, shape (..., K), to metrics in table scale, shape (..., len(names))."""


S_co = TypeVar("S_co", bound=Seed, covariant=True)


@dataclass(frozen=True, eq=False)
class System(Generic[S_co]):
    """A named system on one split; equal only to itself, so that rows which are one run are told by their system.

    Attributes:
        name: how it is told from others; breaks ties of equal scores.
        seeds: one measurement for each seed.
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
    """`System.resampled` of many systems at once: the images are drawn once for all of them."""
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
    """The paired difference of two systems over all metrics of `names`, tested by itself."""
    ours, theirs = ([seed.image_statistics for seed in system.seeds] for system in (a, b))
    return paired_difference(ours, theirs, a.seeds[0].aggregate)
