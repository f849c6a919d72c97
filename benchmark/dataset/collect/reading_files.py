"""Files of readings: what engines have read, kept in shards that are whole, or not there, or refused.

Invariant: a shard is one Parquet file, whose name is the SHA-256 of its bytes, in the folder of its engine.
"""

import hashlib
import io
import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ...errors import DamagedError, InputError
from ...files import replace_when_complete
from .engines import Engine
from .geometry import covered, hull, second_reading
from .records import Line, Reading

#: Version of what a shard holds, and of how it is made from what an engine reads.
FORMAT = 1

#: Least confidence of what only the second engine has found. Below it are shapes that it takes for a character: on
#: real pictures without text, boxes of up to half the picture, which would be masked for nothing.
LIKELY = 0.5

_ADVICE = "delete it, and its pictures are read again"
_SHA256 = re.compile(r"[0-9a-f]{64}")

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


@dataclass(frozen=True)
class ReadingBatch:
    """Pictures whose readings are in one file of the first engine.

    Attributes:
        digests: SHA-256 of the bytes of each picture.
        first: the file.
        second: files of the second engine, in which the second readings of these pictures are.
    """

    digests: tuple[str, ...]
    first: Path
    second: tuple[Path, ...] = ()


def reading_batches(folder: Path, engine: Engine, second: Engine | None = None) -> list[ReadingBatch]:
    """Everything that was read, in batches that are loaded one at a time, so that memory holds no more than one.

    A picture is in one batch only, though two shares may have read the same bytes under two ids.

    Args:
        folder: folder of the collection, as for `reading.read_all`.
        engine: the engine that read.
        second: the engine of the second reading; None: none.

    Raises:
        DamagedError: if a file is not what was once written.
    """
    of_second: dict[bytes, int] = {}
    seconds = _files(folder_of(folder, second)) if second is not None else []
    for n, path in enumerate(seconds):
        for digest in _digests_in(path):
            of_second.setdefault(bytes.fromhex(digest), n)
    seen: set[bytes] = set()
    found = []
    for path in _files(folder_of(folder, engine)):
        digests = [digest for digest in _digests_in(path) if bytes.fromhex(digest) not in seen]
        keys = [bytes.fromhex(digest) for digest in digests]
        seen.update(keys)
        others = sorted({of_second[key] for key in keys if key in of_second})
        found.append(ReadingBatch(tuple(digests), path, tuple(seconds[n] for n in others)))
    return found


def load_batch(batch: ReadingBatch) -> dict[str, Reading]:
    """The readings of a batch, by the SHA-256 of each picture's bytes.

    A second reading fills `Line.second`, and `Reading.others` with what it found beside these lines.

    Raises:
        DamagedError: if a file is not what was once written.
    """
    wanted = set(batch.digests)
    readings = _load(batch.first, wanted)
    done: set[str] = set()
    for path in batch.second:
        for digest, other in _load(path, wanted - done).items():
            done.add(digest)
            if not other.problem:
                readings[digest] = _with_second(readings[digest], other)
    return readings


def _with_second(first: Reading, second: Reading) -> Reading:
    width, height = first.width, first.height
    boxes = np.array([hull(line.corners, width, height) for line in first.lines]).reshape(-1, 4)
    others = tuple(
        line.corners
        for line in second.lines
        if line.score >= LIKELY and not covered(hull(line.corners, width, height), boxes)
    )
    lines = tuple(replace(line, second=second_reading(line, second.lines)) for line in first.lines)
    return replace(first, lines=lines, others=others)


def load_readings(
    folder: Path, engine: Engine, second: Engine | None = None, wanted: Container[str] | None = None
) -> dict[str, Reading]:
    """What was read, by the SHA-256 of each picture's bytes.

    Lines of pictures that the second engine has not read have no second reading.

    Args:
        folder: folder of the collection.
        engine: the engine that read.
        second: the engine of the second reading; None: none.
        wanted: SHA-256 of the pictures whose readings are wanted; None: all.

    Raises:
        DamagedError: if a file is not what was once written.
    """
    found = {}
    for batch in reading_batches(folder, engine, second):
        digests = tuple(digest for digest in batch.digests if wanted is None or digest in wanted)
        found.update(load_batch(replace(batch, digests=digests)) if digests else {})
    return found


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
    return {digest for path in _files(place) for digest in _digests_in(path)}


def _files(place: Path) -> list[Path]:
    return sorted(place.glob("*.parquet"))


def _digests_in(path: Path) -> list[str]:
    digests: list[str] = _table(path, ["sha256"]).column("sha256").to_pylist()
    if not all(isinstance(digest, str) and _SHA256.fullmatch(digest) for digest in digests):
        raise DamagedError(f"{path}: names pictures by something else than their SHA-256; {_ADVICE}")
    return digests


def _load(path: Path, wanted: Container[str]) -> dict[str, Reading]:
    """The readings in a file, of some pictures only; of several of the same one the first."""
    found: dict[str, Reading] = {}
    for row in _table(path, SCHEMA.names).to_pylist():
        if row["sha256"] in wanted and row["sha256"] not in found:
            try:
                found[row["sha256"]] = _reading(row)
            except (TypeError, ValueError):
                raise DamagedError(
                    f"{path}: the reading of {row['sha256']!r:.80} is not as it was written; {_ADVICE}"
                ) from None
    return found


def _table(path: Path, names: Sequence[str]) -> pa.Table:
    """Columns of a file; all of the file is checked first."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error})") from None
    if hashlib.sha256(content).hexdigest() != path.stem:
        raise DamagedError(f"{path}: changed or damaged after it was written: its SHA-256 is not its name; {_ADVICE}")
    try:
        file = pq.ParquetFile(io.BytesIO(content))
        found = file.schema_arrow
        if not found.equals(SCHEMA) or found.metadata != SCHEMA.metadata:
            raise DamagedError(f"{path}: has other columns than readings have; {_ADVICE}")
        groups = range(file.metadata.num_row_groups)
        if sum(file.metadata.row_group(i).total_byte_size for i in groups) > _SPARE + _TIMES * len(content):
            raise DamagedError(f"{path}: unpacks to far more than its size; {_ADVICE}")
        return file.read(list(names))
    except InputError:
        raise
    except Exception as error:  # what the library raises for damaged files may be anything
        raise DamagedError(f"{path}: no Parquet file that can be read ({error!s:.160}); {_ADVICE}") from None
