"""Boxes and texts that people or other tools have written down already, in the place of reading the pictures.

One small module for each form of file; `read_annotations` turns any of them into lines as an engine would have read
them, so that they go through the same rules. Names of pictures are keys: no file is opened by one.
"""

from collections.abc import Callable, Collection, Iterable
from difflib import get_close_matches
from pathlib import Path, PurePosixPath

from ....cli import note
from ....errors import InputError, printable
from ..records import WHOLE, Drop, Listing
from . import coco, label_studio, paddleocr, quadrilaterals, table
from .collected import BY_ID, STAGE, Annotated, Marked

#: Form of file -> its reader.
FORMS: dict[str, Callable[[Path, Annotated], None]] = {
    "coco": coco.read,
    "label-studio": label_studio.read,
    "paddleocr": paddleocr.read,
    "quadrilaterals": quadrilaterals.read,
    "table": table.read,
}


def read_annotations(
    path: Path, form: str, *, tell: Callable[[str], None] = note
) -> tuple[dict[str, Marked], list[Drop]]:
    """Read a file or folder of annotations.

    Args:
        path: file, or folder of text files for `quadrilaterals`.
        form: one of `FORMS`.
        tell: receives a sentence for each kind of repair, with its count.

    Returns:
        What is annotated on each picture, by its name in the file; a text to be masked without being a caption is
        `collected.IGNORED`. And a drop, by that name, for each picture with a box that cannot be used: it could not be
        masked.

    Raises:
        InputError: with the first problems of a file that is not of this form.
    """
    if form not in FORMS:
        near = get_close_matches(form, FORMS, 1)
        raise InputError(
            f"annotations of form {form!r:.80}: expected one of {', '.join(FORMS)}" + f"; try {near[0]}" * bool(near)
        )
    collected = Annotated()
    FORMS[form](path, collected)
    return collected.finish(path, tell)


def match(products: Iterable[Listing], annotations: Collection[str]) -> tuple[dict[str, str], list[Drop]]:
    """Find the annotated picture of each product: by its id, by its name, else by its name without the ending.

    Where several pictures, annotated ones or products, have one name, the folders before it, as far as they are told,
    must be the same.

    Returns:
        The annotated picture by image id, and a drop for each product without annotations of its own, and for each
        annotated picture that is no product's.
    """
    names, stems = _grouped(annotations, lambda key: key.name), _grouped(annotations, lambda key: key.stem)
    matched: dict[str, str] = {}
    drops: list[Drop] = []
    owned: set[str] = set()
    left = list(products)
    ways: list[Callable[[Listing], list[str]]] = [
        lambda product: [key for key in (BY_ID + product.image_id,) if key in annotations],
        lambda product: names.get(product.path.name, []),
        lambda product: names.get(product.path.stem, []),
        lambda product: stems.get(product.path.stem, []),
    ]
    for way in ways:
        claims: dict[str, list[Listing]] = {}
        rest = []
        for product in left:
            found = _nearest(product.path, [key for key in way(product) if key not in owned])
            if len(found) > 1:
                reason = "several annotated pictures have this name"
                drops.append(Drop(STAGE, product.image_id, WHOLE, "; ".join(found[:3]), reason))
            elif found:
                claims.setdefault(found[0], []).append(product)
            else:
                rest.append(product)
        for key, several in claims.items():
            if len(several) > 1:
                there = [product for product in several if _is_there(product.path, key)]
                if len(there) == 1:
                    rest += [product for product in several if product not in there]
                    several = there
            if len(several) == 1:
                matched[several[0].image_id] = key
            else:
                reason = "annotations may belong to several pictures"
                drops += [Drop(STAGE, product.image_id, WHOLE, key, reason) for product in several]
        owned.update(claims)
        left = rest
    drops += [Drop(STAGE, product.image_id, WHOLE, "", "picture has no annotations") for product in left]
    drops += [
        Drop(STAGE, printable(key), WHOLE, "", "no picture for these annotations")
        for key in annotations
        if key not in owned
    ]
    return matched, drops


def _grouped(keys: Iterable[str], of: Callable[[PurePosixPath], str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for key in keys:
        groups.setdefault(of(PurePosixPath(key)), []).append(key)
    return groups


def _nearest(path: Path, keys: list[str]) -> list[str]:
    """The keys, of several, that agree with a path in the most folders; all if none agrees."""
    if len(keys) < 2:
        return keys
    parents = path.parent.parts
    folders = {key: PurePosixPath(key).parent.parts for key in keys}
    agree = [key for key in keys if not folders[key] or parents[-len(folders[key]) :] == folders[key]]
    most = max((len(folders[key]) for key in agree), default=0)
    return [key for key in agree if len(folders[key]) == most] or keys


def _is_there(path: Path, key: str) -> bool:
    """Whether the folders of a key are told, and a path lies in them."""
    folders = PurePosixPath(key).parent.parts
    return bool(folders) and path.parent.parts[-len(folders) :] == folders
