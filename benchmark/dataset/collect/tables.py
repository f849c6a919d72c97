"""Read tables that people bring, as CSV, JSONL or Parquet: rows of named values, each with its place.

Invariants:
* nothing in a table is trusted: lines, and what a Parquet file unpacks to, are bounded before they fill the memory;
* a row that cannot be used carries its problem; only a file that cannot be read as a table is an error;
* every row tells its place, as `file:line`, or as `file: row n` in Parquet, which has no lines.
"""

import csv
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ...errors import InputError

#: Bytes of a line, and of a row of CSV, which may go over several lines.
MAX_LINE = 4 << 20

#: Bytes of a JSON file that is read as a whole.
MAX_JSON = 512 << 20

MAX_COLUMNS = 1000

#: Bytes that a Parquet file may unpack to, beside this many times its own size.
_SPARE, _TIMES = 256 << 20, 50
_ROWS_AT_A_TIME = 1000

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")


@dataclass(frozen=True)
class SourceRow:
    """A row of a table.

    Attributes:
        place: where it stands, such as "products.csv:12".
        values: value by column, of the columns asked for; those that the row does not have are missing.
        others: names of its other columns.
        problem: why it cannot be used; empty if it can.
    """

    place: str
    values: dict[str, Any]
    others: tuple[str, ...] = ()
    problem: str = ""


def read_rows(path: Path, wanted: Collection[str]) -> Iterator[SourceRow]:
    """Iterate over the rows of a table in its order; blank ones are left out.

    Args:
        path: file with one of `SUFFIXES`. The first line of CSV names the columns; they are divided by commas,
            semicolons or tabs.
        wanted: columns that are read, in small letters; in the file, their case does not matter.

    Raises:
        InputError: if there is no such file, or it cannot be read as what its suffix says.
    """
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv"):
        return _csv_rows(path, wanted)
    if suffix in (".jsonl", ".ndjson"):
        return _json_rows(path, wanted)
    if suffix == ".parquet":
        return _parquet_rows(path, wanted)
    raise InputError(f"{path}: no table that is known by its name; expected a file that ends in {', '.join(SUFFIXES)}")


def read_lines(path: Path, longest: int = MAX_LINE) -> Iterator[tuple[int, str]]:
    """Iterate over the lines of a text file in UTF-8, with their numbers from 1 on and their line ends.

    Args:
        path: file to read.
        longest: bytes that a line may have.

    Raises:
        InputError: if there is no such file, it cannot be read, a line is too long or not UTF-8.
    """
    with _in_words(path), path.open("rb") as file:
        for number in count(1):
            line = file.readline(longest + 1)
            if not line:
                return
            if len(line) > longest:
                raise InputError(f"{path}:{number}: a line of more than {longest:,} bytes; is this a text file?")
            try:
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError:
                raise InputError(
                    f"{path}:{number}: not UTF-8, expected text in UTF-8; save it so (in a spreadsheet as 'CSV UTF-8'),"
                    f" or convert it: iconv -f GB18030 -t UTF-8"
                ) from None


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        InputError: if there is no such file, it is too large, or is not JSON.
    """
    with _in_words(path):
        size = path.stat().st_size
        if size > MAX_JSON:
            raise InputError(f"{path}: {size:,} bytes of JSON, expected at most {MAX_JSON:,}; divide it into several")
        try:
            return orjson.loads(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
        except ValueError as error:  # this parser tells what is nested too deep so, too
            raise InputError(f"{path}: not JSON ({error!s:.160})") from None


@contextmanager
def _in_words(path: Path) -> Iterator[None]:
    """Turn what reading a file raises into one sentence; pipes and devices, which may never end, are refused."""
    try:
        if not path.is_file():
            raise InputError(f"{path}: {'a folder' if path.is_dir() else 'no such file'}, expected a file")
        yield
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error})") from None


def _sorted_out(place: str, values: dict[str, Any], wanted: Collection[str]) -> SourceRow:
    """A row from all of its values by name."""
    named = {name.strip().lower(): value for name, value in values.items()}
    others = tuple(name for name in named if name not in wanted)
    return SourceRow(place, {name: value for name, value in named.items() if name in wanted}, others)


def _csv_rows(path: Path, wanted: Collection[str]) -> Iterator[SourceRow]:
    taken = 0  # bytes since the last row was complete

    def lines() -> Iterator[str]:
        nonlocal taken
        for number, line in read_lines(path):
            taken += len(line)
            if taken > MAX_LINE:
                raise InputError(f"{path}:{number}: a row of more than {MAX_LINE:,} bytes; is a quote not closed?")
            yield line

    source = lines()
    skipped, heading = next(((i, line) for i, line in enumerate(source) if line.strip()), (0, ""))
    if not heading:
        raise InputError(f"{path}: empty, expected a first line with the names of the columns")
    delimiter = max(",;\t", key=heading.count)
    number = skipped + 1
    reader = csv.reader(chain([heading], source), delimiter=delimiter, strict=True)
    try:
        names = [name.strip().lower() for name in next(reader)]
        _check_names(path, names)
        others = tuple(name for name in names if name and name not in wanted)
        while True:
            taken, number = 0, skipped + reader.line_num + 1
            cells = next(reader, None)
            if cells is None:
                return
            if not any(cell.strip() for cell in cells):
                continue
            place = f"{path}:{number}"
            if len(cells) > len(names) and any(cells[len(names) :]):
                yield SourceRow(place, {}, problem=f"row has {len(cells)} cells for {len(names)} columns")
            else:
                named = zip(names, cells, strict=False)
                yield SourceRow(place, {name: cell for name, cell in named if name in wanted}, others)
    except csv.Error as error:
        raise InputError(f"{path}:{number}: not CSV ({error}); is a quote not closed?") from None


def _check_names(path: Path, names: list[str]) -> None:
    problems = []
    if len(names) > MAX_COLUMNS:
        problems.append(f"{path}: {len(names):,} columns, expected at most {MAX_COLUMNS:,}")
    twice = {name for name in names if name and names.count(name) > 1} if not problems else set()
    problems += [f"{path}: two columns are named {name!r:.80}, expected one" for name in sorted(twice)]
    if problems:
        raise InputError(*problems)


def _json_rows(path: Path, wanted: Collection[str]) -> Iterator[SourceRow]:
    for number, line in read_lines(path):
        if not line.strip():
            continue
        place = f"{path}:{number}"
        try:
            values = orjson.loads(line)
        except ValueError:
            values = None
        if isinstance(values, dict) and len(values) <= MAX_COLUMNS:
            yield _sorted_out(place, values, wanted)
        else:
            yield SourceRow(place, {}, problem="line is no JSON object")


def _parquet_rows(path: Path, wanted: Collection[str]) -> Iterator[SourceRow]:
    with _in_words(path):
        try:
            yield from _unpacked_rows(path, wanted)
        except (InputError, OSError) as error:
            if isinstance(error, InputError) or error.errno:
                raise
            raise InputError(f"{path}: no Parquet file that can be read ({error!s:.160})") from None
        except (pa.ArrowException, ValueError, TypeError) as error:
            raise InputError(f"{path}: no Parquet file that can be read ({error!s:.160})") from None


def _unpacked_rows(path: Path, wanted: Collection[str]) -> Iterator[SourceRow]:
    size = path.stat().st_size
    metadata = pq.read_metadata(path, memory_map=True)
    leaves = [metadata.schema.column(i) for i in range(len(metadata.schema))]
    # Text is read as indices into the texts that the file holds, which bounds the memory before any is copied.
    texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY" and "." not in leaf.path]
    file = pq.ParquetFile(path, metadata=metadata, memory_map=True, read_dictionary=texts)
    names = file.schema_arrow.names
    _check_names(path, [name.strip().lower() for name in names])
    read = [name for name in names if name.strip().lower() in wanted]
    others = tuple(name.strip().lower() for name in names if name not in read)
    unpacked = number = 0
    for batch in file.iter_batches(batch_size=_ROWS_AT_A_TIME, columns=read):
        unpacked += sum(map(_bytes, batch.columns))
        if unpacked > _SPARE + _TIMES * size:
            raise InputError(
                f"{path}: its {size:,} bytes unpack to more than {_SPARE + _TIMES * size:,}; such a file is damaged, "
                "or made to fill the memory"
            )
        for values in batch.to_pylist():
            number += 1
            named = {name.strip().lower(): value for name, value in values.items()}
            yield SourceRow(f"{path}: row {number}", named, others)


def _bytes(column: pa.Array) -> int:
    """Bytes that a column takes when each of its texts is copied."""
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    used = column.indices.drop_null()
    return int(pc.sum(pc.binary_length(column.dictionary).take(used)).as_py() or 0)
