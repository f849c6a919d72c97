"""Write the pages on which people review captions; they open from disk and need no server.

    OUT/index.html          the page, one image at a time, the riskiest first
    OUT/questions.js        what is asked, as one call of a function with a JSON value
    OUT/images/<n>.jpg      pictures with their texts
    OUT/{review.js,review.css,style.css,chinese.woff}

Invariants:
* the page loads nothing from a network and has no inline script or style; texts from outside are JSON strings that
  become text nodes, never markup; no file name comes from an id;
* the folder appears complete or not at all;
* equal questions give an equal folder.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from rich.progress import track

from ....cli import stderr
from ....errors import InputError
from ....files import folder_when_complete
from ....integrity import sha256_of
from ....webfont import subset_font
from ..normalise import compatible, normalise
from ..opening import open_seen
from ..rules import Rules
from .answers import FORMAT, MAX_NAME, VERDICTS
from .questions import Asked

#: Longer side of the pictures, in pixels, and their JPEG quality.
MAX_SIDE, QUALITY = 1000, 88

_PAGE = Path(__file__).parent / "page"
_STYLE = Path(__file__).parents[3] / "site" / "static" / "style.css"


def write_pages(
    asked: Sequence[Asked],
    out: Path,
    rules: Rules,
    *,
    name: str,
) -> None:
    """Write the pages.

    Args:
        asked: the images with their questions, in the order in which they are shown.
        out: folder to write.
        rules: those of the collection; the page tells at once why a corrected text cannot be a caption.
        name: name of the collection.

    Raises:
        InputError: if a picture is no longer the one that was read.
    """
    with folder_when_complete(out) as folder:
        (folder / "images").mkdir()
        images = []
        for i, image in enumerate(with_progress(asked)):
            path = f"images/{i}.jpg"
            size = save_picture(image, folder / path)
            images.append(_shown(image, path, size))
        content = {
            "format": FORMAT,
            "name": name,
            "verdicts": VERDICTS,
            "max_name": MAX_NAME,
            "min_length": rules.min_length,
            "max_length": rules.max_length,
            "require_chinese": rules.require_chinese,
            "allow_latin": rules.allow_latin,
            "allow_digits": rules.allow_digits,
            "deleted": rules.deleted,
            "refused": compatible(rules.refused),
            "watermarks": [normalise(text, rules.deleted) for text in rules.watermarks],
            "images": images,
        }
        content["review"] = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
        text = json.dumps(content, ensure_ascii=True, separators=(",", ":"))
        (folder / "questions.js").write_text(f"questions({text});\n", encoding="ascii")
        for source in (_STYLE, *sorted(_PAGE.glob("review.*")), _PAGE / "index.html"):
            shutil.copyfile(source, folder / source.name)
        subset_font(set(json.dumps(images, ensure_ascii=False)) | {"中"}, folder / "chinese.woff")


def with_progress(asked: Sequence[Asked]) -> Iterable[Asked]:
    """The images, with a bar on the terminal that shows how many are done."""
    return track(asked, "pictures", console=stderr, disable=not stderr.is_terminal)


def save_picture(image: Asked, target: Path) -> tuple[int, int]:
    """Save the picture of an image with its texts, as JPEG of a size to look at; returns width and height as read.

    Raises:
        InputError: if it is no longer the one that was read.
    """
    path = image.product.path
    try:
        changed = sha256_of(path) != image.sha256
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}); run collect again") from None
    if changed:  # its boxes would be those of another picture
        raise InputError(f"{path}: changed since it was read; run collect again")
    picture = open_seen(path)
    size = picture.size
    picture = picture.convert("RGB")
    picture.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    picture.save(target, format="JPEG", quality=QUALITY)
    return size


def _shown(image: Asked, path: str, size: tuple[int, int]) -> dict[str, Any]:
    return {
        "id": image.product.image_id,
        "sha256": image.sha256,
        "picture": path,
        "size": size,
        "split": image.split,
        "title": image.product.title,
        "attributes": image.product.attributes,
        "captions": [
            {
                "line": question.line,
                "read": question.read,
                "box": [round(place / length, 4) for place, length in zip(question.box, size * 2, strict=True)],
                "confidence": round(question.confidence, 3),
                "second": question.second,
                "likelihood": None if question.likelihood is None else round(question.likelihood, 2),
                "risk": round(question.risk, 3),
            }
            for question in image.questions
        ],
    }
