"""Writes the participants' data: a data set of the scored splits without references, as a zip archive.

Invariant: captions are neither in the annotations nor in the pictures: every text rectangle is blacked out, and
pictures are encoded again, so that no metadata of the image files remains.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from ..dataset.description import write_description
from ..dataset.schema import SCHEMA, AnnotationRow
from ..dataset.store import Split, SplitWriter
from .bundle import folder_members, write_zip


def write_public(splits: Mapping[str, Split], path: Path, *, pictures: bool = True) -> None:
    """Write a data set folder without references as a zip archive; all commands but scoring accept the folder.

    Args:
        splits: scored splits, by name.
        path: path of the archive.
        pictures: whether to include the pictures; leave them out if the organiser distributes them otherwise.

    Raises:
        InputError: if a picture is missing.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        if pictures:
            (folder / "images").mkdir()
        summaries = {}
        for name, split in splits.items():
            with SplitWriter(folder, name) as writer:
                for row in split.rows():
                    writer.append(_without_captions(row))
                    if pictures:
                        _write_picture(split, row, folder)
            summaries[name] = writer.summary()
        first = next(iter(splits.values()))
        write_description(folder, name=first.dataset, synthetic=first.synthetic, splits=summaries)
        write_zip(path, folder_members(folder))


def _without_captions(row: AnnotationRow) -> AnnotationRow:
    kept: AnnotationRow = {key: row[key] for key in SCHEMA.names}  # type: ignore[literal-required,assignment]  # roles are left out too
    return {**kept, "captions": None}


def _write_picture(split: Split, row: AnnotationRow, folder: Path) -> None:
    from ..rendering import mask_boxes  # loads fonts, which an export without pictures does not need

    masked = mask_boxes(split.image(row["image_id"]), [*row["boxes"], *row["masked_boxes"]])
    masked.save(folder / "images" / f"{row['image_id']}.png")
