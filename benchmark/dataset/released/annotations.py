"""Import the annotations that the paper's authors released: `ref_captions.json` and `.npy` lists of image ids.

It takes two passes, so that several GB of JSON never have to fit in memory: the first reads the file as a stream and
notes where the record of each listed image is, the second fetches the records in the order of the list, whatever the
order of the file.

Invariants:
* the rows of a split keep the order of its list, the released order;
* every record or box that cannot be used is counted and listed in `import_report.jsonl` with its reason;
* the boxes of a file are all ratios or all pixels; the majority of its records decides, since one stray coordinate
  must not turn a million good records into nonsense.
"""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from rich.progress import Progress

from ...cli import stderr
from ...errors import InputError
from ...files import check_outputs, folder_when_complete
from ...pictures import picture_size
from ..description import write_description
from ..schema import DATA_SET_NAME, AnnotationRow, is_data_set_name
from ..store import SplitWriter
from .index import RecordIndex, choose_images, read_record
from .record import record_row
from .report import ImportReport

OFFICIAL_IMAGES = {"val": 20_000, "test": 20_000}  # paper, section 3.3

Size = tuple[int, int]  # width and height in pixels


@dataclass(frozen=True)
class Options:
    """Options for reading the released files; see `import_released`."""

    images: Path | None = None
    copy_images: bool = False
    size: Size = (256, 256)
    info_separator: str | None = None
    public: bool = False


@dataclass(frozen=True)
class Imported:
    """Result of `import_released`."""

    box_form: str  # "ratios" or "pixels", as found in the file
    splits: dict[str, dict[str, Any]]  # as in dataset.json
    report: ImportReport
    warnings: list[str]


def import_released(
    annotations: Path,
    names: Mapping[str, Path],
    out: Path,
    options: Options = Options(),
    *,
    name: str = "caponimage2m",
    overwrite: bool = False,
) -> Imported:
    """Make a data set from the released files.

    Args:
        annotations: path of `ref_captions.json`.
        names: split -> `.npy` list of its image ids. An id in several lists is kept in the first of test, val, others.
        out: folder of the data set; it appears complete or not at all.
        options: `images`, a folder with `<id>.png` (without it the data set holds annotations only); `copy_images`,
            to hard-link or copy the pictures instead of one link to their folder; `size`, the size of an image with
            no picture; `info_separator`, the text between title and attributes in `info`; `public`, whether anyone may
            see references and pictures.
        name: name of the data set.
        overwrite: whether to replace a data set in `out`.

    Raises:
        InputError: if a file cannot be read, a split stays empty, or boxes are in pixels and there are no pictures.
    """
    out = out.resolve()
    if not is_data_set_name(name):
        raise InputError(f"--name: got {name!r:.80}, expected {DATA_SET_NAME}")
    _check_paths([annotations, *names.values()], options.images, out, overwrite)
    check_outputs({"--out": out}, [annotations, *names.values(), options.images])
    with (
        folder_when_complete(out) as folder,
        ImportReport(folder / "import_report.jsonl") as report,
        _progress() as bars,
    ):
        ids = choose_images(names, report)
        index = RecordIndex(annotations, chain(*ids.values()), report, bars)
        if index.in_pixels and options.images is None:
            raise InputError(
                f"boxes in {annotations} are in pixels (coordinates above 1), and the size of each picture is needed "
                "to turn them into ratios: give the folder of the pictures with --images"
            )
        if options.copy_images:
            (folder / "images").mkdir()
        elif options.images:
            (folder / "images").symlink_to(options.images.resolve(), target_is_directory=True)
        splits = {}
        with annotations.open("rb", buffering=0) as file:
            for split in ids:
                with SplitWriter(folder, split) as writer:
                    add = partial(report.add, split=split)
                    references = index.any_captions(ids[split])
                    for image_id in bars.track(ids[split], description=f"writing {split}"):
                        if row := _row(image_id, index, file, references, options, partial(add, image_id=image_id)):
                            writer.append(row)
                            if options.copy_images and options.images:
                                _link_or_copy(options.images, folder / "images", image_id)
                if not writer.images:
                    reasons = [f"{n:,} x {outcome}: {why}" for (outcome, why), n in report.counts.most_common()]
                    raise InputError(f"split {split!r}: no image can be used: {'; '.join(reasons)}")
                splits[split] = writer.summary()
        box_form = "pixels" if index.in_pixels else "ratios"
        source = {
            "annotations": annotations.name,
            "boxes": box_form,
            "image_sizes": "of the pictures" if options.images else "assumed {} x {}".format(*options.size),
            "info_separator": options.info_separator,
        }
        write_description(folder, name=name, synthetic=False, public=options.public, splits=splits, imported=source)
    return Imported(box_form, splits, report, _warnings(splits, index.in_pixels, options, report))


def _row(
    image_id: str, index: RecordIndex, file: BinaryIO, references: bool, options: Options, add: Callable[..., None]
) -> AnnotationRow | None:
    """The row of an image; None if it cannot be used, for the reason reported through `add`."""
    value = index.fetch(file, image_id)
    if value is None:
        add("image dropped", "image id is not in the annotations")
        return None
    record = read_record(value)
    if record is None:
        add(
            "image dropped",
            "record is not a JSON object in UTF-8; JSON has no NaN",
            got=value[:60].decode("utf-8", "replace"),
        )
        return None
    size = options.size
    if options.images:
        found = _size_or_reason(options.images / f"{image_id}.png")
        if not isinstance(found, str):
            size = found
        elif index.in_pixels:
            add("image dropped", f"{found}, and its boxes are in pixels")
            return None
        else:
            add("kept", f"{found}; its size is assumed", got="{} x {}".format(*size))
    return record_row(
        image_id,
        record,
        size=size,
        pixels=index.in_pixels,
        references=references,
        info_separator=options.info_separator,
        add=add,
    )


def _size_or_reason(path: Path) -> Size | str:
    """Width and height from the header of a picture, which is not decoded; or a text on what is wrong with it."""
    if not path.is_file():
        return "picture is missing"
    try:
        return picture_size(path)
    except InputError:
        return "picture cannot be read"


def _link_or_copy(images: Path, target: Path, image_id: str) -> None:
    source = images / f"{image_id}.png"
    if not source.is_file():
        return  # already in the report
    try:
        os.link(source.resolve(), target / source.name)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, target / source.name)


def _check_paths(files: list[Path], images: Path | None, out: Path, overwrite: bool) -> None:
    problems = [f"no file {path}" for path in files if not path.is_file()]
    if images and not images.is_dir():
        problems.append(f"no folder {images}, expected the pictures <id>.png in it")
    if out.exists() and not out.is_dir():
        problems.append(f"{out} is a file, expected a folder to make")
    elif out.exists() and any(out.iterdir()):
        if not overwrite:
            problems.append(f"{out} exists and is not empty; take another --out, or replace it with --overwrite")
        elif not (out / "dataset.json").is_file():
            problems.append(f"{out} is no data set (it has no dataset.json), so --overwrite leaves it alone")
    if problems:
        raise InputError(*problems)


def _progress() -> Progress:
    return Progress(console=stderr, disable=not stderr.is_terminal)


def _warnings(splits: dict[str, Any], pixels: bool, options: Options, report: ImportReport) -> list[str]:
    """Warnings about an import that succeeded."""
    found = []
    for split, expected in OFFICIAL_IMAGES.items():
        if split in splits and splits[split]["images"] != expected:
            found.append(
                f"{split} has {splits[split]['images']:,} images; the paper's has {expected:,}, "
                "so scores on it cannot be compared with the paper's"
            )
    if not options.images:
        found.append(
            "without --images all pictures are taken to be {} x {} (--size): aspect ratios of boxes are only as good "
            "as that, and the fingerprints are not those of an import with pictures".format(*options.size)
        )
    outside = report.counts["box dropped", "box reaches outside the image"]
    if pixels and outside > 0.01 * sum(summary["boxes"] for summary in splits.values()):
        found.append(
            f"{outside:,} boxes reach outside their images: were the pictures made smaller after the boxes were found? "
            "Pixels can only be read with pictures of the original size"
        )
    return found
