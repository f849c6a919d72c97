"""The folder of a run: `RUNS/<variant>/<configuration hash>/seed<k>/`.

    config.json  made_by.json  vocabulary.json  log.jsonl  tensorboard/
    checkpoint/{last,best}.safetensors  preds.<split>.jsonl  scores.<split>.json

A run whose scores are there is complete, and never trained again; see `is_complete`.
"""

import json
from dataclasses import asdict
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from benchmark.dataset.schema import EVALUATED_SPLITS
from benchmark.errors import InputError
from benchmark.files import replace_when_complete
from reference_model.config import Config, from_dict, override, to_dict
from reference_model.registry import network

if TYPE_CHECKING:  # torch takes seconds to import, and most of what is asked of a folder needs none
    from torch import nn

    from reference_model.processor import Processor
    from reference_model.training.vocabulary import Vocabulary


def run_folder(runs: Path, config: Config, seed: int) -> Path:
    """The folder of a run with this configuration and seed."""
    return runs / config.name / config.hash / f"seed{seed}"


def is_complete(folder: Path) -> bool:
    """Whether the run was trained and scored on every split."""
    return all((folder / f"scores.{split}.json").is_file() for split in EVALUATED_SPLITS)


def write_config(folder: Path, config: Config, seed: int, data: str, fingerprint: str) -> None:
    """Write `config.json`.

    Args:
        folder: folder of the run.
        config: configuration of the run.
        seed: random seed of the run.
        data: name of the data set.
        fingerprint: fingerprint of its training split.
    """
    content: dict[str, Any] = {"seed": seed, "data": data, "fingerprint": fingerprint, "config": to_dict(config)}
    with replace_when_complete(folder / "config.json") as partial:
        partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_config(folder: Path) -> tuple[Config, int]:
    """Configuration and seed of a run.

    Raises:
        InputError: if the folder holds no run folder.
    """
    try:
        content = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind = network(content["config"]["system"]).config
        return from_dict(content["config"], kind), int(content["seed"])
    except FileNotFoundError:
        raise InputError(f"{folder} holds no run (no config.json); expected RUNS/<variant>/<hash>/seed<k>") from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder / 'config.json'}: not a run's configuration ({error})") from None


def made_by(folder: Path) -> dict[str, Any]:
    """The content of a run's `made_by.json`; empty if there is no such file.

    Training notes `version`, the version of the run's network, and `processors`, which trained it, in order; whoever
    starts the training may note more.
    """
    path = folder / "made_by.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def note(folder: Path, **more: Any) -> None:
    """Add entries to a run's `made_by.json`."""
    with replace_when_complete(folder / "made_by.json") as partial:
        partial.write_text(json.dumps(made_by(folder) | more, indent=1) + "\n", encoding="utf-8")


def note_training(folder: Path, version: str, processor: "Processor") -> None:
    """Note which version of the network trains a run, and on which processor; call it before the first update.

    A run that goes on from a checkpoint keeps what was noted: further processors are added, and a version other than
    the one before is added in words ("1, then 2"), which is no version that a table accepts.

    Args:
        folder: the folder of the run.
        version: the `Network.version` of the code that trains.
        processor: the processor that trains.
    """
    known = made_by(folder) if (folder / "checkpoint" / "last.safetensors").exists() else None
    processors = [] if known is None else known.get("processors", [])
    if asdict(processor) not in processors:
        processors = [*processors, asdict(processor)]
    before = [version] if known is None else known.get("version", "unknown").split(", then ")
    versions = before if before[-1] == version else [*before, version]
    note(folder, version=", then ".join(versions), processors=processors)


def build_model(config: Config, vocabulary_size: int) -> "nn.Module":
    """The network of a configuration, freshly initialised.

    Raises:
        InputError: if there is no such network.
    """
    model: nn.Module = resolve_name(network(config.system).build)(config, vocabulary_size)
    return model


def load_run(folder: Path) -> "tuple[Config, nn.Module, Vocabulary]":
    """A trained model, in evaluation mode, with the weights of the best validation CIDEr.

    Raises:
        InputError: if the folder holds no finished run.
    """
    from reference_model.training.checkpoint import load_checkpoint
    from reference_model.training.vocabulary import Vocabulary

    config, _ = read_config(folder)
    vocabulary = Vocabulary.load(folder / "vocabulary.json")
    # The weights come from the checkpoint: no need for the backbone's.
    blank = override(config, ["model.backbone_weights=none"])
    model = build_model(blank, len(vocabulary))
    load_checkpoint(folder / "checkpoint" / "best.safetensors", model, config_hash=config.hash)
    return config, model.eval(), vocabulary
