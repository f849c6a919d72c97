"""Read the numbered lines of a prediction file: `.gz`, `.zst`, plain or stdin, with any line ends.

Invariants:
* compression is recognised by the first bytes, not by the suffix, so stdin and renamed files just work;
* memory is bounded by the longest line, and work by the number of boxes: a small file that unpacks to terabytes, a
  large one that unpacks to nothing, or a line without an end, stops the reading with a clear sentence.
"""

import codecs
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import cast

import pyarrow as pa

from ..errors import InputError

CHUNK = 1 << 16
MAX_LINE = 1 << 20  # bytes; a prediction has about a hundred
BYTES_PER_BOX = 4096  # bound on the mean bytes of text per box, generous to extra keys

GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_ZSTD = (ZSTD, *(bytes([kind]) + b"\x2a\x4d\x18" for kind in range(0x50, 0x60)))  # also pzstd's skippable frames
#: Compressed bytes that may unpack to nothing; beyond, they are at most twice as many as what they unpack to. Headers
#: and data that does not shrink stay far below.
PACKED_BYTES_OF_NOTHING = 1 << 18
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
UTF32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


class ReadingStoppedError(Exception):
    """The file cannot be read to its end; the message says why."""


class PredictionLines:
    """Iterable of (line number from 1, line without its end), to be used once; `blocks` gives many lines at a time.

    Attributes:
        name: name of the file, for messages.
        head: first bytes, decompressed; in UTF-8 if the file is UTF-16.
        utf16: whether the file is UTF-16 with a byte order mark, and is read as such.
        carriage_returns: whether a Windows or old Macintosh line end has been seen so far.

    Raises:
        ReadingStoppedError: while iterating, after all that could be read.
    """

    def __init__(self, name: str, file: io.BufferedReader, n_boxes: int, expected: str) -> None:
        self.name = name
        self.max_bytes = n_boxes * BYTES_PER_BOX + MAX_LINE
        self.max_lines = 2 * n_boxes + 1000
        self._n_boxes = n_boxes
        self._expected = expected
        self._chunks = _chunks(file)
        self.head = self._read_head()
        self.utf16 = self.head.startswith(_UTF16) and not self.head.startswith(UTF32)
        if self.utf16:
            self._chunks = _utf8_of_utf16(chain([self.head], self._chunks))
            self.head = self._read_head()
        self.carriage_returns = False

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        for number, block in self.blocks():
            yield from enumerate(block.splitlines(), number)

    def blocks(self) -> Iterator[tuple[int, bytes]]:
        """Whole lines with their ends, many at a time, and the number of the first; the last may lack its end."""
        number, rest = 1, b""
        for chunk in self._bounded():
            self.carriage_returns |= b"\r" in chunk
            block = rest + chunk
            end = block.rfind(b"\n") + 1
            if not end:
                end = block.rfind(b"\r", 0, len(block) - 1) + 1  # a \r at the very end may be half of \r\n
            rest = block[end:]
            yield number, block[:end]
            number += len(block[:end].splitlines())
            if len(rest) > MAX_LINE:
                raise ReadingStoppedError(f"line {number} has more than {MAX_LINE:,} bytes, expected about a hundred")
            if number > self.max_lines + 1:
                raise ReadingStoppedError(
                    f"got more than {self.max_lines:,} lines, expected {self._expected}; "
                    "are these several files in one?"
                )
        yield number, rest

    def _read_head(self) -> bytes:
        head = b""
        try:
            while len(head) < CHUNK and (chunk := next(self._chunks, b"")):
                head += chunk
        except ReadingStoppedError as why:
            self._chunks = _stopped(why)
        return head

    def content(self) -> bytes:
        """The whole file in UTF-8, instead of its lines."""
        return b"".join(self._bounded())

    def _bounded(self) -> Iterator[bytes]:
        """All chunks in UTF-8, up to a number of bytes that no sensible file has."""
        size = 0
        for chunk in chain([self.head], self._chunks):
            size += len(chunk)
            if size > self.max_bytes:
                raise ReadingStoppedError(
                    f"got more than {self.max_bytes:,} bytes (unpacked) for {self._n_boxes:,} boxes; "
                    "leave out extra keys, or is this another file?"
                )
            yield chunk


@contextmanager
def open_lines(path: Path, n_boxes: int, expected: str = "") -> Iterator[PredictionLines]:
    """Open a prediction file for one pass.

    Args:
        path: prediction file; `-` reads stdin.
        n_boxes: number of boxes of the split, which bounds how much is read.
        expected: how many lines are expected, in words.

    Raises:
        InputError: if the file cannot be opened.
        ReadingStoppedError: see `PredictionLines`.
    """
    if str(path) == "-":
        if sys.stdin is None:
            raise InputError("-: stdin is closed; pipe the predictions into this command, or name a file")
        yield PredictionLines("stdin", cast(io.BufferedReader, sys.stdin.buffer), n_boxes, expected)
        return
    try:
        file = path.open("rb")
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot read {path}: {reason}; expected a prediction file (preds.jsonl)") from None
    with file:
        yield PredictionLines(str(path), file, n_boxes, expected)


def _chunks(file: io.BufferedReader) -> Iterator[bytes]:
    """The content of the file, decompressed."""
    try:
        first = file.read(CHUNK)
        if first.startswith(GZIP):
            yield from _unzipped(_Packed(first, file))
        elif first.startswith(_ZSTD):
            packed = _Packed(first, file)
            stream = pa.CompressedInputStream(pa.PythonFile(packed, mode="r"), "zstd")
            while chunk := stream.read(CHUNK):
                packed.unpacked += len(chunk)
                yield chunk
        else:
            while first:
                yield first
                first = file.read(CHUNK)
    except (EOFError, OSError, zlib.error, pa.ArrowException) as error:
        if isinstance(error, EOFError) or "Truncated" in str(error):
            raise ReadingStoppedError("the compressed data ends too early (truncated); copy the file again") from None
        raise ReadingStoppedError(f"it cannot be read: {error}; copy the file again") from None


class _Packed(io.RawIOBase):
    """The bytes of a compressed file; raises a `ReadingStoppedError` if they are too many for what they unpack to.

    Attributes:
        unpacked: number of bytes that they have unpacked to so far, counted by the reader.
    """

    def __init__(self, first: bytes, rest: io.BufferedReader) -> None:
        self.unpacked = 0
        self._first = io.BytesIO(first)
        self._rest = rest
        self._taken = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._first.read(size) or self._rest.read(size)
        self._taken += len(data)
        if self._taken > 2 * self.unpacked + PACKED_BYTES_OF_NOTHING:
            raise ReadingStoppedError(
                f"its first {self._taken:,} compressed bytes unpack to only {self.unpacked:,}; pack it again"
            )
        return data


def _unzipped(packed: _Packed) -> Iterator[bytes]:
    """The content of a gzip file, which must have one member; zeros may follow."""
    inflate = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    while not inflate.eof:
        data = inflate.unconsumed_tail or packed.read(CHUNK)
        if chunk := inflate.decompress(data, CHUNK):
            packed.unpacked += len(chunk)
            yield chunk
        elif not data:
            raise EOFError
    rest = inflate.unused_data
    while not rest.strip(b"\0"):
        if not (rest := packed.read(CHUNK)):
            return
    if rest.lstrip(b"\0").startswith(GZIP):
        raise ReadingStoppedError(
            "it is several gzip files in one; unpack and pack it again: zcat FILE | gzip > NEW.gz"
        )
    raise ReadingStoppedError("it goes on after the end of its compressed data; copy the file again")


def _stopped(why: ReadingStoppedError) -> Iterator[bytes]:
    raise why
    yield


def _utf8_of_utf16(chunks: Iterator[bytes]) -> Iterator[bytes]:
    try:
        for text in codecs.iterdecode(chunks, "utf-16", errors="surrogatepass"):
            yield text.encode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        raise ReadingStoppedError("its UTF-16 text ends in the middle of a character; copy the file again") from None
