"""Convert one record of the released annotations to a row of a data set.

    {"info": "...", "all_locs": ["x1_y1_x2_y2", ...], "ocr_locs": [...], "ocr_txts": [...], "category": "..."}

`ocr_locs` and `ocr_txts` run in parallel: boxes kept by the authors' filters, and their captions. `all_locs` holds
every text box of the image. `category` is ours: the released files have none.

The surprising fact: coordinates are ratios in what the authors' loader reads and integer pixels in what their
preprocessing writes, and nothing in the file says which.
"""

import math
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from ...metrics.corpus import characters
from ..schema import AnnotationRow, text_problem

Box = tuple[float, float, float, float]

# Distance by which rounding may move a coordinate past the edge: one pixel of an image whose side is 256.
TOLERANCE = 1 / 256


@lru_cache(maxsize=1024)  # ocr_locs and all_locs of a record repeat each other
def _numbers(text: str) -> Box | None:
    try:
        x1, y1, x2, y2 = map(float, text.split("_"))
    except ValueError:
        return None
    return (x1, y1, x2, y2) if math.isfinite(x1 + y1 + x2 + y2) else None


def parse_box(text: Any) -> Box | None:
    """Parse a box `x1_y1_x2_y2`; None if the value is anything else."""
    return _numbers(text) if isinstance(text, str) and len(text) <= 200 else None


def exceeds_one(boxes: list[Box]) -> bool:
    """Whether some coordinate is above 1 by more than rounding: then it is in pixels, or outside the image."""
    return max(map(max, boxes), default=0.0) > 1 + TOLERANCE


def fit_box(box: Box, width: int, height: int) -> Box | str:
    """Convert a box to ratios within the image, or return a text on what is wrong with it.

    Args:
        box: coordinates x1, y1, x2, y2 in the unit of `width` and `height`.
        width: width of the image; 1 for a box in ratios.
        height: height of the image; 1 for a box in ratios.
    """
    x1, y1, x2, y2 = box
    if x2 <= x1 or y2 <= y1:
        return "x2 <= x1 or y2 <= y1"
    ratios = x1 / width, y1 / height, x2 / width, y2 / height
    if min(ratios) < -TOLERANCE or max(ratios) > 1 + TOLERANCE:
        return "box reaches outside the image"
    left, top, right, bottom = (min(max(ratio, 0.0), 1.0) for ratio in ratios)
    return (left, top, right, bottom) if left < right and top < bottom else "box has no area in the image"


def record_row(
    image_id: str,
    record: dict[str, Any],
    *,
    size: tuple[int, int],
    pixels: bool,
    references: bool,
    info_separator: str | None,
    add: Callable[..., None],
) -> AnnotationRow | None:
    """Convert a record to a row.

    Args:
        image_id: id of the image.
        record: parsed JSON object; nothing in it is trusted.
        size: width and height of the image in pixels.
        pixels: whether the boxes of the file are in pixels, not ratios.
        references: whether the split has captions; if not, those of the record are left out.
        info_separator: text that ends the title in `info`; None if `info` is all title.
        add: callback for everything that cannot be used: `add(outcome, reason, box=..., got=...)`.

    Returns:
        The row, or None if nothing in the record can be used.
    """
    locs = record.get("ocr_locs")
    if not isinstance(locs, list):
        add("image dropped", "ocr_locs is not a list", got=locs)
        return None
    texts: list[Any] | None = _captions(record, len(locs), add) if references else [None] * len(locs)
    if texts is None:
        return None
    readable = [box for box in map(parse_box, locs) if box]
    if pixels and readable and not exceeds_one(readable):
        add("image dropped", "boxes look like ratios in a file of pixels", got=locs[0])
        return None
    if not pixels and exceeds_one(readable):
        add("kept", "boxes look like pixels in a file of ratios", got=locs[0])

    unit = size if pixels else (1, 1)
    boxes: list[list[float]] = []
    captions: list[str] = []
    drawn = _usable_boxes(locs, unit, partial(add, "box dropped"))
    for i, box in drawn.items():
        if references and not isinstance(texts[i], str):
            add("box dropped", "caption is not a string", box=i, got=texts[i])
        elif references and (problem := text_problem(texts[i])):
            add("box dropped", f"caption is {problem}", box=i, got=texts[i])
        elif references and not characters(texts[i]):
            add("box dropped", "caption is empty after removing white space", box=i)
        else:
            boxes.append(list(box))
            captions.append(texts[i])
    if not boxes:
        add("image dropped", "no box left")
        return None

    all_locs = record.get("all_locs", [])
    if not isinstance(all_locs, list):
        add("kept", "all_locs is not a list; masked boxes are those of ocr_locs", got=all_locs)
        all_locs = []
    masked = list(_usable_boxes(all_locs, unit, partial(add, "masked box dropped")).values())
    listed = set(masked)
    masked += [box for box in dict.fromkeys(drawn.values()) if box not in listed]

    title, attributes = _text(record, "info", add), ""
    if info_separator:
        title, _, attributes = title.partition(info_separator)
    return {
        "image_id": image_id,
        "width": size[0],
        "height": size[1],
        "title": title,
        "attributes": attributes,
        "category": _text(record, "category", add),
        "boxes": boxes,
        "captions": captions if references else None,
        "masked_boxes": [list(box) for box in masked],
    }


def _captions(record: dict[str, Any], n_boxes: int, add: Callable[..., None]) -> list[Any] | None:
    texts = record.get("ocr_txts")
    if not texts and n_boxes:
        add("image dropped", "no ocr_txts, though other records of the split have them")
        return None
    if not isinstance(texts, list) or len(texts) != n_boxes:
        found = len(texts) if isinstance(texts, list) else repr(texts)[:40]
        add("image dropped", "ocr_locs and ocr_txts differ in length", got=f"{n_boxes} and {found}")
        return None
    return texts


def _usable_boxes(locs: list[Any], unit: tuple[int, int], drop: Callable[..., None]) -> dict[int, Box]:
    """The usable boxes of a list, by position."""
    usable = {}
    for i, text in enumerate(locs):
        box = parse_box(text)
        fitted = fit_box(box, *unit) if box else "box is not four numbers"
        if isinstance(fitted, str):
            drop(fitted, box=i, got=text)
        else:
            usable[i] = fitted
    return usable


def _text(record: dict[str, Any], key: str, add: Callable[..., None]) -> str:
    text = record.get(key) or ""
    if not isinstance(text, str):
        add("kept", f"{key} is not a string; left empty", got=text)
        return ""
    if problem := text_problem(text):
        add("kept", f"{key} is {problem}; left empty", got=text)
        return ""
    return text
