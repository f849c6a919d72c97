"""Compares runs trained on this machine with the stored results of the same configuration, seed and version.

There are three verdicts: "same bits" if all captions of val and test are equal; "same within rounding of another
processor" if the difference is as small as other rounding causes, and the two runs are not known to come from one kind
of processor; else "different".
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmark.dataset.schema import EVALUATED_SPLITS
from benchmark.dataset.store import Split
from benchmark.grid import Grid
from benchmark.metrics import cider
from benchmark.metrics.corpus import Corpus
from reference_model.processor import Processor
from reference_model.run_folder import read_config
from reports.runs.stored import Run, find_runs

# Each bound is the larger of two measured cases, rounded up: `context`, seed 1, trained again with the same code, by
# the recipe of 4,000 updates with Adam. On an AMD processor without AVX-512, 84 of 4,788 test captions differed (1.8
# %), and CIDEr was 837.44 instead of 838.45. On an Intel processor with AVX-512, 78 test captions differed (CIDEr
# 840.72), and 88 of 4,803 val captions (1.8 %; CIDEr 826.19 instead of 822.88). Today's recipe moved less, restricted
# to AVX2: 55 val captions, 0.4 in CIDEr. Two seeds of this row differ in at least 118 test captions (2.5 %).
MAX_SHARE_DIFFERENT = 0.022
MAX_CIDER_GAP = 5.0

Verdict = Literal["same bits", "same within rounding of another processor", "different"]


@dataclass(frozen=True)
class Agreement:
    """Comparison of the captions of one split, written here and stored.

    Attributes:
        differ: number of boxes whose captions differ.
        boxes: number of all boxes of the split.
        cider_here: CIDEr of the captions written here, in table scale (a hundredfold).
        cider_stored: CIDEr of the stored captions, in the same scale.
    """

    differ: int
    boxes: int
    cider_here: float
    cider_stored: float

    @property
    def is_small(self) -> bool:
        """Whether the difference is small enough for other rounding to explain it."""
        few = self.differ <= MAX_SHARE_DIFFERENT * self.boxes
        return few and abs(self.cider_here - self.cider_stored) <= MAX_CIDER_GAP


def stored_twin(run: Run, results: Path) -> Run | None:
    """The stored run with the same configuration, seed, version and data as this run; None if there is none.

    Args:
        run: a complete run.
        results: folder of the stored results of one profile.
    """
    if run.folder.is_relative_to(results):
        return None
    for stored in find_runs([results], *read_config(run.folder)):
        same_version = stored.made_by.get("version") == run.made_by.get("version", "unknown")
        same_data = stored.content.get("fingerprint") == run.content.get("fingerprint")
        if stored.complete and same_version and same_data:
            return stored
    return None


def agreements(run: Run, stored: Run, splits: Mapping[str, Split]) -> dict[str, Agreement]:
    """Compare the captions of two runs, by split name; CIDEr is computed from the captions."""
    found = {}
    for name in EVALUATED_SPLITS:
        here, there = run.captions(splits[name]), stored.captions(splits[name])
        differ = sum(one != other for one, other in zip(here, there, strict=True))
        score = _cider(splits[name], there)
        found[name] = Agreement(differ, len(there), _cider(splits[name], here) if differ else score, score)
    return found


def verdict(run: Run, stored: Run, agreements: Iterable[Agreement]) -> Verdict:
    """Verdict on two runs from their agreements; on one kind of processor, rounding explains no difference."""
    found = list(agreements)
    if not any(agreement.differ for agreement in found):
        return "same bits"
    kinds = _kinds(run)
    one_kind = len(kinds) == 1 and kinds == _kinds(stored)
    if not one_kind and all(agreement.is_small for agreement in found):
        return "same within rounding of another processor"
    return "different"


def agreement_grid(runs: Iterable[Run], results: Path, splits: Mapping[str, Split]) -> Grid:
    """Table with one row for each run that repeats a stored one.

    Args:
        runs: complete runs; stored ones are left out.
        results: folder of the stored results of one profile.
        splits: splits of the data set, by name.
    """
    names = " and ".join(EVALUATED_SPLITS)
    columns = ["run", f"captions that differ, {names}", "CIDEr here", "CIDEr stored", "verdict"]
    note = 'the verdicts are explained in docs/reproduce.md, "The same bits"'
    grid = Grid("runs of this machine beside the stored runs", columns, notes=[note])
    for run in runs:
        if stored := stored_twin(run, results):
            by_split = agreements(run, stored, splits)
            cells = [
                ", ".join(f"{c.differ:,} of {c.boxes:,}" for c in by_split.values()),
                ", ".join(f"{c.cider_here:.2f}" for c in by_split.values()),
                ", ".join(f"{c.cider_stored:.2f}" for c in by_split.values()),
            ]
            config, seed = read_config(run.folder)
            name = f"{config.name}/{config.hash}/seed{seed}"
            grid.add(name, *cells, verdict(run, stored, by_split.values()))
    return grid


def _kinds(run: Run) -> set[str]:
    """Kinds of the processors that trained a run; empty if the run does not name them."""
    return {Processor(**processor).kind for processor in run.made_by.get("processors", [])}


def _cider(split: Split, captions: list[str]) -> float:
    corpus = Corpus.from_captions(predictions=captions, references=split.captions, offsets=split.offsets)
    return 100 * math.fsum(cider.segment_scores(corpus)) / corpus.n_boxes
