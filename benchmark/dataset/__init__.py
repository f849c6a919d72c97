"""Data sets: `open_split("mini" | DIRECTORY, "test")`."""

import os
from pathlib import Path

from ..errors import InputError
from .store import Split, open_directory

__all__ = ["Split", "open_dataset", "open_split"]


def open_dataset(data: str | Path | None = None) -> dict[str, Split]:
    """The splits of a data set, by name.

    Args:
        data: a folder, or "mini" for the embedded synthetic set (built on first use). Default: the environment
            variable CAPONIMAGE_DATA, else "mini".

    Raises:
        InputError: if there is no such data set.
    """
    data = data or os.environ.get("CAPONIMAGE_DATA") or "mini"
    if str(data) == "mini":
        from .mini import mini_directory

        data = mini_directory()
    return open_directory(Path(data))


def open_split(data: str | Path | None, split: str) -> Split:
    """One split of a data set; see `open_dataset`.

    Raises:
        InputError: if the data set or the split does not exist.
    """
    splits = open_dataset(data)
    if split not in splits:
        raise InputError(f"data set {str(data or 'mini')!r} has no split {split!r}; it has {', '.join(splits)}")
    return splits[split]
