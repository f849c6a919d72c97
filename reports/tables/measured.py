"""Rows with what they are measured by: the evaluations of their runs, recomputed from prediction files.

A stored score is never read. Rows that are one run are evaluated once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from benchmark.dataset.store import Split
from benchmark.scoring import blind
from benchmark.scoring.evaluation import Evaluation, evaluate
from benchmark.scoring.significance import interval, mean_and_deviation, resampled_sums
from benchmark.scoring.systems import System
from reports.experiments import Row
from reports.runs.stored import Run, check_data


@dataclass(frozen=True)
class Measured:
    """A row on one split: its captions and their evaluations, one for each seed."""

    row: Row
    captions: list[list[str]]
    system: System

    @property
    def names(self) -> list[str]:
        """Of all metrics."""
        return self.system.seeds[0].names

    def score(self, metric: str) -> tuple[float, float]:
        """Mean and deviation over seeds."""
        return mean_and_deviation([seed.scores[metric] for seed in self.system.seeds])

    @cached_property
    def resampled(self) -> np.ndarray:
        """All metrics on bootstrap resamples of the images, means over seeds, shape (resamples, metrics)."""
        seeds = self.system.seeds
        return np.asarray(np.mean([seed.aggregate(resampled_sums(seed.image_statistics)) for seed in seeds], axis=0))

    def not_different(self, other: "Measured") -> np.ndarray:
        """Per metric: whether the 95 % interval of the paired difference holds zero, shape (metrics,)."""
        low, high = interval(self.resampled - other.resampled)
        return np.asarray((low <= 0) & (high >= 0))


class Measurer:
    """Measures rows on the splits of a data set, each run once.

    Args:
        splits: `train`, `val` and `test`.
        runs: the complete runs of each configuration hash, in order of seeds.
        profile: of the configurations.
        changes: made to all rows alike.
    """

    def __init__(
        self, splits: dict[str, Split], runs: dict[str, list[Run]], profile: str, changes: tuple[str, ...] = ()
    ) -> None:
        self.splits, self.runs, self.profile, self.changes = splits, runs, profile, changes
        self._captions: dict[tuple[str, str], list[list[str]]] = {}
        self._evaluations: dict[tuple[str, str], list[Evaluation]] = {}

    def runs_of(self, row: Row) -> list[Run]:
        """The complete runs of a row."""
        return self.runs.get(row.config(self.profile, self.changes).hash, []) if row.variant else []

    def measure(self, rows: Sequence[Row], split: str) -> list[Measured]:
        """The rows that can be measured: those with complete runs, and those that need none."""
        found = []
        for row in rows:
            key = (row.config(self.profile, self.changes).hash if row.variant else row.blind, split)
            if key not in self._captions:
                self._captions[key] = self._captions_of(row, self.splits[split])
                self._evaluations[key] = [evaluate(self.splits[split], c) for c in self._captions[key]]
            if self._captions[key]:
                system = System(row.id, self._evaluations[key])
                found.append(Measured(row, self._captions[key], system))
        return found

    def _captions_of(self, row: Row, split: Split) -> list[list[str]]:
        if row.blind:
            return [blind.SYSTEMS[row.blind](self.splits["train"], split)]
        runs = self.runs_of(row)
        for run in runs:
            check_data(run, self.splits["train"])
        return [run.captions(split) for run in runs]
