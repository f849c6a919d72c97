"""Whole runs against a server that fails: nothing is lost, nothing is paid twice, and no failure becomes a caption."""

import base64
import io
import json
import os
import signal
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("inspect_ai", reason="needs the extra vlm")

from inspect_ai._util.registry import registry_info
from inspect_ai.log import read_eval_log
from vlm.fault_server import FaultServer

from benchmark.dataset.description import write_description
from benchmark.dataset.hidden import hidden_row
from benchmark.dataset.mini.build import build
from benchmark.dataset.store import Split, SplitWriter, open_directory
from benchmark.errors import InputError
from benchmark.predictions import read_predictions
from benchmark.scoring.evaluation import evaluate
from benchmark.vlm import __main__ as commands

ROOT = Path(__file__).parents[2]
SECRET = "sk-never-on-disk"

#: Half of all requests meet a fault.
FAULTS = {"429": 0.05, "500": 0.05, "cut": 0.05, "slow": 0.05, "think": 0.05, "fenced": 0.05} | dict.fromkeys(
    ("count", "twice", "cut off", "empty", "refusal", "english", "long", "prose"), 0.04
)


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENDPOINT_API_KEY", SECRET)
    monkeypatch.setenv("INSPECT_CACHE_DIR", os.devnull)  # put back after each test


def run(server: FaultServer, split: Split, out: Path, **options: object) -> None:
    given = {"data": str(split.directory), "split": split.name, "base_url": server.url, **options}
    commands.run_command("fault", out, **given)  # type: ignore[arg-type]


def the_log(out: Path) -> Path:
    return max(out.with_name(f"{out.name}.vlm").glob("logs/*.eval"), key=lambda path: path.stat().st_mtime)


def test_a_run_through_all_faults(splits: dict[str, Split], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Failures made captions; answers asked for again; other predictions than without faults; a key in a file."""
    split, out = splits["test"], tmp_path / "faults.jsonl"
    with FaultServer(FAULTS) as server:
        rounds = 0
        while not out.exists():
            rounds += 1
            try:
                run(server, split, out, price="in=1,out=2")
            except InputError as error:
                unanswered = error.problems[1:]
                assert 0 < len(unanswered) <= len(server.seen) - len(server.answered)
                assert rounds < 12
        assert rounds > 1
        assert server.again == []
        assert len(server.answered) == split.n_images
    assert "replies were there already" in capsys.readouterr().err
    with FaultServer() as server:
        run(server, split, tmp_path / "none.jsonl")
    assert out.read_bytes() == (tmp_path / "none.jsonl").read_bytes()

    results = read_eval_log(str(the_log(out)), header_only=True).results
    assert results is not None
    shown = {name: metric.value for name, metric in results.scores[0].metrics.items()}
    scores = evaluate(split, read_predictions(out, split)).scores
    assert shown["cider"] == scores["CIDEr"]
    assert shown["bleu_4"] == scores["BLEU-4"]
    assert shown["failures"] == 0
    about = json.loads((tmp_path / "faults.jsonl.about.json").read_text(encoding="utf-8"))
    assert (about["provider"], about["unit"]) == ("openai-api/endpoint", "image")
    assert about["price"] == pytest.approx((about["tokens"]["in"] + 2 * about["tokens"]["out"]) / 1e6)
    assert about["tokens"]["in"] > 500 * split.n_images  # also those of unusable replies
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]

    commands.export_command(the_log(out), tmp_path / "export.jsonl", str(split.directory), "in=1,out=2")
    assert (tmp_path / "export.jsonl").read_bytes() == out.read_bytes()


def test_nothing_leaks_through_the_engine(splits: dict[str, Split], tmp_path: Path) -> None:
    """Pictures that the engine reads anew from the data set, texts and all: what counts is what the server got."""
    split = splits["val"]
    with FaultServer() as server:
        run(server, split, tmp_path / "preds.jsonl", coordinates="thousand", prompt="en", shots=1)
    assert len(server.bodies) == split.n_images
    seen = set()
    for body in server.bodies:
        picture, text = body["messages"][-1]["content"]
        [image] = [i for i, title in enumerate(split.titles) if f"title: {title}\n" in text["text"]]
        seen.add(image)
        [row] = split.rows(only=range(image, image + 1))
        png = base64.b64decode(picture["image_url"]["url"].partition(",")[2])
        sent, original = np.asarray(Image.open(io.BytesIO(png))), np.asarray(split.image(row["image_id"]))
        kept = np.ones(sent.shape[:2], bool)
        height, width = kept.shape
        for x1, y1, x2, y2 in [*row["boxes"], *row["masked_boxes"]]:
            kept[int(y1 * height) : int(y2 * height) + 1, int(x1 * width) : int(x2 * width) + 1] = False
        assert np.array_equal(sent, np.where(kept[..., None], original, 0))
    assert len(seen) == split.n_images


def test_what_is_not_asked_is_no_caption(
    splits: dict[str, Split], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A budget that is overdrawn; a file without the boxes that failed, or one that passes for a whole one."""
    split, out = splits["val"], tmp_path / "preds.jsonl"
    with FaultServer() as server:
        with pytest.raises(InputError, match="have no caption") as refused:
            run(server, split, out, max_tokens=4000, connections=1)
        assert 3 <= len(server.bodies) <= 8
        assert "not asked" in refused.value.problems[-1]
        assert not out.exists()
        run(server, split, out, max_tokens=2500, connections=1, allow_missing=True)
        assert server.again == []
        captions = read_predictions(out, split)
        assert captions.count("") > 0
        assert json.loads((tmp_path / "preds.jsonl.about.json").read_text())["unanswered"] == captions.count("")
        kept = len(server.answered)
        with pytest.raises(InputError, match="have no caption") as refused:  # replies that are there need no budget
            run(server, split, out, max_tokens=1, connections=4)
        assert len(server.answered) == kept
        assert len(refused.value.problems) - 1 == split.n_images - kept
        run(server, split, tmp_path / "some.jsonl", limit=2)
    assert "cannot be scored" in capsys.readouterr().err
    assert len((tmp_path / "some.jsonl").read_text().splitlines()) == int(split.offsets[2])


def test_a_split_with_hidden_captions(splits: dict[str, Split], tmp_path: Path) -> None:
    """A hidden test split, which is what most people ask about: its log has no score, and no error either."""
    with SplitWriter(tmp_path / "data", "test") as writer:
        for row in splits["test"].rows(only=range(3)):
            writer.append(hidden_row(row))
    write_description(tmp_path / "data", name="hidden", synthetic=True, splits={"test": writer.summary()})
    (tmp_path / "data" / "images").symlink_to(splits["test"].picture_folder)
    hidden = open_directory(tmp_path / "data")["test"]
    with FaultServer() as server:
        run(server, hidden, tmp_path / "preds.jsonl", unit="box", neighbours=True, structured=True)
        assert len(server.bodies) == hidden.n_boxes
        assert all("json_schema" in body["response_format"] for body in server.bodies)
    assert all(read_predictions(tmp_path / "preds.jsonl", hidden))
    results = read_eval_log(str(the_log(tmp_path / "preds.jsonl")), header_only=True).results
    assert results is not None
    assert list(results.scores[0].metrics) == ["failures"]


def test_help_and_dry_runs_load_no_engine() -> None:
    """Eight seconds for a line of help, or a plan that needs a package which is not there."""
    code = "import sys, benchmark.vlm.__main__, benchmark.vlm.plan; sys.exit('inspect_ai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_the_engine_finds_the_task() -> None:
    """`inspect eval caponimage/caption`: no such task, since the entry point names another module."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module = project["entry-points"]["inspect_ai"]["caponimage"]
    found = import_module(module.replace("caponimage", "benchmark"))
    assert registry_info(found.caption).name.rpartition("/")[2] == "caption"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"base_url": "http://me:secret@localhost/v1"}, "would stand in the log"),
        ({"base_url": "localhost:8000"}, "expected an address"),
        ({"base_url": "http://["}, "expected an address"),
        ({"max_cost": 1.0}, "--max-cost needs the prices"),
        ({"max_cost": float("nan"), "price": "in=1,out=1"}, "a number above 0"),
        ({"unit": "page", "shots": 99}, "expected image or box"),
        ({"prompt": "none"}, "expected one of en, zh"),
        ({"base_url": None}, "--model fault"),
    ],
)
def test_what_cannot_be_run_is_refused_before_a_request(
    splits: dict[str, Split], tmp_path: Path, options: dict[str, object], words: str
) -> None:
    """A traceback of the engine, or a run that is half paid when its options turn out to be wrong."""
    with FaultServer() as server:
        with pytest.raises(InputError, match=words):
            run(server, splits["val"], tmp_path / "preds.jsonl", **options)
        assert server.bodies == []


def test_a_log_of_something_else_is_refused(splits: dict[str, Split], tmp_path: Path) -> None:
    """Predictions made of a log of other data, or a traceback for a file that is no log."""
    other = tmp_path / "other.eval"
    for content in (None, b"", b"PK\x03\x04 no zip"):
        if content is not None:
            other.write_bytes(content)
        with pytest.raises(InputError, match=r"other\.eval"):
            commands.export_command(other, tmp_path / "preds.jsonl", str(splits["test"].directory))


@pytest.mark.slow
def test_two_hundred_images_killed_twice(tmp_path: Path) -> None:
    """A run on a cluster that is killed without notice: what was answered before is never asked for again."""
    build(tmp_path / "data", {"train": 8, "val": 8, "test": 200})
    split = open_directory(tmp_path / "data")["test"]
    shares = {"429": 0.05, "500": 0.03, "cut": 0.01, "think": 0.1, "fenced": 0.1, "prose": 0.01, "cut off": 0.01}

    def command(server: FaultServer, out: Path) -> list[str]:
        options = ["--data", str(split.directory), "--split", "test", "-o", str(out), "--connections", "4"]
        return [sys.executable, "-m", "benchmark.vlm", "run", "--model", "fault", "--base-url", server.url, *options]

    out = tmp_path / "faults.jsonl"
    with FaultServer(shares, delay=0.02) as server:
        for answers in (60, 130):
            server.let_go(answers)
            with subprocess.Popen(command(server, out), cwd=ROOT, stderr=subprocess.DEVNULL) as process:
                try:
                    assert server.held.wait(240)
                    process_had_time = process.poll() is None and not _waits(1.0, process)
                    assert process_had_time
                finally:
                    process.send_signal(signal.SIGKILL)
            assert not out.exists()
        server.let_go()
        for _ in range(6):
            done = subprocess.run(
                command(server, out), cwd=ROOT, capture_output=True, text=True, timeout=400, check=False
            )
            if done.returncode == 0:
                break
            assert done.returncode == 2, done.stderr
            assert "boxes have no caption" in done.stderr
        assert done.returncode == 0, done.stderr
        assert server.again == []
        assert len(server.answered) == 200
    with FaultServer() as server:
        none = tmp_path / "none.jsonl"
        subprocess.run(command(server, none), cwd=ROOT, capture_output=True, timeout=400, check=True)
    assert out.read_bytes() == none.read_bytes()


def _waits(seconds: float, process: "subprocess.Popen[bytes]") -> bool:
    """Whether a process ends by itself within a time."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True
