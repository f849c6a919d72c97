"""What participants get of the scored splits: a data set without references.

Invariant: captions are neither in the annotations nor in the pictures: every text rectangle is blacked out, and
pictures are encoded anew, so that nothing written beside the pixels stays.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from ..dataset.schema import SCHEMA, AnnotationRow
from ..dataset.store import Split, SplitWriter, write_description
from .bundle import folder_members, write_zip


def write_public(splits: Mapping[str, Split], path: Path, *, pictures: bool = True) -> None:
    """Write a zip archive of a data set folder which all commands but scoring take.

    Args:
        splits: by name.
        path: of the archive.
        pictures: include them; where the organiser hands them out otherwise, leave them out.

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
    kept: AnnotationRow = {key: row[key] for key in SCHEMA.names}  # type: ignore[literal-required,assignment]  # no roles either
    return {**kept, "captions": None}


def _write_picture(split: Split, row: AnnotationRow, folder: Path) -> None:
    from ..rendering import mask_boxes  # fonts and all: not for who exports without pictures

    masked = mask_boxes(split.image(row["image_id"]), [*row["boxes"], *row["masked_boxes"]])
    masked.save(folder / "images" / f"{row['image_id']}.png")
