"""Checkpoints: one safetensors file with weights, optimiser state and plain data, never pickle.

Invariants: a file appears complete or not at all; what is loaded is exactly what was saved, bit for bit; a damaged or
foreign file is refused in words before anything is changed.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from benchmark.errors import InputError
from benchmark.files import replace_when_complete

FORMAT = "caponimage-checkpoint/1"


def save_checkpoint(
    path: Path, model: nn.Module, optimiser: torch.optim.Optimizer | None, state: dict[str, Any]
) -> None:
    """Write a checkpoint.

    Args:
        path: file to write; replaced if it exists.
        model: module whose weights and buffers are saved.
        optimiser: optimiser whose state is saved, by parameter name; None to leave it out.
        state: plain data for JSON.
    """
    tensors = {f"model/{name}": value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    if optimiser is not None:
        names = {id(parameter): name for name, parameter in model.named_parameters()}
        for parameter, values in optimiser.state.items():
            for key, value in values.items():
                tensors[f"optimiser/{key}/{names[id(parameter)]}"] = torch.as_tensor(value).detach().cpu().contiguous()
    with replace_when_complete(path) as partial:
        save_file(tensors, partial, metadata={"format": FORMAT, "state": json.dumps(state)})


def load_checkpoint(
    path: Path, model: nn.Module, optimiser: torch.optim.Optimizer | None = None, *, config_hash: str | None = None
) -> dict[str, Any]:
    """Read a checkpoint into a model and, if given, an optimiser.

    Returns:
        The state that was saved.

    Raises:
        InputError: if the file is missing, damaged, of another program, of another configuration, or does not fit.
    """
    tensors, state = _read(path)
    if config_hash is not None and state.get("config") != config_hash:
        raise InputError(
            f"{path}: belongs to configuration {state.get('config')!r}, this run is {config_hash!r}; "
            "train into another folder, or with the settings in the folder's config.json"
        )
    weights = {name.removeprefix("model/"): value for name, value in tensors.items() if name.startswith("model/")}
    expected = model.state_dict()
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
    model.load_state_dict(weights)
    if optimiser is not None:
        _load_optimiser(tensors, model, optimiser)
    return state


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise InputError(f"{path}: not a checkpoint of this program (format {metadata.get('format')!r:.40})")
            state = json.loads(metadata["state"])
            return {name: file.get_tensor(name) for name in file.keys()}, state  # noqa: SIM118 (no mapping)
    except FileNotFoundError:
        raise InputError(f"no checkpoint at {path}; is the run's training finished?") from None
    except (SafetensorError, ValueError, KeyError, OSError) as error:
        raise InputError(
            f"{path}: damaged or no safetensors file ({str(error).splitlines()[0]:.120}); delete it to start again"
        ) from None


def _load_optimiser(tensors: dict[str, Tensor], model: nn.Module, optimiser: torch.optim.Optimizer) -> None:
    state: dict[Tensor, dict[str, Tensor]] = {}
    parameters = dict(model.named_parameters())
    for name, value in tensors.items():
        if name.startswith("optimiser/"):
            _, key, parameter = name.split("/", 2)
            target = parameters[parameter]
            state.setdefault(target, {})[key] = value if key == "step" else value.to(target.device)
    optimiser.state.clear()
    optimiser.state.update(state)
