"""Signals, and the processes that do part of a command's work.

Invariants:
* SIGTERM and SIGHUP end a command as an exception does: what is half written goes, and its processes end;
* worker processes end with the process that started them, also if that one is killed, and know nothing of Ctrl-C, so
  an interrupt gives no traceback of theirs.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any


def ending_signals() -> list[int]:
    """The signals that ask this process to end, but for Ctrl-C; a command under `nohup` outlives its terminal."""
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    return [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]


@contextmanager
def signals_as_exits() -> Iterator[None]:
    """Let the ending signals raise SystemExit with 128 + their number while the block runs, so 143 for SIGTERM."""

    def leave(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)  # a second one would interrupt the tidying up
        sys.exit(128 + number)

    before = {number: signal.signal(number, leave) for number in ending_signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_after(wait: Callable[[], object]) -> None:
    """End this process at once when `wait`, which runs in a thread, returns or fails."""

    def watch() -> None:
        try:
            wait()
        finally:
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def program(command: Sequence[str], **named: Any) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a program, which ends with the block; Ctrl-C does not reach it.

    If it still runs then, what it has started itself ends with it.

    Args:
        command: the program and its arguments.
        named: further arguments of `subprocess.Popen`.
    """
    process = subprocess.Popen(command, start_new_session=True, **named)
    try:
        yield process
    finally:
        kill(process)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                with suppress(OSError):
                    stream.close()
        process.wait()


def kill(process: "subprocess.Popen[bytes]") -> None:
    """Kill a `program` if it still runs, and what it has started itself where the system knows which that is."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()


class Workers(ProcessPoolExecutor):
    """A pool of fresh processes that ends with its `with` block: at once, if the block ends by an exception.

    The main module must be one that can be imported (`if __name__ == "__main__"`).

    Args:
        jobs: number of processes.
    """

    def __init__(self, jobs: int) -> None:
        context = get_context("spawn")
        self._life, watched = context.Pipe()
        super().__init__(jobs, context, _begin, (watched,))

    def submit(self, *arguments: Any, **named: Any) -> Future[Any]:
        """As for every pool; a process that is started here never sees Ctrl-C."""
        with _interrupt_later():
            return super().submit(*arguments, **named)

    def __exit__(self, kind: type[BaseException] | None, *error: Any) -> None:
        if kind is not None:
            self._life.close()
        super().__exit__(kind, *error)
        self._life.close()


def _begin(parent: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_after(parent.recv_bytes)  # nothing is ever sent: it fails when the other end closes, or its process ends


@contextmanager
def _interrupt_later() -> Iterator[None]:
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
