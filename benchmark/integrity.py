"""Tell whether what is read is what was once written: digests, manifests of folders, seals of safetensors files.

Invariants:
* whatever differs by a bit from what was written raises `DamagedError`, before any of it is used, unless it is a file
  of more than `REMEMBERED` bytes whose size, times and inode stayed as they were;
* a digest is computed whenever a file is opened; only that of a file of more than `REMEMBERED` bytes is kept in the
  cache, under the file's path, size, times and inode, so that opening it again does not read it whole.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from .cache import cache_directory
from .errors import DamagedError, InputError
from .files import replace_when_complete

MANIFEST = "manifest.json"

#: Files of more bytes are digested once and remembered; smaller ones take a few hundredths of a second each time.
REMEMBERED = 64 << 20

#: Key of the digest in a safetensors file's metadata, and what stands there while the digest is computed.
_SEAL = "sha256"
_BLANK = "0" * 64

#: Bound on the header of a safetensors file, as in that library.
_MAX_HEADER = 100_000_000


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits.

    Raises:
        OSError: if the file cannot be read.
    """
    with path.open("rb") as file:
        state = os.fstat(file.fileno())
        if state.st_size <= REMEMBERED:
            return _digest(file)
        place = str(path.absolute())
        facts = [place, state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino, state.st_dev]
        try:
            kept = cache_directory() / "digests" / f"{hashlib.sha256(os.fsencode(place)).hexdigest()[:32]}.json"
        except InputError:  # there is no cache
            return _digest(file)
        with suppress(OSError, ValueError, KeyError, TypeError):
            known = json.loads(kept.read_text(encoding="utf-8"))
            if known["file"] == facts and known["check"] == _check(facts, known["sha256"]):
                return str(known["sha256"])
        digest = _digest(file)
        with suppress(OSError), replace_when_complete(kept) as partial:
            content = {"file": facts, "sha256": digest, "check": _check(facts, digest)}
            partial.write_text(json.dumps(content), encoding="utf-8")
        return digest


def _digest(file: BinaryIO) -> str:
    """SHA-256 of what is left of a file; `hashlib.file_digest` is too new for the workers of some platforms."""
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


def _check(facts: list[Any], digest: str) -> str:
    return hashlib.sha256(json.dumps([*facts, digest]).encode()).hexdigest()


def write_manifest(folder: Path) -> None:
    """Write `manifest.json` into a folder: size and digest of every other file in it and below."""
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path != folder / MANIFEST:
            with path.open("rb") as file:  # not remembered, since the folder is about to get its name
                digest = _digest(file)
            files[path.relative_to(folder).as_posix()] = {"bytes": path.stat().st_size, "sha256": digest}
    with replace_when_complete(folder / MANIFEST) as partial:
        partial.write_text(json.dumps({"files": files}, indent=1) + "\n", encoding="utf-8")


def check_manifest(folder: Path) -> None:
    """Compare all files that a folder's `manifest.json` lists with what is there; other files are left alone.

    Raises:
        DamagedError: if the manifest is missing or damaged, with a sentence for each file that is missing or differs.
    """
    path = folder / MANIFEST
    try:
        files = json.loads(path.read_bytes())["files"]
        listed = [(str(name), int(entry["bytes"]), str(entry["sha256"])) for name, entry in files.items()]
    except (FileNotFoundError, IsADirectoryError):
        raise DamagedError(f"{folder} has no {MANIFEST}, so nobody can tell whether it is whole") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise DamagedError(f"{path}: damaged ({error!r:.80})") from None
    problems = []
    for name, size, digest in listed:
        file = folder / name
        if not file.is_file():
            problems.append(f"{file} is missing, though {MANIFEST} lists it")
        elif file.stat().st_size != size:
            problems.append(f"{file} has {file.stat().st_size:,} bytes, expected {size:,}")
        elif sha256_of(file) != digest:
            problems.append(f"{file} was changed or damaged after it was written: its SHA-256 differs from {MANIFEST}")
    if problems:
        raise DamagedError(*problems)


def seal_metadata(**metadata: str) -> dict[str, str]:
    """Metadata to save a safetensors file with, so that `seal` finds room for the file's digest."""
    return {**metadata, _SEAL: _BLANK}


def seal(path: Path) -> None:
    """Write the digest of a safetensors file into its own metadata, saved with `seal_metadata`.

    It is the SHA-256 of the whole file with 64 zeros in the digest's place.

    Raises:
        ValueError: if the file was not saved with `seal_metadata`.
    """
    with path.open("r+b") as file:
        place, _ = _sealed(file)
        file.seek(place)
        file.write(_BLANK.encode())
        file.seek(0)
        digest = _digest(file)
        file.seek(place)
        file.write(digest.encode())


def check_seal(path: Path, *, required: bool = True) -> None:
    """Compare a safetensors file with the digest in it.

    Args:
        path: file to read.
        required: whether a whole file without a seal (of another program) is refused.

    Raises:
        DamagedError: if the file is damaged, or no safetensors file.
        OSError: if it cannot be read.
    """
    advice = "copy it again from where it is whole, or make it anew"
    with path.open("rb") as file:
        try:
            place, found = _sealed(file)
        except KeyError:
            if required:
                raise DamagedError(f"{path}: has no digest of its content; {advice}") from None
            return
        except ValueError as error:
            raise DamagedError(f"{path}: damaged or no safetensors file ({error!s:.120}); {advice}") from None
        file.seek(0)
        digest = hashlib.sha256()
        for block in _with_blank(file, place):
            digest.update(block)
    if digest.hexdigest() != found:
        raise DamagedError(f"{path}: was damaged after it was written (its SHA-256 is not the one it states); {advice}")


def _sealed(file: BinaryIO) -> tuple[int, str]:
    """Position and value of the digest in a safetensors file.

    Raises:
        ValueError: if it is no safetensors file.
        KeyError: if it is one without a digest.
    """
    size = int.from_bytes(file.read(8), "little")
    if not 2 <= size <= _MAX_HEADER:
        raise ValueError(f"a header of {size:,} bytes")
    header = file.read(size)
    try:
        content = json.loads(header)
    except RecursionError:
        raise ValueError("the header is nested too deeply") from None
    metadata = content.get("__metadata__", {}) if isinstance(content, dict) else None
    if not isinstance(metadata, dict):
        raise ValueError("the header is no JSON object with metadata")
    found = str(metadata[_SEAL])
    place = header.find(f'"{_SEAL}":"{found}"'.encode())
    if len(found) != len(_BLANK) or place < 0:
        raise ValueError("its digest is cut")
    return 8 + place + len(f'"{_SEAL}":"'), found


def _with_blank(file: BinaryIO, place: int) -> Iterator[bytes]:
    """The file's content in blocks, with zeros for the digest."""
    yield file.read(place)
    file.seek(place + len(_BLANK))
    yield _BLANK.encode()
    while block := file.read(1 << 20):
        yield block
