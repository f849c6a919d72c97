"""Open data sets: `open_dataset` and `open_split`, for a folder or "mini", the embedded synthetic one.

Invariants of the embedded data set, mini:
* a copy in the cache folder is opened without loading the generator;
* its annotations are made on its first use (seconds); the pictures of a split, an entry of the cache of their own, when
  one of them is first needed (minutes), so that scoring draws none;
* the fingerprints of its default sizes are pinned in `known_fingerprints.json`; cached annotations with other rows, and
  cached pictures of which one is missing or empty, are made anew, by one process while others wait.
"""

import os
from dataclasses import replace
from pathlib import Path

from ..cache import cached
from ..errors import DamagedError, InputError
from .mini import NAME, SIZES
from .store import Split, known_split, open_directory

__all__ = ["Split", "open_dataset", "open_split"]


def open_dataset(data: str | Path | None = None) -> dict[str, Split]:
    """Open a data set; returns its splits by name.

    Args:
        data: data set folder, or "mini" for the embedded synthetic set (made on first use). Default: the environment
            variable CAPONIMAGE_DATA, else "mini".

    Raises:
        TypeError: if `data` is no path.
        InputError: if there is no such data set.
    """
    data = _in_use(data)
    return _open_mini() if str(data) == "mini" else open_directory(Path(data))


def _in_use(data: str | Path | None) -> str | Path:
    if data is not None and not isinstance(data, str | Path):
        raise TypeError(f"data: got {data!r:.80} ({type(data).__name__}), expected a folder or the name of a data set")
    if data == "":  # such as from a variable of the shell that is not set
        raise InputError("--data: got an empty name, expected a folder, or mini for the embedded data set")
    return data or os.environ.get("CAPONIMAGE_DATA") or "mini"


def _open_mini() -> dict[str, Split]:
    """Open the embedded data set in its default sizes; its annotations are built on first use (seconds)."""
    return cached(NAME, _read_mini, _build_mini, folder=True)


def _read_mini(folder: Path) -> dict[str, Split]:
    if not folder.is_dir():
        raise FileNotFoundError(folder)
    try:
        splits = open_directory(folder)
        known = {name: known_split(split.fingerprint.hexdigest()) for name, split in splits.items()}
    except InputError as error:
        raise DamagedError(*error.problems) from None
    if known != {name: f"{NAME}/{name}" for name in SIZES}:
        raise DamagedError(f"{folder} does not hold the rows of {NAME}, the embedded data set")
    return {name: replace(split, draw=_drawn) for name, split in splits.items()}


def _build_mini(folder: Path) -> None:
    from ..cli import note  # the workers of other platforms have no terminal libraries, and never come here
    from .mini.build import build

    note(f"building {NAME}, the embedded synthetic data set, in {folder.parents[1]} (once)")
    build(folder, annotations_only=True)


def canvas_folder(split: Split) -> Path:
    """The folder with the canvases of a split of mini: its pictures without texts, drawn on first use."""
    return _drawn(split, texts=False)


def _drawn(split: Split, *, texts: bool = True) -> Path:
    """The folder with the pictures of a split of mini, drawn on first use (20 ms of a core each)."""
    what = "pictures" if texts else "canvases"

    def read(folder: Path) -> Path:
        with os.scandir(folder) as entries:
            there = {entry.name for entry in entries if entry.stat().st_size}
        if lost := sum(f"{image_id}.png" not in there for image_id in split.image_ids):
            raise DamagedError(f"{folder} lacks {lost:,} of its {what}")
        return folder

    def make(folder: Path) -> None:
        from ..cli import note
        from .mini.build import draw_pictures

        note(f"drawing the {split.n_images:,} {what} of {NAME}/{split.name} in {folder.parents[1]} (once)")
        draw_pictures(folder, only=split.name, texts=texts)

    return cached(f"{NAME}-{what}/{split.name}", read, make, folder=True)


def open_split(data: str | Path | None, split: str) -> Split:
    """Open one split of a data set; see `open_dataset`.

    Raises:
        TypeError: if `data` is no path or `split` no string.
        InputError: if the data set or the split does not exist.
    """
    if not isinstance(split, str):
        raise TypeError(f"split: got {split!r:.80} ({type(split).__name__}), expected the name of a split")
    splits = open_dataset(data)
    if split not in splits:
        raise InputError(f"data set {str(_in_use(data))!r} has no split {split!r}; it has {', '.join(splits)}")
    return splits[split]
