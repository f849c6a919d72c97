"""`python -m reference_model.caption`: a trained run's captions for a picture of one's own, printed and drawn.

Invariants:
* the model sees what it saw in training, made by the same functions: for an image of a data set its captions are those
  of `reference_model.predict`;
* picture and boxes are untrusted: a picture is decoded only if its format is expected and its size bounded, and
  whatever cannot be used is refused with all problems at once.
"""

import json
import reprlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from PIL import Image

from benchmark import cli
from benchmark.dataset.released.record import Box, exceeds_one, fit_box
from benchmark.dataset.schema import AnnotationRow
from benchmark.errors import InputError
from benchmark.files import check_outputs, replace_when_complete
from benchmark.pictures import read_picture
from benchmark.rendering import draw_captions
from benchmark.strict_json import each_key_once
from reference_model.batch import UNK
from reference_model.config import Config
from reference_model.run_folder import load_run, read_config, run_files
from reference_model.training.batches import image_batch
from reference_model.training.distributed import default_device
from reference_model.training.evaluation import BOXES_PER_BATCH
from reference_model.training.inputs import info_ids
from reference_model.training.vocabulary import Vocabulary

MAX_BOXES = 1000
MAX_BYTES = 1 << 20  # largest file of boxes
MAX_NUMBER = 10**9  # in a file of boxes
MAX_PROBLEMS = 20  # of one file, in a message

T = TypeVar("T")


@dataclass(frozen=True)
class Boxes:
    """The boxes of a file.

    Attributes:
        given: [x1, y1, x2, y2] of each box as written in the file.
        ratios: the same as ratios of the picture's width and height.
        unit: "ratios" or "pixels", the unit of the file.
    """

    given: list[list[float]]
    ratios: list[list[float]]
    unit: str


def main(
    run: Annotated[Path, typer.Option(help="Folder of a trained run: RUNS/VARIANT/HASH/seedK.")],
    image: Annotated[Path, typer.Option(help="The product picture: PNG, JPEG or WebP.")],
    boxes: Annotated[
        Path, typer.Option(help="JSON: a list of [x1, y1, x2, y2], or of {'box': [...]}; ratios, or pixels.")
    ],
    title: Annotated[str, typer.Option(help="Product title.")] = "",
    attributes: Annotated[str, typer.Option(help="Product attributes.")] = "",
    masked: Annotated[
        Path | None, typer.Option(help="Like --boxes: other text on the picture, hidden from the model as in training.")
    ] = None,
    output: Annotated[
        Path,
        cli.to_file("captioned.png", "-o", "--output", help="Picture to write, PNG."),
    ] = Path("captioned.png"),
    beam: Annotated[int, typer.Option(help="Number of beams; 1 is greedy search.", min=1, max=32)] = 1,
) -> None:
    r"""Caption the boxes of a picture: prints each box with its caption, and draws the captions into their boxes.

    If any coordinate of a file is above 1 (by more than rounding, 1/256), all of the file are pixels. The order of the
    boxes matters only to models with the release's neighbours (`inputs.neighbours=chain`).

    Examples::

        echo '[[40, 20, 200, 60], [40, 80, 140, 110]]' > boxes.json
        python -m reference_model.caption --run runs/context/0123456789ab/seed1 --image shoe.png \
            --boxes boxes.json --title "轻便透气运动鞋" --attributes "材质网面" -o out.png
    """
    problems: list[str] = []
    picture = _attempt(lambda: read_picture(image, as_seen=True), problems)
    size = picture.size if picture else None
    found = _attempt(lambda: read_boxes(boxes, size), problems)
    hidden = _attempt(lambda: read_boxes(masked, size), problems) if masked else None
    loaded = _attempt(lambda: (read_config(run)[1], *load_run(run)), problems)
    if output.suffix.lower() != ".png":
        problems.append(f"--output: got {str(output)!r}, expected a name that ends in .png")
    _attempt(lambda: check_outputs({"--output": output}, [image, boxes, masked, *run_files(run)]), problems)
    if problems or not (picture and found and loaded):
        raise InputError(*problems)

    seed, config, model, vocabulary = loaded
    row: AnnotationRow = {
        "image_id": image.stem,
        "width": picture.width,
        "height": picture.height,
        "title": title,
        "attributes": attributes,
        "boxes": found.ratios,
        "masked_boxes": found.ratios + (hidden.ratios if hidden else []),
    }
    notes = [f"{file}: read as {read.unit}" for file, read in ((boxes, found), (masked, hidden)) if read]
    for note in notes + _notes(row, config, vocabulary):
        cli.note(note)
    captions = caption_image(model.to(default_device()), config, vocabulary, row, picture, seed=seed, beam=beam)
    for box, caption in zip(found.given, captions, strict=True):
        cli.say(f"{json.dumps(box)} {caption}")
    with replace_when_complete(output) as partial:
        draw_captions(picture, found.ratios, captions).save(partial, "PNG")
    cli.note(f"wrote {output}")


def caption_image(
    model: Any,
    config: Config,
    vocabulary: Vocabulary,
    row: AnnotationRow,
    picture: Image.Image,
    *,
    seed: int,
    beam: int = 1,
) -> list[str]:
    """A model's captions for the boxes of one image.

    Args:
        model: the network, with `generate(batch, beam=...)`, in evaluation mode.
        config: configuration of its run.
        vocabulary: vocabulary of its run.
        row: the image; needs no captions and no category. Characters of title and attributes that the vocabulary does
            not have are <unk>.
        picture: the image, RGB.
        seed: random seed of the run, on which random neighbours depend.
        beam: number of beams; 1 is greedy search.
    """
    whole = image_batch(row, picture, config.inputs, vocabulary, seed=seed).to(next(model.parameters()).device)
    captions: list[str] = []
    for start in range(0, whole.n_boxes, BOXES_PER_BATCH):
        part = slice(start, start + BOXES_PER_BATCH)
        batch = replace(
            whole,
            image_of_box=whole.image_of_box[part],
            boxes=whole.boxes[part],
            cells=whole.cells[part],
            captions=whole.captions[part],
        )
        captions += map(vocabulary.decode, model.generate(batch, beam=beam))
    return captions


def read_boxes(path: Path, size: tuple[int, int] | None) -> Boxes:
    """Boxes from an untrusted file.

    Args:
        path: the JSON file.
        size: width and height of the picture in pixels; None (it could not be read) leaves out what depends on it.

    Raises:
        InputError: with everything that is wrong; boxes are counted from 0.
    """
    entries = _json(path)
    if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_BOXES:
        got = f"{len(entries)} boxes" if isinstance(entries, list) else reprlib.repr(entries)
        raise InputError(f"{path}: got {got}, expected a list of 1 to {MAX_BOXES} boxes")
    boxes: dict[int, Box] = {}
    problems = []
    for i, entry in enumerate(entries):
        box = entry.get("box") if isinstance(entry, dict) else entry
        if isinstance(box, list) and len(box) == 4 and all(map(_is_number, box)):
            boxes[i] = (box[0], box[1], box[2], box[3])
        else:
            problems.append(f"{path}: box {i}: got {reprlib.repr(entry)}, expected four numbers [x1, y1, x2, y2]")
    pixels = exceeds_one(list(boxes.values()))
    largest = max((max(box) for box in boxes.values()), default=0)
    if pixels and largest < 2 and any(value != int(value) for box in boxes.values() for value in box):
        problems.append(
            f"{path}: the largest number is {largest}, too large for ratios and too small for pixels; "
            "expected ratios from 0 to 1, or pixels"
        )
        raise InputError(*problems)
    unit = "pixels" if pixels else "ratios"
    width, height = (size or (MAX_NUMBER, MAX_NUMBER)) if pixels else (1, 1)
    ratios = []
    for i, box in boxes.items():
        where = f"{path}: box {i}: got {list(box)}, read as {unit};"
        fitted = fit_box(box, width, height)
        if pixels and not exceeds_one([box]):
            problems.append(f"{where} it looks like ratios, expected the same unit for all boxes of a file")
        elif not (box[0] < box[2] and box[1] < box[3]):
            problems.append(f"{where} expected x1 < x2 and y1 < y2")
        elif isinstance(fitted, str):
            problems.append(f"{where} it reaches out of the image, expected 0 to {width} and 0 to {height}")
        elif size and min((fitted[2] - fitted[0]) * size[0], (fitted[3] - fitted[1]) * size[1]) < 1:
            problems.append(f"{where} less than a pixel of {size[0]} x {size[1]}")
        else:
            ratios.append(list(fitted))
    if problems:
        more = len(problems) - MAX_PROBLEMS
        raise InputError(*problems[:MAX_PROBLEMS], *([f"{path}: and {more} more boxes"] if more > 0 else []))
    return Boxes([list(box) for box in boxes.values()], ratios, unit)


def _json(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise InputError(f"{path}: more than {MAX_BYTES:,} bytes, expected a list of at most {MAX_BOXES} boxes")
        return json.loads(content, object_pairs_hook=each_key_once)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; expected a JSON file of boxes") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}:{error.colno}: not JSON ({error.msg})") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON ({error!s:.120})") from None


def _is_number(value: Any) -> bool:
    """Whether a value is a finite number and no truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < MAX_NUMBER


def _notes(row: AnnotationRow, config: Config, vocabulary: Vocabulary) -> list[str]:
    """Notes for the user on characters of the product info that the model cannot read."""
    if not config.inputs.info:
        return ["this model reads no title and no attributes"]
    whole = info_ids(row, replace(config.inputs, max_info=1 << 30), vocabulary)
    unknown, limit = whole.count(UNK), config.inputs.max_info
    notes = [f"title and attributes: characters that the model does not know: {unknown}"] if unknown else []
    if len(whole) > limit:
        notes.append(f"title and attributes: the model reads the first {limit} of {len(whole)} characters")
    return notes


def _attempt(read: Callable[[], T], problems: list[str]) -> T | None:
    """The result of `read`, or None if it raised an InputError, whose problems are added to the list."""
    try:
        return read()
    except InputError as error:
        problems += error.problems
        return None


if __name__ == "__main__":
    cli.run(main)
