"""Models in folders, in this process and behind a real server on loopback: a tiny one, built on the spot.

What no fake server can show: that requests are such as a chat template, an image processor and a server take them, and
that pictures arrive at the weights.
"""

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("inspect_ai", reason="needs the extra vlm")
pytest.importorskip("torch", reason="needs the extra vlm-local")
pytest.importorskip("torchvision", reason="needs the extra vlm-local")
pytest.importorskip("transformers", reason="needs the extra vlm-local")

import anyio
import torch
from inspect_ai.model import ChatMessageUser, ContentImage, GenerateConfig
from safetensors.torch import load_file, save_file
from vlm.tiny_model import build

from benchmark.dataset.store import Split
from benchmark.errors import InputError
from benchmark.vlm import __main__ as commands
from benchmark.vlm.local import conversation
from benchmark.vlm.prompt import Settings, read_prompt
from benchmark.vlm.request import Writer, requests
from benchmark.vlm.run import arguments_from, open_model

ROOT = Path(__file__).parents[2]

#: Right for images with three boxes alone, so a run has successes and failures.
SAYS = ("质感升级", "好用", "温和不刺激")
REPLY = json.dumps(dict(zip("123", SAYS, strict=True)), ensure_ascii=False)

#: Images that are asked for, and seconds that a server may take to start or to answer.
LIMIT, SECONDS = 4, 180


HEADERS = 'extra={"default_headers": {"Authorization": "Bearer sk-1"}}'


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two models: `says` and `noise`."""
    folder = tmp_path_factory.mktemp("models")
    build(folder / "says", REPLY)
    build(folder / "noise")
    return folder


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("INSPECT_CACHE_DIR", "HF_HUB_OFFLINE", "ENDPOINT_API_KEY"):  # put back after each test
        monkeypatch.setenv(name, "1")


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*address: object) -> None:
        raise AssertionError(f"a connection to {address}")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def run(model: Path, split: Split, out: Path, **options: Any) -> None:
    given = {"data": str(split.directory), "split": split.name, "limit": LIMIT, "reply_tokens": 8, **options}
    commands.run_command(f"hf/{model}", out, **given)


def captions(out: Path) -> list[str]:
    return [json.loads(line)["caption"] for line in out.read_text(encoding="utf-8").splitlines()]


def expected(split: Split) -> list[str]:
    """What `says` gives: captions of images with three boxes, and nothing for others."""
    counts = np.diff(split.offsets)[:LIMIT].tolist()
    assert {3} < set(counts)
    return [text for count in counts for text in (SAYS if count == 3 else [""] * count)]


def test_a_folder_answers_without_a_network(
    models: Path, splits: dict[str, Split], tmp_path: Path, no_network: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Inspect's provider refuses pictures; a run that downloads; a path of this machine in what is published."""
    split, out = splits["val"], tmp_path / "preds.jsonl"
    with pytest.raises(InputError, match="have no caption") as refused:
        run(models / "says", split, out)
    assert all("wrong count" in line for line in refused.value.problems[1:])
    assert not out.exists()
    run(models / "says", split, out, allow_missing=True)
    assert captions(out) == expected(split)
    text = out.with_name("preds.jsonl.about.json").read_text(encoding="utf-8")
    about = json.loads(text)
    assert about["failures"] == {"wrong count": expected(split).count("")}
    assert about["model"].startswith("hf-vision/says@")
    commands.metadata_command([out], tmp_path / "metadata.yaml")
    assert str(models) not in text + (tmp_path / "metadata.yaml").read_text(encoding="utf-8")


def test_noise_is_no_caption(models: Path, splits: dict[str, Split], tmp_path: Path) -> None:
    """A reply that was cut at its longest length and is read as a caption, with one box for a request."""
    split, out = splits["val"], tmp_path / "preds.jsonl"
    with pytest.raises(InputError) as refused:
        run(models / "noise", split, out, unit="box", limit=1)
    assert {line.rpartition(", ")[2] for line in refused.value.problems[1:]} == {"truncated"}
    run(models / "noise", split, out, unit="box", limit=1, allow_missing=True)
    assert captions(out) == [""] * int(split.offsets[1])


def test_pictures_arrive_at_the_weights(
    models: Path, splits: dict[str, Split], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers to the text alone, because a template or a processor has dropped the picture without a word."""
    from transformers import AutoProcessor, Qwen2VLForConditionalGeneration

    seen: list[torch.Tensor | None] = []
    generate = Qwen2VLForConditionalGeneration.generate

    def watched(self: Any, **inputs: Any) -> Any:
        seen.append(inputs.get("pixel_values"))
        return generate(self, **inputs)

    monkeypatch.setattr(Qwen2VLForConditionalGeneration, "generate", watched)
    split = splits["val"]
    run(models / "noise", split, tmp_path / "preds.jsonl", allow_missing=True, connections=1)
    writer = Writer(split, read_prompt("zh", Settings()))
    prepare = AutoProcessor.from_pretrained(models / "noise").image_processor.fetch_images
    process = AutoProcessor.from_pretrained(models / "noise").image_processor
    sent = [
        process(prepare(writer.turn(asked).picture_url), return_tensors="pt")["pixel_values"]
        for asked in requests(split, writer.prompt, LIMIT)
    ]
    assert len(seen) == LIMIT
    assert all(any(got is not None and torch.equal(got, one) for got in seen) for one in sent)
    run(models / "noise", split, tmp_path / "preds.jsonl", allow_missing=True, without="image", limit=1)
    assert seen[LIMIT:] == [None]


def test_replies_are_kept_for_one_model_and_its_arguments(
    models: Path, splits: dict[str, Split], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Replies of the weights that stood in a folder before, or in another precision, as those of the present ones."""
    split, out, folder = splits["val"], tmp_path / "preds.jsonl", tmp_path / "model"
    shutil.copytree(models / "says", folder)
    for arguments, kept in (([], False), ([], True), (["dtype=bfloat16"], False)):
        run(folder, split, out, allow_missing=True, model_arg=arguments)
        assert ("replies were there already" in capsys.readouterr().err) is kept
        assert captions(out) == expected(split)
    assert json.loads(out.with_name("preds.jsonl.about.json").read_text())["model_args"] == {"dtype": "bfloat16"}
    build(folder, REPLY.replace("好用", "耐用"))
    run(folder, split, out, allow_missing=True)
    assert captions(out) == [text.replace("好用", "耐用") for text in expected(split)]


def test_a_reply_can_be_stopped_and_drawn(models: Path) -> None:
    """Ctrl-C that waits for a reply of thousands of tokens; a temperature that is ignored."""
    model = open_model(f"hf/{models / 'noise'}", None, ["device=cpu", "attn_implementation=eager"])
    asked = [ChatMessageUser(content="写一句")]

    async def stopped() -> None:
        with anyio.move_on_after(1):
            await model.generate(asked, config=GenerateConfig(max_tokens=4000))
        after = await model.generate(asked, config=GenerateConfig(max_tokens=2))
        assert after.stop_reason == "max_tokens"
        drawn = [
            (await model.generate(asked, config=GenerateConfig(max_tokens=8, temperature=2, seed=seed))).completion
            for seed in (1, 2, 1)
        ]
        assert drawn[0] == drawn[2] != drawn[1]

    began = time.monotonic()
    anyio.run(stopped)
    assert time.monotonic() - began < 30
    assert threading.active_count() < 50


def without_a_weight(folder: Path) -> None:
    file = folder / "model.safetensors"
    weights = load_file(file)
    weights.pop("lm_head.weight")
    save_file(weights, file, {"format": "pt"})


BROKEN = {
    "no folder": (shutil.rmtree, (), "there is no folder"),
    "no config": (lambda folder: (folder / "config.json").unlink(), (), "no config.json"),
    "no template": (lambda folder: (folder / "chat_template.jinja").unlink(), (), "no chat template"),
    "no tokenizer": (lambda folder: (folder / "tokenizer.json").unlink(), (), "does not know Chinese"),
    "cut": (lambda folder: (folder / "model.safetensors").write_bytes(b"x" * 100), (), "cannot be used"),
    "a weight": (without_a_weight, (), "weights are missing: lm_head.weight"),
    "dtype": (None, ("dtype=int4",), "expected one of auto, bfloat16"),
    "kernels": (None, ("attn_implementation=someone/kernels",), "expected one of eager"),
    "argument": (None, ("trust_remote_code=true",), "expected some of device, dtype, attn_implementation"),
    "device": (None, ("device=cuda:77",), "cannot be used"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_cannot_be_loaded_is_told(models: Path, tmp_path: Path, case: str, no_network: None) -> None:
    """A traceback of transformers, a download, weights drawn at random, or code of a folder that is run."""
    damage, arguments, words = BROKEN[case]
    folder = tmp_path / "model[/b]"  # a mark of terminals, for some
    shutil.copytree(models / "noise", folder)
    if damage:
        damage(folder)
    with pytest.raises(InputError, match="--model hf/") as refused:
        open_model(f"hf/{folder}", None, arguments)
    assert words in str(refused.value)


def test_arguments_hold_no_secret() -> None:
    """A key in the log of the run."""
    assert arguments_from(["dtype=float16", "batch=8", "think=false"]) == {
        "dtype": "float16",
        "batch": 8,
        "think": False,
    }
    for pairs in (
        ["api_key=sk-1"],
        ["HF_TOKEN=hf-1"],
        ["base_url=http://x"],
        ["dtype"],
        ["a=1", "a=2"],
        ["=1"],
        [HEADERS],
    ):
        with pytest.raises(InputError, match="--model-arg"):
            arguments_from(pairs)


def test_nothing_is_fetched_for_a_request() -> None:
    """A picture by its address, which transformers would download."""
    for place in ("http://localhost/a.png", "/etc/hostname"):
        with pytest.raises(InputError, match="pictures as data"):
            conversation([ChatMessageUser(content=[ContentImage(image=place)])])


@contextmanager
def served(folder: Path, log: Path) -> Iterator[str]:
    """The server of transformers, for all models in a folder; gives its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--device", "cpu"]
    with log.open("w") as out:
        process = subprocess.Popen(
            command, cwd=folder, stdout=out, stderr=out, env={**os.environ, "HF_HUB_OFFLINE": "1"}
        )
    try:
        for _ in range(SECONDS):
            assert process.poll() is None, log.read_text()
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                    break
            except OSError:
                time.sleep(1)
        else:
            pytest.fail(f"the server did not start in {SECONDS} seconds: {log.read_text()}")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.mark.slow
def test_a_real_server_answers_as_the_folder_does(models: Path, splits: dict[str, Split], tmp_path: Path) -> None:
    """Requests that only fake servers take, or other captions by way of a server than without."""
    missing = [name for name in ("accelerate", "fastapi", "uvicorn", "openai") if not importlib.util.find_spec(name)]
    if missing:
        pytest.skip(f"NOT TRIED AGAINST A REAL SERVER: {', '.join(missing)} missing; pip install transformers[serving]")
    split = splits["val"]

    def command(model: str, out: str, *options: str) -> subprocess.CompletedProcess[str]:
        told = [sys.executable, "-m", "benchmark.vlm", "run", "--model", model, "-o", str(tmp_path / out)]
        told += ["--data", str(split.directory), "--split", "val", "--limit", str(LIMIT), "--reply-tokens", "8"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        return subprocess.run([*told, *options], capture_output=True, text=True, timeout=SECONDS, env=environment)

    with served(models, tmp_path / "server.log") as url:
        refused = command("noise", "noise.jsonl", "--base-url", url)
        assert refused.returncode == 2, refused.stderr
        assert refused.stderr.count("boxes, truncated") == LIMIT
        assert not (tmp_path / "noise.jsonl").exists()
        for allowed in (
            command(name, f"{name}.jsonl", "--base-url", url, "--allow-missing") for name in ("noise", "says")
        ):
            assert allowed.returncode == 0, allowed.stderr
    assert set(captions(tmp_path / "noise.jsonl")) == {""}
    assert captions(tmp_path / "says.jsonl") == expected(split)
    run(models / "says", split, tmp_path / "local.jsonl", allow_missing=True)
    assert (tmp_path / "local.jsonl").read_bytes() == (tmp_path / "says.jsonl").read_bytes()
    there, here = (
        json.loads((tmp_path / f"{name}.jsonl.about.json").read_text(encoding="utf-8")) for name in ("says", "local")
    )
    assert there["tokens"] == here["tokens"]  # those of the pictures are among them
    assert there["failures"] == here["failures"]
