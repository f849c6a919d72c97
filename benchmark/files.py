"""The gate for all output: files and folders appear complete and on stable storage, or not at all.

Invariants:
* what has appeared under its name outlives a power cut: content is synced before it is renamed, the folder after it;
* an existing file or folder is exchanged in one step and is untouched if writing fails;
* a link is written through, and so is a device, a pipe, or `-`, which is stdout: none of them is ever replaced;
* the temporary place is a hidden folder beside the output with a random name, so names may be as long as the file
  system allows, and several processes may write the same output; what a killed process left is cleared away by the
  next one that writes there;
* an output is never an input (`check_outputs`).
"""

import ctypes
import os
import re
import secrets
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import InputError
from .locks import lock_folder

#: Start of the name of every temporary folder.
PARTIAL = ".caponimage-"

#: End of its name until it is locked, and seconds after which one that never was is cleared away.
_UNLOCKED = ".new"
_GRACE = 60.0

#: Seconds after which any is cleared away where folders cannot be locked.
_STALE = 86400.0

#: Names that stand for a stream even where that is redirected to a file.
_STREAM = re.compile(r"-|/+dev/(stdin|stdout|stderr|fd/\d+)|/+proc/(self|thread-self|\d+)/fd/\d+")

#: Number of files from which one sync of everything, then one of each file, is faster than one of each alone.
_MANY_FILES = 32


@contextmanager
def replace_when_complete(path: Path) -> Iterator[Path]:
    """Yield a path to write to; its file becomes `path` if the block ends without an error.

    The yielded path has the name of `path`. A crash, a full disk or an interrupt leaves the old file, if any.

    Args:
        path: file to write; a link, a device, a pipe and `-` (stdout) are written through.

    Raises:
        InputError: if `path` is a folder.
    """
    path = Path(path)
    if is_stream(path):
        with tempfile.TemporaryDirectory(prefix="caponimage-") as folder:
            partial = Path(folder) / "stream"
            yield partial
            _pour(partial, path)
        return
    if path.is_dir():
        raise InputError(f"{path} is a folder, expected a file to write; try {path / 'NAME'}")
    path = _target(path)
    with temporary_place(path.parent) as place:
        partial = place / path.name
        yield partial
        if path.is_file():
            with suppress(OSError):
                shutil.copymode(path, partial)
        _sync(partial)
        partial.replace(path)
        _sync(path.parent)


@contextmanager
def folder_when_complete(out: Path) -> Iterator[Path]:
    """Yield a folder to fill; it becomes `out`, replacing an old one, if the block ends without an error.

    Raises:
        InputError: if `out` is a file.
    """
    if is_stream(Path(out)):
        raise InputError(f"{out} is a stream, expected a folder to write; take another name")
    out = _target(Path(out)).absolute()
    if os.path.lexists(out) and not out.is_dir():
        raise InputError(f"{out} is a file, expected a folder to write; take another name")
    if Path.cwd().is_relative_to(_resolved(out)):
        raise InputError(f"{out} is the working folder or holds it, so it cannot be replaced; take another name")
    with temporary_place(out.parent) as place:
        partial = place / out.name
        partial.mkdir()
        yield partial
        put_folder(partial, out)


def put_folder(built: Path, out: Path, *, replace: bool = True) -> None:
    """Move a folder out of the `temporary_place` beside `out` to its name.

    Args:
        built: folder to move.
        out: its name.
        replace: whether an old folder of that name goes.

    Raises:
        OSError: if there is an old one that must stay.
    """
    _sync_tree(built)
    if replace and os.path.lexists(out):
        _exchange(built, out)
    else:
        built.rename(out)
    _sync(out.parent)


def check_outputs(outputs: Mapping[str, Path | None], inputs: Iterable[Path | None] = ()) -> None:
    """Refuse outputs that would destroy an input or each other.

    Args:
        outputs: path of each output by the name of its option; None and `-` are left out.
        inputs: files and folders that are read; nothing inside a folder may be written, and no folder that holds one
            may be replaced, either. None and `-` are left out.

    Raises:
        InputError: with a sentence for each output that is an input, lies in an input folder, holds an input, or is
            named twice.
    """
    problems = []
    read = [Path(path) for path in inputs if path is not None and str(path) != "-"]
    seen: dict[Path, str] = {}
    for option, output in outputs.items():
        if output is None or is_stream(Path(output)):
            continue
        place = _resolved(Path(output))
        for path in read:
            if path.is_dir() and place.is_relative_to(path.resolve()):
                problems.append(f"{option}: {output} lies in the input folder {path}; take a place outside it")
            elif path.resolve() != place and path.resolve().is_relative_to(place):
                problems.append(f"{option}: {output} holds the input {path} and would be replaced; take another folder")
            elif _same(place, path):
                problems.append(f"{option}: {output} is the input {path} and would overwrite it; take another name")
        if place in seen:
            problems.append(f"{option}: {output} is also the output of {seen[place]}; take two names")
        seen[place] = option
    if problems:
        raise InputError(*problems)


def clear_stale(folder: Path) -> None:
    """Remove what killed processes have left in a folder: temporary folders that no living process has locked."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(PARTIAL) and entry.is_dir(follow_symlinks=False):
                _clear(Path(entry.path))


def _clear(place: Path) -> None:
    with suppress(OSError):
        age = time.time() - place.stat().st_mtime
        if place.name.endswith(_UNLOCKED) and age < _GRACE:
            return
        with lock_folder(place) as taken:
            if taken or (taken is None and age > _STALE):
                for old in (place / "old").glob("*"):  # an exchange in two steps was cut between them
                    if not os.path.lexists(place.parent / old.name):
                        old.rename(place.parent / old.name)
                shutil.rmtree(place, ignore_errors=True)


@contextmanager
def temporary_place(parent: Path) -> Iterator[Path]:
    """Yield a new hidden folder in `parent`, which is made if need be, and remove it at the end.

    It is locked as long as this process lives, so that the next one clears it away if this one is killed.
    """
    parent.mkdir(parents=True, exist_ok=True)
    clear_stale(parent)
    place = parent / f"{PARTIAL}{secrets.token_hex(6)}"
    unlocked = place.with_name(place.name + _UNLOCKED)
    try:
        unlocked.mkdir()
    except OSError as error:
        error.filename = str(parent)  # where nothing can be written; the hidden name would tell nobody anything
        raise
    try:
        with lock_folder(unlocked):
            unlocked.rename(place)
            yield place
    finally:
        shutil.rmtree(unlocked, ignore_errors=True)
        shutil.rmtree(place, ignore_errors=True)


def is_stream(path: Path) -> bool:
    """Whether a path is stdout (`-`) or another stream, or exists and is neither a file nor a folder."""
    if _STREAM.fullmatch(os.path.normpath(path)):
        return True
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _pour(source: Path, path: Path) -> None:
    """Copy a file into a stream."""
    with source.open("rb") as content:
        if str(path) != "-":
            with path.open("ab") as file:  # what a file behind /dev/stdout holds already stays
                shutil.copyfileobj(content, file)
        elif sys.__stdout__ is None:
            raise InputError("- is stdout, which is closed; expected a file to write")
        else:
            sys.stdout.flush()
            shutil.copyfileobj(content, sys.stdout.buffer)
            sys.stdout.buffer.flush()


def _target(path: Path) -> Path:
    """What a path leads to, if it is a link."""
    return _resolved(path) if path.is_symlink() else path


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except RuntimeError:  # before Python 3.13
        raise InputError(f"{path} is a link that leads to itself, expected a name to write to") from None


def _same(a: Path, b: Path) -> bool:
    try:
        return a.samefile(b)
    except OSError:
        return False


def _sync(path: Path) -> None:
    """Have a file's content or a folder's names written to stable storage."""
    flags = os.O_RDONLY if os.name == "posix" else os.O_RDWR
    try:
        descriptor = os.open(path, flags | getattr(os, "O_BINARY", 0))
    except PermissionError:
        if path.is_dir():  # Windows opens no folders; a folder without read permission cannot be synced
            return
        raise
    try:
        os.fsync(descriptor)
    except OSError as error:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise error  # a full or broken disk may report it only here; some file systems cannot sync folders
    finally:
        os.close(descriptor)


def _sync_tree(folder: Path) -> None:
    """Sync all files and folders below a folder, and itself."""
    files = [Path(root) / name for root, _, names in os.walk(folder) for name in names]
    if len(files) >= _MANY_FILES and hasattr(os, "sync"):
        os.sync()
    for path in files:
        if not path.is_symlink():
            _sync(path)
    for root, _, _ in os.walk(folder, topdown=False):
        _sync(Path(root))


def _exchange(new: Path, out: Path) -> None:
    """Put `new` in the place of `out`, which exists, in one step where the system can."""
    if out.is_dir() and not any(out.iterdir()):
        with suppress(OSError):
            new.rename(out)
            return
    if _exchange_names(new, out):
        return
    old = new.parent / "old" / out.name  # from where `clear_stale` restores it
    old.parent.mkdir()
    try:
        out.rename(old)
        new.rename(out)
    except BaseException:
        if not os.path.lexists(out):
            old.rename(out)
        raise


def _exchange_names(a: Path, b: Path) -> bool:
    """Exchange two names in one step; returns whether the system can."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        rename = ctypes.CDLL(None).renameat2
    except (OSError, AttributeError):
        return False
    at_cwd, exchange = -100, 2
    return rename(at_cwd, os.fsencode(a), at_cwd, os.fsencode(b), exchange) == 0
