"""Import the prediction JSON that the authors' released code writes: `{"names": [...], "captions": [...]}`.

A name is `<id>_<x1>_<y1>_<x2>_<y2>`; the id may contain `_` itself, so names are split from the right. A run on several
GPUs writes a list of such objects, one per rank: its sampler distributes the items in turn (item i goes to rank i
modulo the number of ranks) and repeats the first ones at the end, so that all ranks have equally many.

The surprising fact: boxes of one image in the same place have the same name, and nothing else distinguishes them. They
are filled in the order of the run, which is that of the data set: the k-th caption of a name goes to the k-th box in
that place. Taking captions from the ranks in turn restores that order, and puts the repeats last.

Invariants:
* the written file has every box of the split exactly once, or no file is written;
* every caption that is left out is counted, and listed with its reason.
"""

import json
import os
from collections.abc import Callable, Iterator
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

import orjson

from ..dataset.released.record import Box, exceeds_one, parse_box
from ..dataset.released.report import ImportReport
from ..dataset.store import Split
from ..errors import InputError
from ..files import is_stream, replace_when_complete
from ..strict_json import each_key_once
from .box_match import boxes_at
from .check import missing_boxes
from .files import tidy_caption, write_predictions
from .formats import looks_like
from .lines import ReadingStoppedError, open_lines
from .problems import MAX_CAPTION, shown

_FORM = '{"names": ["<id>_<x1>_<y1>_<x2>_<y2>", ...], "captions": ["...", ...]}, or a list of such objects'


def import_predictions(path: Path, split: Split, out: Path) -> ImportReport:
    """Make a prediction file from a prediction JSON of the released code.

    Args:
        path: prediction JSON, also `.gz` or `.zst`; `-` reads stdin.
        split: split that was predicted.
        out: prediction file to write.

    Returns:
        The report of captions that could not be used unchanged; `<out>.import_report.jsonl` lists them, if any, unless
        `out` is a stream.

    Raises:
        InputError: if the file is no such JSON, or lacks captions for boxes of the split; nothing is written then.
    """
    nowhere = is_stream(out)  # a report has no place beside it
    report_path = Path(os.devnull) if nowhere else out.with_name(f"{out.name}.import_report.jsonl")
    with replace_when_complete(report_path) as partial:
        with ImportReport(partial) as report:
            captions = _captions_of_boxes(_items(_ranks(path, split)), split, report)
            if missing := missing_boxes(split, [caption is not None for caption in captions]):
                reasons = [f"{n:,} x {outcome}: {why}" for (outcome, why), n in report.counts.most_common()]
                raise InputError(f"{path} has {missing}", *reasons)
        write_predictions(out, split, [caption or "" for caption in captions])
    if not report.counts and not nowhere:
        report_path.unlink()
    return report


def _ranks(path: Path, split: Split) -> list[dict[str, Any]]:
    """Read the objects of the file, one per rank; `names` and `captions` of each are lists of equal length."""
    head = b""
    try:
        with open_lines(path, split.n_boxes) as file:
            head, content = file.head, file.content()
        value = orjson.loads(content)
    except ReadingStoppedError as why:
        raise InputError(f"{path}: {why}") from None
    except orjson.JSONDecodeError as error:
        seems = looks_like(head, path, split)
        hint = f"it looks like {seems}" if seems else "if it is a prediction file already, there is nothing to import"
        raise InputError(f"{path} is not JSON ({error}), expected {_FORM}; {hint}") from None
    try:
        json.loads(content, object_pairs_hook=each_key_once)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read ({error}), expected {_FORM}") from None
    ranks = value if isinstance(value, list) else [value]
    problems = []
    for i, rank in enumerate(ranks):
        names, captions = (rank.get(key) if isinstance(rank, dict) else None for key in ("names", "captions"))
        place = f"{path}, object {i}" if isinstance(value, list) else str(path)
        if not isinstance(names, list) or not isinstance(captions, list):
            problems.append(f"{place}: got {shown(rank)}, expected {_FORM}")
        elif len(names) != len(captions):
            problems.append(f"{place}: got {len(names):,} names and {len(captions):,} captions, expected equally many")
    if problems:
        raise InputError(*problems[:3], *([f"and {len(problems) - 3:,} more objects"] if len(problems) > 3 else []))
    return ranks


def _items(ranks: list[dict[str, Any]]) -> list[tuple[Any, Any]]:
    """Pairs of name and caption in the order of the split, repeats last."""
    dealt = [item for rank in ranks for item in enumerate(zip(rank["names"], rank["captions"], strict=True))]
    return [item for _, item in sorted(dealt, key=itemgetter(0))]  # ranks keep their order within a turn


def _captions_of_boxes(items: list[tuple[Any, Any]], split: Split, report: ImportReport) -> list[str | None]:
    """The caption of each box of the split, None where there is none."""
    # Image and its boxes in one place -> captions, in order; None for one that cannot be used.
    places: dict[tuple[int, ...], list[str | None]] = {}
    for image, boxes, caption in _placed(items, split, report):
        places.setdefault((image, *boxes), []).append(caption)
    captions: list[str | None] = [None] * split.n_boxes
    for (image, *boxes), found in places.items():
        where: dict[str, Any] = {"image_id": split.image_ids[image], "box": boxes[0]}
        given, repeats = found[: len(boxes)], found[len(boxes) :]
        for repeat in repeats:
            same = repeat in given
            reason = "predicted again with " + ("the same caption" if same else "another caption; the first counts")
            report.add("repeat dropped", reason, **where, got=repeat)
        if len(given) < len(boxes):
            reason = "fewer captions than boxes in the same place; the last goes to all that are left"
            report.add("kept", reason, **where, got=given)
            given += given[-1:] * (len(boxes) - len(given))
        elif len(set(given)) > 1:
            reason = "boxes in the same place; their captions are taken in the order of the run"
            report.add("kept", reason, **where, got=given)
        for box, caption in zip(boxes, given, strict=True):
            captions[int(split.offsets[image]) + box] = caption
    return captions


def _placed(
    items: list[tuple[Any, Any]], split: Split, report: ImportReport
) -> Iterator[tuple[int, list[int], str | None]]:
    """For each item with a valid name: image index, indices of the boxes it names, and caption."""
    parsed = [_parsed_name(name) for name, _ in items]
    in_pixels = [exceeds_one([box]) for _, box in filter(None, parsed)]
    pixels = 2 * sum(in_pixels) > len(in_pixels)  # as for annotations, the majority decides
    for (name, caption), image_and_box in zip(items, parsed, strict=True):
        if image_and_box is None:
            report.add("caption dropped", "name is not <id>_<x1>_<y1>_<x2>_<y2>", got=name)
            continue
        image_id, place = image_and_box
        image = split.index.get(image_id)
        boxes = boxes_at(split, image, place, pixels=pixels) if image is not None else []
        if image is None:
            report.add("caption dropped", "no such image in the split", image_id=image_id)
        elif not boxes:
            report.add("caption dropped", "the image has no box there", image_id=image_id, got=name)
        else:
            yield image, boxes, _usable(caption, partial(report.add, image_id=image_id, box=boxes[0], got=caption))


def _usable(caption: Any, add: Callable[..., None]) -> str | None:
    if not isinstance(caption, str):
        add("caption dropped", "caption is not a string")
        return None
    if len(caption) > MAX_CAPTION:
        add("caption dropped", f"caption has more than {MAX_CAPTION:,} characters")
        return None
    tidy = tidy_caption(caption)
    if tidy != caption.strip():
        add("kept", "control characters in the caption, made blanks")
    return tidy


def _parsed_name(name: Any) -> tuple[str, Box] | None:
    if not isinstance(name, str) or name.count("_") < 4:
        return None
    image_id, *numbers = name.rsplit("_", 4)
    box = parse_box("_".join(numbers))
    return (image_id, box) if box else None
