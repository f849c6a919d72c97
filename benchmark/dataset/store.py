"""Data sets on disk: write the rows of a split, and open the splits of a data set.

A data set is a folder:

    DIR/dataset.json           name, whether synthetic, whether public; per split: images, boxes, fingerprint; digest
    DIR/test.parquet           the rows of `schema.SCHEMA`
    DIR/images/<image_id>.png

Invariants:
* opening a data set reads `dataset.json`; the file of a split is opened, and all of it checked, when something of it is
  first used: rows that are bad, or others than were once written there, are never used;
* a column is read on its first use;
* files appear complete or not at all.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache, cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import DamagedError, InputError
from ..files import replace_when_complete
from .description import read_description
from .fingerprint import Fingerprint, RowDigest
from .rows import ADVICE, ROWS_PER_GROUP, RowFile
from .schema import (
    ROLES,
    SCHEMA,
    AnnotationRow,
    is_split_name,
    numbers,
    row_place,
    row_problems,
)

if TYPE_CHECKING:
    from PIL import Image


class SplitWriter:
    """Writer of the rows of one split; the file appears, complete, when the `with` block ends without an error.

    Raises:
        InputError: if the split's name cannot be that of a file; from `append`, naming the image, when a row breaks an
            invariant of `schema`.
    """

    def __init__(self, directory: Path, split: str, *, roles: bool = False) -> None:
        if not is_split_name(split):
            raise InputError(f"split: got {split!r:.60}, expected a name of letters and digits")
        self.images = self.boxes = 0
        self.references: bool | None = None
        self._path = directory / f"{split}.parquet"
        self._schema = SCHEMA.append(ROLES) if roles else SCHEMA
        self._digest = RowDigest()
        self._pending: list[AnnotationRow] = []
        self._ids: set[bytes] = set()
        self._open = ExitStack()

    def __enter__(self) -> Self:
        partial = self._open.enter_context(replace_when_complete(self._path))
        self._writer = self._open.enter_context(pq.ParquetWriter(partial, self._schema, compression="zstd"))
        self._open.push(self._write_rest)
        return self

    def append(self, row: AnnotationRow) -> None:
        """Add one image."""
        problems = row_problems(row)
        has_references = row.get("captions") is not None
        if self.references is None:
            self.references = has_references
        elif self.references != has_references:
            problems.append("a split has captions for every image or for none")
        id_bytes = repr(row.get("image_id")).encode()
        key = hashlib.md5(id_bytes, usedforsecurity=False).digest()  # 16 bytes each, at any id length
        if key in self._ids:
            problems.append("this image id occurs twice")
        if problems:
            raise InputError(*(f"{self._path.name}: {row_place(row, self.images)}: {problem}" for problem in problems))
        self._ids.add(key)
        self.images += 1
        self.boxes += len(row["boxes"])
        self._pending.append(row)
        if len(self._pending) == ROWS_PER_GROUP:
            self._flush()

    def _flush(self) -> None:
        batch = pa.RecordBatch.from_pylist(self._pending, schema=self._schema)
        self._digest.update(batch)
        self._writer.write_batch(batch)
        self._pending.clear()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def _write_rest(self, kind: object, error: object, trace: object) -> None:
        if kind is None and self._pending:
            self._flush()

    def summary(self) -> dict[str, Any]:
        """The entry of this split in `dataset.json`."""
        fingerprint = self._digest.fingerprint()
        return {
            "images": self.images,
            "boxes": self.boxes,
            "references": bool(self.references),
            "fingerprint": fingerprint.hexdigest(),
            **({"roles": fingerprint.roles} if fingerprint.roles else {}),
        }


@dataclass(frozen=True)
class Split:
    """One split of a data set; of the boxes of all images, image i owns offsets[i] to offsets[i + 1].

    Attributes:
        directory: folder of the data set.
        dataset: name of the data set.
        name: name of the split.
        synthetic: whether a generator made it.
        public: whether anyone may see its references and pictures.
        stated: its entry in `dataset.json`.
        draw: function that makes the pictures when one is first needed, and returns their folder; None if they are
            there, or there are none.
    """

    directory: Path
    dataset: str
    name: str
    synthetic: bool
    public: bool = field(default=False, compare=False)
    stated: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    draw: Callable[["Split"], Path] | None = field(default=None, compare=False, repr=False)

    @cached_property
    def _unchecked(self) -> RowFile:
        file = RowFile(self.directory / f"{self.name}.parquet")
        self._compare(images=file.n_rows)
        return file

    @cached_property
    def _file(self) -> RowFile:
        """The file, after all of it was checked and compared with `dataset.json`."""
        file = self._unchecked
        fingerprint = Fingerprint(file.found.columns)
        self._compare(
            boxes=file.found.boxes,
            references=file.found.references,
            fingerprint=fingerprint.hexdigest(),
            roles=fingerprint.roles,
        )
        return file

    def _compare(self, **found: Any) -> None:
        """Compare facts of the file with what `dataset.json` states; what it does not state may be anything."""
        for what, value in found.items():
            if (stated := self.stated.get(what, value)) != value:
                raise DamagedError(
                    f"{self.directory / self.name}.parquet was changed or damaged after it was written: its {what} "
                    f"{'is' if what == 'fingerprint' else 'are'} {value}, dataset.json says {stated}; {ADVICE}"
                )

    def _column(self, name: str) -> pa.Array:
        return self._file.column(name)

    @property
    def n_images(self) -> int:
        """Number of images; it takes no reading of rows."""
        return self._unchecked.n_rows

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
        return np.stack([numbers(self._column(c)) for c in ("width", "height")], axis=1).astype(np.int64)

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
        return self._file.found.references

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
        if not self._file.found.columns.get(ROLES.name):
            return None
        return self._column(ROLES.name).flatten().to_pylist()

    @cached_property
    def fingerprint(self) -> Fingerprint:
        """Fingerprint of the rows as they are on disk now."""
        return Fingerprint(self._file.found.columns)

    def rows(self, batch_size: int = 1024, only: range | None = None) -> Iterator[AnnotationRow]:
        """Iterate over rows in order, in memory bounded by `batch_size` rows.

        Args:
            batch_size: largest number of rows that are in memory at a time.
            only: positions of the rows, side by side; by default all.
        """
        for batch in self._file.batches(size=batch_size, only=only):
            yield from batch.to_pylist()

    def texts(self) -> Iterator[str]:
        """Iterate over all titles, attributes and captions, some images at a time, in bounded memory; not in order."""
        for batch in self._file.batches(["title", "attributes", "captions"]):
            for column in (batch.column("title"), batch.column("attributes"), batch.column("captions").flatten()):
                yield from column.to_pylist()

    @cached_property
    def picture_folder(self) -> Path:
        """Folder of the pictures, which need not exist; those of the embedded data set are drawn on the first use."""
        return self.draw(self) if self.draw else self.directory / "images"

    def image_path(self, image_id: str) -> Path:
        """Path of the picture of an image."""
        return self.picture_folder / f"{image_id}.png"

    def pictures_state(self) -> str:
        """Digest of the id, size, times of change and inode of every picture, 64 hex digits.

        It tells a replaced, added or removed picture without reading any, also if the other one has the same size and
        bears the same date; 8,000 pictures take a few hundredths of a second.
        """
        state = hashlib.sha256()
        for image_id in self.image_ids:
            try:
                found = self.image_path(image_id).stat()
                facts = (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
                state.update(f"{image_id} {facts}\n".encode())
            except OSError:
                state.update(f"{image_id} none\n".encode())
        return state.hexdigest()

    def image(self, image_id: str) -> "Image.Image":
        """The picture of an image, RGB.

        Raises:
            InputError: if the data set was built or imported without its images, or the picture cannot be read.
        """
        path = self.image_path(image_id)
        if not path.is_file():
            what = "it is missing" if path.parent.is_dir() else "this data set holds annotations only"
            raise InputError(f"no picture of image {image_id} at {path}: {what}")
        from ..pictures import read_picture  # scoring needs no pictures, and so no Pillow

        return read_picture(path)


def _offsets(lists: pa.Array) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(numbers(lists.value_lengths()), dtype=np.int64)])


def _coordinates(lists: pa.Array) -> np.ndarray:
    return numbers(lists.flatten().flatten()).reshape(-1, 4)


def open_directory(directory: Path) -> dict[str, Split]:
    """Open the data set in a folder; returns its splits by name.

    Raises:
        InputError: if there is no data set, it has another format version, or the file of a split is missing.
        DamagedError: if `dataset.json` was changed after it was written.
    """
    description = read_description(directory)
    splits = description["splits"]
    if missing := [name for name in splits if not (directory / f"{name}.parquet").is_file()]:
        raise InputError(*(f"{directory / name}.parquet is missing, though dataset.json lists it" for name in missing))
    synthetic = description.get("synthetic", False)
    public = description.get("public", synthetic)  # what a generator draws is no secret, unless it is said to be one
    return {
        name: Split(directory, description["name"], name, synthetic, public, stated) for name, stated in splits.items()
    }


@cache
def _known() -> dict[str, str]:
    """Public splits, fingerprint -> name; a split that is not listed may be fine all the same."""
    path = Path(__file__).with_name("known_fingerprints.json")
    splits = json.loads(path.read_text(encoding="utf-8"))["splits"]
    return {entry["fingerprint"]: f"{entry['name']}/{entry['split']}" for entry in splits}


def known_split(fingerprint: str) -> str | None:
    """The public split with this fingerprint as `name/split` ("mini-2/test"), or None if it is not pinned."""
    return _known().get(fingerprint)
