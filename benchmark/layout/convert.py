"""Convert layouts of other programs, JSON with boxes in pixels, into prediction files.

Two forms are read, both as JSON and never as a pickle:

* elements per image, as PosterLayout's tensors look once they are lists: an object (image -> elements) or a list of
  objects with `image_id`, `file_name` or `name`; elements are `{"cls": [...], "bbox": [[x1, y1, x2, y2], ...]}`, with
  `"captions": [...]` if there are any;
* COCO: `images` (`id`, `file_name`, `width`, `height`) and `annotations` (`image_id`, `bbox` as [x, y, width, height],
  `category_id`, and `caption` or `text` if there is any).

Invariant: a file is taken whole or refused whole, with all its problems; images that it does not name have no boxes.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ..dataset.store import Split
from ..errors import InputError
from ..strict_json import each_key_once
from .layouts import Layouts
from .reading import MAX_BOXES

_MAX_BYTES = 1 << 30
_SHOWN = 5

Size = tuple[float, float]


@dataclass(frozen=True)
class Element:
    """One element of a file: image, [x1, y1, x2, y2] in pixels of a picture of some size, class, text."""

    image_id: str
    box: tuple[float, float, float, float]
    size: Size | None
    kind: Any
    caption: str | None


def convert(path: Path, split: Split, *, classes: frozenset[str] = frozenset(), size: Size | None = None) -> Layouts:
    """Read a file of layouts in pixels.

    Args:
        path: JSON file.
        split: split that the layouts were predicted for.
        classes: classes of the elements that are texts, as written in the file; empty for all but 0.
        size: width and height of the canvas of all images in pixels; by default that of the file, else of the split.

    Returns:
        Layouts of all images of the split, with captions if every box has one.

    Raises:
        InputError: listing what is wrong.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(f"{path}: more than {_MAX_BYTES:,} bytes, expected the layouts of one split")
        content = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=each_key_once)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON: {error!s:.200}; tensors: json.dump(tensor.tolist(), file)") from None
    problems: list[str] = []
    is_coco = isinstance(content, dict) and isinstance(content.get("annotations"), list)
    elements = list((_coco if is_coco else _per_image)(content, problems))
    boxes: list[list[list[float]]] = [[] for _ in range(split.n_images)]
    captions: list[list[str]] = [[] for _ in range(split.n_images)]
    complete = True
    for element in elements:
        if str(element.kind) not in classes if classes else str(element.kind) == "0":
            continue
        image = split.index.get(element.image_id)
        if image is None:
            problems.append(f"{element.image_id!r:.80} is no image of {split.dataset}/{split.name}")
            continue
        width, height = size or element.size or split.sizes[image].tolist()
        x1, y1, x2, y2 = element.box
        ratios = [x1 / width, y1 / height, x2 / width, y2 / height]
        if x1 > x2 or y1 > y2 or not all(-1 <= ratio <= 2 for ratio in ratios):
            problems.append(
                f"image {element.image_id}: box {list(element.box)} of a canvas of {width:g} x {height:g} pixels, "
                "expected [x1, y1, x2, y2] on the canvas or near it; another --size?"
            )
        elif len(boxes[image]) == MAX_BOXES:
            problems.append(f"image {element.image_id}: more than {MAX_BOXES} boxes")
        else:
            boxes[image].append(ratios)
            captions[image].append(element.caption or "")
            complete &= element.caption is not None
    if problems:
        distinct = list(dict.fromkeys(problems))
        more = [f"and {len(distinct) - _SHOWN:,} more problems"] if len(distinct) > _SHOWN else []
        raise InputError(*(f"{path}: {problem}" for problem in distinct[:_SHOWN]), *more)
    return Layouts.of(boxes, captions if complete and elements else None)


def _coco(content: Mapping[str, Any], problems: list[str]) -> Iterator[Element]:
    images: dict[Any, tuple[str, Size | None]] = {}
    for image in _list(content.get("images")):
        if not isinstance(image, dict) or not isinstance(image.get("id"), str | int):
            problems.append(f"images: got {image!r:.80}, expected an object with id and file_name")
            continue
        given = {side: image.get(side) for side in ("width", "height")}
        sides = [
            float(side) for side in given.values() if isinstance(side, int | float) and _is_number(side) and side > 0
        ]
        images[image["id"]] = (
            _id_of(image.get("file_name", image["id"])),
            (sides[0], sides[1]) if len(sides) == 2 else None,
        )
    for note in content["annotations"]:
        box = _box(note.get("bbox")) if isinstance(note, dict) else None
        if box is None or not isinstance(note.get("image_id"), str | int):
            problems.append(f"annotations: got {note!r:.120}, expected image_id and bbox, four numbers")
            continue
        image_id, size = images.get(note["image_id"], (_id_of(note["image_id"]), None))
        x, y, width, height = box
        caption = note.get("caption", note.get("text"))
        yield Element(
            image_id,
            (x, y, x + width, y + height),
            size,
            note.get("category_id"),
            caption if isinstance(caption, str) else None,
        )


def _per_image(content: Any, problems: list[str]) -> Iterator[Element]:
    if isinstance(content, dict):
        items = list(content.items())
    else:
        names = ("image_id", "file_name", "name")
        given = [one if isinstance(one, dict) else {} for one in _list(content)]
        items = [(next((one[name] for name in names if name in one), None), one) for one in given]
    if not items:
        problems.append("expected images with cls and bbox, or a COCO object with annotations")
    for name, image in items:
        found = [image.get(key) if isinstance(image, dict) else None for key in ("cls", "bbox")]
        kinds, boxes = (_list(value) for value in found)
        captions = _list(image.get("captions")) if isinstance(image, dict) else []
        if not isinstance(name, str | int) or len(kinds) != len(boxes) or not isinstance(found[1], list):
            problems.append(
                f"image {name!r:.80}: got {image!r:.80}, expected its name, and cls and bbox, lists of one length"
            )
            continue
        for i, (kind, given_box) in enumerate(zip(kinds, boxes, strict=True)):
            kind = kind[0] if isinstance(kind, list) and len(kind) == 1 else kind
            if (box := _box(given_box)) is None:
                problems.append(f"image {name!r:.80}: box {i} is {given_box!r:.80}, expected four numbers")
                continue
            caption = captions[i] if i < len(captions) and isinstance(captions[i], str) else None
            yield Element(_id_of(name), box, None, kind, caption)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e9 and math.isfinite(value)


def _box(value: Any) -> tuple[float, float, float, float] | None:
    if not isinstance(value, list) or len(value) != 4 or not all(map(_is_number, value)):
        return None
    return float(value[0]), float(value[1]), float(value[2]), float(value[3])


def _id_of(name: Any) -> str:
    """The id of an image from the name of its file."""
    text = PurePosixPath(str(name).replace("\\", "/")).name
    stem, dot, suffix = text.rpartition(".")
    return stem if dot and suffix.lower() in ("png", "jpg", "jpeg", "webp") else text
