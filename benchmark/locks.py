"""Locks between processes: held by the kernel, so a crash leaves none behind.

Invariants:
* a lock ends with the process that holds it, however that ends; a child that inherits the descriptor keeps it;
* process numbers play no part: in containers they repeat;
* where the system or the file system has no such locks (Windows), work goes on without.

No library is used, since none passes a lock on to a child process.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


@contextmanager
def locked(
    place: Path, *, wait: bool, stop: Callable[[], bool] = lambda: False, inherited: bool = False
) -> Iterator[int | None]:
    """Hold the lock of a file or folder, which need not exist yet, during a block.

    Args:
        place: what to lock; the lock is an empty hidden file beside it.
        wait: whether to wait for the lock until `stop()`, instead of giving up at once.
        stop: condition to give up waiting, checked several times a second.
        inherited: whether a child gets the descriptor and may outlive the block. The hidden file stays then; else it
            is removed.

    Yields:
        A file descriptor, or None if another process has the lock.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    if fcntl is None:
        with Path(os.devnull).open("rb") as nothing:
            yield nothing.fileno()
        return
    path = place.with_name(f".{place.name}.lock")
    descriptor = _open(path)
    taken = False
    try:
        while True:
            taken = _take(descriptor) is not False
            if taken and _is_at(descriptor, path):
                break
            if taken:  # its last holder has removed the file, so another process would make and lock a new one
                os.close(descriptor)
                descriptor = _open(path)
            elif not wait or stop():
                break
            else:
                time.sleep(0.2)
        yield descriptor if taken else None
    finally:
        if taken and not inherited:
            path.unlink(missing_ok=True)
        os.close(descriptor)


@contextmanager
def lock_folder(folder: Path) -> Iterator[bool | None]:
    """Try to lock an existing folder itself during a block, without a file; yields whether that succeeded.

    None means that folders cannot be locked here, so nothing is known of other processes.
    """
    if fcntl is None:
        yield None
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield _take(descriptor)
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether an open file is still the one under its name."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _take(descriptor: int) -> bool | None:
    """Take a lock if it is free; None if there are no locks here."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True
