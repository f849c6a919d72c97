"""Open data sets: `open_dataset` and `open_split`, for a folder or "mini", the embedded synthetic one.

Invariants of the embedded data set, mini:
* a copy in the cache folder is opened without loading the generator;
* the fingerprints of its default sizes are pinned in `known_fingerprints.json`; a cached copy with other fingerprints
  is rebuilt.
"""

import os
from pathlib import Path

from ..cache import cache_directory
from ..errors import InputError
from .mini import NAME
from .store import Split, known_split, open_directory

__all__ = ["Split", "open_dataset", "open_split"]


def open_dataset(data: str | Path | None = None) -> dict[str, Split]:
    """Open a data set; returns its splits by name.

    Args:
        data: data set folder, or "mini" for the embedded synthetic set (built on first use). Default: the environment
            variable CAPONIMAGE_DATA, else "mini".

    Raises:
        InputError: if there is no such data set.
    """
    data = data or os.environ.get("CAPONIMAGE_DATA") or "mini"
    return _open_mini() if str(data) == "mini" else open_directory(Path(data))


def _open_mini() -> dict[str, Split]:
    """Open the embedded data set in its default sizes, built on first use (a minute or so on two cores)."""
    directory = cache_directory() / NAME
    try:
        splits = open_directory(directory)
        if all(known_split(split.fingerprint.hexdigest()) == f"{NAME}/{name}" for name, split in splits.items()):
            return splits
    except InputError:
        pass
    from ..cli import stderr  # the workers of other platforms have no terminal libraries, and never come here
    from .mini.build import build

    stderr.print(f"building {NAME}, the embedded synthetic data set, in {directory} (once)", markup=False)
    build(directory)
    return open_directory(directory)


def open_split(data: str | Path | None, split: str) -> Split:
    """Open one split of a data set; see `open_dataset`.

    Raises:
        InputError: if the data set or the split does not exist.
    """
    splits = open_dataset(data)
    if split not in splits:
        raise InputError(f"data set {str(data or 'mini')!r} has no split {split!r}; it has {', '.join(splits)}")
    return splits[split]
