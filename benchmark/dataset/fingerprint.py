"""Fingerprints of annotation rows: they depend on the rows alone, not on Parquet's version, row groups or compression.

Every column has its own digest: list lengths and string lengths as little-endian int32, text as UTF-8, numbers as
little-endian bytes, each kind of buffer hashed as one stream. The fingerprint is the SHA-256 of `<column> <digest>`
lines over the columns in schema order. Absent captions leave their column out, and roles are no part of it.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from .schema import ROLES, SCHEMA, numbers


@dataclass(frozen=True)
class Fingerprint:
    """Digest of each column that is present, 64 hex digits, by name of the column."""

    columns: Mapping[str, str]

    def hexdigest(self) -> str:
        """The fingerprint of all rows, 64 hex digits."""
        lines = (f"{name} {self.columns[name]}\n" for name in SCHEMA.names if name in self.columns)
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    @property
    def roles(self) -> str | None:
        """Digest of the roles, 64 hex digits; None where there are none."""
        return self.columns.get(ROLES.name)


class RowDigest:
    """Makes the fingerprint of rows that are fed batch by batch, in the types of the schema."""

    def __init__(self) -> None:
        self._streams: dict[str, list[Any]] = {}

    def update(self, batch: pa.RecordBatch) -> None:
        """Add rows, any number at a time."""
        for name in batch.schema.names:
            column = batch.column(name)
            if column.null_count == len(column):
                continue
            buffers = list(_canonical_buffers(column))
            streams = self._streams.setdefault(name, [hashlib.sha256() for _ in buffers])
            for stream, buffer in zip(streams, buffers, strict=True):
                stream.update(buffer)

    def fingerprint(self) -> Fingerprint:
        """The fingerprint of all rows so far."""
        return Fingerprint(
            {
                name: hashlib.sha256("".join(s.hexdigest() for s in streams).encode()).hexdigest()
                for name, streams in self._streams.items()
            }
        )


def _canonical_buffers(column: pa.Array) -> Iterator[Any]:
    """Bytes to hash of a string, number or (nested) list column: the lengths level by level, then the values."""
    while pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type):
        if pa.types.is_list(column.type):
            yield numbers(column.value_lengths()).astype("<i4").tobytes()
        column = column.flatten()
    if pa.types.is_string(column.type):
        _, offsets, content = column.buffers()
        ends = np.frombuffer(offsets, np.int32, len(column) + 1, 4 * column.offset) if len(column) else np.zeros(1, int)
        yield np.diff(ends).astype("<i4").tobytes()
        yield memoryview(content)[ends[0] : ends[-1]] if content else b""
    else:
        values = numbers(column)
        yield (values + 0).astype(values.dtype.newbyteorder("<")).tobytes()  # + 0 turns -0.0 into 0.0
