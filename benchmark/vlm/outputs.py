"""What a run leaves: predictions, and a file beside them that says how they came about.

Invariant: a box without a caption is written only where that was asked for (`allow_missing`), and is counted then.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import Any

import orjson

from .. import cli
from ..dataset.store import Split
from ..errors import InputError
from ..files import is_stream, replace_when_complete
from ..predictions import write_predictions
from ..shell import quoted
from .replies import FORMAT, Replies
from .session import Prices

#: What is needed of the file beside predictions, and what each is.
_ABOUT: dict[str, type | tuple[type, ...]] = {
    "model": str, "date": str, "prompt": str, "prompt_hash": str, "data": str, "split": str, "fingerprint": str,
    "parameters": dict, "images": int, "boxes": int, "unanswered": int, "failures": dict, "unanswered_boxes": dict,
    "seconds": (int, float), "tokens": dict, "prices_per_million": (dict, NoneType), "price": (int, float, NoneType),
}  # fmt: skip
_MAX_ABOUT, _MAX_BOXES = 1 << 24, 10_000_000


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
) -> None:
    """Write predictions and what is to be known of them, or list the boxes that have no caption.

    Args:
        output: prediction file to write.
        split: split of the captions.
        replies: captions and failures.
        prices: prices of tokens.
        again: what to do about boxes without a caption.
        allow_missing: whether they are written as empty captions.

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


def read_about(predictions: Path) -> dict[str, Any]:
    """Read what is to be known of predictions from the file beside them.

    Raises:
        InputError: if there is none, or it is not as `write_about` writes it.
    """
    path = about_path(predictions)
    try:
        with path.open("rb") as file:
            content = orjson.loads(file.read(_MAX_ABOUT))
        if content["format"] != FORMAT:
            raise ValueError(f"format is {content['format']!r:.60}, expected {FORMAT}")
        about = {name: content[name] for name in _ABOUT}
        if wrong := [name for name, kind in _ABOUT.items() if not isinstance(about[name], kind)]:
            raise ValueError(f"{wrong[0]} is {about[wrong[0]]!r:.60}")
        if not all(isinstance(about["tokens"][name], int) for name in ("in", "out")):
            raise ValueError(f"tokens is {about['tokens']!r:.60}")
        left = _MAX_BOXES
        for name, text in about["unanswered_boxes"].items():
            about["unanswered_boxes"][name] = found = _boxes(text, left)
            left -= len(found)
    except OSError as error:
        raise InputError(
            f"{path}: {error.strerror}; run, export and import of `python -m benchmark.vlm` write it beside predictions"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{path}: not what `python -m benchmark.vlm` writes beside predictions ({error!s:.160})"
        ) from None
    return content | about


def _ranges(boxes: Sequence[int]) -> str:
    """Numbers in ascending order as text, such as "0-4 9"."""
    found: list[list[int]] = []
    for box in boxes:
        if found and found[-1][1] == box - 1:
            found[-1][1] = box
        else:
            found.append([box, box])
    return " ".join(str(first) if first == last else f"{first}-{last}" for first, last in found)


def _boxes(text: str, most: int) -> list[int]:
    """The numbers that `_ranges` has written, if there are not too many."""
    found: list[int] = []
    for part in text.split():
        first, _, last = part.partition("-")
        begin, end = int(first), int(last or first) + 1
        if not 0 <= begin < end <= _MAX_BOXES or len(found) + end - begin > most:
            raise ValueError(f"boxes {part:.40}, or too many of them")
        found += range(begin, end)
    return found


def write_about(output: Path, about: Mapping[str, Any]) -> Path | None:
    """Write what is to be known of predictions beside them; nothing beside a stream."""
    if is_stream(output):
        return None
    path = about_path(output)
    about = {**about, "unanswered_boxes": {name: _ranges(boxes) for name, boxes in about["unanswered_boxes"].items()}}
    with replace_when_complete(path) as partial:
        partial.write_text(json.dumps(about, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return path
