"""Data sets on disk: write them, open their memory-mapped splits, compute their fingerprints.

A data set is a folder:

    DIR/dataset.json           name, whether synthetic, and per split: images, boxes, fingerprint
    DIR/test.parquet           the rows of `schema.SCHEMA`
    DIR/images/<image_id>.png

Invariants:
* opening a split reads the Parquet footer only; a column is read on its first use, so opening a split of
  two million images takes no longer, and no more memory, than opening a small one;
* files appear complete or not at all (written under another name, then renamed);
* the fingerprint depends on the annotation rows alone, not on Parquet's version, row groups or compression.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from PIL import Image

from ..errors import InputError
from .schema import ROLES, SCHEMA, AnnotationRow, row_problems

FORMAT = "caponimage-dataset/1"
ROWS_PER_GROUP = 10_000


class Fingerprint:
    r"""SHA-256 of annotation rows, fed batch by batch.

    Every column has its own digest: list lengths and string lengths as little-endian int32, text as UTF-8, numbers
    as little-endian bytes, each kind of buffer hashed as one stream. The fingerprint is the SHA-256 of
    `<column> <digest>\n` over the columns in schema order. Absent captions leave their column out.
    """

    def __init__(self) -> None:
        self._streams: dict[str, list[Any]] = {}

    def update(self, batch: pa.RecordBatch) -> None:
        """Add rows, any number at a time."""
        for field in SCHEMA:
            column = batch.column(field.name)
            if column.null_count == len(column):
                continue
            buffers = list(_canonical_buffers(column))
            streams = self._streams.setdefault(field.name, [hashlib.sha256() for _ in buffers])
            for stream, buffer in zip(streams, buffers, strict=True):
                stream.update(buffer)

    def column(self, name: str) -> str:
        """Digest of one column, 64 hex digits; that of empty input if the column was always absent."""
        streams = self._streams.get(name, [])
        return hashlib.sha256("".join(s.hexdigest() for s in streams).encode()).hexdigest()

    def hexdigest(self) -> str:
        """The fingerprint of all rows so far, 64 hex digits."""
        lines = (f"{field.name} {self.column(field.name)}\n" for field in SCHEMA if field.name in self._streams)
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def _canonical_buffers(column: pa.Array) -> Iterator[bytes]:
    """Bytes to hash of a string, number or (nested) list column: the lengths level by level, then the values."""
    while pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type):
        if pa.types.is_list(column.type):
            yield np.asarray(column.value_lengths()).astype("<i4").tobytes()
        column = column.flatten()
    if pa.types.is_string(column.type):
        yield np.asarray(pc.binary_length(column)).astype("<i4").tobytes()
        yield "".join(column.to_pylist()).encode()
    else:
        values = column.to_numpy(zero_copy_only=False)
        yield (values + 0).astype(values.dtype.newbyteorder("<")).tobytes()  # + 0 turns -0.0 into 0.0


class SplitWriter:
    """Writer of the rows of one split; the file appears, complete, when the `with` block ends without an error.

    Raises:
        InputError: from `append`, naming the image, when a row breaks an invariant of `schema`.
    """

    def __init__(self, directory: Path, split: str, *, roles: bool = False) -> None:
        self.images = self.boxes = 0
        self.fingerprint = Fingerprint()
        self.references: bool | None = None
        self._path = directory / f"{split}.parquet"
        self._partial = directory / f".{split}.parquet.partial"
        self._schema = SCHEMA.append(ROLES) if roles else SCHEMA
        self._pending: list[AnnotationRow] = []
        self._ids: set[bytes] = set()

    def __enter__(self) -> Self:
        self._partial.parent.mkdir(parents=True, exist_ok=True)
        self._writer = pq.ParquetWriter(self._partial, self._schema, compression="zstd")
        return self

    def append(self, row: AnnotationRow) -> None:
        """Add one image."""
        problems = row_problems(row)
        has_references = row.get("captions") is not None
        if self.references is None:
            self.references = has_references
        elif self.references != has_references:
            problems.append("a split has captions for every image or for none")
        key = hashlib.md5(row["image_id"].encode(), usedforsecurity=False).digest()  # 16 bytes each, at any id length
        if key in self._ids:
            problems.append("this image id occurs twice")
        if problems:
            raise InputError(*(f"{self._path.name}: image {row['image_id']}: {problem}" for problem in problems))
        self._ids.add(key)
        self.images += 1
        self.boxes += len(row["boxes"])
        self._pending.append(row)
        if len(self._pending) == ROWS_PER_GROUP:
            self._flush()

    def _flush(self) -> None:
        batch = pa.RecordBatch.from_pylist(self._pending, schema=self._schema)
        self.fingerprint.update(batch)
        self._writer.write_batch(batch)
        self._pending.clear()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._pending:
            self._flush()
        self._writer.close()
        if kind is None:
            self._partial.replace(self._path)
        else:
            self._partial.unlink(missing_ok=True)

    def summary(self) -> dict[str, Any]:
        """The entry of this split in `dataset.json`."""
        return {
            "images": self.images,
            "boxes": self.boxes,
            "references": bool(self.references),
            "fingerprint": self.fingerprint.hexdigest(),
        }


def write_description(directory: Path, *, name: str, synthetic: bool, splits: dict[str, Any], **more: Any) -> None:
    """Write `dataset.json`, the last file of a data set: once it exists, all splits are complete."""
    description = {"format": FORMAT, "name": name, "synthetic": synthetic, "splits": splits, **more}
    partial = directory / ".dataset.json.partial"
    partial.write_text(json.dumps(description, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    partial.replace(directory / "dataset.json")


@dataclass(frozen=True)
class Split:
    """One split of a data set; of the boxes of all images, image i owns offsets[i] to offsets[i + 1]."""

    directory: Path
    dataset: str
    name: str
    synthetic: bool

    @cached_property
    def _file(self) -> pq.ParquetFile:
        return pq.ParquetFile(self.directory / f"{self.name}.parquet", memory_map=True)

    def _column(self, name: str) -> pa.Array:
        return self._file.read([name]).column(0).combine_chunks()

    @cached_property
    def n_images(self) -> int:
        """Number of images."""
        return int(self._file.metadata.num_rows)

    @property
    def n_boxes(self) -> int:
        """Number of boxes, over all images."""
        return int(self.offsets[-1])

    @cached_property
    def image_ids(self) -> list[str]:
        """Image ids, in the data set's order."""
        return self._column("image_id").to_pylist()

    @cached_property
    def index(self) -> dict[str, int]:
        """Image id -> index in `image_ids`."""
        return {image_id: i for i, image_id in enumerate(self.image_ids)}

    def position(self, image_id: str) -> int:
        """Index of an image in `image_ids`.

        Raises:
            InputError: if the split has no such image.
        """
        if image_id not in self.index:
            near = get_close_matches(image_id, self.image_ids, n=3) or self.image_ids[:3]
            raise InputError(
                f"split {self.name!r} of {self.dataset!r} has no image {image_id!r:.80}; it has {', '.join(near)}, ..."
            )
        return self.index[image_id]

    @cached_property
    def sizes(self) -> np.ndarray:
        """Width and height of each image in pixels, shape (n_images, 2)."""
        return np.stack([np.asarray(self._column(c)) for c in ("width", "height")], axis=1).astype(np.int64)

    @cached_property
    def titles(self) -> list[str]:
        """Product titles."""
        return self._column("title").to_pylist()

    @cached_property
    def attributes(self) -> list[str]:
        """Product attributes, one string per image."""
        return self._column("attributes").to_pylist()

    @cached_property
    def categories(self) -> list[str]:
        """Product categories."""
        return self._column("category").to_pylist()

    @cached_property
    def _box_column(self) -> pa.Array:
        return self._column("boxes")

    @cached_property
    def offsets(self) -> np.ndarray:
        """Index of the first box of each image, then the number of boxes, shape (n_images + 1,)."""
        return _offsets(self._box_column)

    @cached_property
    def masked_box_counts(self) -> np.ndarray:
        """Number of text boxes of each image, also those without a caption, shape (n_images,)."""
        return np.diff(_offsets(self._column("masked_boxes")))

    @cached_property
    def image_of_box(self) -> np.ndarray:
        """Index of each box's image in `image_ids`, shape (n_boxes,)."""
        return np.repeat(np.arange(self.n_images), np.diff(self.offsets))

    @cached_property
    def boxes(self) -> np.ndarray:
        """All boxes as ratios [x1, y1, x2, y2], shape (n_boxes, 4)."""
        return _coordinates(self._box_column)

    @cached_property
    def aspect_ratios(self) -> np.ndarray:
        """Long side over short side of each box in pixels of the image (section 5.4), shape (n_boxes,)."""
        sides = (self.boxes[:, 2:] - self.boxes[:, :2]) * self.sizes[self.image_of_box]
        return np.asarray(sides.max(axis=1) / sides.min(axis=1))

    @property
    def has_references(self) -> bool:
        """Whether the split comes with captions; a hidden test split does not."""
        return not self._column("captions").null_count

    @cached_property
    def captions(self) -> list[str]:
        """The reference caption of each box, length n_boxes.

        Raises:
            InputError: if the references of this split are hidden.
        """
        column = self._column("captions")
        if not self.has_references:
            raise InputError(
                f"split {self.name!r} of data set {self.dataset!r} has no reference captions (they are hidden), "
                "so it cannot be scored here; submit the predictions to whoever holds the references"
            )
        return column.flatten().to_pylist()

    @cached_property
    def roles(self) -> list[str] | None:
        """Role of each box (see `schema.ROLES`), length n_boxes; None for real data."""
        if ROLES.name not in self._file.schema_arrow.names:
            return None
        return self._column(ROLES.name).flatten().to_pylist()

    @cached_property
    def fingerprint(self) -> Fingerprint:
        """Fingerprint of the rows as they are on disk now, not the one that `dataset.json` claims."""
        fingerprint = Fingerprint()
        for batch in self._file.iter_batches(batch_size=ROWS_PER_GROUP, columns=SCHEMA.names):
            fingerprint.update(batch)
        return fingerprint

    def rows(self, batch_size: int = 1024) -> Iterator[AnnotationRow]:
        """Iterate over all rows in order, in memory bounded by `batch_size` rows."""
        for batch in self._file.iter_batches(batch_size=batch_size):
            yield from batch.to_pylist()

    def image_path(self, image_id: str) -> Path:
        """Path of the picture of an image."""
        return self.directory / "images" / f"{image_id}.png"

    def pictures_state(self) -> str:
        """Digest of the id, size and time of change of every picture, 64 hex digits.

        It tells a replaced, added or removed picture without reading any; 8,000 pictures take a few hundredths of a
        second.
        """
        state = hashlib.sha256()
        for image_id in self.image_ids:
            try:
                found = self.image_path(image_id).stat()
                state.update(f"{image_id} {found.st_size} {found.st_mtime_ns}\n".encode())
            except OSError:
                state.update(f"{image_id} none\n".encode())
        return state.hexdigest()

    def image(self, image_id: str) -> Image.Image:
        """The picture of an image, RGB.

        Raises:
            InputError: if the data set was built or imported without its images.
        """
        path = self.image_path(image_id)
        if not path.is_file():
            raise InputError(f"no picture of image {image_id} at {path}: this data set holds annotations only")
        with Image.open(path) as image:
            return image.convert("RGB")


def _offsets(lists: pa.Array) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(np.asarray(lists.value_lengths()), dtype=np.int64)])


def _coordinates(lists: pa.Array) -> np.ndarray:
    return np.asarray(lists.flatten().flatten()).reshape(-1, 4)


def open_directory(directory: Path) -> dict[str, Split]:
    """Open the data set in a folder; returns its splits by name.

    Raises:
        InputError: if there is no data set, it has another format version, or the file of a split is missing.
    """
    try:
        description = json.loads((directory / "dataset.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"no data set at {directory}: expected a folder with dataset.json; "
            "make one with `python -m benchmark.dataset import-released`, or use the embedded set: --data mini"
        ) from None
    except ValueError as error:
        raise InputError(f"{directory / 'dataset.json'}: not JSON ({error})") from None
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise InputError(f"{directory / 'dataset.json'}: format is not {FORMAT!r}; import the data set again")
    missing = [name for name in description["splits"] if not (directory / f"{name}.parquet").is_file()]
    if missing:
        raise InputError(*(f"{directory / name}.parquet is missing, though dataset.json lists it" for name in missing))
    return {
        name: Split(directory, description["name"], name, bool(description.get("synthetic")))
        for name in description["splits"]
    }


@cache
def _known() -> dict[str, str]:
    """Public splits, fingerprint -> name; a split that is not listed may be fine all the same."""
    path = Path(__file__).with_name("known_fingerprints.json")
    splits = json.loads(path.read_text(encoding="utf-8"))["splits"]
    return {entry["fingerprint"]: f"{entry['name']}/{entry['split']}" for entry in splits}


def known_split(fingerprint: str) -> str | None:
    """The public split with this fingerprint as `name/split` ("mini-1/test"), or None if it is not pinned."""
    return _known().get(fingerprint)
