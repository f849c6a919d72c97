"""A split of eight boxes on three images, and prediction files for it, good and bad."""

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from released_files import BOXES, SPLITS, small_release

from benchmark.dataset import open_split
from benchmark.dataset.released.annotations import Options, import_released
from benchmark.dataset.store import Split
from benchmark.errors import InputError
from benchmark.predictions import read_predictions

#: A perfect prediction of the tiny split: the references.
RECORDS: list[dict[str, Any]] = [
    {"image_id": image_id, "box": box, "caption": caption}
    for image_id in SPLITS["test"]  # lamp (2 boxes), 7_shoe (3), a_0.5_b (3, of which 0 and 1 in the same place)
    for box, (_, caption) in enumerate(BOXES[image_id])
]
CAPTIONS = [record["caption"] for record in RECORDS]


def tiny_split(directory: Path) -> Split:
    """The test split of the small released files; pictures of several sizes, a val split beside it."""
    released = small_release(directory / "released")
    import_released(released.annotations, released.names, directory / "data", Options(images=released.images))
    return open_split(directory / "data", "test")


def text(*changes: Any, records: list[dict[str, Any]] = RECORDS) -> str:
    """A prediction file; each change replaces one line, from the first on: a record, its update, or raw text."""
    lines = []
    for record, change in zip(records, [*changes, *[{}] * (len(records) - len(changes))], strict=True):
        lines.append(change if isinstance(change, str) else json.dumps(record | change, ensure_ascii=False))
    return "\n".join(lines) + "\n"


def read(directory: Path, split: Split, content: str | bytes) -> list[str]:
    """The captions of a file with that content."""
    path = directory / "preds.jsonl"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_predictions(path, split)


def problems_of(directory: Path, split: Split, content: str | bytes) -> tuple[str, ...]:
    """What is wrong with it."""
    with pytest.raises(InputError) as refusal:
        read(directory, split, content)
    return refusal.value.problems


def zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as file:
        file.write(content)
    return bytes(sink.getvalue().to_pybytes())


PACKERS = {"": bytes, ".gz": gzip.compress, ".zst": zstd}
