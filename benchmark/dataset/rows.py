"""Read the Parquet file of a split, whatever program saved it, and check all of it before anything is used.

Invariants:
* a file is refused in words, never with an error of a library;
* rows come in the types of `schema.SCHEMA`, though other programs save text, lists and numbers in other ones;
* every row is checked, a batch at a time; a file that unpacks to far more than its size is refused on the way, before
  its texts are copied;
* what a file of more than `integrity.REMEMBERED` bytes was found to hold is kept in the cache under the file's SHA-256,
  so that opening it again takes no second pass.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..cache import cached
from ..errors import DamagedError, InputError
from ..integrity import REMEMBERED, sha256_of
from .fingerprint import RowDigest
from .schema import OPTIONAL, ROLES, SCHEMA, batch_is_fine, numbers, row_place, row_problems

ROWS_PER_GROUP = 10_000

#: Problems that are told of one file; what comes after them is not read.
MAX_PROBLEMS = 20

#: Bytes that a file may unpack to, beside this many times its own size; annotations take a tenth of that.
_SPARE, _TIMES = 256 << 20, 50

#: Version of the checks, part of the name under which their result is kept.
_CHECKS = 1

#: What to do about a damaged data set, for messages.
ADVICE = "copy it again from where it is whole, or build or import the data set again"


@dataclass(frozen=True)
class Found:
    """What the rows of a file hold, all of which were checked.

    Attributes:
        boxes: number of boxes.
        references: whether there are captions.
        columns: digest of each column, see `Fingerprint`.
    """

    boxes: int
    references: bool
    columns: dict[str, str]


class RowFile:
    """An open Parquet file with the columns of `SCHEMA`, and maybe `ROLES`.

    Raises:
        DamagedError: if it is no Parquet file, or damaged.
        InputError: if it has other columns, or no rows.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._in_words():
            if not (size := path.stat().st_size):
                raise DamagedError(f"{path} is empty, expected a Parquet file; {ADVICE}")
            metadata = pq.read_metadata(path, memory_map=True)
            leaves = [metadata.schema.column(i) for i in range(len(metadata.schema))]
            # The metadata of columns in groups is not asked for: the library ends the process where that is damaged.
            # Text is read as indices into the texts that the file holds, which bounds the memory before any is copied.
            texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]
            self._file = pq.ParquetFile(path, metadata=metadata, memory_map=True, read_dictionary=texts)
            types = self._file.schema_arrow
        self.n_rows = int(metadata.num_rows)
        self._size, self._room = size, _SPARE + _TIMES * size
        problems = _column_problems(types)
        if not problems and self.n_rows < 1:
            problems.append("it has no rows")
        if problems:
            raise InputError(*(f"{path}: {problem}" for problem in problems))
        self.names = [field.name for field in (*SCHEMA, ROLES) if field.name in types.names]

    def batches(
        self, names: Sequence[str] | None = None, size: int = ROWS_PER_GROUP, only: range | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Rows in the types of the schema; the file must have been checked.

        Args:
            names: columns to read; by default all.
            size: largest number of rows of a batch.
            only: rows to read, side by side; by default all. Groups of rows without any of them are not read.
        """
        with self._in_words():
            first = 0
            for group in range(self._file.num_row_groups):
                end = first + self._file.metadata.row_group(group).num_rows
                if only is None or (first < only.stop and only.start < end):
                    for batch in self._raw_batches(names or self.names, size, [group]):
                        cut = range(len(batch)) if only is None else _overlap(only, first, len(batch))
                        if cut:
                            yield _in_schema_types(batch.slice(cut.start, len(cut)))
                        first += len(batch)
                first = end

    def _raw_batches(
        self, names: Sequence[str], size: int = ROWS_PER_GROUP, groups: Sequence[int] | None = None
    ) -> Iterator[pa.RecordBatch]:
        for group in range(self._file.num_row_groups) if groups is None else groups:
            # A batch of two groups would need two dictionaries.
            yield from self._file.iter_batches(size, row_groups=[group], columns=list(names))

    def column(self, name: str) -> pa.Array:
        """A whole column; the file must have been checked."""
        with self._in_words():
            return pa.concat_arrays([batch.column(name) for batch in self.batches([name])])

    @cached_property
    def found(self) -> Found:
        """What the file holds; the first use checks all rows, in one pass.

        Raises:
            InputError: with the first problems of the rows.
            DamagedError: if they cannot be read.
        """
        if self.path.stat().st_size <= REMEMBERED:
            return self._pass()
        name = f"rows/{_CHECKS}-{sha256_of(self.path)}.json"
        return cached(name, _read_found, lambda place: _write_found(place, self._pass()))

    def _pass(self) -> Found:
        digest = RowDigest()
        boxes = unpacked = read = 0
        hidden: Counter[str] = Counter()
        ids: list[pa.Array] = []
        problems: list[str] = []
        with self._in_words():
            for raw in self._raw_batches(self.names):
                unpacked += sum(map(_unpacked, raw.columns))
                if unpacked > self._room:
                    raise InputError(
                        f"{self.path}: its {self._size:,} bytes unpack to more than {self._room:,}; such a file is "
                        "damaged, or made to fill the memory"
                    )
                try:
                    batch = _in_schema_types(raw)
                except Exception:  # a value does not fit; which one is told by the rows as they are
                    problems += _problems(raw, read)
                    if not problems:
                        raise
                    break
                if batch_is_fine(batch):
                    digest.update(batch)
                else:
                    problems += _problems(raw, read) or [f"the rows from {read:,} on cannot be used"]
                    if len(problems) >= MAX_PROBLEMS:
                        break
                boxes += len(batch.column("boxes").flatten())
                hidden.update({name: batch.column(name).null_count for name in OPTIONAL & set(batch.schema.names)})
                ids.append(batch.column("image_id"))
                read += len(batch)
            if not problems and read != self.n_rows:
                raise DamagedError(f"{self.path}: damaged: it has {read:,} rows and claims {self.n_rows:,}; {ADVICE}")
            problems += [_partly(name, n, read) for name, n in sorted(hidden.items()) if 0 < n < read and not problems]
            problems += _repeated(pa.chunked_array(ids, pa.string()))
        if problems:
            more = len(problems) - MAX_PROBLEMS
            told = problems[:MAX_PROBLEMS] + ([f"{more:,} more problems, and maybe others behind them"] * (more > 0))
            raise InputError(*(f"{self.path}: {problem}" for problem in told))
        return Found(boxes, not hidden["captions"], dict(digest.fingerprint().columns))

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        """Turn what the library raises for damaged files, which may be anything, into one sentence."""
        try:
            yield
        except InputError:
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno:
                raise InputError(f"{self.path} cannot be read ({error.strerror})") from None
            said = " ".join(str(error).split()) or type(error).__name__
            raise DamagedError(
                f"{self.path}: damaged, or no Parquet file that can be read ({said:.160}); {ADVICE}"
            ) from None


def _overlap(wanted: range, first: int, rows: int) -> range:
    """Which of some rows, of which the first has the number `first`, are wanted."""
    return range(max(0, wanted.start - first), min(rows, wanted.stop - first))


def _column_problems(types: pa.Schema) -> list[str]:
    """What is wrong with the columns of a file, one sentence each."""
    problems = []
    for field in (*SCHEMA, ROLES):
        indices = types.get_all_field_indices(field.name)
        if len(indices) > 1:
            problems.append(f"it has {len(indices)} columns {field.name!r}, expected one")
        elif not indices and field is not ROLES:
            problems.append(f"it has no column {field.name!r}; its columns are {', '.join(types.names)!s:.200}")
        elif indices and not _fits(found := types.field(indices[0]).type, field.type):
            problems.append(
                f"its column {field.name!r} is {_in_few_words(found)!s:.80}, expected {_in_few_words(field.type)}"
            )
    return problems


def _fits(found: pa.DataType, expected: pa.DataType) -> bool:
    """Whether a type can hold the values of another, as other programs save them."""
    if pa.types.is_dictionary(found):
        return _fits(found.value_type, expected)
    if _is_list(expected):
        null = pa.types.is_null(found) and pa.types.is_list(expected)  # a column of nothing but nulls
        return null or (_is_list(found) and _fits(found.value_type, expected.value_type))
    if pa.types.is_string(expected):
        return bool(pa.types.is_string(found) or pa.types.is_large_string(found) or str(found) == "string_view")
    return bool(pa.types.is_integer(found) if pa.types.is_integer(expected) else pa.types.is_floating(found))


def _is_list(one: pa.DataType) -> bool:
    return bool(pa.types.is_list(one) or pa.types.is_large_list(one) or pa.types.is_fixed_size_list(one))


def _in_few_words(one: pa.DataType) -> str:
    if pa.types.is_dictionary(one):
        return _in_few_words(one.value_type)
    if _is_list(one):
        return f"lists of {_in_few_words(one.value_type)}"
    names = {pa.string(): "text", pa.int32(): "whole numbers", pa.float64(): "numbers"}
    return names.get(one, f"of type {one}")


def _in_schema_types(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The rows of a batch in the types of the schema.

    Raises:
        ValueError: if a value does not fit (also `pa.ArrowInvalid`).
    """
    fields = [field for field in (*SCHEMA, ROLES) if field.name in batch.schema.names]
    columns = [_cast(batch.column(field.name), field.type) for field in fields]
    cast = pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))
    cast.validate(full=True)  # also UTF-8
    return cast


def _cast(column: pa.Array, to: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if column.type == to:
        return column
    if column.null_count == len(column):
        return pa.nulls(len(column), to)
    if not _is_list(to):
        return column.cast(to)
    values = _cast(column.flatten(), to.value_type)
    lengths = pc.list_value_length(column)
    if pa.types.is_fixed_size_list(to):
        if column.null_count or (numbers(lengths) != to.list_size).any():
            raise ValueError(f"a list that has not {to.list_size} values")
        return pa.FixedSizeListArray.from_arrays(values, to.list_size)
    if column.null_count:
        lengths = pc.fill_null(lengths, 0)
    ends = np.cumsum(np.concatenate([[0], numbers(lengths)]))
    offsets = pa.Array.from_buffers(pa.int64(), len(ends), [None, pa.py_buffer(ends)]).cast(pa.int32())
    return pa.ListArray.from_arrays(offsets, values, mask=column.is_null() if column.null_count else None)


def _unpacked(column: pa.Array) -> int:
    """Bytes that a column takes when each of its texts is copied."""
    while _is_list(column.type):
        column = column.flatten()
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    used = column.indices.drop_null()
    return int(pc.sum(pc.binary_length(column.dictionary).take(used)).as_py() or 0)


def _problems(batch: pa.RecordBatch, first: int) -> list[str]:
    """What is wrong with the rows of a batch, in whatever types, one sentence each; `first` rows come before it."""
    rows = enumerate(batch.to_pylist(), first)
    found = [f"{row_place(row, i)}: {problem}" for i, row in rows for problem in row_problems(row)]
    nulls = {name: batch.column(name).null_count for name in sorted(OPTIONAL & set(batch.schema.names))}
    return found + [_partly(name, n, len(batch)) for name, n in nulls.items() if 0 < n < len(batch)]


def _partly(name: str, hidden: int, read: int) -> str:
    return f"{hidden:,} of {read:,} images have no {name}, expected all or none to have them"


def _repeated(ids: pa.ChunkedArray) -> list[str]:
    """A sentence for each image id that occurs more than once."""
    if pc.count_distinct(ids).as_py() == len(ids):
        return []
    counts = pc.value_counts(ids)
    often = counts.filter(pc.greater(counts.field("counts"), 1)).to_pylist()
    return [f"image {each['values']!r:.80}: this image id occurs {each['counts']:,} times" for each in often]


def _write_found(place: Path, found: Found) -> None:
    content = asdict(found)
    place.write_text(json.dumps({**content, "check": _check(content)}), encoding="utf-8")


def _read_found(place: Path) -> Found:
    try:
        content = json.loads(place.read_bytes())
        check = content.pop("check")
        if check == _check(content):
            return Found(**content)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    raise DamagedError(f"{place} is damaged")


def _check(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
