"""One process at a time in a run's folder.

The lock is handed down to the training process, so it is held until that ends, even if the runner is killed: a second
runner then waits instead of training into the same files. It is the kernel's (`flock`), so a crash leaves none behind.
That is why no library is used: none hands a lock to a child.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(folder: Path, *, wait: bool, stop: Callable[[], bool] = lambda: False) -> Iterator[int | None]:
    """Hold the lock of a folder, which need not exist yet.

    Args:
        folder: to be locked; the lock file stands beside it.
        wait: for whoever holds it, until `stop()`; otherwise give up at once.
        stop: asked about once a second.

    Yields:
        A file descriptor to pass on to a child, or None if another process has the lock.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder.with_name(f".{folder.name}.lock"), os.O_RDWR | os.O_CREAT, 0o666)
    try:
        while not (taken := _take(descriptor)) and wait and not stop():
            time.sleep(1)
        yield descriptor if taken else None
    finally:
        os.close(descriptor)  # an heir of the descriptor keeps the lock


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
