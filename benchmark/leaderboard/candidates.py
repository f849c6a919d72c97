"""An entry on its way to the board: checked, and re-scored from its predictions.

Invariants:
* no number that an entry claims is believed; its receipts are only compared with what was recomputed;
* a receipt with other versions of metrics is no failure if it names the same captions: its scores become history;
* a metric that was added after a receipt was made is no difference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dataset.store import Split
from ..errors import InputError
from ..metrics import HEADLINE
from ..scoring.evaluation import METRIC_VERSION
from ..scoring.receipt import first_difference, other_versions, read_receipt
from .check import Checker, Report
from .entries import SPLITS, Entry, look_at, predictions_of, receipt_of
from .review import LEAKED, NEAR_DUPLICATE
from .statistics_cache import Statistics

if TYPE_CHECKING:
    from .metadata import Metadata

#: Checks of `Checker` that need captions; they are done here from cached statistics (`notes` are for reviewers).
_OF_CAPTIONS = ("predictions", "receipts", "duplicates", "leak", "notes")


#: Beyond any score (CIDEr ends at 1000); what a receipt claims may be any number.
MAX_SCORE = 1e6


@dataclass
class Draft:
    """A checked entry.

    Attributes:
        path: of its folder.
        entry: its files; None if it is no folder.
        report: of the checks that need no captions.
        problems: why it cannot be ranked, in words.
        receipts: as they were handed in, by (seed, split).
        statistics: recomputed, by (seed, split).
        older: the receipts with another version of a metric, or of what all metrics have in common.
    """

    path: Path
    entry: Entry | None
    report: Report
    problems: list[str]
    receipts: dict[tuple[int, str], dict[str, Any]] = field(default_factory=dict)
    statistics: dict[tuple[int, str], Statistics] = field(default_factory=dict)
    older: dict[tuple[int, str], dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, path: Path, checker: Checker) -> "Draft":
        """Run the checks that need no predictions, and read the receipts."""
        report = checker.check(path, without=_OF_CAPTIONS)
        problems = [problem for _, problem in report.failures]
        try:
            entry = look_at(path)
        except InputError:  # told by the checker
            return cls(path, None, report, problems)
        draft = cls(path, entry, report, problems)
        for seed, split in ((seed, split) for seed in entry.seeds for split in SPLITS):
            if (place := entry.files.get(receipt_of(seed, split))) is not None:
                try:
                    draft.receipts[seed, split] = read_receipt(place)
                except (InputError, UnicodeDecodeError, OSError) as error:
                    problems.append(f"{place}: not a receipt ({type(error).__name__})")
        return draft

    @property
    def metadata(self) -> "Metadata":
        """Of an entry without problems."""
        assert self.report.metadata is not None
        return self.report.metadata

    @property
    def files(self) -> list[tuple[int, str, Path]]:
        """Prediction files: seed, split, path."""
        if self.entry is None:
            return []
        places = self.entry.files
        pairs = ((seed, split) for seed in self.entry.seeds for split in SPLITS)
        return [(*pair, places[predictions_of(*pair)]) for pair in pairs if predictions_of(*pair) in places]

    @property
    def claimed(self) -> dict[str, float]:
        """CIDEr as the receipts have it, mean over seeds; only what is a plain number."""
        found: dict[str, float] = {}
        for split in SPLITS:
            values = [claimed_score(receipt, HEADLINE) for (_, name), receipt in self.receipts.items() if name == split]
            numbers = [value for value in values if value is not None]
            if numbers and len(numbers) == len(values):
                found[split] = float(np.mean(numbers))
        return found

    def of_other_data(self, splits: Mapping[str, Split]) -> bool:
        """Whether all of its receipts name other data."""
        here = {name: split.fingerprint.hexdigest() for name, split in splits.items()}
        named = [(split, inner(receipt, "data", "fingerprint")) for (_, split), receipt in self.receipts.items()]
        return bool(named) and all(isinstance(name, str) and name != here[split] for split, name in named)

    def measure(
        self,
        statistics: Mapping[Path, Statistics | InputError],
        references: Mapping[str, np.ndarray],
        before: Sequence["Draft"],
    ) -> None:
        """Take the statistics of the files, and find what is wrong with them.

        Args:
            statistics: of all files, or why there are none.
            references: hashes of the reference captions, by split.
            before: the entries that are on the board already.
        """
        if self.problems:
            return
        for seed, split, path in self.files:
            found = statistics[path]
            if isinstance(found, InputError):
                self.problems += found.problems
                continue
            self.statistics[seed, split] = found
            self._compare_receipt(seed, split, found)
            if (share := found.equal_share(references[split])) >= LEAKED:
                self.problems.append(f"{path}: {share:.1%} of the captions equal their reference")
        mine = [(seed, one) for (seed, split), one in self.statistics.items() if split == "test"]
        others = [(f"seed {seed}", one) for seed, one in mine]
        others += [
            (other.path.name, one) for other in before for (_, s), one in other.statistics.items() if s == "test"
        ]
        for place, (seed, one) in enumerate(mine):
            for name, other in [*others[:place], *others[len(mine) :]]:
                if (share := one.equal_share(other.hashes)) >= NEAR_DUPLICATE:
                    self.problems.append(f"seed {seed}: {share:.1%} of the test captions equal those of {name}")
        if self.metadata.trained_on_val_or_test:
            self.problems.append(
                "trained on val or test, by its own metadata: its scores say nothing about unseen images"
            )

    def _compare_receipt(self, seed: int, split: str, found: Statistics) -> None:
        stored = self.receipts.get((seed, split), {})
        version = inner(stored, "versions", "metrics")
        where = receipt_of(seed, split)
        if version == METRIC_VERSION:
            if difference := first_difference(stored, found.receipt):
                self.problems.append(f"{where} does not belong to its predictions: {difference}")
            elif other_versions(stored):
                self.older[seed, split] = stored
        elif inner(stored, "sha256", "predictions") != found.receipt["sha256"]["predictions"]:
            self.problems.append(f"{where} does not belong to its predictions: sha256.predictions differs")
        else:
            self.older[seed, split] = stored


def claimed_score(receipt: Mapping[str, Any], metric: str) -> float | None:
    """A score as a receipt has it; None if it is no number, or none of a size that scores have."""
    value = inner(receipt, "scores", metric)
    return float(value) if type(value) in (int, float) and abs(value) < MAX_SCORE else None


def inner(content: Mapping[str, Any], *keys: str) -> Any:
    """A nested value of a receipt, which may hold anything; None if it is not there."""
    value: Any = content
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
