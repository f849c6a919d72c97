"""Scores of table rows, recomputed from the prediction files of their runs.

Invariants: stored scores are never read; rows that share a run are evaluated once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.dataset.store import Split
from benchmark.scoring import blind
from benchmark.scoring.evaluation import Evaluation, System, evaluate
from reports.experiments import TableRow
from reports.runs.stored import Run, check_data


@dataclass(frozen=True)
class Measured:
    """A table row, scored on one split.

    Attributes:
        row: the row.
        captions: captions of each seed, one per box.
        system: evaluations of all seeds; rows that share a run share this object.
    """

    row: TableRow
    captions: list[list[str]]
    system: System[Evaluation]

    @property
    def names(self) -> list[str]:
        """Names of all metrics."""
        return list(self.system.names)

    def score(self, metric: str) -> tuple[float, float]:
        """Mean and standard deviation over seeds."""
        return self.system.score(metric)

    @property
    def resampled(self) -> np.ndarray:
        """All metrics on bootstrap resamples of the images, as means over seeds, shape (resamples, metrics)."""
        return self.system.resampled


class Measurer:
    """Scores rows on the splits of a data set, each run once.

    Args:
        splits: splits by name: `train`, `val` and `test`.
        runs: complete runs by the hash of their configuration, in order of seeds.
        profile: model sizes of the runs: paper, mini or smoke.
        changes: settings changed in all rows alike, such as "train.batch=8".
    """

    def __init__(
        self, splits: dict[str, Split], runs: dict[str, list[Run]], profile: str, changes: tuple[str, ...] = ()
    ) -> None:
        self.splits, self.runs, self.profile, self.changes = splits, runs, profile, changes
        self._captions: dict[tuple[str, str], list[list[str]]] = {}
        self._systems: dict[tuple[str, str], System[Evaluation]] = {}

    def runs_of(self, row: TableRow) -> list[Run]:
        """Complete runs of a row, in order of seeds; empty for a row without training."""
        return self.runs.get(row.config(self.profile, self.changes).hash, []) if row.variant else []

    def measure(self, rows: Sequence[TableRow], split: str) -> list[Measured]:
        """Score those rows that have complete runs or need none.

        Args:
            rows: rows of a table.
            split: name of the split to score.
        """
        found = []
        for row in rows:
            key = (row.config(self.profile, self.changes).hash if row.variant else row.blind, split)
            if key not in self._captions:
                self._captions[key] = self._captions_of(row, self.splits[split])
                seeds = [evaluate(self.splits[split], c) for c in self._captions[key]]
                self._systems[key] = System(row.id, seeds, trained=bool(row.variant))
            if self._captions[key]:
                found.append(Measured(row, self._captions[key], self._systems[key]))
        return found

    def _captions_of(self, row: TableRow, split: Split) -> list[list[str]]:
        if row.blind:
            return [blind.SYSTEMS[row.blind](self.splits["train"], split)]
        runs = self.runs_of(row)
        for run in runs:
            check_data(run, self.splits["train"])
        return [run.captions(split) for run in runs]
