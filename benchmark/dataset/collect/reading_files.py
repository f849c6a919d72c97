"""Files of readings: what engines have read, kept in shards that are whole, or not there, or refused.

Invariant: a shard is one Parquet file, whose name is the SHA-256 of its bytes, in the folder of its engine.
"""

import hashlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ...errors import DamagedError, InputError
from ...files import replace_when_complete
from .engines import Engine
from .geometry import second_reading
from .records import Line, Reading

#: Version of what a shard holds, and of how it is made from what an engine reads.
FORMAT = 1

#: Bytes that a shard may unpack to, beside this many times its own size.
_SPARE, _TIMES = 256 << 20, 50

_TEXT, _NUMBER = pa.string(), pa.float64()
SCHEMA = pa.schema(
    [
        pa.field("sha256", _TEXT),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("hash", pa.uint64()),
        pa.field("problem", _TEXT),
        pa.field("texts", pa.list_(_TEXT)),
        pa.field("scores", pa.list_(_NUMBER)),
        pa.field("corners", pa.list_(pa.list_(_NUMBER, 8))),  # x, y of each of the four
        pa.field("characters", pa.list_(pa.list_(_TEXT))),
        pa.field("character_boxes", pa.list_(pa.list_(pa.list_(_NUMBER, 4)))),
    ],
    metadata={"caponimage": f"readings/{FORMAT}"},
)


def load_readings(folder: Path, engine: Engine, second: Engine | None = None) -> dict[str, Reading]:
    """What was read, by the SHA-256 of each picture's bytes.

    Args:
        folder: folder of the collection, as for `reading.read_all`.
        engine: the engine that read.
        second: the engine of the second reading, which fills `Line.second`; None: none. Lines of pictures that it has
            not read have none.

    Raises:
        DamagedError: if a file is not what was once written.
    """
    readings = {reading.sha256: reading for reading in _load(folder_of(folder, engine))}
    if second is not None:
        for other in _load(folder_of(folder, second)):
            first = readings.get(other.sha256)
            if first is not None and not other.problem:
                lines = tuple(replace(line, second=second_reading(line, other.lines)) for line in first.lines)
                readings[other.sha256] = replace(first, lines=lines)
    return readings


def folder_of(folder: Path, engine: Engine) -> Path:
    """Where the shards of an engine are, in the folder of a collection."""
    name = re.sub(r"[^0-9A-Za-z]+", "-", engine.name)[:40]
    return Path(folder) / "readings" / f"{name}-{engine.key}-{FORMAT}"


def write_readings(folder: Path, readings: Sequence[Reading]) -> None:
    """Write one shard into the folder of its engine."""
    table = pa.Table.from_pylist([_row(reading) for reading in readings], schema=SCHEMA)
    content = io.BytesIO()
    pq.write_table(table, content, compression="zstd")
    whole = content.getvalue()
    with replace_when_complete(folder / f"{hashlib.sha256(whole).hexdigest()}.parquet") as partial:
        partial.write_bytes(whole)


def _row(reading: Reading) -> dict[str, Any]:
    lines = reading.lines
    return {
        "sha256": reading.sha256,
        "width": reading.width,
        "height": reading.height,
        "hash": reading.hash,
        "problem": reading.problem,
        "texts": [line.text for line in lines],
        "scores": [line.score for line in lines],
        "corners": [[number for corner in line.corners for number in corner] for line in lines],
        "characters": [[character for character, _ in line.characters] for line in lines],
        "character_boxes": [[list(box) for _, box in line.characters] for line in lines],
    }


def _reading(row: Mapping[str, Any]) -> Reading:
    columns = (row[name] for name in ("texts", "scores", "corners", "characters", "character_boxes"))
    lines = tuple(
        Line(
            text,
            score,
            tuple(zip(corners[::2], corners[1::2], strict=True)),
            tuple((character, (a, b, c, d)) for character, (a, b, c, d) in zip(characters, boxes, strict=True)),
        )
        for text, score, corners, characters, boxes in zip(*columns, strict=True)
    )
    return Reading(row["sha256"], row["width"], row["height"], lines, row["hash"], row["problem"])


def digests_of(place: Path) -> set[str]:
    """SHA-256 of each picture that has a reading."""
    return {digest for table in _tables(place, ["sha256"]) for digest in table.column("sha256").to_pylist()}


def _load(place: Path) -> Iterator[Reading]:
    """The readings of an engine, one of each picture; two shares may have read the same bytes under two ids."""
    seen: set[str] = set()
    for table in _tables(place, SCHEMA.names):
        for row in table.to_pylist():
            if row["sha256"] not in seen:
                seen.add(row["sha256"])
                try:
                    yield _reading(row)
                except (TypeError, ValueError):
                    raise DamagedError(
                        f"{place}: the reading of {row['sha256']!r:.80} is not as it was written; delete the folder, "
                        "and its pictures are read again"
                    ) from None


def _tables(place: Path, names: Sequence[str]) -> Iterator[pa.Table]:
    """Columns of all shards in a folder, in the order of their names; all of each file is checked first."""
    for path in sorted(place.glob("*.parquet")):
        advice = "delete it, and its pictures are read again"
        try:
            content = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror or error})") from None
        if hashlib.sha256(content).hexdigest() != path.stem:
            raise DamagedError(
                f"{path}: changed or damaged after it was written: its SHA-256 is not its name; {advice}"
            )
        try:
            file = pq.ParquetFile(io.BytesIO(content))
            found = file.schema_arrow
            if not found.equals(SCHEMA) or found.metadata != SCHEMA.metadata:
                raise DamagedError(f"{path}: has other columns than readings have; {advice}")
            groups = range(file.metadata.num_row_groups)
            if sum(file.metadata.row_group(i).total_byte_size for i in groups) > _SPARE + _TIMES * len(content):
                raise DamagedError(f"{path}: unpacks to far more than its size; {advice}")
            yield file.read(list(names))
        except InputError:
            raise
        except Exception as error:  # what the library raises for damaged files may be anything
            raise DamagedError(f"{path}: no Parquet file that can be read ({error!s:.160}); {advice}") from None
