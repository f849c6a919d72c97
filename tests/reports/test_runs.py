"""Runs on disk and stored results: what may be reused, and that storing loses nothing."""

import json
from pathlib import Path

import pytest
from PIL import Image
from tiny_runs import tiny

from benchmark.dataset.store import Split, open_directory
from benchmark.errors import InputError
from benchmark.predictions import write_predictions
from benchmark.scoring.evaluation import evaluate
from benchmark.scoring.receipt import first_difference, make_receipt
from reference_model.config import Config
from reference_model.run_folder import read_config, run_folder, write_config
from reports.experiments import TableRow
from reports.figures.curves import draw_curves
from reports.runs.stored import Run, check_data, find_runs, set_aside, state, store
from reports.tables.measured import Measurer


def finished(runs: Path, splits: dict[str, Split], config: Config, seed: int = 1) -> Run:
    """A run as training leaves it; its captions are the references, backwards."""
    folder = run_folder(runs, config, seed)
    write_config(folder, config, seed, splits["train"].dataset, splits["train"].fingerprint.hexdigest())
    for name in ("val", "test"):
        captions = [caption[::-1] for caption in splits[name].captions]
        write_predictions(folder / f"preds.{name}.jsonl", splits[name], captions)
        receipt = make_receipt(splits[name], evaluate(splits[name], captions), slices=False)
        (folder / f"scores.{name}.json").write_text(json.dumps(receipt))
    log = [{"update": u, "task": "cg", "loss": 1.0, "seconds": u / 100} for u in range(1, 8)]
    log.append({"update": 7, "validation": {"CIDEr": 50.0, "Exact": 10.0}})
    (folder / "log.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in log))
    run = Run(folder)
    run.note(version="now")
    return run


def test_stored_results_hold_all_that_tables_need(tmp_path: Path, splits: dict[str, Split]) -> None:
    """A table from stored results that differs from the one of the runs."""
    config = tiny("context")
    run = finished(tmp_path / "runs", splits, config)
    path = store(run, splits, tmp_path / "results")
    assert path == tmp_path / "results" / "mini" / "context" / config.hash / "seed1"
    kept = Run(path)
    assert kept.complete
    for name in ("val", "test"):
        assert kept.captions(splits[name]) == run.captions(splits[name])
        receipt = json.loads((path / f"scores.{name}.json").read_text())
        again = make_receipt(splits[name], evaluate(splits[name], kept.captions(splits[name])), slices=False)
        assert first_difference(receipt, again) is None
    assert kept.validations == run.validations == {7: {"CIDEr": 50.0, "Exact": 10.0}}
    assert kept.seconds_per_update == run.seconds_per_update == 0.04
    assert kept.made_by["version"] == "now"
    before = {p.name: p.read_bytes() for p in path.iterdir()}
    assert not any("safetensors" in name for name in before)
    store(run, splits, tmp_path / "results")
    assert {p.name: p.read_bytes() for p in path.iterdir()} == before


@pytest.mark.parametrize("name", ["preds.test.jsonl.gz", "preds.val.jsonl.gz", "scores.test.json", "config.json"])
@pytest.mark.parametrize("how", ["a bit", "zeroed", "halved", "missing"])
def test_stored_results_that_are_damaged_are_told(
    name: str, how: str, tmp_path: Path, splits: dict[str, Split], capsys: pytest.CaptureFixture[str]
) -> None:
    """A table without a row, or with a number of half of the captions, and no word about it."""
    path = store(finished(tmp_path / "runs", splits, tiny("context")), splits, tmp_path / "results")
    assert Run(path).complete
    content = (path / name).read_bytes()
    place = content.index(b'"predictions": "') + 20 if name == "scores.test.json" else len(content) // 2
    changed = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
    damaged = {"a bit": changed, "zeroed": bytes(len(content)), "halved": content[: len(content) // 2], "missing": b""}
    (path / name).write_bytes(damaged[how])
    if how == "missing":
        (path / name).unlink()
    if (name, how) == ("config.json", "a bit"):
        with pytest.raises(InputError):
            read_config(path)
        return
    assert not Run(path).complete
    assert not Run(path).complete
    said = capsys.readouterr().err
    if how != "missing" or name.startswith("preds"):
        assert said.count(name.removesuffix(".gz")) >= 1
        assert said.count("\n") == 1


def test_a_damaged_log_costs_its_lines_alone(tmp_path: Path, splits: dict[str, Split]) -> None:
    """Zeros at the end of a file, as a power cut leaves them, or bytes that are no text."""
    run = finished(tmp_path, splits, tiny("context"))
    path = run.folder / "log.jsonl"
    path.write_bytes(path.read_bytes() + b"\xff\xfe{\n" + bytes(3000) + b'{"update": "x"}\n[3]\n')
    assert run.updates_done == 7
    assert run.validations == {7: {"CIDEr": 50.0, "Exact": 10.0}}
    assert run.seconds_per_update == 0.04
    path.unlink()
    assert (run.updates_done, run.validations, run.seconds_per_update) == (0, {}, None)


def test_scores_come_from_the_predictions(tmp_path: Path, splits: dict[str, Split]) -> None:
    """A report that trusts stored scores would show numbers nobody can recompute."""
    row = TableRow("T2-ctx", "context", "context")
    run = finished(tmp_path, splits, row.config("smoke"))
    for name in ("val", "test"):
        (run.folder / f"scores.{name}.json").write_text('{"scores": {"Exact": 99.0}}')
    measurer = Measurer(splits, {row.config("smoke").hash: [run]}, "smoke")
    right = [caption == caption[::-1] for caption in splits["test"].captions]
    exact = measurer.measure([row], "test")[0].score("Exact")[0]
    assert exact == pytest.approx(100 * sum(right) / len(right))


def test_rows_without_runs_are_left_out(splits: dict[str, Split]) -> None:
    """A failed row must not take the table with it."""
    rows = [TableRow("T2-ctx", "context", "context"), TableRow("T2-human", "human", blind="references")]
    assert [m.row.id for m in Measurer(splits, {}, "smoke").measure(rows, "test")] == ["T2-human"]


def test_runs_are_found_by_hash(tmp_path: Path, splits: dict[str, Split]) -> None:
    """Complete runs first; another variant's name does not matter; another configuration does."""
    config = tiny("context")
    (tmp_path / "a" / "alias" / config.hash / "seed1").mkdir(parents=True)
    finished(tmp_path / "b", splits, config)
    found = find_runs([tmp_path / "a", tmp_path / "b"], config, 1)
    assert [run.complete for run in found] == [True, False]
    assert find_runs([tmp_path / "b"], config, 2) == []
    assert len(find_runs([tmp_path / "b"], config)) == 1
    assert find_runs([tmp_path / "b"], tiny("full")) == []


def test_states(tmp_path: Path, splits: dict[str, Split]) -> None:
    """What may be reused, what goes on, what is made anew."""
    run = finished(tmp_path, splits, tiny("context"))
    assert state(run, "now", keep_old=False) == "complete"
    assert state(run, "later", keep_old=False) == "other version"
    assert state(run, "later", keep_old=True) == "complete"
    (run.folder / "scores.test.json").unlink()
    assert state(run, "now", keep_old=False) == "missing"  # nothing of it can be gone on with
    (run.folder / "checkpoint").mkdir()
    assert state(run, "now", keep_old=False) == "begun"
    run.note(version="now, then later")
    assert state(run, "later", keep_old=False) == "other version"
    assert state(None, "now", keep_old=False) == "missing"
    moved = [set_aside(run, tmp_path)]
    moved.append(set_aside(finished(tmp_path, splits, tiny("context")), tmp_path))
    assert [path.name for path in moved] == ["seed1.1", "seed1.2"]
    assert all(path.is_dir() for path in moved)
    assert find_runs([tmp_path], tiny("context")) == []


def test_runs_of_other_data_are_refused(tmp_path: Path, splits: dict[str, Split], directory: Path) -> None:
    """Scores of one data set in the table of another."""
    run = finished(tmp_path, splits, tiny("context"))
    check_data(run, open_directory(directory)["train"])
    with pytest.raises(InputError, match=r"other data.*--runs"):
        check_data(run, splits["val"])


def test_the_log_is_read_while_it_is_written(tmp_path: Path) -> None:
    """A line cut in the middle, at the end of the file or at the start of what is looked at."""
    run = Run(tmp_path)
    assert run.updates_done == 0
    lines = [json.dumps({"update": u, "task": "cg", "loss": 0.5, "seconds": 0.1}) + "\n" for u in range(1, 400)]
    (tmp_path / "log.jsonl").write_text("".join(lines) + '{"update": 400, "ta')
    assert run.updates_done == 399


def test_curves_are_drawn(tmp_path: Path, splits: dict[str, Split]) -> None:
    """An empty picture, or a line that cannot be drawn for a run with one validation."""
    path = tmp_path / "curves.png"
    draw_curves({"context": [finished(tmp_path, splits, tiny("context"))]}, path, "synthetic")
    with Image.open(path) as picture:
        assert picture.width > 800
        colours = picture.convert("RGB").getcolors(1 << 24)
        assert colours is not None
        assert len(colours) > 50
