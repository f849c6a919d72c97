"""Makes the board from a folder of entries: each is checked and scored again from its prediction files.

Invariants:
* no score that an entry claims is ranked: its receipts are only compared with the recomputed ones;
* an entry is ranked only if every check passes; one that fails is listed with its failures and never stops the others;
* of two entries with the same predictions the accepted one stays, otherwise the earlier by folder name, so that a copy
  cannot push an accepted original off the board, whatever date it has;
* a receipt with earlier metric versions is believed as history only in an accepted entry, whose files are unchanged
  since all of its numbers were recomputed, and whatever these versions do not concern is compared all the same;
* a metric that was added after a receipt was made is no difference;
* folder names are as untrusted as other text of entries: unprintable characters are shown as codes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dataset.schema import EVALUATED_SPLITS
from ..dataset.store import Split
from ..errors import InputError
from ..metrics import HEADLINE
from ..scoring import blind
from ..scoring.receipt import first_difference, other_versions, read_receipt, version_problem
from ..scoring.withheld import place_of, told
from .accepted import read_hashes
from .board import Board, Listed, Refused
from .check import Checker, Report
from .copies import NEAR_DUPLICATE, caption_hashes, equal_share, leaked
from .entries import (
    HASH_LIST,
    Entry,
    all_entries,
    list_entry,
    predictions_of,
    receipt_of,
)
from .result import printable
from .statistics_cache import Statistics, StatisticsCache

if TYPE_CHECKING:
    from .metadata import Metadata

#: Checks of `Checker` that need captions; they are repeated here from cached statistics (`notes` are for reviewers).
_CAPTION_CHECKS = ("predictions", "receipts", "duplicates", "leak", "notes")
#: Claimed scores beyond this are ignored: CIDEr ends at 1000, but a receipt may hold any number.
MAX_SCORE = 1e6


@dataclass
class Draft:
    """An entry on its way to the board.

    Attributes:
        path: path of its folder.
        entry: its files; None if the path is not a folder.
        report: result of the checks that need no captions.
        problems: reasons why it cannot be ranked, one sentence each.
        receipts: submitted receipts by (seed, split).
        statistics: recomputed statistics by (seed, split).
        older: accepted receipts with an earlier version of a metric, or of the parts that all metrics share.
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
        report = checker.check(path, without=_CAPTION_CHECKS)
        problems = [problem for _, problem in report.failures]
        try:
            entry = list_entry(path)
        except InputError:  # the checker has reported it
            return cls(path, None, report, problems)
        draft = cls(path, entry, report, problems)
        for seed, split in ((seed, split) for seed in entry.seeds for split in EVALUATED_SPLITS):
            if (place := entry.files.get(receipt_of(seed, split))) is not None:
                try:
                    draft.receipts[seed, split] = read_receipt(place)
                except (InputError, UnicodeDecodeError, OSError) as error:
                    problems.append(f"{place}: not a receipt ({type(error).__name__})")
        return draft

    @property
    def metadata(self) -> "Metadata":
        """The metadata of an entry without problems."""
        assert self.report.metadata is not None
        return self.report.metadata

    @property
    def files(self) -> list[tuple[int, str, Path]]:
        """Seed, split and path of each prediction file."""
        if self.entry is None:
            return []
        places = self.entry.files
        pairs = ((seed, split) for seed in self.entry.seeds for split in EVALUATED_SPLITS)
        return [(*pair, places[predictions_of(*pair)]) for pair in pairs if predictions_of(*pair) in places]

    @property
    def claimed(self) -> dict[str, float]:
        """CIDEr as the receipts claim it, mean over seeds, for each split on which all of them have a plain number."""
        found: dict[str, float] = {}
        for split in EVALUATED_SPLITS:
            values = [claimed_score(receipt, HEADLINE) for (_, name), receipt in self.receipts.items() if name == split]
            numbers = [value for value in values if value is not None]
            if numbers and len(numbers) == len(values):
                found[split] = float(np.mean(numbers))
        return found

    def of_other_data(self, splits: Mapping[str, Split]) -> bool:
        """True if all of its receipts name other data."""
        here = {name: split.fingerprint.hexdigest() for name, split in splits.items()}
        named = [(split, inner(receipt, "data", "fingerprint")) for (_, split), receipt in self.receipts.items()]
        return bool(named) and all(isinstance(name, str) and name != here[split] for split, name in named)

    def measure(
        self,
        statistics: Mapping[Path, Statistics | InputError],
        references: Mapping[str, np.ndarray],
        before: Sequence["Draft"],
        *,
        public: bool,
    ) -> None:
        """Take the statistics of its prediction files, and note every problem with them.

        Args:
            statistics: statistics of each prediction file, or the error that prevents them.
            references: hashes of the reference captions, by split.
            before: the entries that are on the board already.
            public: whether a problem may tell a recomputed score.
        """
        if self.problems:
            return
        for seed, split, path in self.files:
            found = statistics[path]
            if isinstance(found, InputError):
                self.problems += found.problems
                continue
            self.statistics[seed, split] = found
            self._compare_receipt(seed, split, found, public=public)
            if reason := leaked(equal_share(found.hashes, references[split]), found.kept):
                self.problems.append(f"{path}: {reason}")
        for split in EVALUATED_SPLITS:
            mine = [(seed, one) for (seed, name), one in self.statistics.items() if name == split]
            others = [(f"seed {seed}", one) for seed, one in mine]
            others += [
                (other.path.name, one) for other in before for (_, s), one in other.statistics.items() if s == split
            ]
            for place, (seed, one) in enumerate(mine):
                for name, other in [*others[:place], *others[len(mine) :]]:
                    if (equal := equal_share(one.hashes, other.hashes)) >= NEAR_DUPLICATE:
                        self.problems.append(f"seed {seed}: {equal:.1%} of the {split} captions equal those of {name}")
        if self.metadata.trained_on_val_or_test:
            self.problems.append(
                "trained on val or test, by its own metadata: its scores say nothing about unseen images"
            )

    def _compare_receipt(self, seed: int, split: str, found: Statistics, *, public: bool) -> None:
        stored = self.receipts.get((seed, split), {})
        where = receipt_of(seed, split)
        problem, others = version_problem(stored), other_versions(stored)
        if difference := first_difference(stored, found.receipt):
            about = where if difference == problem else f"{where} does not belong to its predictions"
            self.problems.append(f"{about}: {difference if public else place_of(difference)}")
        elif (problem or others) and self.report.status == "self-scored":
            of_metrics = [f"version of {name}: got {then}, expected {now}" for name, (then, now) in others.items()]
            reason = problem or f"{', '.join(of_metrics)}; score again"
            self.problems.append(f"{where}: {reason} (only accepted entries may have earlier versions)")
        elif problem or others:
            self.older[seed, split] = stored

    def listed(self, splits: Mapping[str, Split]) -> Listed:
        """The row of an entry without problems."""
        seeds = sorted(self.metadata.seeds)
        statistics = {
            split: [_told(self.statistics[seed, split], splits[split]) for seed in seeds] for split in EVALUATED_SPLITS
        }
        return Listed(self.path.name, self.metadata.name, statistics, self.metadata, self.report.status, self.older)


def claimed_score(receipt: Mapping[str, Any], metric: str) -> float | None:
    """A score as a receipt claims it; None if it is not a number, or larger than any score can be."""
    value = inner(receipt, "scores", metric)
    return float(value) if type(value) in (int, float) and abs(value) < MAX_SCORE else None


def inner(content: Mapping[str, Any], *keys: str) -> Any:
    """A nested value of an untrusted receipt; None if it is missing."""
    value: Any = content
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def gather(
    submissions: Path,
    splits: dict[str, Split],
    cache: StatisticsCache | None = None,
    *,
    candidate: Listed | None = None,
    jobs: int = 1,
    log: Callable[[str], None] = lambda _: None,
) -> Board:
    """Make the board of all entries in a folder.

    Args:
        submissions: folder of all entries; a missing folder gives a board without entries.
        splits: splits of the data set, by name.
        cache: cache of statistics; default: the one in the project's cache folder.
        candidate: a system that is not an entry yet, to rank with them; it replaces an entry of the same name.
        jobs: number of processes for scoring, see `StatisticsCache.of_files`.
        log: function that is called with a sentence before long work.

    Raises:
        InputError: if the data set lacks val or test, or their references are hidden.
    """
    cache = cache or StatisticsCache()
    # Without train: nothing here needs it, and it may be large.
    known = {name: splits[name] for name in EVALUATED_SPLITS if name in splits}
    checker = Checker(known, read_hashes(submissions / HASH_LIST), maintainer=True)
    opened = {name: splits[name] for name in EVALUATED_SPLITS}
    drafts, refused, elsewhere = [], [], []
    for path in all_entries(submissions) if submissions.exists() else ():
        if candidate and path.name == candidate.name:
            continue
        draft = Draft.of(path, checker)
        if draft.of_other_data(opened):
            elsewhere.append(printable(path.name))
        else:
            drafts.append(draft)
    files = [(path, opened[split]) for draft in drafts if not draft.problems for _, split, path in draft.files]
    statistics = cache.of_files(files, jobs, log)
    references = {name: caption_hashes(split.captions) for name, split in opened.items()}
    ranked: list[Draft] = []
    # A stable sort: by folder name among accepted entries, and among the others.
    for draft in sorted(drafts, key=lambda draft: draft.report.status == "self-scored"):
        draft.measure(statistics, references, ranked, public=all(split.public for split in opened.values()))
        if draft.problems:
            # The public board must not show where the entries are on this machine.
            prefixes = (f"{submissions.absolute()}/", f"{submissions}/")
            reasons = [problem.replace(prefixes[0], "").replace(prefixes[1], "") for problem in draft.problems]
            refused.append(Refused(printable(draft.path.name), [*map(printable, reasons)], draft.claimed))
        else:
            ranked.append(draft)
    ranked.sort(key=lambda draft: draft.path.name)
    refused.sort(key=lambda one: one.name)
    entries = [draft.listed(opened) for draft in ranked] + ([candidate] if candidate else [])
    return Board(opened, entries, _reference_rows(splits, cache), refused, elsewhere)


def _told(statistics: Statistics, split: Split) -> Statistics:
    return statistics if split.public else replace(statistics, receipt=told(statistics.receipt))


def _reference_rows(splits: dict[str, Split], cache: StatisticsCache) -> list[Listed]:
    """The human row (the references) and the blind systems; the latter need the train split."""
    train = splits.get("train")
    rows = []
    if train is not None:
        with (train.directory / "train.parquet").open("rb") as file:
            content = file_digest(file, "sha256").hexdigest()
    for name, predict in blind.SYSTEMS.items():
        human = name == "references"
        if train is None and not human:
            continue
        label = "human" if human else name
        statistics = {
            split: cache.made(
                "references" if human else f"blind {name} {content}",
                splits[split],
                lambda split=split, predict=predict: predict(train, splits[split]),  # type: ignore[misc]
            )
            for split in EVALUATED_SPLITS
        }
        rows.append(Listed(label, label, {split: [_told(one, splits[split])] for split, one in statistics.items()}))
    return rows
