"""A split with its references as one JSON file, and back: platforms take JSON, and workers get one file.

Invariant: what comes back has the fingerprint of what was written, so it gives the same scores to the last bit.
"""

from pathlib import Path

import orjson

from ..dataset.schema import SCHEMA
from ..dataset.store import Split, SplitWriter, open_directory, write_description
from ..errors import InputError

FORMAT = "caponimage-references/1"


def write_references(split: Split, path: Path) -> None:
    """Write a split, captions included; for the organiser's eyes only.

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
    """Open what `write_references` wrote.

    Args:
        path: of the file.
        folder: where the split is laid out.

    Raises:
        InputError: if it is no such file, or was changed.
    """
    try:
        about = orjson.loads(path.read_bytes())
    except (OSError, ValueError):
        about = None
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise InputError(f"{path.name}: no references of format {FORMAT!r}; export the bundle again")
    with SplitWriter(folder, about["split"]) as writer:
        for row in about["rows"]:
            writer.append(row)
    summary = writer.summary()
    if summary["fingerprint"] != about["fingerprint"]:
        raise InputError(f"{path.name}: changed since it was written; export the bundle again")
    splits = {about["split"]: summary}
    write_description(folder, name=about["dataset"], synthetic=about["synthetic"], splits=splits)
    return open_directory(folder)[about["split"]]
