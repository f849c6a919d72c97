"""The list of accepted entries, submissions/SHA256SUMS: hashes of their files, so that none changes unnoticed.

It has one line per file in the format of `sha256sum`. Lines are sorted, so that two entries accepted on different
branches merge, and `cd submissions && sha256sum -c SHA256SUMS` checks them without this package. Lines that start with
# record when and why an entry was replaced.

Invariants:
* only maintainers write the list (`accept`), and only after every check has passed;
* the list names exactly the files of an entry: an added, missing or changed file is a failure;
* the reason of a replacement is never lost.
"""

import datetime
import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..errors import InputError
from ..files import replace_when_complete
from .entries import Entry

if TYPE_CHECKING:
    from .metadata import Metadata

_LINE = re.compile(r"(?P<digest>[0-9a-f]{64})  (?P<entry>[0-9]{8}_[a-z0-9-]+)/(?P<place>[A-Za-z0-9./]+)")
_REMARK = re.compile(r"# (?P<entry>[0-9]{8}_[a-z0-9-]+) replaced [0-9]{4}-[0-9]{2}-[0-9]{2}: .+")
_HEAD = "# Files of accepted entries. Written by `python -m benchmark.leaderboard accept`, never by hand.\n"
_MAX_BYTES = 64 << 20
_MAX_REASON = 200

#: How an entry's scores were obtained: its authors computed them; we recomputed them from its predictions; a maintainer
#: has run the system.
Status = Literal["self-scored", "re-scored", "reproduced"]


@dataclass
class HashList:
    """The content of a list of accepted entries.

    Attributes:
        path: path of the list, which need not exist.
        entries: SHA-256 of each file by its path in the entry, by name of the entry.
        remarks: lines that record replacements, by name of the entry.
    """

    path: Path
    entries: dict[str, dict[str, str]] = field(default_factory=dict)
    remarks: dict[str, list[str]] = field(default_factory=dict)

    def changes(self, entry: Entry) -> list[str]:
        """List each file of an entry that differs from its accepted form; empty for an entry not on the list."""
        listed = self.entries.get(entry.path.name)
        if listed is None:
            return []
        here = {place: _digest(path) for place, path in entry.files.items()}
        problems = []
        for place in sorted(listed.keys() | here.keys()):
            if listed.get(place) != here.get(place):
                what = "gone" if place not in here else "new" if place not in listed else "changed"
                problems.append(
                    f"{entry.path / place}: {what} since the entry was accepted ({self.path}); accepted entries do "
                    "not change; submit a new one"
                )
        return problems

    def gone(self, submissions: Path) -> list[str]:
        """List each accepted entry that is missing in a folder of entries."""
        return [
            f"{submissions / name}: missing, but accepted ({self.path}); accepted entries may not be removed"
            for name in self.entries
            if not (submissions / name).is_dir()
        ]

    def altered(self, theirs: "HashList") -> list[str]:
        """List each entry whose lines differ in another version of the list."""
        names = sorted(self.entries.keys() | theirs.entries.keys())
        return [
            f"{theirs.path}: the lines of {name} differ from those of {self.path}; only maintainers accept entries"
            for name in names
            if self.entries.get(name) != theirs.entries.get(name) or self.remarks.get(name) != theirs.remarks.get(name)
        ]

    def accept(self, *entries: Entry, replacing: str = "", today: datetime.date | None = None) -> None:
        """Add entries that have passed every check to the list, all of them or none, and write it.

        Args:
            entries: entries to accept.
            replacing: reason why they replace their accepted forms.
            today: date of the remark; default: the current date.

        Raises:
            InputError: if an accepted entry has changed and no reason is given, if there is a reason and none has
                changed, or if the reason is not a single line.
        """
        changes = {entry.path.name: self.changes(entry) for entry in entries}
        problems = [problem for problems in changes.values() for problem in problems]
        if problems and not replacing:
            raise InputError(*problems, "accepted before; give the reason of the change with --replace REASON")
        if replacing and (len(replacing) > _MAX_REASON or not replacing.isprintable() or not replacing.strip()):
            raise InputError(f"--replace: got {replacing!r:.60}, expected one line of at most {_MAX_REASON} characters")
        if replacing and not problems:
            raise InputError(f"--replace: {', '.join(changes)}: no accepted entry has changed; try without")
        day = today or datetime.date.today()
        for entry in entries:
            name = entry.path.name
            if changes[name]:
                self.remarks.setdefault(name, []).append(f"# {name} replaced {day}: {replacing.strip()}")
            self.entries[name] = {place: _digest(path) for place, path in entry.files.items()}
        with replace_when_complete(self.path) as partial:
            partial.write_text(self._text(), encoding="utf-8", newline="\n")

    def _text(self) -> str:
        lines = []
        for name, files in sorted(self.entries.items()):
            lines += self.remarks.get(name, [])
            lines += [f"{digest}  {name}/{place}" for place, digest in sorted(files.items())]
        return _HEAD + "".join(f"{line}\n" for line in lines)


def read_hashes(path: Path) -> HashList:
    """Read SHA256SUMS, also with line ends of Windows; an empty list if there is no such file.

    Raises:
        InputError: with every line of another form; if the path is a link.
    """
    hashes = HashList(path)
    if path.is_symlink():  # a pull request could make the messages below quote any file
        raise InputError(f"{path}: got a link, expected a plain file")
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return hashes
    if len(content) > _MAX_BYTES:
        raise InputError(f"{path}: got more than {_MAX_BYTES:,} bytes")
    problems = []
    for number, line in enumerate(content.decode("utf-8", "replace").replace("\r\n", "\n").split("\n"), 1):
        if match := _LINE.fullmatch(line):
            hashes.entries.setdefault(match["entry"], {})[match["place"]] = match["digest"]
        elif match := _REMARK.fullmatch(line):
            hashes.remarks.setdefault(match["entry"], []).append(line)
        elif line and line + "\n" != _HEAD:
            problems.append(f"{path}:{number}: got {line!r:.120}, expected `<sha256>  <entry>/<file>`")
    if problems:
        raise InputError(*problems[:20])
    return hashes


def status(entry: Entry, hashes: HashList, metadata: "Metadata") -> Status:
    """How an entry's scores were obtained; "self-scored" unless the entry is accepted and unchanged."""
    if entry.path.name not in hashes.entries or hashes.changes(entry):
        return "self-scored"
    return "reproduced" if metadata.reproduced else "re-scored"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
