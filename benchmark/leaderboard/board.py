"""The board: every entry re-scored from its predictions, ranked, beside the rows that are always there.

Invariants:
* no score that an entry claims is ranked: scores are recomputed from predictions (or taken from the cache of such);
* an entry is ranked only if every check holds; one that fails is listed with its failures and never stops the others;
* of two entries with the same predictions the one that was accepted stays, else the earlier by folder name, so a copy
  cannot push an accepted original off, whatever date it bears;
* names of folders come from strangers as much as texts do, and are shown printable.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from ..dataset.store import Split
from ..metrics import BOARD, HEADLINE
from ..scoring import blind
from ..scoring.receipt import signature
from ..scoring.significance import mean_and_deviation
from ..scoring.systems import System
from ..scoring.ties import Comparison
from .accepted import Status, read_hashes
from .candidates import Draft
from .check import Checker
from .entries import HASH_LIST, IN_THE_MAKING, SPLITS, all_entries
from .ranking import Place, rank
from .result import printable
from .statistics_cache import Statistics, StatisticsCache, caption_hashes

if TYPE_CHECKING:
    from .metadata import Metadata

#: Metrics of the tables, in their order.
METRICS = tuple(metric.name for metric in BOARD)
#: Of the human row: the references measured against themselves say nothing about accuracy.
HUMAN_METRICS = ("Div@1", "Div@2")

Division = Literal["all", "closed", "open"]
DIVISIONS: tuple[Division, ...] = ("all", "closed", "open")


@dataclass(frozen=True)
class Listed:
    """What the board has a line for: an entry, the human row, or a system without a model; on both splits.

    Attributes:
        name: of the entry's folder, or of the blind system.
        label: as it is shown; from strangers.
        statistics: by split, one for each seed.
        metadata: of an entry; None for systems without a model.
        status: what is known of its scores, see `hashes.Status`; "" for systems without a model.
        older: receipts with other versions of metrics, by (seed, split).
    """

    name: str
    label: str
    statistics: Mapping[str, Sequence[Statistics]]
    metadata: "Metadata | None" = None
    status: Status | Literal[""] = ""
    older: Mapping[tuple[int, str], dict[str, Any]] = field(default_factory=dict)

    def on(self, split: str) -> System[Statistics]:
        """It on one split, to be ranked and compared."""
        return System(self.name, self.statistics[split], trained=self.metadata is not None)

    def score(self, split: str, metric: str) -> tuple[float, float]:
        """Mean and unbiased deviation over seeds; NaN where the metric is not defined."""
        return mean_and_deviation(self._values(lambda receipt: receipt["scores"].get(metric), split))

    def slice_score(self, split: str, by: str, part: str, metric: str = HEADLINE) -> float:
        """Mean over seeds on a part of the split; NaN where there is none."""
        return mean_and_deviation(
            self._values(lambda receipt: receipt["slices"].get(by, {}).get(part, {}).get(metric), split)
        )[0]

    def _values(self, of: Callable[[dict[str, Any]], float | None], split: str) -> list[float]:
        values = [of(one.receipt) for one in self.statistics[split]]
        return [float("nan") if value is None else value for value in values]

    @property
    def shows(self) -> tuple[str, ...]:
        """Metrics that mean something for it."""
        return HUMAN_METRICS if self.name == "human" else METRICS

    @property
    def division(self) -> Division:
        """`open` with external data, else `closed`."""
        return "open" if self.metadata is not None and self.metadata.uses_external_data else "closed"

    @classmethod
    def of_draft(cls, draft: Draft) -> Self:
        """An entry without problems."""
        seeds = sorted(draft.metadata.seeds)
        statistics = {split: [draft.statistics[seed, split] for seed in seeds] for split in SPLITS}
        return cls(draft.path.name, draft.metadata.name, statistics, draft.metadata, draft.report.status, draft.older)


@dataclass(frozen=True)
class Refused:
    """An entry that is not ranked.

    Attributes:
        name: of its folder.
        reasons: in words.
        claimed: CIDEr that its receipts claim, by split, not recomputed ("self-scored").
    """

    name: str
    reasons: list[str]
    claimed: dict[str, float]


@dataclass(frozen=True)
class Board:
    """Everything that is shown.

    Attributes:
        splits: val and test.
        entries: the ranked systems, by folder name.
        scale: the human row and the blind rows.
        refused: entries that fail a check, or were trained on val or test.
        elsewhere: names of entries for other data.
    """

    splits: Mapping[str, Split]
    entries: Sequence[Listed]
    scale: Sequence[Listed]
    refused: Sequence[Refused] = ()
    elsewhere: Sequence[str] = ()

    @property
    def synthetic(self) -> bool:
        """Whether the data are generated."""
        return any(split.synthetic for split in self.splits.values())

    @property
    def signatures(self) -> dict[str, str]:
        """Of the scores on each split."""
        return {name: signature(split) for name, split in self.splits.items()}

    @cached_property
    def comparisons(self) -> dict[str, Comparison]:
        """All pairs of entries on each split."""
        return {name: Comparison([entry.on(name) for entry in self.entries], HEADLINE) for name in self.splits}

    def ranked(self, split: str, division: Division = "all") -> list[tuple[Place, Listed]]:
        """Entries of a division, best first."""
        return self._rankings[split, division]

    @cached_property
    def _rankings(self) -> dict[tuple[str, Division], list[tuple[Place, Listed]]]:
        found = {}
        for division in DIVISIONS:
            chosen = [i for i, entry in enumerate(self.entries) if division in ("all", entry.division)]
            for split, comparison in self.comparisons.items():
                found[split, division] = [(place, self.entries[place.system]) for place in rank(comparison, chosen)]
        return found


def paper_rows() -> dict[str, Any]:
    """Table 2 of the paper as printed: {"source": ..., "rows": [{"label", "val": {metric: value}, "test": ...}]}."""
    return json.loads(Path(__file__).with_name("paper_rows.json").read_text(encoding="utf-8"))


def gather(
    submissions: Path,
    splits: dict[str, Split],
    cache: StatisticsCache | None = None,
    *,
    candidate: Listed | None = None,
    jobs: int = 1,
    tell: Callable[[str], None] = lambda _: None,
) -> Board:
    """Make the board of all entries in a folder.

    Args:
        submissions: the folder; absent: no entry.
        splits: of the data set.
        cache: of statistics; default: the project's.
        candidate: a system that is not an entry yet, ranked along; it takes the place of an entry of its name.
        jobs: processes for scoring, see `StatisticsCache.of_files`.
        tell: called with a sentence before long work.

    Raises:
        InputError: if the data set lacks val or test, or their references are hidden.
    """
    cache = cache or StatisticsCache()
    # Without train: nothing here needs it, and it may be large.
    known = {name: splits[name] for name in SPLITS if name in splits}
    checker = Checker(known, read_hashes(submissions / HASH_LIST), maintainer=True)
    opened = {name: splits[name] for name in SPLITS}
    drafts, refused, elsewhere = [], [], []
    for path in all_entries(submissions) if submissions.exists() else ():
        if path.name.startswith(IN_THE_MAKING) or (candidate and path.name == candidate.name):
            continue
        draft = Draft.of(path, checker)
        if draft.of_other_data(opened):
            elsewhere.append(printable(path.name))
        else:
            drafts.append(draft)
    files = [(path, opened[split]) for draft in drafts if not draft.problems for _, split, path in draft.files]
    statistics = cache.of_files(files, jobs, tell)
    references = {name: caption_hashes(split.captions) for name, split in opened.items()}
    accepted: list[Draft] = []
    # Stable: by folder name among accepted ones, and among the others.
    for draft in sorted(drafts, key=lambda draft: draft.report.status == "self-scored"):
        draft.measure(statistics, references, accepted)
        if draft.problems:
            # Where the entries are on this machine is nobody's business.
            prefixes = (f"{submissions.absolute()}/", f"{submissions}/")
            reasons = [problem.replace(prefixes[0], "").replace(prefixes[1], "") for problem in draft.problems]
            refused.append(Refused(printable(draft.path.name), [*map(printable, reasons)], draft.claimed))
        else:
            accepted.append(draft)
    accepted.sort(key=lambda draft: draft.path.name)
    refused.sort(key=lambda one: one.name)
    entries = [Listed.of_draft(draft) for draft in accepted] + ([candidate] if candidate else [])
    return Board(opened, entries, _scale(splits, cache, tell), refused, elsewhere)


def _scale(splits: dict[str, Split], cache: StatisticsCache, tell: Callable[[str], None]) -> list[Listed]:
    """The human row (the references) and the blind rows; these need the train split."""
    train = splits.get("train")
    systems = []
    if train is not None:
        with (train.directory / "train.parquet").open("rb") as file:
            content = file_digest(file, "sha256").hexdigest()
    for name, predict in blind.SYSTEMS.items():
        human = name == "references"
        if train is None and not human:
            continue
        label = "human" if human else name
        statistics = {
            split: [
                cache.made(
                    "references" if human else f"blind {name} {content}",
                    splits[split],
                    lambda split=split, predict=predict: predict(train, splits[split]),  # type: ignore[misc]
                )
            ]
            for split in SPLITS
        }
        systems.append(Listed(label, label, statistics))
    return systems
