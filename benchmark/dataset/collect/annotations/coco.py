"""COCO-style JSON: `images` and `annotations`, each with a `bbox` and a text.

The text is looked for in the annotation, then in its `attributes`, under `TEXTS`. A `segmentation` of one polygon with
four corners tells the slant of a line, which the upright `bbox` does not; it is taken instead. Coordinates are pixels.
"""

from pathlib import Path
from typing import Any

from ....errors import InputError
from ..tables import read_json
from .collected import Annotated, box

TEXTS = ("caption", "text", "transcription", "utf8_string")


def read(path: Path, collected: Annotated) -> None:
    """Read a file."""
    content = read_json(path)
    images, annotations = (content.get(key) if isinstance(content, dict) else None for key in ("images", "annotations"))
    if not isinstance(images, list) or not isinstance(annotations, list):
        raise InputError(f"{path}: not COCO's form, expected an object with the lists `images` and `annotations`")
    names: dict[int | str, str | None] = {}
    for i, image in enumerate(images):
        place = f"{path}: images[{i}]"
        key = image.get("id") if isinstance(image, dict) else None
        if not isinstance(key, int | str):
            collected.problem(f"{place}: got {image!r:.80}, expected an object with `id` and `file_name`")
        elif key in names:
            collected.problem(f"{place}: id {key!r:.80} is used twice")
        else:
            names[key] = name = collected.picture(image.get("file_name"), place)
            if name is not None:
                collected.size(name, image.get("width"), image.get("height"))
    for i, annotation in enumerate(annotations):
        place = f"{path}: annotations[{i}]"
        key = annotation.get("image_id") if isinstance(annotation, dict) else None
        if not isinstance(key, int | str):
            collected.problem(f"{place}: got {annotation!r:.80}, expected an object with `image_id` and `bbox`")
        elif key not in names:
            collected.repair("annotations of images that are not listed, left out", place)
        elif (picture := names[key]) is not None:
            collected.add(picture, _text(annotation), _points(annotation), place, ignored=annotation.get("ignore") == 1)


def _text(annotation: dict[str, Any]) -> Any:
    inner = annotation.get("attributes")
    for holder in (annotation, inner if isinstance(inner, dict) else {}):
        for name in TEXTS:
            if holder.get(name) not in (None, ""):
                return holder[name]
    return None


def _points(annotation: dict[str, Any]) -> Any:
    polygons = annotation.get("segmentation")
    if isinstance(polygons, list) and len(polygons) == 1 and isinstance(polygons[0], list) and len(polygons[0]) == 8:
        return list(zip(polygons[0][::2], polygons[0][1::2], strict=True))
    try:
        left, top, width, height = annotation["bbox"]
        return box(left, top, left + width, top + height) if width >= 0 and height >= 0 else None
    except (KeyError, TypeError, ValueError):
        return None
