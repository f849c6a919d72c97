"""Readings made of annotations: boxes and texts that exist already, in place of an engine's."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...errors import InputError
from ...integrity import sha256_of
from .annotations import match, read_annotations
from .annotations.collected import Marked
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
    why = {drop.image_id: drop for drop in refused}
    matched, drops = match(products, [*lines, *why])  # one whose boxes were refused is no other picture's product
    gone = [replace(drop, stage=MANIFEST) for drop in drops if drop.image_id not in why]
    readings = {}
    for product in products:
        key = matched.get(product.image_id)
        if key in why:
            gone.append(replace(why[key], stage=MANIFEST, image_id=product.image_id))
        elif key is not None:
            readings[product.image_id] = _reading(product, lines[key])
    return readings, gone


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
