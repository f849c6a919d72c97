"""The folder of a run: `RUNS/<variant>/<configuration hash>/seed<k>/`.

    config.json  made_by.json  vocabulary.json  log.jsonl  tensorboard/
    checkpoint/{last,best}{,.spare}.safetensors  preds.<split>.jsonl  scores.<split>.json

A run whose predictions and scores are there, whole and in agreement, is complete, and never trained again; see
`is_complete`.
"""

import gzip
import json
import re
import zlib
from collections import Counter
from dataclasses import asdict
from functools import cache, lru_cache
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

import orjson

from benchmark import cli
from benchmark.dataset.schema import EVALUATED_SPLITS
from benchmark.errors import DamagedError, InputError
from benchmark.files import replace_when_complete
from benchmark.integrity import sha256_of
from reference_model.config import Config, from_dict, override, to_dict
from reference_model.registry import network

if TYPE_CHECKING:  # torch takes seconds to import, and most of what is asked of a folder needs none
    from torch import nn

    from benchmark.dataset.store import Split
    from reference_model.processor import Processor
    from reference_model.training.vocabulary import Vocabulary


#: The name of a folder between variant and seed.
_HASH = re.compile("[0-9a-f]{12}")


def run_folder(runs: Path, config: Config, seed: int) -> Path:
    """The folder of a run with this configuration and seed."""
    return runs / config.name / config.hash / f"seed{seed}"


def run_files(folder: Path) -> list[Path]:
    """Files and folders that make up a run, there or not; no command writes over them but the training itself."""
    names = [
        "config.json",
        "made_by.json",
        "vocabulary.json",
        "prepared.json",
        "log.jsonl",
        "checkpoint",
        "tensorboard",
    ]
    for split in EVALUATED_SPLITS:
        names += [f"preds.{split}.jsonl", f"scores.{split}.json"]
    return [folder / name for name in names]


def is_complete(folder: Path) -> bool:
    """Whether the run was trained and scored on every split; files that are damaged are told on stderr, once."""
    try:
        if "seed" not in read_json(folder / "config.json"):
            return False
        for split in EVALUATED_SPLITS:
            check_results(folder, split)
    except FileNotFoundError:
        return False
    except DamagedError as error:
        _warn(f"{error.problems[0]}; the run does not count as complete")
        return False
    return True


def check_results(folder: Path, split: str) -> None:
    """Compare a run's predictions of a split with the receipt of their scores; they are read again only if changed.

    Args:
        folder: folder of the run, or of its stored results, whose predictions are packed.
        split: name of the split.

    Raises:
        FileNotFoundError: if the receipt is missing, so the split was not scored yet.
        DamagedError: if either is damaged, or they do not belong together.
    """
    receipt, packed = folder / f"scores.{split}.json", folder / f"preds.{split}.jsonl.gz"
    predictions = packed if packed.exists() else packed.with_suffix("")
    if not receipt.is_file():
        raise FileNotFoundError(receipt)
    if not predictions.is_file():
        raise DamagedError(f"{predictions} is missing, though {receipt.name} holds its scores")
    state = [(s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino) for s in (receipt.stat(), predictions.stat())]
    if problem := _disagreement(receipt, predictions, *state):
        raise DamagedError(problem)
    for path in (receipt, predictions):
        if path.name in (noted := made_by(folder).get("results", {})) and sha256_of(path) != noted[path.name]:
            raise DamagedError(f"{path}: was damaged or changed after it was written")


def check_data(folder: Path, train: "Split") -> None:
    """Refuse a run that was trained on other data.

    The name of a run's folder tells its configuration and seed alone, so data sets need folders of runs of their own.

    Raises:
        InputError: if its training split is not `train`.
    """
    content = read_json(folder / "config.json") if (folder / "config.json").exists() else {}
    here = train.fingerprint.hexdigest()
    there = content.get("fingerprint", here)
    if there != here:
        raise InputError(
            f"{folder} was trained on other data: {content.get('data')}, fingerprint {there:.12}, "
            f"here {train.dataset}, {here:.12}; "
            "keep runs of other data apart: --runs DIR (stored results: --results DIR)"
        )


def note_results(folder: Path) -> None:
    """Note the digests of a run's predictions and receipts, so that damage to any of them is seen."""
    names = [name for split in EVALUATED_SPLITS for name in (f"scores.{split}.json", f"preds.{split}.jsonl")]
    note(folder, results={name: sha256_of(folder / name) for name in names if (folder / name).is_file()})


@lru_cache(maxsize=4096)
def _disagreement(receipt: Path, predictions: Path, *state: tuple[int, ...]) -> str:
    """Why a receipt and predictions in certain states do not belong together; empty if they do."""
    from benchmark.metrics.corpus import characters
    from benchmark.scoring.receipt import captions_digest

    try:
        scored = read_json(receipt)
        images, boxes, digest = scored["data"]["images"], scored["data"]["boxes"], scored["sha256"]["predictions"]
    except DamagedError as error:
        return error.problems[0]
    except (KeyError, TypeError):
        return f"{receipt}: damaged (it is no receipt of scores)"
    try:
        with (gzip.open if predictions.suffix == ".gz" else open)(predictions, "rb") as file:
            lines = [orjson.loads(line) for line in file]
        ids = {line["image_id"] for line in lines}
        place = Counter[str]()
        for line in lines:
            if line["box"] != place[line["image_id"]]:
                out_of_turn = f"box {line['box']!r:.20} of image {line['image_id']!r:.80} is out of turn"
                return f"{predictions}: damaged ({out_of_turn})"
            place[line["image_id"]] += 1
        found = captions_digest(characters(line["caption"]) for line in lines)
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"{predictions}: damaged ({str(error).splitlines()[0]:.120})"
    if (len(ids), len(lines), found) != (images, boxes, digest):
        return f"{predictions} and {receipt.name}: one of the two was damaged or changed after it was written"
    return ""


@cache
def _warn(sentence: str) -> None:
    cli.note(f"warning: {sentence}")


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file of a run.

    Raises:
        FileNotFoundError: if there is no file.
        DamagedError: if it holds something else.
    """
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise DamagedError(f"{path}: damaged ({str(error).splitlines()[0]:.120})") from None
    if not isinstance(content, dict):
        raise DamagedError(f"{path}: damaged (expected a JSON object, got {type(content).__name__})")
    return content


def has_checkpoint(folder: Path) -> bool:
    """Whether training was begun in a folder and has saved something to go on from, damaged or not."""
    return any((folder / "checkpoint" / name).exists() for name in ("last.safetensors", "last.spare.safetensors"))


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
    path = folder / "config.json"
    try:
        content = read_json(path)
        kind = network(content["config"]["system"]).config
        config, seed = from_dict(content["config"], kind), int(content["seed"])
    except FileNotFoundError:
        raise InputError(f"{folder} holds no run (no config.json); expected RUNS/<variant>/<hash>/seed<k>") from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a run's configuration ({error})") from None
    if _HASH.fullmatch(folder.parent.name) and folder.parent.name != config.hash:
        raise DamagedError(
            f"{path}: damaged or changed (its settings have the hash {config.hash}, the folder is named "
            f"{folder.parent.name}); start the same training again to restore it"
        )
    return config, seed


def made_by(folder: Path) -> dict[str, Any]:
    """The content of a run's `made_by.json`; empty if there is no such file, or a damaged one.

    Training notes `version`, the version of the run's network, and `processors`, which trained it, in order; whoever
    starts the training may note more.
    """
    try:
        return read_json(folder / "made_by.json")
    except FileNotFoundError:
        return {}
    except DamagedError as error:
        _warn(f"{error.problems[0]}; what made the run is unknown")
        return {}


def note(folder: Path, **more: Any) -> None:
    """Add entries to a run's `made_by.json`."""
    with replace_when_complete(folder / "made_by.json") as partial:
        partial.write_text(json.dumps(made_by(folder) | more, indent=1) + "\n", encoding="utf-8")


def note_training(folder: Path, version: str, processor: "Processor", backbone: str = "") -> None:
    """Note which version of the network trains a run, and on which processor; call it before the first update.

    A run that goes on from a checkpoint keeps what was noted: further processors are added, and a version other than
    the one before is added in words ("1, then 2"), which is no version that a table accepts.

    Args:
        folder: the folder of the run.
        version: the `Network.version` of the code that trains.
        processor: the processor that trains.
        backbone: SHA-256 of the file of weights that a user has named for the backbone; it is noted, too.

    Raises:
        InputError: if the run was begun with another file of weights under the same name.
    """
    known = made_by(folder) if has_checkpoint(folder) else None
    processors = [] if known is None else known.get("processors", [])
    if asdict(processor) not in processors:
        processors = [*processors, asdict(processor)]
    before = [version] if known is None else known.get("version", "unknown").split(", then ")
    versions = before if before[-1] == version else [*before, version]
    if known and known.get("backbone", backbone) != backbone:
        raise InputError(
            f"{folder}: was begun with other weights of the backbone (SHA-256 {known['backbone']:.12}, here "
            f"{backbone or 'unreadable':.12}), though their file has the same name; give it back its content, or name "
            "another file: model.backbone_weights=FILE"
        )
    more = {"backbone": backbone} if backbone else {}
    note(folder, version=", then ".join(versions), processors=processors, **more)


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
        InputError: if the folder holds no finished run, or its files do not belong together.
    """
    from reference_model.training.checkpoint import find_checkpoint
    from reference_model.training.vocabulary import Vocabulary

    config, seed = read_config(folder)
    vocabulary = Vocabulary.load(folder / "vocabulary.json")
    belongs = {"config": config.hash, "seed": seed, "vocabulary": vocabulary.sha256}
    path = folder / "checkpoint" / "best.safetensors"
    best = find_checkpoint(path, belongs)
    if best is None:
        raise InputError(f"no checkpoint at {path}; is the run's training finished?")
    if best.warning:
        _warn(f"{best.warning}; using {best.path.name}")
    # The weights come from the checkpoint: no need for the backbone's.
    model = build_model(override(config, ["model.backbone_weights=none"]), len(vocabulary))
    best.load(model)
    return config, model.eval(), vocabulary
