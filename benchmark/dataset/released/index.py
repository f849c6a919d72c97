"""Choose the images of each split, and find their records in the annotation file.

Memory is about 300 bytes per listed image, whatever the size of its record.
"""

import warnings
from collections.abc import Iterable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import orjson
from rich.progress import Progress

from ...errors import InputError
from ..schema import is_image_id
from .json_stream import object_members
from .record import exceeds_one, parse_box
from .report import ImportReport

MAX_IDS = 20_000_000  # of a list; the released ones have 2.06 million and less
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_names(path: Path) -> list[str]:
    """Read the image ids in a released list, a one-dimensional numpy array of strings.

    Raises:
        InputError: if the file is anything else, above all a pickled array, which can run code when it is read.
    """
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that numpy takes longer for files of Python 2
            if file.read(6) != b"\x93NUMPY":
                raise InputError(f"{path} is not a numpy .npy file; save the list of ids with `np.save(path, ids)`")
            file.seek(0)
            read_header = _HEADERS[np.lib.format.read_magic(file)]
            shape, _, dtype = read_header(file)
            start = file.tell()
        # Checked before numpy sees the data: some headers would make it end the process (a division by an item size 0).
        usable = dtype.kind in "US" and dtype.itemsize and len(shape) == 1 and 0 < shape[0] <= MAX_IDS
        ids = np.memmap(path, dtype, "r", start, shape).tolist() if usable else []
    except InputError:
        raise
    except Exception as error:  # what numpy raises for damaged headers is anything
        said = " ".join(str(error).split())
        raise InputError(f"{path} cannot be read as a .npy file ({said:.160}); copy or download it again") from None
    if dtype.hasobject:
        raise InputError(
            f"{path} holds Python objects, and reading those can run code hidden in the file; if you trust it, "
            "save it again as plain strings: `np.save(path, np.load(path, allow_pickle=True).astype(str))`"
        )
    if not ids:
        raise InputError(
            f"{path} holds an array of type {dtype!s:.80} and shape {shape!s:.80}, expected a list of 1 to "
            f"{MAX_IDS:,} image ids as strings: `np.save(path, np.asarray(ids).astype(str))`"
        )
    return [item.decode("utf-8", "replace") if isinstance(item, bytes) else item for item in ids]


def _priority(split: str) -> int:
    """Rank of a split: an image in two lists stays in the evaluation split, so nothing leaks into training."""
    return {"test": 0, "val": 1}.get(split, 2)


def choose_images(names: Mapping[str, Path], report: ImportReport) -> dict[str, list[str]]:
    """Choose the usable ids of each split, in the order of its list, each id once.

    Args:
        names: split -> path of its `.npy` list.
        report: import report, which receives every id that is left out.

    Raises:
        InputError: see `read_names`.
    """
    chosen: dict[str, list[str]] = {}
    split_of: dict[str, str] = {}
    for split in sorted(names, key=_priority):
        chosen[split] = []
        for image_id in read_names(names[split]):
            drop = partial(report.add, "image dropped", split=split, image_id=image_id)
            if not is_image_id(image_id):
                drop("image id is not safe as a file name: 1 to 128 letters, digits, '_', '-' or single '.'")
            elif image_id not in split_of:
                split_of[image_id] = split
                chosen[split].append(image_id)
            elif split_of[image_id] == split:
                drop("image id is twice in the list; the first stays")
            else:
                drop("image id is in two splits; it stays in the first of test, val, others")
    return chosen


class RecordIndex:
    """Index of the annotation file: finds the record of an image; made by reading the file once, as a stream.

    Args:
        annotations: path of `ref_captions.json`.
        ids: ids of the images to find, each once.
        report: import report, which receives repeated records and the number of records of no listed image.
        bars: progress display of the bytes read.

    Raises:
        InputError: if the file is no complete JSON object.
    """

    def __init__(self, annotations: Path, ids: Iterable[str], report: ImportReport, bars: Progress) -> None:
        self._position = {image_id: i for i, image_id in enumerate(ids)}
        n = len(self._position)
        self._start, self._length = np.full(n, -1), np.zeros(n, np.int64)  # bytes of the file; -1: no record
        self._captioned = np.zeros(n, bool)
        self._form = np.zeros(n, np.int8)  # +1: has a coordinate above 1, -1: has none, 0: has no box
        size = annotations.stat().st_size
        bar = bars.add_task("finding records", total=size)
        others, examples = 0, []
        for image_id, value, start in object_members(annotations, on_bytes=lambda n: bars.update(bar, completed=n)):
            i = self._position.get(image_id)
            if i is None:
                others += 1
                if others <= 3:
                    examples.append(image_id)
                continue
            if self._start[i] >= 0:
                again = "image id is twice in the annotations; the last record counts, as in other JSON readers"
                report.add("kept", again, image_id=image_id)
            self._start[i], self._length[i] = start, len(value)
            record = read_record(value) or {}
            locs = record.get("ocr_locs")
            boxes = [box for box in map(parse_box, locs) if box] if isinstance(locs, list) else []
            self._captioned[i] = bool(record.get("ocr_txts"))
            self._form[i] = (1 if exceeds_one(boxes) else -1) if boxes else 0
        bars.update(bar, completed=size)
        if others:
            report.add("image dropped", "annotation in no split", count=others, got=", ".join(examples))

    @cached_property
    def in_pixels(self) -> bool:
        """Whether at least half of the records have a coordinate above 1."""
        return bool((self._form > 0).any() and self._form.sum() >= 0)

    def any_captions(self, ids: Iterable[str]) -> bool:
        """Whether any of these images has captions; if none has, the references are hidden."""
        return any(self._captioned[self._position[image_id]] for image_id in ids)

    def fetch(self, file: BinaryIO, image_id: str) -> bytes | None:
        """The bytes of an image's record in the annotation file; None if there is none."""
        i = self._position[image_id]
        if self._start[i] < 0:
            return None
        file.seek(self._start[i])
        return file.read(self._length[i])


def read_record(value: bytes) -> dict[str, Any] | None:
    """Parse the bytes of a record; None if they are not a JSON object in UTF-8."""
    try:
        record = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    return record if isinstance(record, dict) else None
