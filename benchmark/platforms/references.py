"""Writes and reads a split with its references as one JSON file, which platforms give to their workers.

Invariant: the split that is read has the fingerprint of the one that was written, so scores are equal to the last bit.
"""

from pathlib import Path

import orjson

from ..dataset.description import write_description
from ..dataset.schema import SCHEMA
from ..dataset.store import Split, SplitWriter, open_directory
from ..errors import InputError

FORMAT = "caponimage-references/1"


def write_references(split: Split, path: Path) -> None:
    """Write a split with its captions; only the organiser and the worker may see the file.

    Raises:
        InputError: if its references are hidden.
    """
    if not split.has_references:
        raise InputError(
            f"split {split.name!r} of {split.dataset!r} has no reference captions, which a bundle needs for scoring; "
            "export from the organiser's copy of the data set"
        )
    about = {
        "format": FORMAT,
        "dataset": split.dataset,
        "split": split.name,
        "synthetic": split.synthetic,
        "fingerprint": split.fingerprint.hexdigest(),
        "rows": [{key: row.get(key) for key in SCHEMA.names} for row in split.rows()],
    }
    path.write_bytes(orjson.dumps(about))


def open_references(path: Path, folder: Path) -> Split:
    """Open a file that `write_references` wrote.

    Args:
        path: path of the file.
        folder: folder in which to store the split.

    Raises:
        InputError: if the file has another format, or was changed.
    """
    try:
        about = orjson.loads(path.read_bytes())
    except (OSError, ValueError):
        about = None
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise InputError(f"{path.name}: not a file of format {FORMAT!r}; export the bundle again")
    with SplitWriter(folder, about["split"]) as writer:
        for row in about["rows"]:
            writer.append(row)
    summary = writer.summary()
    if summary["fingerprint"] != about["fingerprint"]:
        raise InputError(f"{path.name}: changed since it was written; export the bundle again")
    splits = {about["split"]: summary}
    write_description(folder, name=about["dataset"], synthetic=about["synthetic"], splits=splits)
    return open_directory(folder)[about["split"]]
