"""Whether a run that was trained here is told to agree with the stored one, and why."""

from dataclasses import asdict
from pathlib import Path

import pytest
from run_folders import write_results
from tiny_runs import tiny

from benchmark.dataset.schema import EVALUATED_SPLITS
from benchmark.dataset.store import Split
from benchmark.scoring.evaluation import evaluate
from reference_model.processor import Processor
from reference_model.run_folder import run_folder, write_config
from reports.runs.agreement import Agreement, agreement_grid, agreements, stored_twin, verdict
from reports.runs.stored import Run

AMD = Processor("AuthenticAMD", "EPYC", "AVX2", "2.14.1", 1, "cpu")
INTEL = Processor("GenuineIntel", "Xeon", "AVX512", "2.14.1", 1, "cpu")

EQUAL = Agreement(0, 4803, 822.88, 822.88)
MEASURED = Agreement(84, 4788, 837.44, 838.45)
MEASURED_VAL, MEASURED_TEST = Agreement(88, 4803, 826.19, 822.88), Agreement(78, 4788, 840.72, 838.45)


def made(
    runs: Path, splits: dict[str, Split], *processors: Processor, version: str = "1", changed: int = 0, seed: int = 1
) -> Run:
    """A finished run; its captions are the references, of which as many as told are changed in test."""
    config = tiny("context")
    folder = run_folder(runs, config, seed)
    write_config(folder, config, seed, splits["train"].dataset, splits["train"].fingerprint.hexdigest())
    for name in EVALUATED_SPLITS:
        captions = list(splits[name].captions)
        captions[:changed] = ["好"] * changed if name == "test" else captions[:changed]
        write_results(folder, splits[name], captions)
    run = Run(folder)
    run.note(version=version)
    if processors:
        run.note(processors=[asdict(processor) for processor in processors])
    return run


@pytest.mark.parametrize(
    ("here", "there", "agreements", "said"),
    [
        ([AMD], [], [EQUAL, EQUAL], "same bits"),
        ([AMD], [AMD], [EQUAL, EQUAL], "same bits"),
        ([AMD], [], [EQUAL, MEASURED], "same within rounding of another processor"),
        ([INTEL], [], [MEASURED_VAL, MEASURED_TEST], "same within rounding of another processor"),
        ([AMD], [INTEL], [EQUAL, MEASURED], "same within rounding of another processor"),
        ([AMD, INTEL], [AMD], [EQUAL, MEASURED], "same within rounding of another processor"),
        ([AMD], [AMD], [EQUAL, MEASURED], "different"),
        ([AMD], [INTEL], [EQUAL, Agreement(118, 4788, 838.40, 838.45)], "different"),
        ([AMD], [INTEL], [Agreement(84, 4803, 828.0, 822.88), EQUAL], "different"),
    ],
)
def test_verdicts(
    here: list[Processor],
    there: list[Processor],
    agreements: list[Agreement],
    said: str,
    tmp_path: Path,
    splits: dict[str, Split],
) -> None:
    """Changed code excused as rounding; or rounding, on the machine of a stranger, reported as changed code."""
    run, stored = made(tmp_path / "runs", splits, *here), made(tmp_path / "results", splits, *there)
    assert verdict(run, stored, agreements) == said


def test_captions_are_counted_and_scored(tmp_path: Path, splits: dict[str, Split]) -> None:
    """Differences of one split hidden by the other, or scores of the two runs exchanged."""
    run, stored = made(tmp_path / "runs", splits, changed=3), made(tmp_path / "results", splits)
    found = agreements(run, stored, splits)
    assert (found["val"].differ, found["test"].differ) == (0, 3)
    assert found["test"].boxes == splits["test"].n_boxes
    assert found["test"].cider_here == evaluate(splits["test"], run.captions(splits["test"])).scores["CIDEr"]
    assert found["test"].cider_here < found["test"].cider_stored
    assert found["val"].cider_here == found["val"].cider_stored


def test_only_stored_runs_of_the_same_kind_are_compared(tmp_path: Path, splits: dict[str, Split]) -> None:
    """A run compared with itself, with another seed, or with numbers that were changed on purpose."""
    results = tmp_path / "results"
    run, stored = made(tmp_path / "runs", splits), made(results, splits)
    assert stored_twin(run, results) == stored
    assert stored_twin(stored, results) is None
    assert stored_twin(made(tmp_path / "runs", splits, seed=2), results) is None
    run.note(version="2")
    assert stored_twin(run, results) is None


def test_the_table(tmp_path: Path, splits: dict[str, Split]) -> None:
    """A line for a run that repeats nothing, or none for one that does."""
    results = tmp_path / "results"
    stored = made(results, splits)
    runs = [made(tmp_path / "runs", splits, AMD), made(tmp_path / "runs", splits, AMD, seed=2), stored]
    grid = agreement_grid(runs, results, splits)
    rows = [row.texts() for row in grid.rows]
    assert [(row[0], row[-1]) for row in rows] == [(f"context/{tiny('context').hash}/seed1", "same bits")]
