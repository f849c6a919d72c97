"""Read posters with classes of elements and their pictures, for `posterlayout`."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import InputError
from ..pictures import read_picture
from ..strict_json import each_key_once
from .posterlayout import CANVAS, Poster

_MAX_ELEMENTS = 1000
_SHOWN = 5


def read_posters(layouts: Path, canvases: Path | None, saliency: Sequence[Path]) -> list[Poster]:
    """Read posters.

    Args:
        layouts: JSON file: image name -> {"cls": [...], "bbox": [[x1, y1, x2, y2], ...]}, in pixels of 513 x 750.
        canvases: folder with a picture of each name; None to leave pictures out.
        saliency: folders with a map of each name, or of the name with `_pred` before its suffix; empty to leave out.

    Raises:
        InputError: listing what is wrong.
    """
    try:
        content = json.loads(layouts.read_text(encoding="utf-8"), object_pairs_hook=each_key_once)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{layouts} is not JSON: {error!s:.200}") from None
    if not isinstance(content, dict) or not content:
        raise InputError(f'{layouts}: expected an object, image name -> {{"cls": [...], "bbox": [...]}}')
    with_pictures = canvases is not None and bool(saliency)
    posters, problems = [], []
    for name, elements in content.items():
        try:
            classes = np.array(elements["cls"], np.float64).reshape(-1)
            boxes = np.array(elements["bbox"], np.float64).reshape(-1, 4)
            if len(classes) != len(boxes) or len(boxes) > _MAX_ELEMENTS or not (np.abs(boxes) < 1e6).all():
                raise ValueError
        except (TypeError, KeyError, ValueError):
            problems.append(f"{layouts}: image {name!r:.80}: expected cls and bbox, lists of one length, of numbers")
            continue
        poster = Poster(classes.astype(np.int64), boxes)
        if with_pictures:
            try:
                maps = [_grey(_file(folder, name)) for folder in saliency]
                canvas = read_picture(_file(Path(str(canvases)), name)).resize(CANVAS)
            except InputError as error:
                problems += error.problems
                continue
            poster = Poster(poster.classes, boxes, np.maximum.reduce(maps), np.asarray(canvas))
        posters.append(poster)
    if problems:
        more = [f"and {len(problems) - _SHOWN:,} more problems"] if len(problems) > _SHOWN else []
        raise InputError(*problems[:_SHOWN], *more)
    return posters


def _file(folder: Path, name: str) -> Path:
    """The file of an image in a folder; its name may have `_pred` before its suffix."""
    if "/" in name or "\\" in name or name.startswith("."):
        raise InputError(f"image {name!r:.80}: expected the name of a file")
    path = folder / (name if Path(name).suffix else f"{name}.png")
    marked = path.with_stem(f"{path.stem}_pred")
    return marked if marked.is_file() else path


def _grey(path: Path) -> np.ndarray:
    picture: Image.Image = read_picture(path).convert("L").resize(CANVAS)
    return np.asarray(picture) / 255
