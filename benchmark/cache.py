"""The cache: data sets, prepared splits, features, language models, digests; what is missing or damaged is made again.

Invariants:
* an entry is a pure function of its name, which is made of everything that decides its content;
* it is checked when it is opened; one that is damaged or half deleted is made anew;
* it is made by one process at a time; others wait, and find it done;
* where the folder cannot be written (or there is none), entries in it are read, and new ones are made in a temporary
  folder of this process, which says so once.
"""

import atexit
import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import TypeVar

from .errors import DamagedError, InputError
from .files import folder_when_complete, replace_when_complete, temporary_place
from .locks import locked

T = TypeVar("T")

_ADVICE = "set CAPONIMAGE_CACHE to a folder that can be written"


def cache_directory() -> Path:
    """Folder of the cache: $CAPONIMAGE_CACHE, else the user's cache folder; it need not exist.

    Raises:
        InputError: if the user has no home folder.
    """
    if override := os.environ.get("CAPONIMAGE_CACHE"):
        return Path(override)
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "caponimage"
    try:
        return Path.home() / ".cache" / "caponimage"
    except RuntimeError:
        raise InputError(f"there is no home folder for the cache; {_ADVICE}") from None


def cached(name: str, read: Callable[[Path], T], make: Callable[[Path], None], *, folder: bool = False) -> T:
    """Read an entry of the cache; make it first if it is missing or damaged.

    Args:
        name: path of the entry inside the cache, with `/`; it stands for everything that decides the content.
        read: function that opens and checks the entry at a path. It raises FileNotFoundError if it is missing and
            DamagedError if it is damaged.
        make: function that makes the entry at a path.
        folder: whether the entry is a folder, which exists and is empty when `make` is called, rather than a file.

    Returns:
        What `read` returns.

    Raises:
        InputError: if the entry cannot be made.
    """
    try:
        room = cache_directory()
    except InputError as error:
        return _in_scratch(name, read, make, folder, str(error))
    try:
        return read(room / name)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except PermissionError as error:
        return _in_scratch(name, read, make, folder, f"the cache {room} cannot be read ({error.strerror}); {_ADVICE}")
    except DamagedError as error:
        _say(f"{error.problems[0]}; making it anew")
    if refusal := _refusal(room / name):
        return _in_scratch(name, read, make, folder, f"the cache {room} cannot be written ({refusal}); {_ADVICE}")
    try:
        return _made(room / name, read, make, folder)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise InputError(f"the cache {room} has no room for {name} ({error.strerror}); {_ADVICE}") from None


def _refusal(place: Path) -> str:
    """Why no entry can be made at a place; "" if one can."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place.parent):
            return ""
    except OSError as error:
        return error.strerror or "no reason given"


def _made(place: Path, read: Callable[[Path], T], make: Callable[[Path], None], folder: bool) -> T:
    def waiting() -> bool:
        _say_once(f"another process is making {place}; waiting for it")
        return False

    with locked(place, wait=True, stop=waiting):
        try:
            return read(place)  # another process may have made it meanwhile
        except (FileNotFoundError, NotADirectoryError, DamagedError):
            pass
        if not folder and place.is_dir():
            shutil.rmtree(place)
        elif folder and place.is_file():
            place.unlink()
        with (folder_when_complete if folder else replace_when_complete)(place) as partial:
            make(partial)
        return read(place)


def _in_scratch(name: str, read: Callable[[Path], T], make: Callable[[Path], None], folder: bool, why: str) -> T:
    return _made(_scratch(why) / name, read, make, folder)


@cache
def _scratch_folder() -> Path:
    until_the_end = ExitStack()
    atexit.register(until_the_end.close)
    return until_the_end.enter_context(temporary_place(Path(tempfile.gettempdir())))


def _scratch(why: str) -> Path:
    _say_once(f"{why}; until this program ends, what it makes is kept in {_scratch_folder()}")
    return _scratch_folder()


@cache
def _say_once(sentence: str) -> None:
    _say(sentence)


def _say(sentence: str) -> None:
    if sys.stderr is not None:
        print(f"warning: {sentence}", file=sys.stderr)
