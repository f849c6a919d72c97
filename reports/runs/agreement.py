"""Whether runs that were trained here agree with the stored results of the same configuration, seed and version.

Three verdicts: "same bits" if all captions of val and test are equal; "same within rounding of another processor" if
the difference is as small as that of kernels which round otherwise, and the processors may have such; else "different".
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

# Both bounds are two measured cases, rounded up: `context`, seed 1, trained again by the same code. An AMD processor
# without AVX-512 gave 84 of 4,788 other captions of test (1.8 %) and a CIDEr of 837.44 instead of 838.45. An Intel
# processor with AVX-512 gave 78 of them and 840.72; and of val 88 of 4,803 (1.8 %) and 826.19 instead of 822.88. Two
# seeds of this row differ in at least 118 captions of test (2.5 %).
MAX_SHARE_DIFFERENT = 0.022
MAX_CIDER_GAP = 5.0

Verdict = Literal["same bits", "same within rounding of another processor", "different"]


@dataclass(frozen=True)
class Agreement:
    """The captions of one split, as written here and as stored.

    Attributes:
        differ: the number of boxes whose captions differ.
        boxes: the number of all boxes.
        cider_here: CIDEr of the captions that were written here.
        cider_stored: CIDEr of the stored captions.
    """

    differ: int
    boxes: int
    cider_here: float
    cider_stored: float

    @property
    def is_small(self) -> bool:
        """Whether another order of additions may explain the difference."""
        few = self.differ <= MAX_SHARE_DIFFERENT * self.boxes
        return few and abs(self.cider_here - self.cider_stored) <= MAX_CIDER_GAP


def stored_twin(run: Run, results: Path) -> Run | None:
    """The stored run that a run repeats, if there is one: of the same configuration, seed, version and data.

    Args:
        run: a complete run.
        results: the folder of stored results of one profile.
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
    """The captions of two runs side by side, by split; CIDEr is computed from them."""
    found = {}
    for name in EVALUATED_SPLITS:
        here, there = run.captions(splits[name]), stored.captions(splits[name])
        differ = sum(one != other for one, other in zip(here, there, strict=True))
        score = _cider(splits[name], there)
        found[name] = Agreement(differ, len(there), _cider(splits[name], here) if differ else score, score)
    return found


def verdict(run: Run, stored: Run, agreements: Iterable[Agreement]) -> Verdict:
    """What the agreements of two runs say; on one kind of processor no difference is explained by rounding."""
    found = list(agreements)
    if not any(agreement.differ for agreement in found):
        return "same bits"
    kinds = _kinds(run)
    one_kind = len(kinds) == 1 and kinds == _kinds(stored)
    if not one_kind and all(agreement.is_small for agreement in found):
        return "same within rounding of another processor"
    return "different"


def agreement_grid(runs: Iterable[Run], results: Path, splits: Mapping[str, Split]) -> Grid:
    """A row for each run that repeats a stored one.

    Args:
        runs: complete runs; stored ones are left out.
        results: the folder of stored results of one profile.
        splits: the splits of the data set.
    """
    names = " and ".join(EVALUATED_SPLITS)
    columns = ["run", f"captions that differ, {names}", "CIDEr here", "CIDEr stored", "verdict"]
    note = "what the verdicts mean: docs/reproduce.md, The same bits"
    grid = Grid("runs of this machine beside the stored ones", columns, notes=[note])
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
    """The kinds of the processors that trained a run; empty if it names none."""
    return {Processor(**processor).kind for processor in run.made_by.get("processors", [])}


def _cider(split: Split, captions: list[str]) -> float:
    corpus = Corpus.from_captions(predictions=captions, references=split.captions, offsets=split.offsets)
    return 100 * math.fsum(cider.segment_scores(corpus)) / corpus.n_boxes
