"""Systems: scores, intervals and comparisons of systems, each measured with one or several seeds on a split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, Protocol, TypeVar

import numpy as np

from .significance import Difference, interval, mean_and_deviation, paired_difference, resampled_sums


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
    return paired_difference(ours, theirs, a.seeds[0].aggregate)
