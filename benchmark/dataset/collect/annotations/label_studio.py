"""Label Studio's export "JSON": a list of tasks, each with its picture and the regions that somebody marked.

A region is one or several results with the same `id`: one tells the place (`rectanglelabels`, `rectangle`,
`polygonlabels`, `polygon`; in per cent of `original_width` and `original_height`), and a `textarea` the text. A
rectangle may be turned by `rotation` degrees around its upper left corner. Of several annotations of a task, the last
that was not cancelled counts; predictions are no annotations. A task with an `image_id` among its data, as those of
`review export` have, belongs to that product, whatever its picture is named.
"""

import math
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from ....errors import InputError
from ..tables import read_json
from .collected import BY_ID, Annotated

#: Keys of the picture in the data of a task, in the templates of the tool.
PICTURES = ("image", "ocr", "img", "picture")


def read(path: Path, collected: Annotated) -> None:
    """Read a file."""
    tasks = read_json(path)
    if not isinstance(tasks, list):
        raise InputError(f"{path}: not an export of Label Studio, expected a list of tasks")
    for i, task in enumerate(tasks):
        place = f"{path}: task [{i}]"
        data = task.get("data") if isinstance(task, dict) else None
        if not isinstance(data, dict) or not isinstance(task.get("annotations"), list):
            collected.problem(f"{place}: no `data` and `annotations`; export as JSON, not as JSON-MIN")
            continue
        address = next((data[key] for key in PICTURES if isinstance(data.get(key), str)), None)
        image_id = data.get("image_id")
        name = BY_ID + image_id if isinstance(image_id, str) and image_id else _name(address)
        if (picture := collected.picture(name, place)) is None:
            continue
        done = [each for each in task["annotations"] if isinstance(each, dict) and not each.get("was_cancelled")]
        if not done:
            collected.refuse(picture, "task has no annotation", place)
            continue
        if len(done) > 1:
            collected.repair("tasks with several annotations, of which the last is taken", place)
        _add_regions(done[-1].get("result"), picture, place, collected)


def _name(address: str | None) -> str | None:
    """The file of a picture in its address, which may be one of an upload, of a local file, or any other."""
    try:
        parts = urlsplit(address or "")
    except ValueError:
        return None
    path = (parse_qs(parts.query).get("d") or [unquote(parts.path)])[0]
    if "/data/upload/" in path:  # the tool puts eight digits before the name
        return re.sub(r"^[0-9a-f]{8}-", "", path.rpartition("/")[2])
    return path.lstrip("/")


def _add_regions(results: Any, picture: str, place: str, collected: Annotated) -> None:
    regions: dict[str, tuple[Any, list[str]]] = {}  # id -> corners, texts
    for result in results if isinstance(results, list) else []:
        value = result.get("value") if isinstance(result, dict) else None
        if not isinstance(value, dict) or not isinstance(result.get("id"), str):
            continue  # an answer about the whole picture, or a relation between regions
        corners, texts = regions.get(result["id"], (None, []))
        if "points" in value or "width" in value:
            sides = result.get("original_width"), result.get("original_height")
            corners = _scaled(_corners(value, *sides), sides, collected.size(picture, *sides)) or "none"
        text = value.get("text")
        texts += [each for each in (text if isinstance(text, list) else [text]) if isinstance(each, str)]
        regions[result["id"]] = corners, texts
    for corners, texts in regions.values():
        if corners is None:
            collected.repair("texts without a region, left out", place)
        else:
            collected.add(picture, " ".join(texts), corners, place)


def _scaled(
    corners: list[tuple[float, float]] | None, sides: tuple[Any, Any], size: tuple[int, int] | None
) -> list[tuple[float, float]] | None:
    """Corners on a picture of these sides, in pixels of the size of the picture that counts."""
    if corners is None or size is None or size == sides:
        return corners
    try:
        return [(x / sides[0] * size[0], y / sides[1] * size[1]) for x, y in corners]
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        return None


def _corners(value: dict[str, Any], width: Any, height: Any) -> list[tuple[float, float]] | None:
    """Corners in pixels; None if something about them is not a number."""
    try:
        if "points" in value:
            return [(x / 100 * width, y / 100 * height) for x, y in value["points"]]
        left, wide = (value[key] / 100 * width for key in ("x", "width"))
        top, high = (value[key] / 100 * height for key in ("y", "height"))
        angle = math.radians(value.get("rotation") or 0)
        cos, sin = math.cos(angle), math.sin(angle)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    sides = ((0, 0), (wide, 0), (wide, high), (0, high))
    return [(left + x * cos - y * sin, top + x * sin + y * cos) for x, y in sides]
