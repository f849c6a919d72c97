"""A draft of an entry's metadata, from what is known of the runs that made its predictions."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import replace_when_complete
from ..leaderboard.metadata import template

#: What runs of one entry have in common.
_COMMON = ("model", "model_args", "prompt", "prompt_hash", "parameters")

#: Parameters that change how requests are sent, and no reply.
_SENDING = ("max_connections", "max_retries", "timeout", "attempt_timeout", "adaptive_connections", "batch")


def write_metadata(path: Path, files: Mapping[Path, Mapping[str, Any]]) -> None:
    """Write a draft of metadata.yaml: what the runs know is filled in, the rest is for its author.

    Args:
        path: file to write.
        files: what is known of each prediction file of the entry; see `outputs.read_about`.

    Raises:
        InputError: if the file exists, or the runs are not those of one system.
    """
    if path.exists() or path.is_symlink():
        raise InputError(f"{path} exists and is not overwritten; name another file")
    first, *others = files.items()
    problems = [
        f"{other}: {name} is {_compared(about, name)!r:.120}, but {_compared(first[1], name)!r:.120} of {first[0]}; "
        "one entry is one system"
        for other, about in others
        for name in _COMMON
        if _compared(about, name) != _compared(first[1], name)
    ]
    if problems:
        raise InputError(*problems)
    about = first[1]
    model = str(about["model"]).removeprefix(f"{about.get('provider')}/")
    images = sum(one["images"] for one in files.values())
    prices = [one["price"] for one in files.values()]
    price = sum(prices) if all(prices) else None
    tokens = sum(one["tokens"]["in"] + one["tokens"]["out"] for one in files.values())
    parameters = about["parameters"]
    values = {
        "name": model.rpartition("/")[2][:60],
        "date": max(one["date"] for one in files.values()),
        "uses_external_data": True,
        "external_data": f"whatever {model} was trained on"[:200],
        "pretrained_from": [model[:200]],
        "prompt": f"{about['prompt']} ({about['prompt_hash']})"[:200],
        "provider": None if about.get("base_url") else about.get("provider"),  # anyone may run a server at an address
        "unanswered_boxes": sum(one["unanswered"] for one in files.values()),
        "tokens_per_image": round(tokens / max(1, images), 2) if tokens else None,
        "cost_per_1000_images": None if price is None else round(1000 * price / max(1, images), 4),
        "hardware": "none: nothing was trained",
        "seeds": _seeds(files.values()),
        "decoding": f"temperature {parameters.get('temperature', 'of the provider')}",
    }
    with replace_when_complete(path) as partial:
        partial.write_text(template(values), encoding="utf-8", newline="\n")


def _compared(about: Mapping[str, Any], name: str) -> Any:
    """What must be the same in all runs of an entry."""
    value = about.get(name) or {}
    return {key: value[key] for key in value if key not in _SENDING} if name == "parameters" else value


def _seeds(runs: Sequence[Mapping[str, Any]] | Any) -> list[int]:
    """A number for each file of the test split, or one."""
    return list(range(1, 1 + max(1, sum(one["split"] == "test" for one in runs))))
