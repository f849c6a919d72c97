r"""The standard streams of a command: closed ones, readers that leave, full disks, and encodings that lack characters.

Invariants, from `prepare` on:
* a stream that is closed or missing (`>&-`, a daemon, `pythonw`) takes everything and shows nothing, and no file that
  is opened later gets its number;
* when the reader of our output leaves (`| head`), the rest is dropped, and the command ends with its own exit code;
* output that cannot be written for another reason, such as a full disk, is an `InputError`; messages are dropped then;
* no character is an error: one that the stream's encoding lacks is written as a code, such as \u597d.
"""

import errno
import io
import os
import sys
import time
from pathlib import Path
from typing import Any, TextIO

from .errors import InputError

#: What the system says when nobody reads any more; the second one is said by Windows.
_NOBODY_READS = (errno.EPIPE, errno.EINVAL)


class _Sink(io.RawIOBase):
    """The bytes of a standard stream, on their way out.

    Args:
        raw: the stream itself.
        name: name of the stream in messages; empty for a stream whose output may be lost.
    """

    def __init__(self, raw: Any, name: str) -> None:
        self._raw, self._name, self._over = raw, name, False

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._raw.isatty()

    def fileno(self) -> int:
        return self._raw.fileno()

    def write(self, data: Any, /) -> int:
        size = memoryview(data).nbytes
        if self._over:
            return size
        try:
            while (written := self._raw.write(data)) is None:
                time.sleep(0.01)  # a full pipe that another program has set not to wait
        except OSError as error:
            self._over = True  # also for what is still in a buffer when Python ends
            if self._name and error.errno not in _NOBODY_READS:
                raise InputError(f"cannot write to {self._name}: {error.strerror}") from None
            return size
        return written


def prepare() -> None:
    """Make stdout and stderr of this process keep what the module promises; stdin stays None if there is none."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)  # for the programs that this one starts
    os.close(number)
    sys.stdout, sys.stderr = _guarded(sys.stdout, "stdout"), _guarded(sys.stderr, "")


def _guarded(stream: TextIO | None, name: str) -> TextIO:
    if stream is None:
        return Path(os.devnull).open("w", encoding="utf-8")
    if stream not in (sys.__stdout__, sys.__stderr__) or not isinstance(stream, io.TextIOWrapper):
        return stream  # put there on purpose, such as by a test
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Sink(getattr(stream.buffer, "raw", stream.buffer), name)),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering or stream.write_through,
    )
