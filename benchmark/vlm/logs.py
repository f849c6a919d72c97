"""From a log of Inspect to predictions: replies are read again, so a better parser needs no new requests."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inspect_ai.log import EvalLog, EvalSample, read_eval_log, read_eval_log_samples

from ..dataset import open_split
from ..dataset.store import Split
from ..errors import InputError
from .replies import Replies
from .reply import Failure, UnusableReplyError
from .scorer import read_output

#: The line of a traceback that names an error, and characters of it that are shown.
_CAUSE = re.compile(r"^(?!.*RetryError)[\w.]*Error: (.+)$", re.MULTILINE)
_ERROR = 200


@dataclass
class LoggedReplies(Replies):
    """What the replies of a log give.

    Attributes:
        header: what the log says of the run.
    """

    header: EvalLog = field(kw_only=True)

    @property
    def about(self) -> dict[str, Any]:
        """What the task said of itself; see `request.about_requests`."""
        return describe_run(self.header)


def describe_run(header: EvalLog) -> dict[str, Any]:
    """What a log says of the model, of the task and of how replies were drawn."""
    run = header.eval
    config = run.model_generate_config.model_dump(exclude_none=True)
    plan = header.plan.config.model_dump(exclude_none=True)
    parts = run.model.split("/")
    return {
        "model": run.model,
        "provider": "/".join(parts[: 2 if parts[0] == "openai-api" else 1]),
        "base_url": run.model_base_url,
        "model_args": run.model_args,
        "date": str(run.created)[:10],
        "inspect": run.packages.get("inspect_ai", ""),
        **(run.metadata or {}),
        "parameters": {**plan, **config},
    }


def read_header(path: Path) -> EvalLog:
    """Read what a log says of its run.

    Raises:
        InputError: if it is no log of this task.
    """
    try:
        header = read_eval_log(str(path), header_only=True)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected a log of Inspect (.eval)") from None
    except Exception as error:  # a zip archive, JSON and a schema, each with errors of its own
        raise InputError(f"{path}: not a log of Inspect ({type(error).__name__}: {str(error)[:200]})") from None
    if (header.eval.config.epochs or 1) > 1:
        raise InputError(f"{path}: has {header.eval.config.epochs} epochs, expected one reply for each request")
    missing = [name for name in ("split", "fingerprint", "prompt") if name not in (header.eval.metadata or {})]
    if missing:
        raise InputError(f"{path} is a log of the task {header.eval.task}, expected caponimage/caption")
    return header


def read_replies(path: Path, data: str | None) -> tuple[Split, LoggedReplies]:
    """Read all replies of a log, and the captions in them.

    Args:
        path: log of Inspect.
        data: data set folder, or mini. Default: what the run was given.

    Raises:
        InputError: if it is no log of this task, or of other data.
    """
    header = read_header(path)
    about = header.eval.metadata or {}
    split = open_split(data or header.eval.task_args.get("data"), about["split"])
    if split.fingerprint.hexdigest() != about["fingerprint"]:
        raise InputError(
            f"{path} is of other data: split {about['split']!r} of {about['data']!r} with fingerprint "
            f"{about['fingerprint'][:12]}, got {split.fingerprint.hexdigest()[:12]} of {split.dataset!r}; try --data"
        )
    replies = LoggedReplies([None] * split.n_boxes, header=header)
    for sample in samples(path):
        _read_sample(sample, split, replies)
    replies.asked.sort()
    replies.images = len({int(split.image_of_box[box]) for box in replies.asked})
    return split, replies


def samples(path: Path) -> Iterator[EvalSample]:
    """The samples of a log one by one, without what only a viewer needs."""
    unused = {"events", "store", "attachments", "messages"}
    return read_eval_log_samples(str(path), all_samples_required=False, exclude_fields=unused)


def why(sample: EvalSample, error: UnusableReplyError) -> tuple[Failure, str]:
    """Why a sample has no usable reply, and what the engine said of it; empty if it said nothing."""
    if not sample.error:
        return error.failure, ""
    # The error that led to the last one: what Inspect raises in the end tells only that it gave up.
    causes = _CAUSE.findall(sample.error.traceback) or [" ".join(sample.error.message.split())]
    not_asked = "NotAskedError" in sample.error.traceback
    return Failure.not_asked if not_asked else error.failure, causes[-1][:_ERROR]


def _read_sample(sample: EvalSample, split: Split, replies: Replies) -> None:
    about = sample.metadata
    boxes = [int(split.offsets[split.position(about["image_id"])]) + box for box in about["boxes"]]
    replies.asked += boxes
    replies.seconds += sample.output.time or 0.0
    used = about.get("tokens", {})
    replies.tokens_in += used.get("in", 0)
    replies.tokens_out += used.get("out", 0)
    try:
        captions = read_output(sample.output, about["boxes"])
    except UnusableReplyError as error:
        failure, said = why(sample, error)
        if said:
            replies.errors[str(sample.id)] = said
        replies.failures[str(sample.id)] = (failure, boxes)
        return
    for box, text in zip(boxes, captions, strict=True):
        replies.captions[box] = text
