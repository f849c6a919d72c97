"""Inputs that models are given of an image, and those of a whole split as arrays on disk.

`grid_cells`, `info_ids` and `prepare_picture` make them for one image, in a data set or not; `PreparedSplit` keeps them
for a whole split: characters, boxes, neighbours, and for small data sets the prepared pictures.

Invariants:
* everything is written as a stream, and read through memory maps, so memory does not grow with the data set and worker
  processes share what they read;
* a large split is prepared in shards, by several processes if asked; each is complete or not there, so a preparation
  that was killed goes on where it was, and the number of shards and processes changes no bit;
* the folder's name is the hash of all that decides its content (annotations, state of the pictures, vocabulary, input
  settings, versions of the code and of the libraries that compute it); it appears complete or not at all, and what was
  damaged since is made anew before anything is read of it.
"""

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
import PIL
from PIL import Image
from rich.progress import Progress

from benchmark.cache import cached
from benchmark.cli import note, stderr
from benchmark.dataset.schema import AnnotationRow
from benchmark.dataset.store import Split
from benchmark.errors import InputError
from benchmark.integrity import check_manifest, write_manifest
from benchmark.processes import Workers
from benchmark.rendering import Boxes, mask_boxes
from reference_model.batch import SEP
from reference_model.config import InputConfig
from reference_model.neighbors import Kind, neighbours, neighbours_of_many
from reference_model.training.vocabulary import Vocabulary

#: Raised when other code makes other arrays of the same input.
FORMAT = 4

#: Number of images of a shard, about two seconds of one core, and of a step within it.
SHARD, _STEP = 20_000, 1024

#: Number of distances between boxes that are in memory at once, unless one image has more.
_DISTANCES = 1 << 18

#: For each array of lists, the name of its offsets.
_OFFSETS = {"captions": "caption_offsets", "info": "info_offsets", "masked": "masked_offsets", "ids": "id_offsets"}

#: For each file, the type of its elements and the shape of one.
ARRAYS: dict[str, tuple[str, tuple[int, ...]]] = {
    "box_offsets": ("<i8", ()),  # first box of each image, and the total
    "boxes": ("<f4", (4,)),
    "cells": ("<i1", (-1, 4)),  # grid indices of the box and its neighbours, -1 where there is none
    "nearest": ("<i2", (2,)),  # nearest previous and next box (or those of the chain), within the image
    "captions": ("<u2", ()),
    "caption_offsets": ("<i8", ()),
    "info": ("<u2", ()),
    "info_offsets": ("<i8", ()),
    "masked": ("<f8", (4,)),  # exact: a rectangle that is a pixel off would leave an edge of the text
    "masked_offsets": ("<i8", ()),
    "ids": ("<u1", ()),  # image ids in ASCII
    "id_offsets": ("<i8", ()),
    "images": ("<u1", (3, -1, -1)),  # only where pictures are kept
}


#: Names of all files of offsets.
_OFFSET_FILES = tuple(name for name in ARRAYS if name.endswith("offsets"))


def grid_index(ratios: np.ndarray, side: int, kind: str) -> np.ndarray:
    """Box coordinates to grid indices: the nearest grid line, half to even, as the release, or the cell.

    See paper_vs_code: grid-map.
    """
    scaled = ratios * side
    return np.minimum(side - 1, np.rint(scaled) if kind == "round" else np.floor(scaled)).astype(np.int8)


def grid_cells(row: AnnotationRow, inputs: InputConfig, seed: int) -> np.ndarray:
    """Grid indices of an image's boxes and their neighbours, -1 where there is none; int8, (n, 1 + N, 4)."""
    boxes = np.array(row["boxes"], np.float64)
    found = neighbours(boxes, (row["width"], row["height"]), inputs.neighbours, seed=f"{seed}/{row['image_id']}")
    return _cells_around(boxes, found, inputs)


def _cells_around(boxes: np.ndarray, found: np.ndarray, inputs: InputConfig) -> np.ndarray:
    """Grid indices of the boxes (n, 4) and their neighbours (n, N), -1 where there is none; int8, (n, 1 + N, 4)."""
    cells = grid_index(boxes, inputs.grid, inputs.grid_map)
    around = np.where(found[:, :, None] >= 0, cells[found], np.int8(-1))
    return np.concatenate([cells[:, None], around], axis=1)


def hidden_boxes(row: AnnotationRow) -> list[list[float]]:
    """What is blacked out of an image: its masked boxes, and those of its boxes that are not among them."""
    masked = row["masked_boxes"]
    return [*masked, *(box for box in row["boxes"] if box not in masked)]


def prepare_picture(picture: Image.Image, masked: Boxes, inputs: InputConfig) -> np.ndarray:
    """A picture as models see it: text blacked out, then resized to a square; uint8, (3, side, side)."""
    if inputs.mask_text:
        picture = mask_boxes(picture, masked)
    side = inputs.pixels
    return np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR)).transpose(2, 0, 1)


def info_ids(row: AnnotationRow, inputs: InputConfig, vocabulary: Vocabulary) -> list[int]:
    """Title <sep> attributes, or without separator as the release, cut to the longest length.

    See paper_vs_code: info-format.
    """
    title, attributes = vocabulary.encode(row["title"]), vocabulary.encode(row["attributes"])
    separator = [SEP] if inputs.info_format == "paper" and attributes else []
    return [*title, *separator, *attributes][: inputs.max_info]


@dataclass(frozen=True)
class _Preparation:
    """All that decides the arrays of a split, and the writing of them; it can be sent to another process."""

    split: Split
    inputs: InputConfig
    vocabulary: Vocabulary
    seed: int
    keep_images: bool

    def name(self) -> str:
        """Name of the arrays in the cache, made of all that decides them as it is now."""
        decides = {
            "format": FORMAT,
            "data": self.split.fingerprint.hexdigest(),
            "vocabulary": self.vocabulary.entries,
            "inputs": dataclasses.asdict(self.inputs),
            "seed": self.seed if self.inputs.neighbours == "random" else None,
            "pictures": self.split.pictures_state() if self.keep_images else None,
            "libraries": [np.__version__, PIL.__version__],
        }
        key = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:20]
        return f"prepared/{self.split.name}-{key}"

    def write(self, folder: Path, rows: range, done: Callable[[int], object] = lambda n: None) -> None:
        """Write the arrays of some rows as files; `done` is told the number of rows of each step."""
        with ExitStack() as open_files:
            files = {name: open_files.enter_context((folder / f"{name}.bin").open("wb")) for name in ARRAYS}
            totals = dict.fromkeys(_OFFSET_FILES, 0)
            for name in totals:
                _append(files[name], name, 0)
            batches = self.split.rows(_STEP, rows)
            while batch := list(islice(batches, _STEP)):
                self._write_rows(batch, files, totals)
                done(len(batch))

    def _write_rows(self, rows: Sequence[AnnotationRow], files: Mapping[str, BinaryIO], totals: dict[str, int]) -> None:
        inputs, vocabulary = self.inputs, self.vocabulary
        boxes = [np.array(row["boxes"], np.float64) for row in rows]
        # Level III of the release takes its neighbours from the same chain as the location token.
        kind: Kind = "chain" if inputs.neighbours == "chain" else "nearest"
        nearest = self._neighbours(rows, boxes, kind)
        around = nearest if kind == inputs.neighbours else self._neighbours(rows, boxes, inputs.neighbours)
        _append(files["boxes"], "boxes", np.concatenate(boxes))
        cells = [_cells_around(own, found, inputs) for own, found in zip(boxes, around, strict=True)]
        _append(files["cells"], "cells", np.concatenate(cells))
        _append(files["nearest"], "nearest", np.concatenate(nearest))

        def add(name: str, lists: Sequence[Sequence[int] | np.ndarray]) -> None:
            ends = totals[_OFFSETS[name]] + np.cumsum([len(each) for each in lists])
            totals[_OFFSETS[name]] = int(ends[-1])
            _append(files[name], name, np.concatenate([np.asarray(each, ARRAYS[name][0]) for each in lists]))
            _append(files[_OFFSETS[name]], _OFFSETS[name], ends)

        captions = [caption for row in rows for caption in row["captions"] or [""] * len(row["boxes"])]
        add("captions", [vocabulary.encode_caption(caption, inputs.max_caption) for caption in captions])
        add("info", [info_ids(row, inputs, vocabulary) for row in rows])
        add("ids", [np.frombuffer(row["image_id"].encode("ascii"), np.uint8) for row in rows])
        add("masked", [np.array(hidden_boxes(row), np.float64) for row in rows])
        ends = totals["box_offsets"] + np.cumsum([len(own) for own in boxes])
        totals["box_offsets"] = int(ends[-1])
        _append(files["box_offsets"], "box_offsets", ends)
        if self.keep_images:
            for row in rows:
                picture = self.split.image(row["image_id"])
                _append(files["images"], "images", prepare_picture(picture, hidden_boxes(row), inputs))

    def _neighbours(self, rows: Sequence[AnnotationRow], boxes: Sequence[np.ndarray], kind: Kind) -> list[np.ndarray]:
        """Neighbours of the boxes of each image; images with equally many boxes are computed together."""
        found: dict[int, np.ndarray] = {}
        by_count: dict[int, list[int]] = {}
        for i, own in enumerate(boxes):
            by_count.setdefault(len(own), []).append(i)
        for count, all_places in by_count.items():
            at_once = max(1, _DISTANCES // max(1, count**2))
            for first in range(0, len(all_places), at_once):
                places = all_places[first : first + at_once]
                sizes = np.array([(rows[i]["width"], rows[i]["height"]) for i in places])
                seeds = [f"{self.seed}/{rows[i]['image_id']}" for i in places]
                together = neighbours_of_many(np.stack([boxes[i] for i in places]), sizes, kind, seeds=seeds)
                found.update(zip(places, together, strict=True))
        return [found[i] for i in range(len(boxes))]

    def shard(self, name: str, rows: range) -> Path:
        """The folder with the arrays of some rows, an entry of the cache of its own below `name`."""

        def make(folder: Path) -> None:
            self.write(folder, rows)
            write_manifest(folder)

        return cached(f"{name}.shards/{rows.start}-{rows.stop}", _checked, make, folder=True)


def _shard_of(preparation: _Preparation, name: str, rows: range) -> Path:
    """A shard, made in a worker process, which opens and checks the file of the split once."""
    return dataclasses.replace(preparation, split=_opened_once(preparation.split)).shard(name, rows)


@lru_cache(maxsize=1)
def _opened_once(split: Split) -> Split:
    return split


class PreparedSplit:
    """A split, ready for batches.

    Args:
        split: the data set's split; its captions may be hidden.
        inputs: options of the inputs.
        vocabulary: vocabulary of the run.
        seed: random seed of the run, on which random neighbours depend.
        keep_images: whether to prepare all pictures in advance.
        workers: number of processes that prepare a split of more than one shard; 1: this one alone.
    """

    def __init__(
        self,
        split: Split,
        inputs: InputConfig,
        vocabulary: Vocabulary,
        *,
        seed: int = 0,
        keep_images: bool = False,
        workers: int = 1,
    ) -> None:
        self.split, self.inputs = split, inputs
        self.features_file: Path | None = None
        self.keep_images = keep_images and inputs.image
        if inputs.image:
            _ = split.picture_folder  # drawn now, if it must be, and not by a process that loads data
        preparation = _Preparation(split, inputs, vocabulary, seed, self.keep_images)
        name = preparation.name()
        self.is_new = False  # whether this object has prepared it

        def make(folder: Path) -> None:
            _prepare(preparation, name, folder, workers)
            if self.keep_images and preparation.name() != name:
                raise InputError(f"pictures of {split.name} changed while they were prepared; try again")
            write_manifest(folder)
            self.is_new = True

        self.folder = cached(name, _checked, make, folder=True)
        # Nobody needs them any more; they may be left of a process that was killed right here.
        shutil.rmtree(self.folder.with_name(f"{self.folder.name}.shards"), ignore_errors=True)

    @cached_property
    def arrays(self) -> dict[str, np.ndarray]:
        """All arrays of `ARRAYS` by name, memory-mapped."""
        side = self.inputs.pixels
        shapes = {"cells": (1 + self.inputs.n_neighbours, 4), "images": (3, side, side)}
        mapped = {}
        for name, (kind, shape) in ARRAYS.items():
            path = self.folder / f"{name}.bin"
            flat = np.memmap(path, kind, "r") if path.stat().st_size else np.empty(0, kind)
            mapped[name] = flat.reshape(-1, *shapes.get(name, shape))
        return mapped

    @cached_property
    def features(self) -> np.ndarray:
        """Features of all images, (n_images, G, C), memory-mapped from `features_file` (see `training.features`)."""
        assert self.features_file is not None, "no features are known"
        cells = (self.inputs.grid // self.inputs.pool) ** 2
        return np.memmap(self.features_file, "<f4", "r").reshape(self.n_images, cells, -1)

    def __getstate__(self) -> dict[str, object]:
        """Leave out the memory maps, which worker processes open anew."""
        left_out = ("arrays", "features", "image_of_box")
        return {key: value for key, value in self.__dict__.items() if key not in left_out}

    def span(self, name: str, i: int) -> np.ndarray:
        """Element i of an array of lists, which are `captions`, `info`, `masked` and `ids`."""
        offsets = self.arrays[_OFFSETS[name]]
        return self.arrays[name][offsets[i] : offsets[i + 1]]

    @property
    def n_images(self) -> int:
        """Number of images."""
        return len(self.arrays["box_offsets"]) - 1

    @property
    def n_boxes(self) -> int:
        """Number of boxes."""
        return len(self.arrays["boxes"])

    @cached_property
    def image_of_box(self) -> np.ndarray:
        """Position of the image of each box, (n_boxes,)."""
        return np.repeat(np.arange(self.n_images, dtype=np.int32), np.diff(self.arrays["box_offsets"]))

    def picture(self, image: int) -> np.ndarray:
        """The picture of the image at a position, uint8, (3, side, side)."""
        if self.keep_images:
            return self.arrays["images"][image]
        image_id = self.span("ids", image).tobytes().decode("ascii")
        return prepare_picture(self.split.image(image_id), self.span("masked", image), self.inputs)


def _prepare(preparation: _Preparation, name: str, folder: Path, workers: int) -> None:
    """Write the arrays of a whole split into a folder, in shards if there is more than one."""
    split, n = preparation.split, preparation.split.n_images
    shards = [range(first, min(first + SHARD, n)) for first in range(0, n, SHARD)]
    with Progress(console=stderr, disable=not stderr.is_terminal, transient=True) as bars, ExitStack() as pool:
        task = bars.add_task(f"preparing {split.name}", total=n)
        if len(shards) == 1:
            preparation.write(folder, shards[0], lambda done: bars.advance(task, done))
            return
        hint = "; python -m reference_model.prepare --workers N makes N at a time" if workers == 1 else ""
        note(f"preparing {n:,} images of {split.dataset}/{split.name}, {len(shards)} shards, {workers} at a time{hint}")
        places: Iterable[Path] = map(partial(preparation.shard, name), shards)
        if workers > 1:
            sent = dataclasses.replace(preparation, split=dataclasses.replace(split))  # without open files
            processes = pool.enter_context(Workers(min(workers, len(shards))))
            places = processes.map(partial(_shard_of, sent, name), shards)
        folders = []
        for shard, place in zip(shards, places, strict=True):
            folders.append(place)
            bars.advance(task, len(shard))
        for array in ARRAYS:
            _join(folder / f"{array}.bin", [place / f"{array}.bin" for place in folders], array)


def _join(whole: Path, parts: Sequence[Path], name: str) -> None:
    """Write the file of an array from those of its shards; offsets go on where those of the shard before ended."""
    with whole.open("wb") as file:
        if name not in _OFFSET_FILES:
            for part in parts:
                with part.open("rb") as content:
                    shutil.copyfileobj(content, file, 1 << 20)
            return
        end = 0
        _append(file, name, end)
        for part in parts:
            offsets = end + np.fromfile(part, ARRAYS[name][0])
            end = int(offsets[-1])
            _append(file, name, offsets[1:])


def _checked(folder: Path) -> Path:
    if not folder.is_dir():
        raise FileNotFoundError(folder)
    check_manifest(folder)
    return folder


def _append(file: BinaryIO, name: str, values: np.ndarray | int) -> None:
    file.write(np.ascontiguousarray(values, ARRAYS[name][0]).tobytes())
