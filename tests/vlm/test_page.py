"""What a run is worth: the page about it, and the draft of its entry."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("inspect_ai", reason="needs the extra vlm")
pytest.importorskip("jinja2", reason="needs the extra board")

from board_entries import ABOUT, add_entry
from vlm.fault_server import FaultServer

from benchmark.dataset.store import Split
from benchmark.errors import InputError
from benchmark.leaderboard.check import Checker
from benchmark.leaderboard.entries import entry_name
from benchmark.leaderboard.metadata import Metadata, read_metadata
from benchmark.leaderboard.new_entry import fill_entry
from benchmark.predictions import read_predictions
from benchmark.scoring.evaluation import evaluate
from benchmark.vlm import __main__ as commands
from benchmark.vlm.outputs import about_path, read_about

FAULTS = {"cut off": 0.2, "refusal": 0.2}


@pytest.fixture(scope="module")
def runs(splits: dict[str, Split], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Prediction files of val and test by a server that fails often."""
    folder, patch = tmp_path_factory.mktemp("runs"), pytest.MonkeyPatch()
    found = {name: folder / f"preds.{name}.jsonl" for name in ("val", "test")}
    with FaultServer(FAULTS) as server, patch.context() as context:
        context.setenv("ENDPOINT_API_KEY", "none")
        context.setenv("INSPECT_CACHE_DIR", str(folder))
        for name, out in found.items():
            given: dict[str, Any] = {"data": str(splits[name].directory), "split": name, "base_url": server.url}
            commands.run_command("fault", out, **given, price="in=1,out=2", allow_missing=True)
    return found


def test_the_page_of_a_run(splits: dict[str, Split], runs: dict[str, Path], tmp_path: Path) -> None:
    """Failures that look like captions, a price that nobody sees, or scores of other data beside ours."""
    split, entries = splits["test"], tmp_path / "submissions"
    add_entry(entries, splits, "Trained <b>", 0.5)
    out = tmp_path / "page"
    commands.page_command(runs["test"], out, str(split.directory), entries)
    text = re.sub(r"\s+", " ", (out / "index.html").read_text(encoding="utf-8"))
    about = read_about(runs["test"])
    unanswered = about["unanswered"]
    assert 0 < unanswered < split.n_boxes
    assert f"{unanswered:,} have no usable answer" in text
    assert {"truncated", "refused"} == set(about["failures"]) == set(about["unanswered_boxes"])
    captions = read_predictions(runs["test"], split)
    missing = {box for boxes in about["unanswered_boxes"].values() for box in boxes}
    assert missing == {i for i, text in enumerate(captions) if not text}
    assert f"{evaluate(split, captions).scores['CIDEr']:.2f}" in text
    assert "Trained &lt;b&gt;" in text
    assert "1,000 images cost" in text
    assert "CIDEr by position" in text
    browser = (out / "browser" / "data" / "index.js").read_text(encoding="utf-8")
    assert '"answered"' in browser
    assert '"truncated"' in browser
    commands.page_command(runs["test"], out, str(split.directory), None)  # an older page is replaced
    assert "Trained" not in (out / "index.html").read_text(encoding="utf-8")
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("dear")
    with pytest.raises(InputError, match="not replaced"):
        commands.page_command(runs["test"], tmp_path / "letters", str(split.directory), None)


def test_from_a_run_to_an_entry_that_passes(splits: dict[str, Split], runs: dict[str, Path], tmp_path: Path) -> None:
    """A draft that the checker refuses for what the run has filled in, or failures that it leaves out."""
    path = tmp_path / "metadata.yaml"
    commands.metadata_command([runs["val"], runs["test"]], path)
    with pytest.raises(InputError) as refused:
        read_metadata(path)
    left = {problem.split(": ")[1] for problem in refused.value.problems}
    assert left <= {
        "authors",
        "contact",
        "organisation",
        "license",
        "trained_on_val_or_test",
        "attempts",
        "open_weights",
    }
    told = {name: ABOUT[name] for name in left}
    filled = [
        f"{line} {json.dumps(told[line[:-1]])}" if line[:-1] in told else line for line in path.read_text().splitlines()
    ]
    path.write_text("\n".join(filled).replace("provider:", "provider: own server"), encoding="utf-8")
    metadata: Metadata = read_metadata(path)
    captions = {name: read_predictions(file, splits[name]) for name, file in runs.items()}
    assert metadata.unanswered_boxes == sum(texts.count("") for texts in captions.values())
    assert metadata.cost_per_1000_images
    assert (metadata.name, metadata.pretrained_from) == ("fault", ["fault"])
    folder = tmp_path / "submissions"
    folder.mkdir()
    evaluated = [{name: evaluate(splits[name], texts) for name, texts in captions.items()}]
    fill_entry(folder / entry_name(metadata), metadata, [captions], evaluated, splits)
    assert Checker(splits).check(folder / entry_name(metadata)).failures == []
    with pytest.raises(InputError, match="not overwritten"):
        commands.metadata_command([runs["val"]], path)


def test_files_beside_predictions_are_not_trusted(runs: dict[str, Path], tmp_path: Path) -> None:
    """A traceback, or numbers of another run, from a file that somebody has edited; two systems in one entry."""
    predictions = Path(shutil.copy(runs["test"], tmp_path / "p.jsonl"))
    with pytest.raises(InputError, match="No such file"):
        read_about(predictions)
    content = json.loads(about_path(runs["test"]).read_text(encoding="utf-8"))
    wrong: list[dict[str, Any]] = [{"tokens": {}}, {"format": "x"}, {"images": "3"}, {"model": None}]
    wrong += [{"unanswered_boxes": {"a": text}} for text in ("0-99999999999", f"0-{'9' * 400}", "x")]
    for change in wrong:
        about_path(predictions).write_text(json.dumps(content | change), encoding="utf-8")
        with pytest.raises(InputError, match="not what"):
            read_about(predictions)
    about_path(predictions).write_text("[" * 100_000, encoding="utf-8")
    with pytest.raises(InputError, match="not what"):
        read_about(predictions)
    for change in ({"model": "other"}, {"parameters": content["parameters"] | {"temperature": 1.0}}):
        about_path(predictions).write_text(json.dumps(content | change), encoding="utf-8")
        with pytest.raises(InputError, match="one entry is one system"):
            commands.metadata_command([runs["test"], predictions], tmp_path / "metadata.yaml")
