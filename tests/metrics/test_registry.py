"""The registry of metrics, tried on a copy of the repository to which metrics were added in two files."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from captions import pairs

pytest.importorskip("pydantic")
pytest.importorskip("yaml")

from benchmark.dataset.mini.build import build
from benchmark.dataset.store import Split
from benchmark.metrics import METRICS, Metric, by_module, load
from benchmark.metrics.corpus import Corpus

ROOT = Path(__file__).parents[2]
SUBMISSIONS = ROOT / "submissions"

_MODULE = '''
"""Whether a caption begins with the right character, and with how many wrong ones."""

import numpy as np

from .corpus import Corpus

NAMES = ("First", "Not first")


def statistics(corpus: Corpus) -> np.ndarray:
    """Whether the first characters are equal, whether they are not, and 1."""
    pairs = zip(corpus.predictions, corpus.references, strict=True)
    same = np.fromiter((p[:1] == r[:1] for p, r in pairs), np.int64, corpus.n_boxes)
    return np.stack([same, 1 - same, np.ones_like(same)], axis=1)


def aggregate(sums: np.ndarray) -> np.ndarray:
    """Shares."""
    return sums[..., :2] / sums[..., 2:]
'''
_ENTRIES = """
    Metric("First", "first", board=True, slices=True, summary=True, report=True, since="0.2"),
    Metric("Not first", "first", higher_is_better=False),
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code with two more metrics; two of its files differ."""
    tree = tmp_path_factory.mktemp("tree")
    for package in ("benchmark", "reference_model", "baselines", "reports"):
        leave = shutil.ignore_patterns("__pycache__", "results")
        if (ROOT / package).is_dir():
            shutil.copytree(ROOT / package, tree / package, ignore=leave)
    (tree / "benchmark/metrics/first.py").write_text(_MODULE)
    registry = tree / "benchmark/metrics/__init__.py"
    end = ")  # fmt: skip\n"
    assert registry.read_text().count(f"\n{end}") == 1
    registry.write_text(registry.read_text().replace(f"\n{end}", f"{_ENTRIES}{end}"))
    return tree


def run(tree: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Python with the changed code in front of the unchanged."""
    path = os.pathsep.join(map(str, (tree, ROOT / "tests")))
    return subprocess.run(
        [sys.executable, *arguments], cwd=tree, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True
    )


def told(tree: Path, program: str, *arguments: str) -> Any:
    """What a program prints as JSON."""
    done = run(tree, "-c", program, *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded data set, for scoring alone."""
    folder = tmp_path_factory.mktemp("whole") / "mini"
    build(folder, annotations_only=True)
    return folder


_SCORING = """
import json, sys
from pathlib import Path
from benchmark.dataset.store import open_directory
from benchmark.scoring.evaluation import evaluate
from benchmark.scoring.receipt import make_receipt
from benchmark.scoring.evaluation import System, compare
from benchmark.scoring.tables import difference_grid, scores_grid, tables
split = open_directory(Path(sys.argv[1]))["test"]
evaluation = evaluate(split, [caption[:3] for caption in split.captions])
receipt = make_receipt(split, evaluation)
first, *others = tables(receipt, slices=True)
systems = [System(name, [evaluation]) for name in "ab"]
print(json.dumps({
    "scores": [str(row.cells[0]) for row in first.rows],
    "compare": [str(row.cells[0]) for row in difference_grid(*systems, compare(*systems)).rows],
    "side by side": [str(row.cells[0]) for row in scores_grid(systems).rows],
    "intervals": list(receipt["intervals"]),
    "versions": list(receipt["metrics"]),
    "slice": list(receipt["slices"]["category"].popitem()[1]),
    "slices": next(grid.columns for grid in others if grid.title == "by category"),
    "signature": receipt["signature"],
    "value": receipt["scores"]["First"],
}))
"""


def test_a_new_metric_is_scored(tree: Path, directory: Path) -> None:
    """A metric that one of the tables forgets, or that stands in tables whose flag it does not have."""
    found = told(tree, _SCORING, str(directory))
    for place in ("scores", "compare", "side by side", "intervals", "versions", "slice"):
        assert found[place][-2:] == ["First", "Not first"], place
    assert found["slices"][-1] == "First"
    assert "|div:char-uni|first:v1|not_first:v1|boot" in found["signature"]
    assert found["value"] == 100


_BOARD = """
import json, sys
from dataclasses import replace
from pathlib import Path
from board_entries import add_entry
from benchmark.dataset.store import open_directory
from benchmark.leaderboard.accepted import read_hashes
from benchmark.leaderboard.check import Checker
from benchmark.leaderboard.comment import comment
from benchmark.leaderboard.entries import HASH_LIST, list_entry
from benchmark.leaderboard.gather import gather
from benchmark.leaderboard.result import result
from benchmark.leaderboard.tables import board_csv, entry_slice_grids, ranking_grid, seeds_grid, slices_csv
splits, folder = open_directory(Path(sys.argv[1])), Path(sys.argv[2])
new = add_entry(folder, splits, "New", 0.5)
old = add_entry(folder, splits, "Old", 0.3)
for path in old.glob("seed1/scores.*"):  # accepted before the metrics were added
    receipt = json.loads(path.read_text())
    for part in (receipt["scores"], *(one for by in receipt["slices"].values() for one in by.values())):
        del part["First"], part["Not first"]
    del receipt["metrics"], receipt["intervals"]["First"], receipt["intervals"]["Not first"]
    receipt["signature"] = receipt["signature"].replace("|first:v1|not_first:v1", "")
    path.write_text(json.dumps(receipt))
checker = Checker(splits)
reports = [checker.check(path) for path in (new, old)]
read_hashes(folder / HASH_LIST).accept(list_entry(old))
(folder / "result.json").write_bytes(result(reports, []))
text = comment(folder / "result.json", folder)
(folder / "result.json").unlink()
board = gather(folder, splits)
print(json.dumps({
    "failures": [report.failures for report in reports],
    "notes": reports[1].notes,
    "refused": [one.reasons for one in board.refused],
    "board": ranking_grid(board, "test").columns,
    "csv": board_csv(board).split("\\n")[0].split(","),
    "slices csv": slices_csv(board).split("\\n")[0].split(","),
    "entry page": [str(row.cells[0]) for row in seeds_grid(board.entries[0], "test").rows],
    "slices of the entry page": next(entry_slice_grids(board.entries[0])).columns,
    "comment": [line for line in text.splitlines() if line.startswith("| ")],
}))
"""


def test_a_new_metric_is_on_the_board(tree: Path, directory: Path, tmp_path: Path) -> None:
    """A metric that the board forgets, and entries from before it that fail, or break the comment."""
    found = told(tree, _BOARD, str(directory), str(tmp_path / "submissions"))
    assert found["failures"] == [[], []]
    assert found["refused"] == []
    assert "First is not in 2 of its receipts, since it was added later" in found["notes"]
    for place in ("board", "csv", "slices csv", "slices of the entry page"):
        assert "First" in found[place], place
        assert "Not first" not in found[place], place
    assert found["entry page"][-2:] == ["First", "Not first"]
    head, new, _, old = found["comment"][:4]
    assert head.endswith("| Exact | First |")
    assert not new.endswith("|  |")
    assert old.endswith("|  |")


_PLATFORMS = """
import json, sys
from pathlib import Path
from benchmark.dataset.store import open_directory
from benchmark.platforms.bundle import write_zip
from benchmark.platforms.export import Platform, write_bundle
from benchmark.platforms.simulate import simulate
from benchmark.predictions import write_predictions
folder = Path(sys.argv[2])
splits = open_directory(Path(sys.argv[1]))
split = splits["test"]
write_predictions(folder / "preds.jsonl", split, split.captions)
write_zip(folder / "preds.zip", [("preds.jsonl", folder / "preds.jsonl")])
found = {}
for name in Platform:
    write_bundle(name, folder / "bundle.zip", splits, packages="none", image="a:1", pictures=False)
    outcome = simulate(name, folder / "bundle.zip", folder / "preds.zip")
    found[name] = [outcome.breaches, outcome.refused, outcome.scores]
print(json.dumps(found))
"""


def test_a_new_metric_is_on_other_platforms(tree: Path, directory: Path, tmp_path: Path) -> None:
    """A bundle that lacks the module of a metric, which is named as text; a column that a platform does not know."""
    for platform, (breaches, refused, scores) in told(tree, _PLATFORMS, str(directory), str(tmp_path)).items():
        assert (breaches, refused) == ([], "")
        assert list(scores)[-1] == {"codabench": "first", "evalai": "First"}[platform]
        assert list(scores.values())[-1] == 100
        assert len(scores) == 9


_REPORTS = """
import json, sys
from pathlib import Path
from made_systems import system
from benchmark.dataset.store import open_directory
from reports.experiments import tables
from reports.human_study.study import make
from reports.site import build
from reports.tables.scores import summary_grid
split = open_directory(Path(sys.argv[1]))["test"]
table = tables("mini")["table2"]
rows = [system(table.rows[0], split, 0.5)]
key = make(split, [split.captions, split.captions], ["a", "b"], Path(sys.argv[2]) / "study", images=2, raters=1)
print(json.dumps({
    "tables": {name: one.metrics for name, one in tables("mini").items()},
    "summary": summary_grid(table, rows, "test", []).columns,
    "overview": build.overview_metrics(table),
    "human study": list(key.metrics),
}))
"""


def test_a_new_metric_is_reported(tree: Path, directory: Path, tmp_path: Path) -> None:
    """A metric that the reports forget, and one without flags that they show."""
    pytest.importorskip("torch")
    found = told(tree, _REPORTS, str(directory), str(tmp_path))
    for metrics in (metrics for name, metrics in found["tables"].items() if name != "tablea6"):
        assert metrics[-2:] == ["Exact", "First"]
    assert found["summary"] == ["", "seeds", "BLEU-4", "METEOR", "CIDEr", "Div@1", "First"]
    assert found["overview"] == ["BLEU-4", "METEOR", "CIDEr", "Div@1", "Exact", "First"]
    assert found["human study"] == ["BLEU-1", "BLEU-4", "METEOR", "CIDEr", "Div@1", "Div@2", "Exact", "First"]


_RECEIPTS = """
import json, sys
from pathlib import Path
from benchmark.metrics import METRICS
from benchmark.scoring.receipt import first_difference, read_receipt, signature_of
versions = {metric.name: metric.version for metric in METRICS}
new = [metric.name for metric in METRICS if not metric.founding]
differences, count = [], 0
for folder in sys.argv[1:]:
    for path in sorted(Path(folder).rglob("scores.*.json")):
        stored, again, count = read_receipt(path), read_receipt(path), count + 1
        parts = [one for by in again.get("slices", {}).values() for one in by.values()]
        for part in (again["scores"], again["intervals"], again["ceilings"], *parts):
            part |= dict.fromkeys(new, 1.0)
        again |= {"metrics": versions, "signature": signature_of(again["data"], versions), "first": {"any": 1}}
        differences.append(first_difference(stored, again))
        for name in stored["scores"]:
            short = json.loads(json.dumps(stored))
            del short["scores"][name]
            assert first_difference(short, again) == f"scores.{name}: missing in the receipt"
print(json.dumps([count, [one for one in differences if one], new]))
"""


@pytest.mark.skipif(not SUBMISSIONS.is_dir(), reason="no receipts are committed")
def test_committed_receipts_outlive_a_new_metric(tree: Path) -> None:
    """A new metric that changes no score and yet invalidates every receipt ever published."""
    results = ROOT / "reports" / "results"
    count, differences, new = told(tree, _RECEIPTS, str(SUBMISSIONS), str(results))
    assert (count, new) == (len([*SUBMISSIONS.rglob("scores.*.json"), *results.rglob("scores.*.json")]), [
        "First", "Not first",
    ])  # fmt: skip
    assert count > 78
    assert differences == []


@pytest.mark.skipif(not SUBMISSIONS.is_dir(), reason="no receipts are committed")
def test_committed_receipts_are_recomputed_with_a_new_metric(tree: Path, mini: Path) -> None:
    """`check` and `verify`, from the command line, on receipts from before the metric."""
    entry, data = SUBMISSIONS / "20261125_no-image-scaled-down", str(mini)
    checked = run(tree, "-m", "benchmark.leaderboard", "check", str(entry), "--data", data)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    receipts = len(list(entry.glob("seed*/scores.*.json")))
    assert f"note: First is not in {receipts} of its receipts, since it was added later" in checked.stdout
    stored = ROOT / "reports" / "results" / "mini" / "no-image"
    run_folder = next(stored.glob("*/seed1"))
    for receipt, predictions in (
        (entry / "seed1/scores.test.json", entry / "seed1/preds.test.jsonl.gz"),
        (run_folder / "scores.val.json", run_folder / "preds.val.jsonl.gz"),
    ):
        verified = run(tree, "-m", "benchmark.verify", str(receipt), str(predictions), "--data", data)
        assert verified.returncode == 0, verified.stderr
        assert "note: metrics added after this receipt was made: First, Not first" in verified.stdout


def test_founding_metrics_are_those_of_the_first_release() -> None:
    """A later metric without `since`, or a founding one renamed, for which every old receipt is refused."""
    assert not Metric("First", "first").founding
    assert [metric.name for metric in METRICS if metric.founding] == [
        "BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "METEOR", "CIDEr", "Div@1", "Div@2", "Exact", "Length",
        "Length error", "Overflow", "Underfill",
    ]  # fmt: skip


def test_modules_and_registry_agree() -> None:
    """Scores under the names of other metrics, since the module returns them in another order."""
    modules = list(by_module())
    assert modules == list(dict.fromkeys(metric.module for metric in METRICS))
    assert [name for module in modules for name in load(module).NAMES] == [metric.name for metric in METRICS]
    assert all(re.fullmatch("[1-9][0-9]*", metric.version) for metric in METRICS)
    for metrics in by_module().values():
        for attribute in ("level", "needs_aspect_ratios"):
            assert len({getattr(metric, attribute) for metric in metrics}) == 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(load("exact"), "NAMES", ("Length", "Exact"))
        with pytest.raises(ValueError, match=r"metrics/exact\.py has NAMES"):
            load("exact")


def test_levels_are_those_of_the_statistics(splits: dict[str, Split]) -> None:
    """A flag that says boxes of statistics that have a row per image."""
    split = splits["test"]
    corpus = Corpus.from_captions(predictions=pairs(split.n_boxes)[0], references=split.captions, offsets=split.offsets)
    for module, metrics in by_module().items():
        given = (corpus, split.aspect_ratios) if metrics[0].needs_aspect_ratios else (corpus,)
        rows = {"box": split.n_boxes, "image": split.n_images}[metrics[0].level]
        statistics = load(module).statistics(*given)
        assert len(statistics) == rows
        assert np.asarray(load(module).aggregate(statistics.sum(axis=0))).shape == (len(metrics),)


def test_names_load_no_numpy() -> None:
    """A program that asks for names alone and pays for numpy and pyarrow."""
    program = "import sys, benchmark.metrics as m; print(m.BOARD[0].name, {'numpy', 'pyarrow'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", program], cwd=ROOT, text=True) == "CIDEr set()\n"


def test_lists_are_those_that_were_published() -> None:
    """A column that moves or disappears with a flag."""
    from benchmark.leaderboard import board, comment
    from benchmark.metrics import BOARD, HEADLINE

    assert board.METRICS == ("CIDEr", "BLEU-1", "BLEU-4", "METEOR", "Div@1", "Div@2", "Exact", "Length error")
    assert board.METRICS[:-1] == comment._METRICS
    assert [metric.key for metric in BOARD] == [
        "cider", "bleu_1", "bleu_4", "meteor", "div_1", "div_2", "exact", "length_error",
    ]  # fmt: skip
    assert [metric.name for metric in BOARD if metric.higher_is_better is False] == ["Length error"]
    assert [metric.name for metric in METRICS if metric.slices] == [
        "BLEU-4", "METEOR", "CIDEr", "Div@1", "Div@2", "Exact", "Length", "Length error",
    ]  # fmt: skip
    assert BOARD[0].name == HEADLINE
