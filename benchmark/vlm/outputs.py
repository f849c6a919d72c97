"""What a run leaves: predictions, what is to be known of them, and a draft of an entry's metadata.

Invariant: a box without a caption is written only where that was asked for (`allow_missing`), and is counted then.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from .. import cli
from ..dataset.store import Split
from ..errors import InputError
from ..files import is_stream, replace_when_complete
from ..predictions import write_predictions
from ..shell import quoted
from .replies import Replies
from .session import Prices


def about_path(output: Path) -> Path:
    """The file beside predictions that says how they came about."""
    return output.with_name(f"{output.name}.about.json")


def deliver(
    output: Path,
    split: Split,
    replies: Replies,
    prices: Prices,
    again: str,
    *,
    allow_missing: bool,
    metadata: Path | None,
) -> None:
    """Write predictions and what is to be known of them, or list the boxes that have no caption.

    Args:
        output: prediction file to write.
        split: split of the captions.
        replies: captions and failures.
        prices: prices of tokens.
        again: what to do about boxes without a caption.
        allow_missing: whether they are written as empty captions.
        metadata: file for a draft of an entry's metadata.

    Raises:
        InputError: if boxes have no caption and that is not allowed, or a part of a file should be packed.
    """
    unanswered = len(replies.unanswered)
    if unanswered and not allow_missing:
        raise InputError(
            f"{unanswered:,} of {len(replies.asked):,} boxes have no caption, so {output} was not written; "
            f"{again}, or write empty captions with --allow-missing",
            *replies.unanswered_lines(),
        )
    if len(replies.asked) < split.n_boxes and output.suffix in (".gz", ".zst"):
        raise InputError(f"{output} would be a part of a prediction file, which is not packed; take another --output")
    about = replies.describe(prices)
    if metadata:
        write_metadata(metadata, about)
    write_captions(output, split, replies.captions, replies.asked)
    beside = write_about(output, about)
    cli.note(f"{len(replies.asked):,} boxes, {unanswered:,} without an answer" + (f"; {beside}" if beside else ""))
    if len(replies.asked) < split.n_boxes:
        cli.note(f"{output} has some boxes of the split, so it cannot be scored or submitted")
    elif str(output) != "-":
        where = f"--data {quoted(split.directory)} --split {split.name}"
        cli.say(f"wrote {output}; then: python -m benchmark.score {quoted(output)} {where}")


def write_captions(output: Path, split: Split, captions: Sequence[str | None], asked: Sequence[int]) -> None:
    """Write the captions of the boxes that were asked for; a box without one has an empty caption.

    Args:
        output: prediction file to write.
        split: split of the captions.
        captions: one for each box of the split.
        asked: boxes that were asked for; if these are not all, the file is no whole prediction file.
    """
    if len(asked) == split.n_boxes:
        write_predictions(output, split, [caption or "" for caption in captions])
        return
    images = split.image_of_box
    with replace_when_complete(output) as partial, partial.open("wb") as file:
        for box in asked:
            image = int(images[box])
            line = {
                "image_id": split.image_ids[image],
                "box": box - int(split.offsets[image]),
                "caption": captions[box] or "",
            }
            file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


def write_about(output: Path, about: Mapping[str, Any]) -> Path | None:
    """Write what is to be known of predictions beside them; nothing beside a stream."""
    if is_stream(output):
        return None
    path = about_path(output)
    with replace_when_complete(path) as partial:
        partial.write_text(json.dumps(about, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return path


def write_metadata(path: Path, about: Mapping[str, Any]) -> None:
    """Write a draft of metadata.yaml: what the run knows is filled in, the rest is for its author.

    Raises:
        InputError: if the file exists.
    """
    from ..leaderboard.metadata import template

    if path.exists() or path.is_symlink():
        raise InputError(f"{path} exists and is not overwritten; name another file")
    model = str(about["model"])
    temperature = about["parameters"].get("temperature", "the provider's")
    unanswered = f", {about['unanswered']} of {about['boxes']} boxes unanswered" if about["unanswered"] else ""
    values = {
        "name": model.rpartition("/")[2][:60],
        "date": about["date"],
        "uses_external_data": True,
        "external_data": f"whatever {model} was trained on"[:200],
        "pretrained_from": [model[:200]],
        "hardware": "none: nothing was trained",
        "seeds": [1],
        "decoding": f"prompt {about['prompt']} ({about['prompt_hash']}), temperature {temperature}{unanswered}"[:200],
    }
    with replace_when_complete(path) as partial:
        partial.write_text(template(values), encoding="utf-8", newline="\n")
