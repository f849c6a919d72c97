"""Ranks with honest ties: which systems differ on a split, tested on all pairs at once.

Ranked by CIDEr, mean over seeds. All pairs are tested by one paired bootstrap that resamples IMAGES, the same resamples
for every system. The p-values are those of the step-down max-T procedure (Westfall and Young 1993; Romano and Wolf
2005): the chance that ANY pair of equal systems is called different stays below 5 %, however many entries there are,
dependence of pairs, which share systems and images, is used instead of paid for.

* rank range of a system: from 1 + number of significantly better ones, to number of all - number of significantly
  worse ones;
* tie groups: going down the ranks, a system opens a new group when it is significantly worse than the first of the
  group above. "Not significantly different" is not transitive: the last of one group may tie with the first of the
  next, which their rank ranges show.

Invariants: the order in which systems are given changes no bit; equal input gives equal bits on every machine, since
resampled sums are exact (see `significance`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .. import metrics
from ..metrics import cider
from ..scoring.significance import RESAMPLES, SEED, interval, resampled_sums

#: By what systems are ranked, and when two of them differ.
HEADLINE, ALPHA = metrics.HEADLINE, 0.05

_CHUNK = 1 << 21  # resampled differences held at once


@dataclass(frozen=True)
class Place:
    """Where a system stands among those it was ranked with.

    Attributes:
        system: its index.
        group: number of its tie group, 1 for the best.
        best: highest rank that cannot be excluded.
        worst: lowest rank that cannot be excluded.
    """

    system: int
    group: int
    best: int
    worst: int

    @property
    def range(self) -> str:
        """The rank range in words: "3" or "3-5"."""
        return str(self.best) if self.best == self.worst else f"{self.best}-{self.worst}"


@dataclass(frozen=True)
class Difference:
    """System A minus system B in CIDEr, table scale.

    Attributes:
        value: the difference.
        low: lower end of the 95 % interval of this pair by itself.
        high: upper end.
        p: of this pair by itself, two-sided, as `benchmark.compare` gives it.
        p_board: with all pairs of the board taken into account; below 0.05 the two do not tie.
    """

    value: float
    low: float
    high: float
    p: float
    p_board: float


class Comparison:
    """All pairs of systems on one split.

    Args:
        systems: for each system the per-image sums of CIDEr of its seeds, each of shape (n_images,), natural scale.
        boxes: number of boxes of each image, shape (n_images,).
        scores: CIDEr of each system, table scale, mean over seeds: what it is ranked by.
        names: break ties of equal scores, so that the order given does not matter.
    """

    def __init__(
        self, systems: Sequence[Sequence[np.ndarray]], boxes: np.ndarray, scores: Sequence[float], names: Sequence[str]
    ) -> None:
        self.names, self.scores = list(names), list(scores)
        means = [np.sum(seeds, axis=0) / len(seeds) for seeds in systems]
        sums = resampled_sums(np.stack([*means, boxes.astype(np.float64)], axis=1), RESAMPLES, SEED)
        #: CIDEr of each system on each resample, table scale, shape (RESAMPLES, n_systems).
        self.resampled = np.concatenate(
            [cider.aggregate(sums[:, [i, -1]]) * 100 for i in range(len(means))] or [np.empty((RESAMPLES, 0))], axis=1
        )
        total = boxes.sum()
        self._observed = np.array([mean.sum() / total * 100 for mean in means])

    def interval(self, system: int) -> tuple[float, float]:
        """95 % interval of a system's CIDEr; for one seed the one of its receipt."""
        low, high = interval(self.resampled[:, system : system + 1])
        return float(low[0]), float(high[0])

    @cached_property
    def p_values(self) -> np.ndarray:
        """Step-down max-T p-value of each pair, symmetric, 1 on the diagonal; shape (n_systems, n_systems)."""
        n = len(self.names)
        first, second = np.triu_indices(n, k=1)
        p_values = np.ones((n, n))
        if not len(first):
            return p_values
        observed = self._observed[first] - self._observed[second]
        error = np.sqrt(sum((d**2).sum(axis=0) for d in self._deviations(first, second, observed)) / RESAMPLES)
        unlike = error > 0  # two systems whose resamples never differ tie
        error[~unlike] = 1
        statistic = np.abs(observed) / error * unlike
        order = np.argsort(-statistic, kind="stable")
        at_least = np.zeros(len(order), np.int64)
        for deviations in self._deviations(first, second, observed):
            # The largest deviation among a pair and all that are less different, on each resample.
            studentised = (np.abs(deviations) / error)[:, order[::-1]]
            at_least += (np.maximum.accumulate(studentised, axis=1)[:, ::-1] >= statistic[order]).sum(axis=0)
        p_values[first[order], second[order]] = np.maximum.accumulate((1 + at_least) / (1 + RESAMPLES))
        return np.minimum(p_values, p_values.T)

    def _deviations(self, first: np.ndarray, second: np.ndarray, observed: np.ndarray) -> Iterator[np.ndarray]:
        """How far resampled differences lie from the observed ones, in chunks of shape (some resamples, pairs)."""
        per_chunk = max(1, _CHUNK // len(first))
        for start in range(0, RESAMPLES, per_chunk):
            part = self.resampled[start : start + per_chunk]
            yield part[:, first] - part[:, second] - observed

    def better(self, a: int, b: int) -> bool:
        """Whether A is significantly better than B."""
        return bool(self._observed[a] > self._observed[b] and self.p_values[a, b] < ALPHA)

    def difference(self, a: int, b: int) -> Difference:
        """A minus B."""
        resampled = self.resampled[:, [a]] - self.resampled[:, [b]]
        low, high = interval(resampled)
        other_side = min(int((resampled <= 0).sum()), int((resampled >= 0).sum()))
        p = min(1.0, 2 * (1 + other_side) / (1 + len(resampled)))
        return Difference(self.scores[a] - self.scores[b], float(low[0]), float(high[0]), p, float(self.p_values[a, b]))

    def rank(self, systems: Sequence[int] | None = None) -> list[Place]:
        """Places of all systems or of some, best first; the tests are those of the whole board either way."""
        chosen = range(len(self.names)) if systems is None else systems
        ordered = sorted(chosen, key=lambda i: (-self.scores[i], self.names[i]))
        places: list[Place] = []
        leader, group = -1, 0
        for system in ordered:
            if leader < 0 or self.better(leader, system):
                leader, group = system, group + 1
            above = sum(self.better(other, system) for other in ordered)
            below = sum(self.better(system, other) for other in ordered)
            places.append(Place(system, group, 1 + above, len(ordered) - below))
        return places
