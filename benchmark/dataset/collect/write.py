"""Write the data set: pictures made small, boxes as ratios, captions, and what must be blacked out.

Invariants:
* text was read at the picture's full size, and only what is stored is made small, since small text is misread;
* `masked_boxes` covers every detection, captions or not, and what the second engine alone has found, by the box around
  its unshrunk corners, so a picture that a model is given does not show the answer;
* the folder appears complete or not at all.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from rich.progress import track

from ...cli import stderr
from ...errors import InputError
from ...files import folder_when_complete
from ...integrity import sha256_of
from ...processes import Workers
from ..description import write_description
from ..schema import AnnotationRow
from ..store import SplitWriter
from .hashing import smooth_fill
from .opening import open_seen
from .records import Record

#: Pictures that a worker is given at once.
_CHUNK = 8


def write_data_set(
    out: Path,
    splits: Mapping[str, Sequence[Record]],
    *,
    name: str,
    side: int,
    jobs: int,
    fill: str,
    signature: Mapping[str, Any],
    extra: Callable[[Path], None] = lambda folder: None,
) -> None:
    """Write a data set into a folder.

    Args:
        out: folder to write; replaced if it is a data set that was collected before.
        splits: split -> its records, in the order of image ids.
        name: name of the data set.
        side: length of the shorter side of stored pictures, in pixels; smaller pictures stay as they are.
        jobs: number of processes that make pictures small.
        fill: "black": pictures are stored as they are, and whoever shows them to a model blacks out `masked_boxes`, as
            everything here does. "smooth": texts are filled from their borders before the pictures are made small, and
            there is nothing left to mask.
        signature: everything that decided what is in it; stands in `dataset.json` under "collected".
        extra: called with the folder when all but `dataset.json` is there, to write what goes with it.

    Raises:
        InputError: if a row breaks an invariant of data sets, or a picture can no longer be read.
    """
    with folder_when_complete(out) as folder:
        images = folder / "images"
        images.mkdir()
        records = [record for split in splits.values() for record in split]
        work = []
        for record in records:
            filled = masks(record) if fill == "smooth" else []
            target = images / f"{record.image_id}.png"
            work.append(_Picture(record.product.path, record.reading.sha256, target, side, filled))
        sizes: dict[str, tuple[int, int]] = {}
        with _memory_told(), Workers(jobs) as pool:
            stored = pool.map(_store, work, chunksize=_CHUNK)
            for record, size in track(
                zip(records, stored, strict=True), "pictures", len(work), console=stderr, disable=not stderr.is_terminal
            ):
                sizes[record.image_id] = size
        summaries = {}
        for split, its in splits.items():
            with SplitWriter(folder, split) as writer:
                for row in rows(its, sizes, masked=fill == "black"):
                    writer.append(row)
            summaries[split] = {**writer.summary(), "pictures": True}
        extra(folder)
        write_description(folder, name=name, synthetic=False, splits=summaries, collected=dict(signature))


@contextmanager
def _memory_told() -> Iterator[None]:
    try:
        yield
    except BrokenProcessPool:
        raise InputError(
            "a process that made pictures small has ended, as it does when memory is short; run the same command again "
            "with fewer --jobs"
        ) from None


def masks(record: Record) -> list[tuple[int, int, int, int]]:
    """What must not be seen on a picture: x1, y1, x2, y2 of the boxes around all texts found on it, in pixels."""
    places = iter(record.masks)
    return list(zip(places, places, places, places, strict=True))


def rows(
    records: Sequence[Record], sizes: Mapping[str, tuple[int, int]], *, masked: bool = True
) -> Iterator[AnnotationRow]:
    """The rows of a split.

    Args:
        records: its images.
        sizes: width and height of each stored picture, by image id.
        masked: whether there is anything to mask on the stored pictures.
    """
    for record in records:
        product = record.product
        width, height = record.reading.width, record.reading.height
        stored_width, stored_height = sizes[record.image_id]
        yield {
            "image_id": record.image_id,
            "width": stored_width,
            "height": stored_height,
            "title": product.title,
            "attributes": product.attributes,
            "category": product.category,
            "boxes": [_ratios(caption.box, width, height) for caption in record.captions],
            "captions": [caption.text for caption in record.captions],
            "masked_boxes": [_ratios(mask, width, height) for mask in masks(record)] if masked else [],
        }


def _ratios(box: Sequence[float], width: int, height: int) -> list[float]:
    return [min(max(place / length, 0.0), 1.0) for place, length in zip(box, (width, height) * 2, strict=True)]


class _Picture(NamedTuple):
    """A picture to store: its file and SHA-256, where to, length of its short side, and the boxes to fill."""

    source: Path
    sha256: str
    target: Path
    side: int
    filled: list[tuple[int, int, int, int]]


def _store(one: _Picture) -> tuple[int, int]:
    """Store one picture, filled and made small; returns its width and height. Runs in a worker."""
    if sha256_of(one.source) != one.sha256:  # its boxes would be those of another picture
        raise InputError(f"{one.source}: changed since it was read; run collect again")
    picture = open_seen(one.source)
    if one.filled:
        picture = Image.fromarray(smooth_fill(np.asarray(picture), one.filled))
    picture = small(picture, one.side)
    picture.save(one.target, compress_level=4)
    return picture.size


def small(picture: Image.Image, side: int) -> Image.Image:
    """The picture with its shorter side `side` pixels long; unchanged if it is not longer."""
    scale = side / min(picture.size)
    if scale >= 1:
        return picture
    width, height = (max(1, round(length * scale)) for length in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)
