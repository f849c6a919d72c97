"""Writes the participants' data: a data set of the scored splits without references, as a zip archive."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from ..dataset.description import write_description
from ..dataset.hidden import hidden_picture, hidden_row
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
                    writer.append(hidden_row(row))
                    if pictures:
                        hidden_picture(split, row).save(folder / "images" / f"{row['image_id']}.png")
            summaries[name] = writer.summary()
        first = next(iter(splits.values()))
        write_description(folder, name=first.dataset, synthetic=first.synthetic, splits=summaries)
        write_zip(path, folder_members(folder))
