"""Unpacks untrusted zip archives, bounded in time, memory and disk space.

Invariants:
* no number in an archive is trusted: bytes are counted as they are unpacked, names are checked before use as paths;
* time and memory are bounded by `Limits`, whatever the archive claims: even its list of members is bounded before
  it is read;
* an archive is unpacked completely, or refused with all its problems, leaving nothing on the disk.

It uses the standard library only, since it also runs on the workers of other platforms.
"""

import re
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..errors import InputError
from ..files import folder_when_complete

_MIB = 1 << 20
_CHUNK = 1 << 16
#: Each part of a member's name: plain characters, which mean nothing special to a terminal, shell or file system.
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,99}")
_DEPTH = 6
#: Most bytes per member in an archive's central directory; a plain member needs about a hundred.
_LISTED = 512
#: The end-of-central-directory record, the last bytes of an archive.
_END = struct.Struct("<4s4H2LH")
_ARCHIVES = {
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"Rar!": "rar",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"\xfd7zXZ": "xz",
    b"BZh": "bzip2",
}
_TAR = (257, b"ustar")


@dataclass(frozen=True)
class Limits:
    """Limits on the content of an archive.

    Attributes:
        members: maximum number of files and folders.
        packed: maximum size of the archive, in bytes.
        unpacked: maximum size of all unpacked files together, in bytes.
        archives: whether its files may be archives themselves, which are not opened.
    """

    members: int = 20
    packed: int = 64 * _MIB
    unpacked: int = 256 * _MIB
    archives: bool = False


def is_archive(path: Path) -> bool:
    """True if a file starts with the signature of a zip archive."""
    with path.open("rb") as file:
        return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def unpack(archive: Path, into: Path, limits: Limits = Limits()) -> list[str]:
    """Unpack a zip archive into a folder, which appears complete or not at all.

    Files that macOS adds (`__MACOSX/`, `._*`, `.DS_Store`) are left out.

    Args:
        archive: path of the zip file.
        into: folder to make; it must not exist.
        limits: limits on the content.

    Returns:
        Paths of the files relative to the folder, separated by `/`, sorted.

    Raises:
        InputError: with every problem: a broken file or not a zip archive, a limit exceeded, encrypted members, links,
            absolute paths, `..`, odd characters, duplicate names, an archive in the archive.
    """
    try:
        file = archive.open("rb")
    except OSError as error:
        raise InputError(f"cannot read {archive}: {error.strerror}; expected a zip archive") from None
    with file:
        _check_end(archive, file, limits)
        try:
            with zipfile.ZipFile(file) as opened:
                members = _checked(archive, opened.infolist(), limits)
                with folder_when_complete(into) as folder:
                    _extract(archive, opened, members, folder, limits)
        except (
            zipfile.BadZipFile, zlib.error, struct.error, EOFError, OverflowError,
            NotImplementedError, RuntimeError, UnicodeError, ValueError,
        ) as error:  # fmt: skip
            raise InputError(f"{archive}: a broken zip archive ({error!s:.100}); pack it again") from None
    return sorted(members)


def _check_end(archive: Path, file: BinaryIO, limits: Limits) -> None:
    """Check the size of the central directory before it is read: a zip file of 64 MiB can list a million members."""
    size = file.seek(0, 2)
    if size > limits.packed:
        raise InputError(f"{archive}: got {size:,} bytes, expected at most {limits.packed:,}")
    file.seek(max(0, size - _END.size - 20))
    end = file.read()
    locator, end = end[: -_END.size], end[-_END.size :]
    if len(end) < _END.size or end[:4] != b"PK\x05\x06" or end[-2:] != b"\0\0":
        raise InputError(f"{archive}: not a zip archive, or cut off, or with a comment at its end; pack it again")
    _, _, _, _, listed, length, _, _ = _END.unpack(end)
    if locator.startswith(b"PK\x06\x07"):
        raise InputError(
            f"{archive}: got a zip64 archive, which a file this small does not need; pack it again with plain zip"
        )
    if listed > limits.members or length > limits.members * _LISTED:
        raise InputError(f"{archive}: got {listed:,} members in a list of {length:,} bytes, "
                         f"expected at most {limits.members:,}")  # fmt: skip


def _checked(archive: Path, infos: list[zipfile.ZipInfo], limits: Limits) -> dict[str, zipfile.ZipInfo]:
    """The files by path; one error with all problems of names and file types."""
    problems: list[str] = []
    if len(infos) > limits.members:  # the directory holds more members than its end record says
        raise InputError(f"{archive}: got {len(infos):,} members, expected at most {limits.members:,}")
    members: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        name = info.orig_filename
        where = f"{archive}, member {name!a:.120}"
        if _from_macos(name):
            continue
        found = list(_member_problems(info, limits))
        problems += [f"{where}: {problem}" for problem in found]
        if not found and not info.is_dir():
            members[name] = info
    # On file systems that ignore case, one file would overwrite another.
    names = Counter(info.orig_filename.rstrip("/").casefold() for info in infos)
    problems += [
        f"{archive}, member {name!a:.120}: got it {n} times, expected once" for name, n in names.items() if n > 1
    ]
    folders = {name.casefold().rsplit("/", k)[0] for name in members for k in range(1, name.count("/") + 1)}
    problems += [
        f"{archive}, member {name!a:.120}: a file and a folder have this name"
        for name in members
        if name.casefold() in folders
    ]
    declared = sum(info.file_size for info in members.values())
    if declared > limits.unpacked:
        problems.append(f"{archive}: unpacks to {declared:,} bytes, expected at most {limits.unpacked:,}")
    if problems:
        raise InputError(*problems)
    return members


def _from_macos(name: str) -> bool:
    first, last = name.split("/")[0], name.rstrip("/").split("/")[-1]
    return first == "__MACOSX" or last == ".DS_Store" or last.startswith("._")


def _member_problems(info: zipfile.ZipInfo, limits: Limits) -> Iterator[str]:
    name = info.orig_filename  # the name in the archive; `filename` ends at a NUL
    parts = name.removesuffix("/").split("/")
    if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name):
        yield "an absolute path, expected a path inside the archive"
    elif ".." in re.split(r"[/\\]", name):
        yield "leads out of the folder (..), expected a path inside the archive"
    elif not all(_PART.fullmatch(part) for part in parts) or len(parts) > _DEPTH:
        yield f"odd name, expected letters, digits, '_', '-' and '.', at most {_DEPTH} folders deep"
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        yield "a link, expected a plain file"
    elif kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        yield "a device or pipe, expected a plain file"
    if info.flag_bits & 0x41:
        yield "encrypted, expected no password"
    elif info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        yield f"compression method {info.compress_type}, expected deflate"


def _extract(
    archive: Path, opened: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], folder: Path, limits: Limits
) -> None:
    left = limits.unpacked
    for name, info in members.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with opened.open(info) as source, target.open("xb") as file:
            head = source.read(_CHUNK)
            if not limits.archives and (kind := _archive_kind(head)):
                raise InputError(f"{archive}, member {name!a:.120}: a {kind} archive in the archive; unpack it first")
            chunk = head
            while chunk:
                left -= len(chunk)
                if left < 0:
                    raise InputError(f"{archive}: unpacks to more than {limits.unpacked:,} bytes; is this the file?")
                file.write(chunk)
                chunk = source.read(_CHUNK)


def _archive_kind(head: bytes) -> str | None:
    if head[_TAR[0] :].startswith(_TAR[1]):
        return "tar"
    return next((kind for magic, kind in _ARCHIVES.items() if head.startswith(magic)), None)
