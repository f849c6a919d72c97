"""The other harnesses themselves, against the server that fails: each runs by the command that its folder is given.

Each wants an environment of its own (docs/harnesses.md), whose Python a variable names, such as LMMS_EVAL_PYTHON.
"""

import base64
import io
import json
import os
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from vlm.fault_server import FaultServer, captions_for
from vlm.harness_files import asked_in

from benchmark.dataset.store import Split
from benchmark.errors import InputError
from benchmark.metrics import METRICS
from benchmark.predictions import read_predictions
from benchmark.scoring.evaluation import evaluate
from benchmark.vlm.harness.command import import_command
from benchmark.vlm.harness.folder import HARNESSES, task_name
from benchmark.vlm.harness.task import HarnessTask
from benchmark.vlm.request import CaptionRequest, Writer

ROOT = Path(__file__).parents[2]

#: Harness -> its module, the release that was tried, and what its commands begin with.
PACKAGES = {
    "lmms-eval": ("lmms_eval", "lmms-eval 0.7.3", ["python"]),
    "vlmevalkit": ("vlmeval", "ms-vlmeval 0.0.20, a fork of VLMEvalKit", ["python", "run.py"]),
    "evalscope": ("evalscope", "evalscope 1.14.1", ["evalscope"]),
}

pytestmark = pytest.mark.slow


def python_of(harness: str) -> str:
    """A Python that has the package of a harness; the test is skipped where there is none."""
    module, tried, _ = PACKAGES[harness]
    variable = f"{harness.upper().replace('-', '_')}_PYTHON"
    if python := os.environ.get(variable):
        return python
    if find_spec(module):
        return sys.executable
    pytest.skip(f"NOT TRIED: {tried} is not installed; give it an environment and name its Python in {variable}")


def command(harness: str, writer: Writer, asked: list[CaptionRequest], folder: Path, out: Path, url: str) -> list[str]:
    """The command that `harness` says, for a model of that server."""
    task = HarnessTask(task_name(writer), writer, asked, 4096)
    line, _ = HARNESSES[harness].commands(task, folder)
    words = shlex.split(line.partition("run")[2].partition(": ")[2])
    assignments = [word for word in words if word.startswith("LMUData=")]
    words = [word.replace("MODEL", "fault").replace("URL", url) for word in words if word not in assignments]
    words = [str(out) if word == "OUT" else word for word in words]
    starts = {"evalscope": ["-m", "evalscope.cli.cli"], "vlmevalkit": ["-m", "vlmeval"], "lmms-eval": []}[harness]
    rest = words[len(PACKAGES[harness][2]) :]
    return ["env", *assignments, python_of(harness), *starts, *rest]


def ask(words: list[str], folder: Path) -> str:
    """Run a harness; returns what it says."""
    told = {
        "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hf"), "OPENAI_API_KEY": "sk-never",
        "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    done = subprocess.run(
        words, cwd=folder, env={**os.environ, **told}, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def check_what_was_sent(server: FaultServer, writer: Writer, asked: list[CaptionRequest], *, exact: bool) -> None:
    """What the server got is what `run` sends: words, and pixels, which one harness encodes as JPEG."""
    turns = {turn.text: turn for turn in map(writer.turn, asked)}
    seen = set()
    for body in server.bodies:
        parts = body["messages"][-1]["content"]
        [said] = [part["text"] for part in parts if part["type"] == "text"]
        [url] = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
        text = said if said in turns else said.partition("\n\n")[2]
        seen.add(text)
        told = turns[text].picture
        assert told is not None
        sent = np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGB"), int)
        difference = np.abs(sent - np.asarray(Image.open(io.BytesIO(told)), int))
        assert difference.max() == 0 if exact else difference.mean() < 8
    assert seen == set(turns)


def expected(server: FaultServer, writer: Writer, asked: list[CaptionRequest]) -> list[str]:
    """The captions that the server gave, box by box."""
    split = writer.split
    captions = [""] * split.n_boxes
    by_text = {writer.turn(one).text: one for one in asked}
    for body in server.bodies:
        said = json.dumps(body["messages"], ensure_ascii=False)
        [one] = [one for text, one in by_text.items() if json.dumps(text, ensure_ascii=False)[1:-1] in said]
        for number, text in captions_for(body, server.name_of(body)).items():
            captions[int(split.offsets[one.image]) + int(number) - 1] = text
    return captions


def replies_file(harness: str, out: Path) -> Path:
    [path] = {
        "lmms-eval": lambda: out.glob("*/*_samples_*.jsonl"),
        "vlmevalkit": lambda: out.glob("fault/*/fault_*.xlsx"),
        "evalscope": lambda: out.glob("*/predictions/fault/*.jsonl"),
    }[harness]()
    return path


@pytest.mark.parametrize("harness", PACKAGES)
def test_a_harness_asks_and_its_replies_are_read(splits: dict[str, Split], tmp_path: Path, harness: str) -> None:
    """A folder that only we can read; other captions than the model gave; a picture with its texts."""
    if harness == "vlmevalkit":
        pytest.importorskip("openpyxl", reason="needs the extra vlm")
    split, out = splits["test"], tmp_path / "out"
    writer, asked = asked_in(splits, harness, tmp_path / "folder")
    with FaultServer({"think": 0.3, "fenced": 0.3}) as server:
        ask(command(harness, writer, asked, tmp_path / "folder", out, server.url), tmp_path)
        check_what_was_sent(server, writer, asked, exact=harness != "vlmevalkit")
    import_command(replies_file(harness, out), tmp_path / "folder", tmp_path / "preds.jsonl", str(split.directory))
    assert read_predictions(tmp_path / "preds.jsonl", split) == expected(server, writer, asked)


def results(out: Path) -> dict[str, Any]:
    [path] = out.glob("*/*_results.json")
    [found] = json.loads(path.read_text(encoding="utf-8"))["results"].values()
    return {name.partition(",")[0]: value for name, value in found.items()}


def test_lmms_eval_prints_our_bits(splits: dict[str, Split], tmp_path: Path) -> None:
    """Scores of lmms-eval that are not those of the predictions; a cache that is never hit; errors that are scored."""
    split, folder = splits["test"], tmp_path / "folder"
    writer, asked = asked_in(splits, "lmms-eval", folder)
    with FaultServer({"500": 0.65, "prose": 0.1}) as server:
        words = command("lmms-eval", writer, asked, folder, tmp_path / "out", server.url)
        at = words.index("--model_args") + 1
        words[at] += ",max_retries=1"
        said = ask([*words, "--use_cache", str(tmp_path / "cache")], tmp_path)
        before = len(server.bodies)
        again = [word.replace(str(tmp_path / "out"), str(tmp_path / "again")) for word in words]
        ask([*again, "--use_cache", str(tmp_path / "cache")], tmp_path)
        assert len(server.bodies) == before, said
    [samples] = (tmp_path / "out").glob("*/*_samples_*.jsonl")
    with pytest.raises(InputError, match="have no caption"):
        import_command(samples, folder, tmp_path / "preds.jsonl", str(split.directory))
    import_command(samples, folder, tmp_path / "preds.jsonl", str(split.directory), allow_missing=True)
    captions = read_predictions(tmp_path / "preds.jsonl", split)
    scores = evaluate(split, captions).scores
    shown = results(tmp_path / "out")
    assert {m.key: shown[m.key] for m in METRICS} == {m.key: scores[m.name] for m in METRICS}
    assert shown["failures"] == pytest.approx(100 * captions.count("") / split.n_boxes)
    assert 0 < shown["failed_requests"] < shown["failures"]
    assert {m.key: results(tmp_path / "again")[m.key] for m in METRICS} == {m.key: shown[m.key] for m in METRICS}


HUB = """
import os, sys
from pathlib import Path
import huggingface_hub
huggingface_hub.hf_hub_download = lambda repo_id, filename, **_: str(Path(repo_id, filename))
from inspect_ai import eval
[log] = eval("hf/o/n", model="openai-api/endpoint/fault", model_base_url=sys.argv[1], log_dir="logs", display="none")
assert log.status == "success", log.error
"""


def test_inspect_runs_the_folder_of_the_hub(splits: dict[str, Split], tmp_path: Path) -> None:
    """An eval.yaml that Inspect refuses. The Hub is a folder here: its one request is for eval.yaml."""
    for package in ("inspect_ai", "datasets", "huggingface_hub"):
        pytest.importorskip(package, reason=f"NOT TRIED: the folder for the Hub needs {package}")
    split, folder = splits["test"], tmp_path / "o" / "n"
    writer, asked = asked_in(splits, "hf", folder)
    with FaultServer({"think": 0.3}) as server:
        told = {"ENDPOINT_API_KEY": "sk-never", "XDG_CACHE_HOME": str(tmp_path / "cache")}
        words = ["env", *(f"{name}={value}" for name, value in told.items()), sys.executable, "-c", HUB, server.url]
        ask(words, tmp_path)
        check_what_was_sent(server, writer, asked, exact=True)
        assert server.bodies[0]["messages"][0]["content"] == writer.prompt.texts["system"]
        assert server.bodies[0]["max_tokens"] == 4096
    [log] = (tmp_path / "logs").glob("*.eval")
    import_command(log, folder, tmp_path / "preds.jsonl", str(split.directory))
    assert read_predictions(tmp_path / "preds.jsonl", split) == expected(server, writer, asked)
