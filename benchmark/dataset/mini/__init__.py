"""CapOnImage-Mini, the embedded SYNTHETIC data set, built on first use into the cache folder.

Invariants:
* a cached copy is opened without loading the generator (`build` and what it imports);
* the fingerprints of the default sizes are pinned in `known_fingerprints.json`; a copy with others is built anew.
"""

from pathlib import Path

from ...cli import stderr
from ...errors import InputError
from ...files import cache_directory
from ..known import known_split
from ..store import open_directory

NAME = "mini-1"
SIZES = {"train": 6000, "val": 1000, "test": 1000}

#: Share of the boxes whose caption is drawn by chance and follows from no input.
UNEXPLAINED = 0.05


def mini_directory() -> Path:
    """The data set with its default sizes, built if it is not in the cache yet (a minute or so on two cores)."""
    directory = cache_directory() / NAME
    try:
        splits = open_directory(directory).values()
        if all(known_split(split.fingerprint.hexdigest()) == f"{NAME}/{split.name}" for split in splits):
            return directory
    except InputError:
        pass
    from .build import build

    stderr.print(f"building {NAME}, the embedded synthetic data set, in {directory} (once)", markup=False)
    build(directory)
    return directory
