"""Readings made of annotations: boxes and texts that exist already, in place of an engine's."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from ...errors import InputError
from ...integrity import sha256_of
from .annotations import match, read_annotations
from .geometry import hull
from .hashing import perceptual_hash, smooth_fill
from .manifest import STAGE as MANIFEST
from .opening import open_seen
from .records import Drop, Line, Listing, Reading


def annotated(products: Sequence[Listing], form_and_file: str) -> tuple[dict[str, Reading], list[Drop]]:
    """Readings of products from a file of annotations.

    Args:
        products: the manifest.
        form_and_file: form and file, such as "coco:labels.json"; see `annotations.FORMS`.

    Returns:
        The reading of each product that has annotations, by image id, and a drop for each one that has none.

    Raises:
        InputError: if the file is not of that form.
    """
    form, colon, place = form_and_file.partition(":")
    if not colon or not place:
        raise InputError(f"--annotations {form_and_file:.80}: expected FORM:FILE, such as coco:labels.json")
    lines, refused = read_annotations(Path(place), form)
    matched, drops = match(products, lines)
    why = {PurePosixPath(drop.image_id).stem: drop for drop in refused}
    of_image = {drop.image_id: drop for drop in drops}
    gone = [
        replace(why.get(p.path.stem, of_image[p.image_id]), stage=MANIFEST, image_id=p.image_id)
        for p in products
        if p.image_id in of_image
    ]
    return {p.image_id: _reading(p, matched[p.image_id]) for p in products if p.image_id in matched}, gone


def _reading(product: Listing, lines: tuple[Line, ...]) -> Reading:
    try:
        picture = np.asarray(open_seen(product.path))
        digest = sha256_of(product.path)
    except (InputError, OSError) as error:
        return Reading("", 0, 0, problem=str(error))
    height, width = picture.shape[:2]
    masks = [hull(line.corners, width, height) for line in lines]
    return Reading(digest, width, height, lines, perceptual_hash(smooth_fill(picture, masks)))
