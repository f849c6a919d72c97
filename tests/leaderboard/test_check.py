"""The checker on entries spoilt by mistake or on purpose: each failure by name, all at once, no crash."""

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from board_entries import add_entry
from made_entries import METADATA, NAME, failures
from metric_versions import set_versions

pytest.importorskip("pydantic")
pytest.importorskip("yaml")

from benchmark.dataset.store import Split
from benchmark.leaderboard.check import Checker
from benchmark.leaderboard.entries import LIMITS
from benchmark.leaderboard.review import below, jumps
from benchmark.predictions import read_predictions, write_predictions
from benchmark.scoring.evaluation import evaluate
from benchmark.scoring.receipt import make_receipt


@pytest.fixture(scope="module")
def checker(splits: dict[str, Split]) -> Checker:
    return Checker(splits)


def test_a_good_entry_passes_with_a_note_on_copying(checker: Checker, entry: Path) -> None:
    """A checker that nobody can satisfy."""
    report = checker.check(entry)
    assert report.failures == []
    assert "verbatim training captions" in report.notes[0]


def test_every_check_runs_and_all_failures_are_listed(checker: Checker, entry: Path) -> None:
    """A checker that stops at the first failure."""
    (entry / "metadata.yaml").write_text("name: !!python/name:os.system\n")
    (entry / "notes.txt").write_text("x")
    (entry / "seed1/preds.val.jsonl.gz").write_bytes(gzip.compress(b"{\n"))
    (entry / "seed1/scores.test.json").write_text("[]")
    worse = entry.rename(entry.with_name("Best System"))
    found = failures(checker, worse)
    assert found.keys() == {"name", "files", "metadata", "predictions", "receipts"}
    assert "metadata.yaml:1: YAML tags" in found["metadata"]
    assert "preds.val.jsonl.gz:1" in found["predictions"]


@pytest.mark.parametrize("target", ["/etc/hostname", "seed1/preds.val.jsonl.gz", "nowhere"])
def test_links_are_named_and_never_followed(checker: Checker, entry: Path, target: str) -> None:
    """An entry that shows a file of the machine that checks it."""
    for place in ("README.md", "seed1/preds.test.jsonl.gz"):
        (entry / place).unlink()
        (entry / place).symlink_to(target)
    (entry / "seed2").symlink_to(entry / "seed1")
    found = failures(checker, entry)
    assert found["files"].count("\n") == 3
    assert "README.md: missing, or not a regular file of allowed size" in found["complete"]
    link = entry.with_name("20270131_link")
    link.symlink_to(entry)
    assert "got a link" in failures(checker, link)["files"]


def test_odd_names_and_crowds(checker: Checker, entry: Path) -> None:
    """`..`, control characters and a million files in a folder."""
    for name in ("..x", "a\nb", "seed01", "\x1b[31m", "<script>"):
        (entry / name).write_text("x")
    (entry / "seed7").mkdir()
    for i in range(40):
        (entry / f"seed1/{i}").write_text("")
    found = failures(checker, entry)
    assert all(line.isprintable() for line in found["files"].splitlines())
    assert "more than 24 files" in found["files"]
    assert "seeds [1], but there are folders of seeds [1, 7]" in found["complete"]
    assert "expected <YYYYMMDD>_<system>" in failures(checker, entry / "..")["name"]


def test_fifo_does_not_hang(checker: Checker, entry: Path) -> None:
    """Reading a pipe that nobody writes to never ends."""
    (entry / "metadata.yaml").unlink()
    os.mkfifo(entry / "metadata.yaml")
    assert "expected a plain file" in failures(checker, entry)["files"]


def test_size_limits(checker: Checker, entry: Path) -> None:
    """A receipt of a gigabyte, read before anybody asks how large it is."""
    with (entry / "seed1/scores.test.json").open("r+b") as file:
        file.truncate(LIMITS["scores"] + 1)
    assert "seed1/scores.test.json: got 16,777,217 bytes" in failures(checker, entry)["sizes"]


def test_gzip_bomb_and_truncated_gzip(checker: Checker, entry: Path) -> None:
    """A small file that unpacks without end; an upload that broke off."""
    whole = (entry / "seed1/preds.test.jsonl.gz").read_bytes()
    (entry / "seed1/preds.test.jsonl.gz").write_bytes(whole[:-40])
    (entry / "seed1/preds.val.jsonl.gz").write_bytes(gzip.compress(b"\n" * (64 << 20)))
    found = failures(checker, entry)["predictions"]
    assert "truncated" in found
    assert "reading stopped" in found


def test_captions_made_to_slow_the_scorer(checker: Checker, entry: Path, splits: dict[str, Split]) -> None:
    """A thousand characters in every box, which would take METEOR minutes."""
    long = [(caption * 1000)[:1000] for caption in splits["test"].captions]
    write_predictions(entry / "seed1/preds.test.jsonl.gz", splits["test"], long)
    found = failures(checker, entry)
    assert found.keys() == {"predictions"}
    assert "characters per caption on average, expected at most 15" in found["predictions"]


@pytest.mark.parametrize("key", ["scores", "data", "versions", "types"])
def test_tampered_receipt(checker: Checker, entry: Path, key: str) -> None:
    """A number made better, other data, other metrics, or a field that makes the checker load an encoder."""
    path = entry / "seed1/scores.test.json"
    receipt = json.loads(path.read_text())
    changes = {"scores": ("CIDEr", 999.0), "data": ("fingerprint", "00"), "versions": ("metrics", "9")}
    field, value = changes.get(key, ("encoder", "/tmp/evil"))
    receipt.setdefault(key, {})[field] = value
    path.write_text(json.dumps(receipt))
    found = failures(checker, entry)
    assert found.keys() == {"receipts"}
    assert f"{key}.{field}" in found["receipts"] or f"{key}:" in found["receipts"]


def test_another_version_of_a_metric(checker: Checker, entry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores of an older version of a metric, handed in as those of now; or one told to score again for a newer one."""
    path = entry / "seed1/scores.test.json"
    receipt = json.loads(path.read_text())
    for version, said in (
        ("0", "metrics.CIDEr: the receipt says '0', recomputed '1'"),
        ("2", "metrics: the receipt has metrics that this version does not know: CIDEr version 2; update the package"),
    ):
        receipt["metrics"]["CIDEr"] = version
        path.write_text(json.dumps(receipt))
        [found] = failures(checker, entry)["receipts"].splitlines()
        assert found.endswith(said)
    receipt["metrics"]["CIDEr"] = "1"
    path.write_text(json.dumps(receipt))
    set_versions(monkeypatch, {"CIDEr": "2"})
    assert "version of CIDEr: got '1', expected '2'; score again" in failures(checker, entry)["receipts"]


def test_a_receipt_is_wrong_in_a_line(checker: Checker, entry: Path) -> None:
    """A number among hundreds of lines that the reader has to search for."""
    path = entry / "seed1/scores.test.json"
    lines = path.read_text().split("\n")
    scores = lines.index(' "scores": {')
    number = next(n for n, line in enumerate(lines) if n > scores and '"METEOR"' in line)
    lines[number] = '  "METEOR": 99.0,'
    path.write_text("\n".join(lines))
    assert f"{path}:{number + 1}: " in failures(checker, entry)["receipts"]


@pytest.mark.parametrize(
    "receipt", ["[" * 100_000, '{"format": "caponimage-receipt/1", "data": 3}', "9" * 5000, "\x00"]
)
def test_what_is_no_receipt(checker: Checker, entry: Path, receipt: str) -> None:
    """A traceback for JSON that only looks like a receipt."""
    (entry / "seed1/scores.val.json").write_text(receipt)
    found = failures(checker, entry)
    assert found.keys() == {"receipts"}
    assert "the check failed" not in found["receipts"]


def test_copy_of_another_entry(checker: Checker, entry: Path) -> None:
    """The same predictions handed in under another name."""
    copy = shutil.copytree(entry, entry.with_name("20270131_another"))
    assert f"100.0% of the captions equal those of {NAME}," in failures(checker, copy)["duplicates"]


def test_leaked_references(checker: Checker, entry: Path, splits: dict[str, Split]) -> None:
    """The references handed in as predictions, with an honest receipt."""
    split = splits["test"]
    write_predictions(entry / "seed1/preds.test.jsonl.gz", split, split.captions)
    receipt = make_receipt(split, evaluate(split, split.captions))
    (entry / "seed1/scores.test.json").write_text(json.dumps(receipt))
    found = failures(checker, entry)
    assert found.keys() == {"leak"}
    assert "100.0% of the captions equal their reference" in found["leak"]


def receipt_with(split: str, cider: float, exact: float = 20.0) -> dict[str, Any]:
    """What the rules on jumps read of a receipt: intervals of +- 10."""
    return {
        "data": {"synthetic": True, "split": split},
        "scores": {"CIDEr": cider, "Exact": exact},
        "intervals": {"CIDEr": [cider - 10, cider + 10], "Exact": [exact - 1, exact + 1]},
    }


@pytest.mark.parametrize(
    ("receipts", "best", "said"),
    [
        ({(1, "val"): receipt_with("val", 400), (1, "test"): receipt_with("test", 415)}, None, None),
        ({(1, "val"): receipt_with("val", 20), (1, "test"): receipt_with("test", 30)}, None, None),  # within noise
        ({(1, "val"): receipt_with("val", 400), (1, "test"): receipt_with("test", 480)}, None, "20% above val"),
        ({(s, "test"): receipt_with("test", 400 + 100 * (s == 3)) for s in (1, 2, 3)}, None, "seed 3: CIDEr is 25%"),
        ({(1, "test"): receipt_with("test", 800, exact=37.5)}, None, "exact match is above 36 %"),
        ({(1, "test"): receipt_with("test", 800, exact=36.5)}, None, None),
        ({(1, "test"): receipt_with("test", 400)}, ("a", 300.0), "33% above the best accepted entry, a"),
        ({(1, "test"): receipt_with("test", 360)}, ("a", 300.0), None),
        ({(1, "test"): receipt_with("test", 400)}, ("a", 0.0), None),
    ],
)
def test_suspicious_jumps(receipts: dict[Any, Any], best: tuple[str, float] | None, said: str | None) -> None:
    """A leap that nobody is told of, and an alarm over noise that teaches people to look away."""
    notes = list(jumps(receipts, best))
    assert [said in note for note in notes] == [True] if said else not notes


def test_what_needs_no_model_is_a_floor() -> None:
    """A system that is worse than copying the title, and nobody is told."""
    receipts = {(1, "test"): receipt_with("test", 40), (1, "val"): receipt_with("val", 1)}
    assert list(below(receipts, {"title copy": 29.9, "nearest training box": 10.0})) == []
    assert list(below(receipts, {"title copy": 31.0, "nearest training box": 10.0})) == [
        "seed 1: CIDEr on test is not above that of title copy, which needs no model"
    ]


def test_seeds_that_are_one_training(checker: Checker, splits: dict[str, Split], tmp_path: Path) -> None:
    """One training handed in as two seeds, a little altered, so that its deviation over seeds is tiny."""
    entry = add_entry(tmp_path, splits, "Model", 0.2, seeds=[1, 2])
    for name in ("val", "test"):
        path = entry / f"seed1/preds.{name}.jsonl.gz"
        captions = read_predictions(path, splits[name])
        write_predictions(entry / f"seed2/preds.{name}.jsonl.gz", splits[name], ["好", *captions[1:]])
    report = checker.check(entry, without=["receipts"])
    assert any("seeds 1 and 2 are very similar on test" in warning for warning in report.warnings)


def test_one_caption_everywhere_is_told(checker: Checker, entry: Path, splits: dict[str, Split]) -> None:
    """A system that writes one safe caption."""
    split = splits["test"]
    captions = ["温和"] * split.n_boxes
    write_predictions(entry / "seed1/preds.test.jsonl.gz", split, captions)
    (entry / "seed1/scores.test.json").write_text(json.dumps(make_receipt(split, evaluate(split, captions))))
    report = checker.check(entry)
    assert report.failures == []
    assert "seed 1: 100% of the test boxes have the same caption" in report.notes


def test_boxes_without_an_answer_are_those_with_an_empty_caption(
    checker: Checker, splits: dict[str, Split], tmp_path: Path
) -> None:
    """Failures of a prompted model that its authors do not tell."""
    about = {"uses_external_data": True, "external_data": "the web", "prompt": "zh (0123)", "provider": "own server"}
    for said, expected in ((0, 0), (3, 1)):
        entry = add_entry(tmp_path / str(said), splits, "Asked", 0.2, unanswered_boxes=said, **about)
        problems = [problem for name, problem in checker.check(entry).failures if name == "predictions"]
        assert len(problems) == expected, problems
    assert "unanswered_boxes: got 3, but 0 captions are empty" in problems[0]


def test_readme_and_date_follow_metadata(checker: Checker, entry: Path) -> None:
    """A page that says other things than the metadata that was checked."""
    (entry / "README.md").write_text("# the best <script>")
    (entry / "metadata.yaml").write_text(METADATA.replace("2027-01-31", "2027-02-01"))
    assert failures(checker, entry).keys() == {"metadata", "readme"}


def test_an_error_of_a_check_is_a_failure(checker: Checker, entry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash in one check that hides what the others find."""
    monkeypatch.setattr(checker, "_sizes", lambda *_: 1 / 0)
    (entry / "extra").write_text("x")
    found = failures(checker, entry)
    assert found.keys() == {"files", "sizes"}
    assert "ZeroDivisionError" in found["sizes"]


def test_command_line(entry: Path, splits: dict[str, Split]) -> None:
    """Exit codes that continuous integration acts on: 0, 1, and 2 for wrong usage."""
    command = [sys.executable, "-m", "benchmark.leaderboard", "check", "--data", str(splits["test"].directory)]

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, *more], capture_output=True, text=True, check=False)

    good = run("--submissions", str(entry.parent), "--json", str(entry.parent.parent / "result.json"))
    assert (good.returncode, good.stderr) == (0, "")
    result = json.loads((entry.parent.parent / "result.json").read_text())
    receipt = json.loads((entry / "seed1/scores.test.json").read_text())
    assert result["passed"]
    assert result["entries"][0]["scores"]["test"]["CIDEr"] == [receipt["scores"]["CIDEr"]]
    assert good.stdout.endswith("checked 1: 1 pass, 0 fail; failures: 0\n")
    (entry / "extra").write_text("x")
    bad = run(str(entry))
    assert (bad.returncode, bad.stderr) == (1, "")
    assert f"FAIL {NAME} (self-scored)\n     files: " in bad.stdout
    assert run("--submissions", str(entry / "nowhere")).returncode == 2
