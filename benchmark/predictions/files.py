"""Write and repair prediction files, which have one JSON object per text box and line.

A line is `{"image_id": "...", "box": 0, "caption": "..."}`. `box` is the box's index in the data set's order. Lines
come in any order, every box of the split exactly once; extra keys are ignored; an empty caption is allowed and scores
as empty. `.gz` and `.zst` files are compressed, `-` is stdin. `docs/predictions.md` describes the format to users.

Invariant: `check.read_predictions` accepts what `write_predictions` writes.
"""

import gzip
import re
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import orjson
import pyarrow as pa

from ..dataset.store import Split
from ..errors import InputError
from ..files import check_outputs, replace_when_complete
from ..metrics.corpus import check_list
from .check import PredictionCheck
from .file_check import FileCheck
from .problems import MAX_CAPTION

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def write_predictions(path: str | Path, split: Split, captions: Sequence[str]) -> None:
    """Write a prediction file, compressed if its suffix is `.gz` or `.zst`; it appears complete or not at all.

    Captions are written as `tidy_caption` makes them.

    Args:
        path: prediction file to write.
        split: split that the captions predict.
        captions: predicted captions, one per box in the data set's order, length n_boxes.

    Raises:
        TypeError: if the captions are no list, such as a dict, whose keys are no captions.
        ValueError: if there are not n_boxes captions, or one is no string, too long, or holds half a surrogate pair.
    """
    check_list(captions, "captions")
    if len(captions) != split.n_boxes:
        raise ValueError(f"got {len(captions):,} captions, expected {split.n_boxes:,}, one per box of {split.name}")
    images = split.image_of_box
    boxes = (range(split.n_boxes) - split.offsets[images]).tolist()
    ids = split.image_ids

    def lines() -> Iterable[bytes]:
        for image, box, caption in zip(images.tolist(), boxes, captions, strict=True):
            try:
                if len(caption) > MAX_CAPTION:
                    raise ValueError(f"{len(caption):,} characters, expected at most {MAX_CAPTION:,}")
                yield orjson.dumps({"image_id": ids[image], "box": box, "caption": tidy_caption(caption)})
            except (TypeError, AttributeError, ValueError) as error:
                raise ValueError(f"caption of image {ids[image]}, box {box}: {error}") from None

    write_lines(Path(path), lines())


def tidy_caption(caption: str) -> str:
    """Make a caption acceptable to `read_predictions`: blanks for control characters, no outer white space."""
    return (caption if caption.isprintable() else _CONTROL.sub(" ", caption)).strip()


@dataclass(frozen=True)
class Repaired:
    """Result of `repair_predictions`: repairs done, and problems left to the file's author; one text per kind."""

    repairs: list[str]
    problems: list[str]


def repair_predictions(path: str | Path, split: Split, out: str | Path) -> Repaired:
    """Write a copy of a file of captions in which everything is repaired that needs no guessing; see `repair_file`."""
    return repair_file(PredictionCheck(path, split), path, split, out)


def repair_file(check: FileCheck, path: str | Path, split: Split, out: str | Path) -> Repaired:
    """Write a copy of a prediction file in which everything is repaired that needs no guessing.

    Lines that cannot be repaired are copied as they are, so nothing is lost.

    Args:
        check: unused check of the file.
        path: the file.
        split: split that it predicts.
        out: file to write.

    Raises:
        InputError: if the file cannot be read to its end, or is not JSON Lines, or `out` is the file itself or lies in
            the data set; `out` is not written then.
    """
    check_outputs({"--fix": Path(out)}, [Path(path), split.directory])

    def lines() -> Iterable[bytes]:
        yield from check.lines()
        if check.stopped:
            raise InputError(*check.problems.sentences())

    write_lines(Path(out), lines())
    return Repaired(check.problems.repairs(), check.problems.sentences(after_fix=True))


def write_lines(path: Path, lines: Iterable[bytes]) -> None:
    """Write a file of lines, compressed by its suffix; it appears complete or not at all."""
    with replace_when_complete(path) as partial, partial.open("wb") as raw, _packed(raw, path.suffix) as file:
        for line in lines:
            file.write(line + b"\n")


def _packed(raw: BinaryIO, suffix: str) -> AbstractContextManager[BinaryIO]:
    """Wrap a file to write, compressing by suffix; the same lines give the same bytes, whatever the name."""
    if suffix == ".gz":
        return cast(AbstractContextManager[BinaryIO], gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0))
    if suffix == ".zst":
        return cast(AbstractContextManager[BinaryIO], pa.CompressedOutputStream(raw, "zstd"))
    return nullcontext(raw)
