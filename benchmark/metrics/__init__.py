"""Registry of metrics: name, module, version and unit of each, and the tables that show it.

A new metric takes two files: its module in this package, and an entry in `METRICS`. Scores, intervals, slices,
receipts, the leaderboard, the bundles for other platforms and the reports follow from the entry. A module offers

* `NAMES`, the names of its metrics in the order in which `aggregate` returns them;
* `statistics(corpus)`, additive rows: one per box, or one per image where `level` says so. Where
  `needs_aspect_ratios` is set, it is called with the aspect ratios of the boxes as second argument;
* `aggregate(sums)`, from summed rows to the values of the metrics in natural scale;
* `RECIPE`, if the module has one: the text that describes its metrics in the signature (`scoring.receipt`).

Invariant: modules are named as text and imported on their first use, so code that needs only names loads no numpy.
"""

import re
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Literal

#: Metric that ranks systems; it is the first column wherever they are ranked.
HEADLINE = "CIDEr"

#: Metrics of the first release, which no receipt may lack. Frozen: with one name more, every older receipt would fail.
_FOUNDING = frozenset({
    "BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "METEOR", "CIDEr", "Div@1", "Div@2", "Exact", "Length", "Length error",
    "Overflow", "Underfill",
})  # fmt: skip


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        name: name in every table and file.
        module: module of this package that computes it.
        version: whole number from 1, raised when the metric can give other values for unchanged captions.
        unit: unit in tables: "%" is printed times 100, counts of characters and boxes unchanged.
        higher_is_better: whether more is better; None for a number that describes and does not judge.
        level: whether the statistics have a row per box or per image.
        interval: whether it has a bootstrap interval; false where resampling images shifts the value itself.
        needs_aspect_ratios: whether it can only be computed where the boxes are known.
        board: whether it is a column of the leaderboard and of other platforms.
        slices: whether it is a column of the tables of scores by slice.
        summary: whether it is a column of the short report tables in the README.
        report: whether it is a column of the report tables although the paper does not print it.
        since: release that introduced it, for readers; empty for the first release.
    """

    name: str
    module: str
    version: str = "1"
    unit: Literal["%", "characters", "boxes"] = "%"
    higher_is_better: bool | None = True
    level: Literal["box", "image"] = "box"
    interval: bool = True
    needs_aspect_ratios: bool = False
    board: bool = False
    slices: bool = False
    summary: bool = False
    report: bool = False
    since: str = ""

    @property
    def scale(self) -> float:
        """Factor from natural scale to that of the tables."""
        return 100.0 if self.unit == "%" else 1.0

    @property
    def key(self) -> str:
        """The name in a-z, 0-9 and _, for platforms and for the signature."""
        return re.sub("[^a-z0-9]+", "_", self.name.lower())

    @property
    def founding(self) -> bool:
        """Whether every receipt must contain it."""
        return self.name in _FOUNDING


#: All metrics, in the order of the tables; those of one module are adjacent.
METRICS: tuple[Metric, ...] = (
    Metric("BLEU-1", "bleu", board=True),
    Metric("BLEU-2", "bleu"),
    Metric("BLEU-3", "bleu"),
    Metric("BLEU-4", "bleu", board=True, slices=True, summary=True),
    Metric("METEOR", "meteor", board=True, slices=True, summary=True),
    Metric("CIDEr", "cider", board=True, slices=True, summary=True),
    Metric("Div@1", "diversity", level="image", board=True, slices=True, summary=True),
    Metric("Div@2", "diversity", level="image", board=True, slices=True),
    Metric("Exact", "exact", board=True, slices=True, report=True),
    Metric("Length", "exact", unit="characters", higher_is_better=None, slices=True),
    Metric("Length error", "length_fit", unit="characters", higher_is_better=False, needs_aspect_ratios=True,
           board=True, slices=True),
    Metric("Overflow", "length_fit", higher_is_better=False, needs_aspect_ratios=True),
    Metric("Underfill", "length_fit", higher_is_better=False, needs_aspect_ratios=True),
)  # fmt: skip

#: Columns of the leaderboard and of other platforms.
BOARD = tuple(sorted((metric for metric in METRICS if metric.board), key=lambda metric: metric.name != HEADLINE))

#: Metrics of the comment on a pull request and of the human study: those of the board for which more is better, so
#: that readers need not know which way each number points.
MORE_IS_BETTER = tuple(metric for metric in BOARD if metric.higher_is_better)


def by_module() -> dict[str, tuple[Metric, ...]]:
    """The metrics of each module, in the order of the tables."""
    modules = dict.fromkeys(metric.module for metric in METRICS)
    return {module: tuple(metric for metric in METRICS if metric.module == module) for module in modules}


def load(module: str) -> ModuleType:
    """Import a metric module.

    Raises:
        ValueError: if the module does not have the metrics that the registry lists for it.
    """
    loaded = import_module(f".{module}", __name__)
    registered = tuple(metric.name for metric in by_module()[module])
    if registered != loaded.NAMES:
        raise ValueError(f"metrics/{module}.py has NAMES {loaded.NAMES}, the registry has {registered}")
    return loaded
