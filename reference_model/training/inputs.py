"""Inputs that models are given of an image, and those of a whole split as arrays on disk.

`grid_cells`, `info_ids` and `prepare_picture` make them for one image, in a data set or not; `PreparedSplit` keeps them
for a whole split: characters, boxes, neighbours, and for small data sets the prepared pictures.

Invariants:
* everything is written once, as a stream, and read through memory maps, so memory does not grow with the data set and
  worker processes share what they read;
* the folder's name is the hash of all that decides its content (annotations, state of the pictures, vocabulary, input
  settings, versions of the code and of the libraries that compute it); it appears complete or not at all, and what was
  damaged since is made anew before anything is read of it.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import numpy as np
import PIL
from PIL import Image
from rich.progress import Progress

from benchmark.cache import cached
from benchmark.cli import stderr
from benchmark.dataset.schema import AnnotationRow
from benchmark.dataset.store import Split
from benchmark.errors import InputError
from benchmark.integrity import check_manifest, write_manifest
from benchmark.rendering import Boxes, mask_boxes
from reference_model.batch import SEP
from reference_model.config import InputConfig
from reference_model.neighbors import Kind, neighbours
from reference_model.training.vocabulary import Vocabulary

#: Raised when other code makes other arrays of the same input.
FORMAT = 3

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


def grid_index(ratios: np.ndarray, side: int, kind: str) -> np.ndarray:
    """Box coordinates to grid indices: the nearest grid line, half to even, as the release, or the cell.

    See paper_vs_code: grid-map.
    """
    scaled = ratios * side
    return np.minimum(side - 1, np.rint(scaled) if kind == "round" else np.floor(scaled)).astype(np.int8)


def grid_cells(row: AnnotationRow, inputs: InputConfig, seed: int) -> np.ndarray:
    """Grid indices of an image's boxes and their neighbours, -1 where there is none; int8, (n, 1 + N, 4)."""
    boxes = np.array(row["boxes"], np.float64)
    cells = grid_index(boxes, inputs.grid, inputs.grid_map)
    size = (row["width"], row["height"])
    found = neighbours(boxes, size, inputs.neighbours, seed=f"{seed}/{row['image_id']}")
    around = np.where(found[:, :, None] >= 0, cells[found], np.int8(-1))
    return np.concatenate([cells[:, None], around], axis=1)


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


class PreparedSplit:
    """A split, ready for batches.

    Args:
        split: the data set's split; its captions may be hidden.
        inputs: options of the inputs.
        vocabulary: vocabulary of the run.
        seed: random seed of the run, on which random neighbours depend.
        keep_images: whether to prepare all pictures in advance.
    """

    def __init__(
        self, split: Split, inputs: InputConfig, vocabulary: Vocabulary, *, seed: int = 0, keep_images: bool = False
    ) -> None:
        self.split, self.inputs = split, inputs
        self.features_file: Path | None = None
        self.keep_images = keep_images and inputs.image
        pictures = split.pictures_state() if self.keep_images else None
        decides = {
            "format": FORMAT,
            "data": split.fingerprint.hexdigest(),
            "vocabulary": vocabulary.entries,
            "inputs": dataclasses.asdict(inputs),
            "seed": seed if inputs.neighbours == "random" else None,
            "pictures": pictures,
            "libraries": [np.__version__, PIL.__version__],
        }
        key = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:20]

        def make(folder: Path) -> None:
            self._write(folder, vocabulary, seed)
            if pictures and split.pictures_state() != pictures:
                raise InputError(f"pictures of {split.name} changed while they were prepared; try again")
            write_manifest(folder)

        self.folder = cached(f"prepared/{split.name}-{key}", _checked, make, folder=True)

    def _write(self, folder: Path, vocabulary: Vocabulary, seed: int) -> None:
        with Progress(console=stderr, disable=not stderr.is_terminal, transient=True) as bars:
            files = {name: (folder / f"{name}.bin").open("wb") for name in ARRAYS}
            totals = dict.fromkeys((name for name in ARRAYS if name.endswith("offsets")), 0)
            for name in totals:
                _append(files[name], name, 0)
            rows = bars.track(self.split.rows(), total=self.split.n_images, description=f"preparing {self.split.name}")
            for row in rows:
                self._write_row(row, files, totals, vocabulary, seed)
            for file in files.values():
                file.close()

    def _write_row(
        self,
        row: AnnotationRow,
        files: Mapping[str, BinaryIO],
        totals: dict[str, int],
        vocabulary: Vocabulary,
        seed: int,
    ) -> None:
        inputs = self.inputs
        boxes = np.array(row["boxes"], np.float64)
        # Level III of the release takes its neighbours from the same chain as the location token.
        kind: Kind = "chain" if inputs.neighbours == "chain" else "nearest"
        _append(files["boxes"], "boxes", boxes)
        _append(files["cells"], "cells", grid_cells(row, inputs, seed))
        _append(files["nearest"], "nearest", neighbours(boxes, (row["width"], row["height"]), kind))

        def add(name: str, values: Iterable[int] | np.ndarray) -> None:
            values = np.asarray(values, ARRAYS[name][0])
            _append(files[name], name, values)
            totals[_OFFSETS[name]] += len(values)
            _append(files[_OFFSETS[name]], _OFFSETS[name], totals[_OFFSETS[name]])

        for caption in row["captions"] or [""] * len(boxes):
            add("captions", vocabulary.encode_caption(caption, inputs.max_caption))
        add("info", info_ids(row, inputs, vocabulary))
        add("ids", np.frombuffer(row["image_id"].encode("ascii"), np.uint8))
        add("masked", np.array(row["masked_boxes"], np.float64).reshape(-1, 4))
        totals["box_offsets"] += len(boxes)
        _append(files["box_offsets"], "box_offsets", totals["box_offsets"])
        if self.keep_images:
            picture = self.split.image(row["image_id"])
            _append(files["images"], "images", prepare_picture(picture, row["masked_boxes"], inputs))

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


def _checked(folder: Path) -> Path:
    if not folder.is_dir():
        raise FileNotFoundError(folder)
    check_manifest(folder)
    return folder


def _append(file: BinaryIO, name: str, values: np.ndarray | int) -> None:
    file.write(np.ascontiguousarray(values, ARRAYS[name][0]).tobytes())
