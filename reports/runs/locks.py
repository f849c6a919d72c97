"""File lock that keeps a run's folder to one training process at a time.

The training process inherits the lock, so it is held until that process ends, even if the runner is killed: a second
runner then waits instead of training into the same files. The kernel holds the lock (`flock`), so a crash leaves none
behind. No library is used because none passes a lock on to a child process.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(folder: Path, *, wait: bool, stop: Callable[[], bool] = lambda: False) -> Iterator[int | None]:
    """Hold the lock of a folder, which need not exist yet, during a block.

    Args:
        folder: folder to lock; the lock file is beside it.
        wait: whether to wait for the lock until `stop()`, instead of giving up at once.
        stop: condition to give up waiting, checked about once a second.

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
        os.close(descriptor)  # a child that inherited the descriptor keeps the lock


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
