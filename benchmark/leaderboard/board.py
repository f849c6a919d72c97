"""The board: ranked entries with their ties, the reference rows, and the entries that are not ranked.

`gather` makes it from a folder of entries; `tables` and `site` show it.

Ranks with honest ties, by CIDEr, mean over seeds: `scoring.ties` decides which systems differ, for all pairs at once:

* the rank range of a system goes from 1 + the number of significantly better ones to the number of all systems - the
  number of significantly worse ones;
* tie groups: going down the ranks, a system opens a new group when it is significantly worse than the first of the
  group above. "Not significantly different" is not transitive: the last of one group may tie with the first of the
  next, which their rank ranges show.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from ..dataset.store import Split
from ..grid import SYNTHETIC_NOTE
from ..metrics import BOARD, HEADLINE
from ..scoring.evaluation import System
from ..scoring.receipt import signature
from ..scoring.significance import mean_and_deviation
from ..scoring.ties import Comparison
from ..scoring.withheld import NOTE
from .accepted import Status
from .statistics_cache import Statistics

if TYPE_CHECKING:
    from .metadata import Metadata

#: Metrics of the tables, in their order.
METRICS = tuple(metric.name for metric in BOARD)
#: Metrics of the human row: references measured against themselves say nothing about accuracy.
HUMAN_METRICS = ("Div@1", "Div@2")

Division = Literal["closed", "open"]
DIVISIONS: tuple[Division, ...] = ("closed", "open")

#: What a ranking may be of: all entries, those of a division, or those that were trained or prompted.
View = Literal["all", "closed", "open", "trained", "prompted"]
VIEWS: tuple[View, ...] = ("all", *DIVISIONS, "trained", "prompted")


@dataclass(frozen=True)
class Place:
    """Rank range and tie group of a system among those it was ranked with.

    Attributes:
        system: index of the system.
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


def rank(comparison: Comparison, systems: Sequence[int] | None = None) -> list[Place]:
    """Rank all systems or some of them, best first; the tests are those of the whole board either way."""
    chosen = range(len(comparison.systems)) if systems is None else systems
    ordered = sorted(chosen, key=lambda i: (-comparison.scores[i], comparison.systems[i].name))
    places: list[Place] = []
    leader, group = -1, 0
    for system in ordered:
        if leader < 0 or comparison.better(leader, system):
            leader, group = system, group + 1
        above = sum(comparison.better(other, system) for other in ordered)
        below = sum(comparison.better(system, other) for other in ordered)
        places.append(Place(system, group, 1 + above, len(ordered) - below))
    return places


@dataclass(frozen=True)
class Listed:
    """A row of the board on both splits: an entry, the human row, or a blind system (one without a model).

    Attributes:
        name: name of the entry's folder or of the blind system.
        label: name to show; for an entry it is untrusted text.
        statistics: statistics of each seed, by split.
        metadata: metadata of an entry; None for the other rows.
        status: how an entry's scores were obtained, see `accepted.Status`; "" for the other rows.
        older: accepted receipts with earlier metric versions, by (seed, split).
    """

    name: str
    label: str
    statistics: Mapping[str, Sequence[Statistics]]
    metadata: "Metadata | None" = None
    status: Status | Literal[""] = ""
    older: Mapping[tuple[int, str], dict[str, Any]] = field(default_factory=dict)

    def on(self, split: str) -> System[Statistics]:
        """This row on one split, in the form that is ranked and compared."""
        return System(self.name, self.statistics[split], trained=self.metadata is not None)

    def score(self, split: str, metric: str) -> tuple[float, float]:
        """Mean and unbiased standard deviation over seeds; NaN where the metric is not defined."""
        return mean_and_deviation(self._values(lambda receipt: receipt["scores"].get(metric), split))

    def slice_score(self, split: str, by: str, part: str, metric: str = HEADLINE) -> float:
        """Mean over seeds on one slice of the split; NaN where the metric has no value."""
        return mean_and_deviation(
            self._values(lambda receipt: receipt["slices"].get(by, {}).get(part, {}).get(metric), split)
        )[0]

    def _values(self, of: Callable[[dict[str, Any]], float | None], split: str) -> list[float]:
        values = [of(one.receipt) for one in self.statistics[split]]
        return [float("nan") if value is None else value for value in values]

    @property
    def shows(self) -> tuple[str, ...]:
        """Metrics that are meaningful for this row."""
        return HUMAN_METRICS if self.name == "human" else METRICS

    @property
    def division(self) -> Division:
        """The division: `open` with external data, else `closed`."""
        return "open" if self.metadata is not None and self.metadata.uses_external_data else "closed"

    @property
    def prompted(self) -> bool:
        """Whether a model was asked, with a prompt, instead of trained."""
        return self.metadata is not None and self.metadata.prompt is not None

    def is_in(self, view: View) -> bool:
        """Whether a ranking of this kind has this row."""
        return view in ("all", self.division, "prompted" if self.prompted else "trained")


@dataclass(frozen=True)
class Refused:
    """An entry that is not ranked.

    Attributes:
        name: name of its folder.
        reasons: one sentence for each reason.
        claimed: CIDEr as its receipts claim it, not recomputed, by split.
    """

    name: str
    reasons: list[str]
    claimed: dict[str, float]


@dataclass(frozen=True)
class Board:
    """All rows of the board, with their ranks.

    Attributes:
        splits: the val and test splits, by name.
        entries: the ranked systems, by folder name.
        reference_rows: the human row and the blind systems, which have no rank.
        refused: entries that fail a check, or were trained on val or test.
        elsewhere: names of entries for other data sets.
    """

    splits: Mapping[str, Split]
    entries: Sequence[Listed]
    reference_rows: Sequence[Listed]
    refused: Sequence[Refused] = ()
    elsewhere: Sequence[str] = ()

    @property
    def synthetic(self) -> bool:
        """True if any of the splits is synthetic."""
        return any(split.synthetic for split in self.splits.values())

    @property
    def public(self) -> bool:
        """True if all of the splits may be seen by anyone."""
        return all(split.public for split in self.splits.values())

    @property
    def notes(self) -> list[str]:
        """What every page says of the data."""
        return [SYNTHETIC_NOTE] * self.synthetic + [NOTE] * (not self.public)

    @property
    def signatures(self) -> dict[str, str]:
        """The signature of the scores on each split."""
        return {name: signature(split) for name, split in self.splits.items()}

    @cached_property
    def comparisons(self) -> dict[str, Comparison]:
        """The tests of all pairs of entries, by split."""
        return {name: Comparison([entry.on(name) for entry in self.entries], HEADLINE) for name in self.splits}

    @property
    def views(self) -> tuple[View, ...]:
        """The rankings that tell something: trained and prompted systems apart only if there are both."""
        prompted = {entry.prompted for entry in self.entries}
        return VIEWS if prompted == {True, False} else VIEWS[: 1 + len(DIVISIONS)]

    def ranked(self, split: str, view: View = "all") -> list[tuple[Place, Listed]]:
        """Entries of a view, best first."""
        return self._rankings[split, view]

    @cached_property
    def _rankings(self) -> dict[tuple[str, View], list[tuple[Place, Listed]]]:
        found = {}
        for view in VIEWS:
            chosen = [i for i, entry in enumerate(self.entries) if entry.is_in(view)]
            for split, comparison in self.comparisons.items():
                found[split, view] = [(place, self.entries[place.system]) for place in rank(comparison, chosen)]
        return found
