"""Checkpoints: sealed safetensors files with weights, optimiser state and plain data, never pickle.

Invariants:
* a file appears complete or not at all, and bears a digest of its content; what is loaded is exactly what was saved,
  bit for bit, and a file that is damaged, or of another run, is refused in words before anything is changed;
* of each there are two: beside `last` the one saved before it, beside `best` a second copy of the same (an older one
  would be other weights). At every moment at least one of the two is there, and when one is missing or damaged, the
  other serves.
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from benchmark.errors import DamagedError, InputError
from benchmark.files import replace_when_complete
from benchmark.integrity import check_seal, seal, seal_metadata
from reference_model.training.optimiser import Optimiser

FORMAT = "caponimage-checkpoint/2"

#: The format of files without a digest; they are read as they are.
_UNSEALED = "caponimage-checkpoint/1"

#: What a checkpoint belongs to: keys of its state, and what they are called in messages.
_BELONGS = {"config": "configuration", "seed": "seed", "data": "training data", "vocabulary": "vocabulary"}


@dataclass(frozen=True)
class Checkpoint:
    """A whole checkpoint on disk.

    Attributes:
        path: its file, which may be the second of the two.
        state: the plain data that was saved.
        warning: why the first of the two cannot be used; empty if it can.
    """

    path: Path
    state: dict[str, Any]
    warning: str = ""

    def load(self, model: nn.Module, optimiser: Optimiser | None = None) -> None:
        """Read the weights into a model and, if given, the optimiser's state into it.

        Raises:
            InputError: if the weights do not fit the model; nothing is changed then.
        """
        with safe_open(self.path, framework="pt") as file:
            names = file.keys()
            weights = {name.removeprefix("model/"): file.get_tensor(name) for name in names if _is_weight(name)}
            rest = {name: file.get_tensor(name) for name in names if optimiser and not _is_weight(name)}
        _check_shapes(self.path, weights, model.state_dict())
        model.load_state_dict(weights)
        if optimiser is not None:
            _load_optimiser(rest, model, optimiser)


def spare(path: Path) -> Path:
    """The second file of a checkpoint, beside the first."""
    return path.with_name(f"{path.stem}.spare{path.suffix}")


def save_last(path: Path, model: nn.Module, optimiser: Optimiser, state: dict[str, Any], *, keep: bool) -> None:
    """Write a checkpoint to go on from.

    Args:
        path: file to write.
        model: module whose weights and buffers are saved.
        optimiser: optimiser whose state is saved, by parameter name.
        state: plain data for JSON.
        keep: whether the file that is there becomes the second of the two; False if it is damaged.
    """
    with replace_when_complete(path) as partial:
        _write(partial, model, optimiser, state)
        if keep and path.exists():
            with replace_when_complete(spare(path)) as before:
                try:
                    before.hardlink_to(path)
                except OSError:  # a file system without links; the second file is the newest for a moment
                    path.rename(before)


def save_best(path: Path, model: nn.Module, state: dict[str, Any]) -> None:
    """Write the weights of a model, twice; see `save_last`."""
    with replace_when_complete(spare(path)) as partial:
        _write(partial, model, None, state)
    copy_best(spare(path), path)


def copy_best(source: Path, path: Path) -> None:
    """Make one of the two files of the best weights from the other."""
    with replace_when_complete(path) as partial:
        shutil.copyfile(source, partial)


def _write(path: Path, model: nn.Module, optimiser: Optimiser | None, state: dict[str, Any]) -> None:
    tensors = {f"model/{name}": value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    if optimiser is not None:
        names = {id(parameter): name for name, parameter in model.named_parameters()}
        for parameter, values in optimiser.state.items():
            for key, value in values.items():
                tensors[f"optimiser/{key}/{names[id(parameter)]}"] = torch.as_tensor(value).detach().cpu().contiguous()
    save_file(tensors, path, metadata=seal_metadata(format=FORMAT, state=json.dumps(state)))
    seal(path)
    with path.open("rb") as file:
        os.fsync(file.fileno())  # here already, so that the two files are exchanged without a wait in between


def find_checkpoint(path: Path, belongs: Mapping[str, Any]) -> Checkpoint | None:
    """The newest whole checkpoint; None if neither of the two files exists.

    Args:
        path: the first of the two files.
        belongs: what the checkpoint must belong to, by the keys of its state: `config`, `seed`, `data`, `vocabulary`.

    Raises:
        InputError: if none is whole, or it belongs to something else.
    """
    problems: list[str] = []
    for each in (path, spare(path)):
        try:
            found = Checkpoint(each, _state(each), "; ".join(problems))
        except FileNotFoundError:
            problems.append(f"{each} is missing")
        except DamagedError as error:
            problems.append(error.problems[0])
        else:
            _check_owner(found, belongs)
            return found
    if not path.exists() and not spare(path).exists():
        return None
    raise InputError(
        *problems,
        f"neither {path.name} nor {spare(path).name} can be used, and nothing was deleted: copy one of them here from "
        f"where it is whole, or delete the folder {path.parent} to train again from the start",
    )


def _state(path: Path) -> dict[str, Any]:
    """The plain data of a checkpoint, whose every bit has been checked.

    Raises:
        FileNotFoundError: if there is no file.
        DamagedError: if it is damaged.
        InputError: if it is of another program.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
        check_seal(path, required=metadata.get("format") == FORMAT)
        if metadata.get("format") not in (FORMAT, _UNSEALED):
            raise InputError(f"{path}: not a checkpoint of this program (format {metadata.get('format')!r:.40})")
        return dict(json.loads(metadata["state"]))
    except FileNotFoundError:
        raise
    except (SafetensorError, ValueError, KeyError, TypeError, OSError) as error:
        raise DamagedError(f"{path}: damaged or unreadable ({str(error).splitlines()[0]:.120})") from None


def _check_owner(found: Checkpoint, belongs: Mapping[str, Any]) -> None:
    problems = [
        f"{found.path}: belongs to {_BELONGS[key]} {found.state[key]!r:.66}, this run has {value!r:.66}; train into "
        "another folder, or with the settings in the folder's config.json"
        for key, value in belongs.items()
        if found.state.get(key, value) != value
    ]
    if problems:
        raise InputError(*problems)


def _is_weight(name: str) -> bool:
    return name.startswith("model/")


def _check_shapes(path: Path, weights: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    problems = [f"{name} is missing" for name in expected.keys() - weights.keys()]
    problems += [f"{name} has no place in this model" for name in weights.keys() - expected.keys()]
    problems += [
        f"{name} has shape {tuple(weights[name].shape)}, expected {tuple(value.shape)}"
        for name, value in expected.items()
        if name in weights and weights[name].shape != value.shape
    ]
    if problems:
        shown = "; ".join(sorted(problems)[:5])
        raise InputError(f"{path}: {len(problems)} tensors do not fit the model: {shown}")


def _load_optimiser(tensors: Mapping[str, Tensor], model: nn.Module, optimiser: Optimiser) -> None:
    state: dict[Tensor, dict[str, Tensor]] = {}
    parameters = dict(model.named_parameters())
    for name, value in tensors.items():
        _, key, parameter = name.split("/", 2)
        target = parameters[parameter]
        state.setdefault(target, {})[key] = value if key == "step" else value.to(target.device)
    optimiser.load_state(state)
