"""The numbers of a short run of each network, recorded: who changes them must raise the network's version.

`digests.json` holds, for each run below, the version of its network, the loss of each update, the norm of each tensor
of trained weights, and for each kind of processor the SHA-256 of all weights and of all captions. On a recorded kind
every bit must be the recorded one; on other kinds, whose kernels round otherwise, losses and norms must be close, and
captions are not compared.

Record with the option `--record-digests` (the failure messages give the whole command). On a kind of processor that is
not recorded it adds this kind; after a version was raised it replaces what is there.
"""

import hashlib
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from tiny_runs import tiny

from benchmark.dataset.mini.build import build
from benchmark.dataset.store import Split, open_directory
from reference_model.processor import this_processor
from reference_model.registry import network_of, networks
from reference_model.run_folder import load_run
from reference_model.train import train
from reference_model.training.evaluation import caption_split

RECORD = Path(__file__).with_name("digests.json")
COMMAND = "python -m pytest tests/reference_model/test_digests.py --record-digests"

EVERY = (
    "model.dropout=0.1",
    "train.pretrain_updates=20",
    "train.finetune_updates=8",
    "train.rate=0.005",
    "train.validate_every=14",
    "train.save_every=28",
    "train.log_every=1",
)
#: Sizes that a network needs beside the ones all networks share.
SIZES = {
    "rstnet": ("language_model.width=16", "language_model.feed_forward=16", "language_model.epochs=2"),
}
#: What the profile of the paper has and the small one does not: a backbone that learns, Adam, Noam's rate, no clipping.
_PAPER = (
    "model.freeze_backbone=false",
    "model.backbone_weights=none",
    "model.balanced_inputs=false",
    "inputs.pool=1",
    "train.optimiser=adam",
    "train.schedule=noam",
    "train.warmup=8",
    "train.clip=0",
)

#: The variants that are trained, with the settings of their runs: two of the reference model, the last of each other
#: network.
RUNS: dict[str, tuple[str, ...]] = {
    "full": EVERY,  # with Caption Matching
    "baseline": (*EVERY, *_PAPER),
    **{
        list(network.variants)[-1]: (*EVERY, *SIZES.get(network.name, ()))
        for network in networks().values()
        if network.name != "reference"
    },
}

# Measured by restricting the instructions that PyTorch, oneDNN and MKL may use (ATEN_CPU_CAPABILITY=avx2 and default,
# ONEDNN_MAX_CPU_ISA, MKL_ENABLE_INSTRUCTIONS=AVX2 and SSE4_2, MKL_CBWR=COMPATIBLE, alone and together): losses moved by
# up to 1.5e-5 of themselves, norms by up to 6e-4, both in RSTNet, whose language model is trained first.
LOSS_TOLERANCE = 1e-4
NORM_TOLERANCE = 2e-3
# Attention does not change when a constant is added to all scores of a query, so the bias of the keys has no gradient
# but rounding errors, which Adam enlarges to whole steps: its norm moved by up to 7 %.
ONLY_ROUNDING = "key.bias"


@dataclass(frozen=True)
class Numbers:
    """What a run came to."""

    losses: list[float]
    norms: dict[str, float]
    digests: dict[str, str]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Split]:
    directory = tmp_path_factory.mktemp("digests") / "mini"
    build(directory, {"train": 40, "val": 12, "test": 12})
    return open_directory(directory)


@pytest.fixture(scope="module")
def kind(data: dict[str, Split]) -> str:
    """The kind of processor, and of pictures: another version of Pillow may draw or read some pixels otherwise."""
    digest = hashlib.sha256()
    for path in sorted((data["train"].directory / "images").glob("*.png")):
        digest.update(np.asarray(Image.open(path)).tobytes())
    return f"{this_processor(torch.device('cpu')).kind}, pictures {digest.hexdigest()[:8]}"


def smoke_run(variant: str, splits: dict[str, Split], folder: Path, monkeypatch: pytest.MonkeyPatch) -> Numbers:
    monkeypatch.setenv("CAPONIMAGE_CACHE", str(folder / "cache"))  # RSTNet's language model is kept there
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    run = train(tiny(variant, *RUNS[variant]), splits, seed=1, runs=folder / "runs")
    saved = load_file(run / "checkpoint" / "last.safetensors")
    weights = {name: saved[name] for name in sorted(saved) if name.startswith("model/")}
    digest = hashlib.sha256()
    for name, value in weights.items():
        digest.update(name.encode() + b"\0" + value.numpy().tobytes())
    texts = b"".join((run / f"preds.{split}.jsonl").read_bytes() for split in ("val", "test"))
    texts += "\n".join(own_captions(run, splits["val"])).encode()
    log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return Numbers(
        [entry["loss"] for entry in log if "loss" in entry],
        {name.removeprefix("model/"): float(value.double().norm()) for name, value in weights.items()},
        {"weights": digest.hexdigest(), "captions": hashlib.sha256(texts).hexdigest()},
    )


def own_captions(run: Path, split: Split) -> list[str]:
    """Captions by greedy and beam search, each box with its own.

    After so short a training all boxes get one caption, which would hide a changed decoder; so the scores of the next
    character are standardised over the boxes, which leaves what is particular to each.
    """
    config, model, vocabulary = load_run(run)
    network: Any = model
    step = network.step

    def standardised(state: Any, characters: torch.Tensor, position: int) -> torch.Tensor:
        scores = step(state, characters, position)
        return (scores - scores.mean(dim=0)) / scores.std(dim=0)

    network.step = standardised
    return [
        caption for beam in (1, 2) for caption in caption_split(network, config, vocabulary, split, seed=1, beam=beam)
    ]


def recorded() -> dict[str, Any]:
    return json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}


def difference(numbers: Numbers, kind: str, entry: dict[str, Any]) -> str:
    """The first thing that is not as recorded, in words; empty if there is none."""
    if kind not in entry["digests"]:
        return distance(numbers, entry)
    wrong = [name for name, value in numbers.digests.items() if entry["digests"][kind].get(name) != value]
    where = distance(numbers, entry) or "losses and norms are within the tolerances for other kernels"
    return f"other bits in {' and '.join(wrong)} on {kind} ({where})" if wrong else ""


def distance(numbers: Numbers, entry: dict[str, Any]) -> str:
    """The first loss or norm that is further from the recorded one than other kernels explain, in words."""
    if len(numbers.losses) != len(entry["losses"]):
        return f"{len(numbers.losses)} updates, recorded {len(entry['losses'])}"
    for update, (now, then) in enumerate(zip(numbers.losses, entry["losses"], strict=True), 1):
        if now != pytest.approx(then, rel=LOSS_TOLERANCE):
            return f"the loss of update {update} is {now:.7g}, recorded {then:.7g}"
    if changed := sorted(numbers.norms.keys() ^ entry["norms"].keys()):
        return f"tensors are new or missing: {', '.join(changed)}"
    for name, then in entry["norms"].items():
        if not name.endswith(ONLY_ROUNDING) and numbers.norms[name] != pytest.approx(then, rel=NORM_TOLERANCE):
            return f"the norm of {name} is {numbers.norms[name]:.7g}, recorded {then:.7g}"
    return ""


def record(variant: str, numbers: Numbers, kind: str) -> None:
    """Write the numbers down; a recorded number of the same version is never replaced by another one."""
    content = recorded()
    version, entry = network_of(variant).version, content.get(variant)
    if entry and entry["version"] == version:
        if what := difference(numbers, kind, entry):
            pytest.fail(
                f"{variant}: {what}; raise Network.version first. (If this test's settings changed and the "
                f"network did not, delete its entry from {RECORD.name} at a commit whose numbers are right.)"
            )
        entry["digests"][kind] = numbers.digests
    else:
        rounded = {
            "losses": [float(f"{loss:.8g}") for loss in numbers.losses],
            "norms": {name: float(f"{norm:.8g}") for name, norm in numbers.norms.items()},
        }
        content[variant] = {"version": version, "digests": {kind: numbers.digests}, **rounded}
    ordered = {name: content[name] for name in RUNS if name in content}
    RECORD.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")


@pytest.mark.parametrize("variant", RUNS)
def test_numbers_are_those_of_the_version(
    variant: str,
    data: dict[str, Split],
    kind: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    """A change of a loss, an initialisation or the order of random numbers that passes stored runs off as its own."""
    numbers = smoke_run(variant, data, tmp_path, monkeypatch)
    if request.config.getoption("--record-digests"):
        record(variant, numbers, kind)
        return
    network = network_of(variant)
    entry = recorded().get(variant)
    assert entry, f"no numbers of {variant} are recorded; record them: {COMMAND}"
    assert entry["version"] == network.version, (
        f"the numbers of {variant} are recorded for version {entry['version']} of its network, which now has version "
        f"{network.version}; record them again: {COMMAND}"
    )
    what = difference(numbers, kind, entry)
    assert not what, (
        f"the numbers of {variant} changed: {what}. If this is meant, raise Network.version of {variant}'s network and "
        f"of every other network that changed, and record again: {COMMAND}. If it is not meant, it is a bug."
    )
    if kind not in entry["digests"]:
        warnings.warn(
            f"{variant}: compared within tolerances, since no bits are recorded for {kind}; to record them: {COMMAND}",
            stacklevel=1,
        )


def test_other_kernels_are_tolerated_and_changes_are_not() -> None:
    """Tolerances so wide that a loss term scaled by 1.001 passes on every processor that is not recorded."""
    entry = recorded()["full"]
    numbers = Numbers(entry["losses"], entry["norms"], {"weights": "other", "captions": "other"})
    assert difference(numbers, "another processor", entry) == ""
    rounding = [loss * (1 + 2e-5) for loss in entry["losses"]]
    assert difference(Numbers(rounding, entry["norms"], {}), "another processor", entry) == ""
    scaled = [loss * 1.001 for loss in entry["losses"]]
    assert "loss of update 1" in difference(Numbers(scaled, entry["norms"], {}), "another processor", entry)
    longer = {name: norm * 1.003 for name, norm in entry["norms"].items()}
    assert "norm of" in difference(Numbers(entry["losses"], longer, {}), "another processor", entry)
    fewer = dict(list(entry["norms"].items())[1:])
    assert "new or missing" in difference(Numbers(entry["losses"], fewer, {}), "another processor", entry)
    known = next(iter(entry["digests"]))
    assert "other bits in weights and captions" in difference(numbers, known, entry)
