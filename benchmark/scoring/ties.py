"""Decide which systems differ and which tie: one rule for ranks, letters in tables and the paper's claims.

Two systems differ in a metric on a split if both of these hold; otherwise they tie:

* over images: p < 5 % in the step-down max-T test of all pairs of the systems that are shown together (Westfall and
  Young 1993; Romano and Wolf 2005), by one paired bootstrap that resamples IMAGES. The chance that ANY pair of equal
  systems is called different stays below 5 %, however many systems there are; the dependence of pairs, which share
  systems and images, is used instead of paid for;
* over seeds: the difference is larger than two standard errors over seeds. Where only one of the two has several seeds,
  its deviation is used for both, so that nobody gains by hiding seeds. Where neither has, nothing is known of the
  spread, and the test over images decides alone.

This is a strict rule. Pairs tested one by one call some of ten equal systems different on most boards; images alone
call one lucky seed an effect. A benchmark that says "better" too rarely costs a contestant another seed; one that says
it too often misleads everybody who reads it.

Invariants: the order in which systems are given changes no bit; equal input gives equal bits on every machine, since
resampled sums are exact (see `significance`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .evaluation import Seed, System, resample
from .significance import interval, step_down_max_t

#: Two systems differ below this p-value.
ALPHA = 0.05


@dataclass(frozen=True)
class Gap:
    """Difference of two systems (A minus B) in one metric, table scale.

    Attributes:
        value: difference of the means over seeds.
        low: lower end of the 95 % interval of this pair by itself.
        high: upper end of that interval.
        p: two-sided bootstrap p-value of this pair by itself, as `benchmark.compare` reports it.
        p_all: p-value with all pairs of the comparison taken into account.
        seed_error: standard error of the difference over seeds; NaN if it cannot be known from either system.
        differ: whether the two differ, by the rule of this module.
    """

    value: float
    low: float
    high: float
    p: float
    p_all: float
    seed_error: float
    differ: bool


class Comparison:
    """All pairs of some systems in one metric on one split.

    Args:
        systems: systems that are shown together.
        metric: name of the metric, one of their `names`.
        resampled: metric of each system on resamples, shape (resamples, n_systems); computed if None.
    """

    def __init__(self, systems: Sequence[System[Seed]], metric: str, resampled: np.ndarray | None = None) -> None:
        self.systems, self.metric = list(systems), metric
        if resampled is None:
            resampled = _column(systems, resample(systems), metric)
        self.resampled = resampled
        self.scores = np.array([system.score(metric)[0] for system in systems])

    @cached_property
    def p_values(self) -> np.ndarray:
        """Step-down max-T p-value of each pair, symmetric, 1 on the diagonal; shape (n_systems, n_systems)."""
        return step_down_max_t(self.scores, self.resampled)

    def interval(self, system: int) -> tuple[float, float]:
        """95 % interval of a system over images; for a single seed it equals that of its receipt."""
        low, high = interval(self.resampled[:, system : system + 1])
        return float(low[0]), float(high[0])

    def differ(self, a: int, b: int) -> bool:
        """Whether two systems differ, by the rule of this module."""
        error = seed_error(self.systems[a], self.systems[b], self.metric)
        within = abs(self.scores[a] - self.scores[b]) <= 2 * error  # false for NaN
        return bool(self.p_values[a, b] < ALPHA and not within)

    def better(self, a: int, b: int, *, higher_is_better: bool = True) -> bool:
        """Whether A differs from B and is the better of the two."""
        above = self.scores[a] > self.scores[b]
        return bool(above == higher_is_better) and self.differ(a, b)

    def gap(self, a: int, b: int) -> Gap:
        """Difference of A and B, with its interval and p-values."""
        resampled = self.resampled[:, [a]] - self.resampled[:, [b]]
        low, high = interval(resampled)
        other_side = min(int((resampled <= 0).sum()), int((resampled >= 0).sum()))
        p = min(1.0, 2 * (1 + other_side) / (1 + len(resampled)))
        error = seed_error(self.systems[a], self.systems[b], self.metric)
        value, p_all = float(self.scores[a] - self.scores[b]), float(self.p_values[a, b])
        return Gap(value, float(low[0]), float(high[0]), p, p_all, error, self.differ(a, b))


def comparisons(systems: Sequence[System[Seed]]) -> dict[str, Comparison]:
    """Compare systems in every metric, from one resampling; empty without systems."""
    if not systems:
        return {}
    resampled = resample(systems)
    return {name: Comparison(systems, name, _column(systems, resampled, name)) for name in systems[0].names}


def _column(systems: Sequence[System[Seed]], resampled: Sequence[np.ndarray], metric: str) -> np.ndarray:
    """Values of one metric from `resample`, shape (resamples, n_systems)."""
    columns = [values[:, list(system.names).index(metric)] for system, values in zip(systems, resampled, strict=True)]
    return np.stack(columns, axis=1) if columns else np.empty((0, 0))


def seed_error(a: System[Seed], b: System[Seed], metric: str) -> float:
    """Standard error over seeds of the difference of two systems; NaN if it cannot be known from either.

    A system without training has none; a trained system of one seed borrows the deviation of the other.
    """
    variances = [system.score(metric)[1] ** 2 for system in (a, b) if system.trained]
    known = [variance for variance in variances if not math.isnan(variance)]
    if variances and not known:
        return math.nan
    total = 0.0
    for system in (a, b):
        if system.trained:
            own = system.score(metric)[1] ** 2
            total += (max(known) if math.isnan(own) else own) / len(system.seeds)
    return math.sqrt(total)
