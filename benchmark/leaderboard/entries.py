"""Entries on disk, `submissions/<YYYYMMDD>_<system>/`: their files, names and README.md.

    metadata.yaml   README.md   seed<k>/preds.{val,test}.jsonl.gz   seed<k>/scores.{val,test}.json

Invariants:
* a folder is untrusted: links, devices and unexpected files are reported and never opened, sizes are checked before a
  byte is read, and no name in a file is used as a path;
* README.md follows from metadata.yaml alone, with all text escaped.
"""

import hashlib
import html
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unicodedata import normalize

from ..dataset.schema import EVALUATED_SPLITS
from ..errors import InputError
from ..files import PARTIAL
from .metadata import MAX_SEEDS, Metadata
from .plain_yaml import MAX_BYTES

#: The form of the name of an entry's folder, and how long it may be.
ENTRY_NAME = re.compile(r"[0-9]{8}_[a-z0-9]+(?:-[a-z0-9]+)*")
MAX_NAME = 80
MAX_ENTRIES = 2000
#: Name of the list of accepted entries (`accepted`).
HASH_LIST = "SHA256SUMS"
#: Files that the folder of entries may contain.
BESIDE_ENTRIES = (HASH_LIST, "README.md", ".gitkeep")
_SEED = re.compile(r"seed(0|[1-9][0-9]{0,9})")
_MIB = 1 << 20
#: Maximum size of each file, in bytes.
LIMITS = {"metadata.yaml": MAX_BYTES, "README.md": 4 * MAX_BYTES, "preds": 64 * _MIB, "scores": 16 * _MIB}
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|~:@])")


@dataclass
class Entry:
    """The files of an entry's folder.

    Attributes:
        path: path of the folder.
        seeds: numbers of its seed folders, ascending.
        files: the expected regular files, by their path in the folder ("seed1/preds.test.jsonl.gz").
        foreign: messages on links, unexpected files and invalid names.
        oversized: messages on files larger than their limit, which are not in `files`.
    """

    path: Path
    seeds: list[int] = field(default_factory=list)
    files: dict[str, Path] = field(default_factory=dict)
    foreign: list[str] = field(default_factory=list)
    oversized: list[str] = field(default_factory=list)

    @property
    def seeds_and_splits(self) -> list[tuple[int, str]]:
        """All pairs of a seed and a split of which there should be predictions."""
        return [(seed, split) for seed in self.seeds for split in EVALUATED_SPLITS]

    def missing(self, seeds: list[int]) -> Iterator[str]:
        """Yield a message for each missing file of an entry with these seeds."""
        for place in expected_files(seeds):
            if place not in self.files:
                yield f"{self.path / place}: missing, or not a regular file of allowed size"


def expected_files(seeds: list[int]) -> list[str]:
    """Paths of all files of an entry with these seeds, relative to its folder."""
    places = ["metadata.yaml", "README.md"]
    for seed in seeds:
        places += [predictions_of(seed, split) for split in EVALUATED_SPLITS] + [
            receipt_of(seed, split) for split in EVALUATED_SPLITS
        ]
    return places


def predictions_of(seed: int, split: str) -> str:
    """Path of a prediction file, relative to the entry."""
    return f"seed{seed}/preds.{split}.jsonl.gz"


def receipt_of(seed: int, split: str) -> str:
    """Path of a receipt, relative to the entry."""
    return f"seed{seed}/scores.{split}.json"


def list_entry(path: Path) -> Entry:
    """List an entry's folder without opening any file.

    Raises:
        InputError: if the path is not a folder, or a link to one.
    """
    try:
        kind = path.lstat().st_mode
    except (OSError, ValueError):
        raise InputError(f"{path}: no such folder, expected an entry (submissions/<YYYYMMDD>_<system>)") from None
    if not stat.S_ISDIR(kind):
        what = "a link" if stat.S_ISLNK(kind) else "a file"
        raise InputError(f"{path}: got {what}, expected a folder; copy the files into a folder of their own")
    entry = Entry(path)
    for item in _listed(entry, path, 2 + MAX_SEEDS):
        seed = _SEED.fullmatch(item.name)
        if item.name in ("metadata.yaml", "README.md"):
            _take(entry, item, item.name, LIMITS[item.name])
        elif seed and item.is_dir(follow_symlinks=False):
            entry.seeds.append(int(seed[1]))
            for inner in _listed(entry, path / item.name, 2 * len(EVALUATED_SPLITS)):
                name = re.fullmatch(rf"(preds|scores)\.({'|'.join(EVALUATED_SPLITS)})\.(jsonl\.gz|json)", inner.name)
                belongs = name and (name[1] == "preds") == (name[3] == "jsonl.gz")
                if name and belongs:
                    _take(entry, inner, f"{item.name}/{inner.name}", LIMITS[name[1]])
                else:
                    entry.foreign.append(_foreign(path / item.name, inner))
        else:
            entry.foreign.append(_foreign(path, item))
    entry.seeds.sort()
    return entry


def _listed(entry: Entry, folder: Path, expected: int) -> list["os.DirEntry[str]"]:
    """The items of a folder by name, at most 20 more than expected: a folder of a million files is not read whole."""
    items: list[os.DirEntry[str]] = []
    with os.scandir(folder) as found:
        for item in found:
            if len(items) >= expected + 20:
                entry.foreign.append(f"{folder}: got more than {len(items)} files, expected at most {expected}")
                break
            items.append(item)
    return sorted(items, key=lambda item: item.name)


def _foreign(folder: Path, item: "os.DirEntry[str]") -> str:
    kind = "links are not allowed" if item.is_symlink() else "does not belong to an entry"
    return f"{folder}/{item.name!a:.120}: {kind}; remove it"


def _take(entry: Entry, item: "os.DirEntry[str]", place: str, limit: int) -> None:
    about = item.stat(follow_symlinks=False)
    if not stat.S_ISREG(about.st_mode):
        entry.foreign.append(f"{entry.path / place}: got a link, folder or device, expected a plain file")
    elif about.st_size > limit:
        entry.oversized.append(f"{entry.path / place}: got {about.st_size:,} bytes, expected at most {limit:,}")
    else:
        entry.files[place] = entry.path / place


def all_entries(submissions: Path) -> list[Path]:
    """Paths of everything that should be an entry in the folder of entries, by name; the checker refuses what is not.

    Folders in which an entry is just being made are left out; `base` refuses a request that adds one.

    Raises:
        InputError: if the path is not a folder, is a link to one, or contains more than `MAX_ENTRIES` items.
    """
    if submissions.is_symlink() or not submissions.is_dir():
        raise InputError(
            f"{submissions}: no such folder, or a link to one; name a folder with --submissions, or entries to check"
        )
    found: list[Path] = []
    with os.scandir(submissions) as items:
        for item in items:
            if len(found) >= MAX_ENTRIES:
                raise InputError(f"{submissions}: got more than {MAX_ENTRIES:,} entries, expected at most that")
            plain = item.is_file(follow_symlinks=False) and item.name in BESIDE_ENTRIES
            if not plain and not item.name.startswith(PARTIAL):
                found.append(Path(item.path))
    return sorted(found)


def neighbours(folder: Path, but: Path) -> list[tuple[str, str, Path]]:
    """Name, split and path of each prediction file of the entries in a folder, except those of the entry `but`."""
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name == but.name or not ENTRY_NAME.fullmatch(path.name):
            continue
        try:
            entry = list_entry(path)
        except InputError:
            continue  # the check of that entry reports it
        for seed, split in entry.seeds_and_splits:
            if (file := entry.files.get(predictions_of(seed, split))) is not None:
                found.append((path.name, split, file))
    return found


def entry_name(metadata: Metadata) -> str:
    """Folder name of an entry: date and system name in a-z, 0-9 and -; a name in other scripts becomes a digest."""
    plain = normalize("NFKD", metadata.name).encode("ascii", "ignore").decode().lower()
    words = "-".join(re.findall("[a-z0-9]+", plain))[:60].strip("-")
    words = words or f"system-{hashlib.sha256(metadata.name.encode()).hexdigest()[:8]}"
    return f"{metadata.date:%Y%m%d}_{words}"


def readme(metadata: Metadata) -> str:
    """README.md of an entry, in Markdown; all text of the metadata is escaped."""

    def cell(value: object) -> str:
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, list):
            return ", ".join(map(cell, value)) or "none"
        return _escaped(f"{value:,}" if isinstance(value, int) else str(value))

    rows = [
        f"| {name.replace('_', ' ')} | {cell(value)} |"
        for name, value in metadata
        if value is not None and name not in ("name", "training_command", "checked", "reproduced")
    ]
    text = [f"# {_escaped(metadata.name)}", "", "| | |", "|---|---|", *rows]
    if metadata.training_command:
        text += ["", "Training command:", "", *(f"    {line}" for line in metadata.training_command.split("\n"))]
    return "\n".join([*text, "", "Written from metadata.yaml; scores: `seed*/scores.*.json`.", ""])


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", html.escape(text, quote=False))
