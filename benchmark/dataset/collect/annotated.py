"""Readings made of annotations: boxes and texts that exist already, in place of an engine's."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from ...errors import InputError
from ...integrity import sha256_of
from .annotations import match, read_annotations
from .annotations.collected import BY_ID, Marked
from .geometry import hull
from .hashing import perceptual_hash, smooth_fill
from .manifest import STAGE as MANIFEST
from .opening import open_seen
from .records import Drop, Listing, Reading


def annotated(products: Sequence[Listing], form_and_file: str) -> tuple[dict[str, Reading], list[Drop]]:
    """Readings of products from a file of annotations.

    Args:
        products: the manifest.
        form_and_file: form and file, such as "coco:labels.json"; see `annotations.FORMS`.

    Returns:
        The reading of each product that has annotations, by image id, and a drop for each one that has none, and for
        each annotated picture that is no product's.

    Raises:
        InputError: if the file is not of that form.
    """
    form, colon, place = form_and_file.partition(":")
    if not colon or not place:
        raise InputError(f"--annotations {form_and_file:.80}: expected FORM:FILE, such as coco:labels.json")
    lines, refused = read_annotations(Path(place), form)
    matched, drops = match(products, lines)
    why = {PurePosixPath(drop.image_id.removeprefix(BY_ID)).stem: drop for drop in refused}
    products_of = {product.image_id: product for product in products}
    gone = []
    for drop in drops:
        product = products_of.get(drop.image_id)
        because = drop if product is None else why.get(product.path.stem, why.get(product.image_id, drop))
        gone.append(replace(because, stage=MANIFEST, image_id=drop.image_id))
    return {p.image_id: _reading(p, matched[p.image_id]) for p in products if p.image_id in matched}, gone


def _reading(product: Listing, marked: Marked) -> Reading:
    try:
        picture = np.asarray(open_seen(product.path))
        digest = sha256_of(product.path)
    except (InputError, OSError) as error:
        return Reading("", 0, 0, problem=str(error))
    height, width = picture.shape[:2]
    lines = marked.lines
    if marked.size is not None and marked.size != (width, height):
        wide, high = marked.size
        if abs(wide * height - high * width) > width + height:  # more than a side that was rounded can explain
            problem = f"annotated at {wide} x {high} pixels, but the picture has {width} x {height}: not the same one"
            return Reading(digest, width, height, problem=problem)
        lines = tuple(
            replace(line, corners=tuple((x * width / wide, y * height / high) for x, y in line.corners))
            for line in lines
        )
    masks = [hull(line.corners, width, height) for line in lines]
    return Reading(digest, width, height, lines, perceptual_hash(smooth_fill(picture, masks)))
