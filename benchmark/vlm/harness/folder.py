"""Write the folder of a harness, whole or not at all, and read from it what its requests were."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from ...dataset.collect.tables import read_json
from ...dataset.store import Split
from ...errors import InputError
from ...files import check_outputs, folder_when_complete
from ..request import CaptionRequest, Writer, about_requests
from . import evalscope, hugging_face, lmms_eval, vlmevalkit
from .task import HarnessTask

#: Harness -> module that offers `write(task, folder)`, `commands(task, out)` and `CANNOT`: settings it cannot pass on.
HARNESSES: dict[str, ModuleType] = {
    "lmms-eval": lmms_eval,
    "vlmevalkit": vlmevalkit,
    "evalscope": evalscope,
    "hf": hugging_face,
}

#: File of a folder that says what was asked, which makes captions of the replies.
ABOUT = "caponimage.json"
_FORMAT = "caponimage-harness/1"


def write_folder(
    harness: str, writer: Writer, asked: list[CaptionRequest], out: Path, *, reply_tokens: int = 4096
) -> list[str]:
    """Write the folder of a harness.

    Args:
        harness: one of `HARNESSES`.
        writer: writer of the requests.
        asked: the requests.
        out: folder to write; it must not exist, or be empty.
        reply_tokens: longest reply.

    Returns:
        What to do next, a line each.

    Raises:
        InputError: if the harness is not known or cannot pass a setting on, or `out` holds something.
    """
    if harness not in HARNESSES:
        raise InputError(f"no harness {harness!r:.60} is known, expected one of {', '.join(HARNESSES)}")
    module = HARNESSES[harness]
    settings = writer.prompt.settings
    used = {
        "structured": settings.structured,
        "shots": bool(settings.shots),
        "without image": not writer.shows_pictures,
    }
    problems = [f"{harness}: {why}" for name, why in module.CANNOT.items() if used[name]]
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        problems.append(f"{out} exists and is not empty, so it is not replaced; take another name")
    if problems:
        raise InputError(*problems)
    check_outputs({"--output": out}, [writer.split.directory])
    task = HarnessTask(task_name(writer), writer, asked, reply_tokens)
    with folder_when_complete(out) as folder:
        module.write(task, folder, out.absolute())
        about = {
            "format": _FORMAT,
            "harness": harness,
            "name": task.name,
            **about_requests(writer),
            "requests": [one.id for one in asked],
        }
        text = json.dumps(about, ensure_ascii=False, indent=1)
        (folder / ABOUT).write_text(text + "\n", encoding="utf-8")
    return [*module.commands(task, out)]


def task_name(writer: Writer) -> str:
    """Name of the requests in a harness: split, and a digest of data and prompt."""
    content = f"{writer.split.fingerprint.hexdigest()} {writer.prompt.hash}"
    digest = hashlib.sha256(content.encode()).hexdigest()[:8]
    return f"caponimage_{re.sub('[^a-z0-9]+', '_', writer.split.name.lower())}_{digest}"


@dataclass(frozen=True)
class HarnessRequests:
    """What a folder says of its requests.

    Attributes:
        about: everything else that it says.
        ids: ids of the requests, in the order in which they were written.
        boxes: boxes of each by index in the split.
        numbers: the same boxes by index in their image.
    """

    about: Mapping[str, Any]
    ids: list[str]
    boxes: dict[str, list[int]]
    numbers: dict[str, list[int]]


def read_about(folder: Path) -> dict[str, Any]:
    """What a folder says of its requests, before it is compared with any data.

    Raises:
        InputError: if it is no folder of this benchmark.
    """
    path = folder / ABOUT if folder.is_dir() else folder
    if not path.is_file():
        raise InputError(f"--task: no file {path}, expected a folder that `harness` has written")
    about = read_json(path)
    texts = ("name", "harness", "data", "split", "fingerprint", "prompt", "prompt_hash")
    if (
        not isinstance(about, dict)
        or about.get("format") != _FORMAT
        or not all(isinstance(about.get(name), str) for name in texts)
        or not isinstance(about.get("requests"), list)
    ):
        raise InputError(f"--task: {path} says not what was asked, expected {_FORMAT} as `harness` writes it")
    return about


def requests_of(about: Mapping[str, Any], split: Split) -> HarnessRequests:
    """The requests of a folder, as boxes of a split.

    Raises:
        InputError: if they are of other data, or the list of them was changed.
    """
    if split.fingerprint.hexdigest() != about["fingerprint"]:
        raise InputError(
            f"--task: the requests are of other data: split {about['split']!r:.60} of {about['data']!r:.60} with "
            f"fingerprint {about['fingerprint']:.12}, got {split.fingerprint.hexdigest()[:12]} of {split.dataset!r}; "
            "try --data"
        )
    found = HarnessRequests({name: about[name] for name in about if name != "requests"}, [], {}, {})
    taken: set[int] = set()
    for request in about["requests"]:
        image_id, sign, box = request.partition("#") if isinstance(request, str) else ("", "", "")
        image = split.index.get(image_id)
        count = int(split.offsets[image + 1] - split.offsets[image]) if image is not None else 0
        numbers = list(range(count))
        if sign:
            numbers = [number for number in numbers if str(number) == box]
        boxes = [int(split.offsets[image]) + number for number in numbers] if image is not None else []
        if not boxes or taken & set(boxes):
            raise InputError(f"--task: request {request!r:.80} is none of the split, or stands there twice; write anew")
        taken |= set(boxes)
        found.ids.append(request)
        found.boxes[request], found.numbers[request] = boxes, numbers
    return found
