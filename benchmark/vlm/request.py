"""What is asked for: the requests of a split, with the text and the picture of each.

Invariants:
* a request is made of the row without its captions, so no text of it can tell one;
* the picture is that of `hidden_picture`, in which every text rectangle is filled; frames are drawn on top of that;
* the same row and prompt give the same bytes, which is what the cache of replies recognises a request by.
"""

import base64
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from pylopdf_fonts_zh_cn import sans_path

from ..dataset.hidden import hidden_picture, hidden_row
from ..dataset.schema import AnnotationRow
from ..dataset.store import Split
from ..errors import InputError
from ..version import __version__
from .prompt import Prompt

#: Rows that are read at a time, and how often that many are kept: requests come about in order.
_BLOCK, _BLOCKS = 64, 8

_RED = (230, 20, 30)
_WHITE = (255, 255, 255)


@dataclass(frozen=True)
class CaptionRequest:
    """One request: some boxes of one image.

    Attributes:
        id: name of the request: the image, with the box if there is a request for each.
        image: index of the image in its split.
        image_id: id of the image.
        boxes: the boxes that are asked for, by their index in the image.
    """

    id: str
    image: int
    image_id: str
    boxes: tuple[int, ...]


@dataclass(frozen=True)
class Turn:
    """What one side says: a text and perhaps a picture.

    Attributes:
        text: text of the turn.
        picture: PNG file; None if there is none.
    """

    text: str
    picture: bytes | None = None

    @property
    def picture_url(self) -> str:
        """The picture as a data URL."""
        return f"data:image/png;base64,{base64.b64encode(self.picture or b'').decode()}"


def requests(split: Split, prompt: Prompt, images: int | None = None) -> list[CaptionRequest]:
    """The requests of the first images of a split, or of all."""
    offsets = split.offsets.tolist()
    asked: list[CaptionRequest] = []
    for image, image_id in enumerate(split.image_ids[:images]):
        boxes = range(offsets[image + 1] - offsets[image])
        if prompt.settings.unit == "image":
            asked.append(CaptionRequest(image_id, image, image_id, tuple(boxes)))
        else:
            asked += [CaptionRequest(f"{image_id}#{box}", image, image_id, (box,)) for box in boxes]
    return asked


def known(split: Split, asked: CaptionRequest) -> dict[str, Any]:
    """What a score of a request is made of: its boxes, and if the split has them their references and aspect ratios."""
    about: dict[str, Any] = {"image": asked.image, "image_id": asked.image_id, "boxes": list(asked.boxes)}
    if split.has_references:
        first = int(split.offsets[asked.image])
        about["references"] = [split.captions[first + box] for box in asked.boxes]
        about["aspect_ratios"] = [float(split.aspect_ratios[first + box]) for box in asked.boxes]
    return about


class Writer:
    """Writes requests of one split with one prompt."""

    def __init__(self, split: Split, prompt: Prompt, train: Split | None = None) -> None:
        """Draw the examples.

        Args:
            split: split that is asked about.
            prompt: prompt of the requests.
            train: split of the examples; needed if the prompt has any.

        Raises:
            InputError: if the split has no pictures though they are to be sent, or there are no examples.
        """
        self.split, self.prompt = split, prompt
        self._settings = prompt.settings
        self._aspects = split.aspect_ratios
        self._blocks: dict[int, list[AnnotationRow]] = {}
        if self.shows_pictures and not split.image_path(split.image_ids[0]).is_file():
            raise InputError(
                f"data set {split.dataset!r} has no pictures in {split.picture_folder}; add them, or leave them out: "
                "--without image"
            )
        self.train = train
        shown = self._settings.shots and train is not None and train is not split  # the writer of examples has both
        if shown and train is not None and split.fingerprint.hexdigest() == train.fingerprint.hexdigest():
            raise InputError(
                "examples are drawn from the train split, so it cannot be asked about with them: --shots 0"
            )
        if self._settings.shots and (train is None or not train.has_references):
            raise InputError("examples are drawn from the train split, which has no captions here; try --shots 0")

    @property
    def shows_pictures(self) -> bool:
        """Whether pictures are sent."""
        return "image" not in self._settings.without

    @cached_property
    def example_ids(self) -> list[str]:
        """Images of the train split that are shown as examples, drawn by the seed."""
        if self.train is None or not self._settings.shots:
            return []
        n = self.train.n_images
        drawn = np.random.default_rng(self._settings.seed).permutation(n)[: self._settings.shots]
        return [self.train.image_ids[i] for i in drawn.tolist()]

    @cached_property
    def examples(self) -> list[tuple[Turn, Turn]]:
        """Examples from the train split: question and answer of each."""
        if self.train is None:
            return []
        writer = Writer(self.train, self.prompt, self.train)
        found = []
        for image_id in self.example_ids:
            image = self.train.position(image_id)
            [row] = self.train.rows(only=range(image, image + 1))
            boxes = range(len(row["boxes"])) if self._settings.unit == "image" else range(1)
            asked = CaptionRequest(image_id, image, image_id, tuple(boxes))
            captions = row["captions"] or []
            answer = {str(box + 1): captions[box] for box in asked.boxes}
            found.append((writer.turn(asked), Turn(json.dumps(answer, ensure_ascii=False))))
        return found

    def row(self, asked: CaptionRequest) -> AnnotationRow:
        """The row of a request's image, without captions; rows are read in blocks, and the last blocks are kept."""
        block, place = divmod(asked.image, _BLOCK)
        if block not in self._blocks:
            while len(self._blocks) >= _BLOCKS:
                del self._blocks[next(iter(self._blocks))]
            only = range(block * _BLOCK, min((block + 1) * _BLOCK, self.split.n_images))
            self._blocks[block] = [hidden_row(row) for row in self.split.rows(only=only)]
        return self._blocks[block][place]

    def turn(self, asked: CaptionRequest) -> Turn:
        """The question of a request."""
        row = self.row(asked)
        picture = self.picture(asked, row) if self.shows_pictures else None
        return Turn("\n".join(self.lines(asked, row)), picture)

    def picture(self, asked: CaptionRequest, row: AnnotationRow) -> bytes:
        """The picture of a request as a PNG file: every text filled, then perhaps frames with numbers."""
        picture = hidden_picture(self.split, row).convert("RGB")
        if self._settings.marks:
            told = range(len(row["boxes"])) if self._settings.neighbours else asked.boxes
            draw_marks(picture, {box + 1: row["boxes"][box] for box in told})
        file = io.BytesIO()
        picture.save(file, "PNG")
        return file.getvalue()

    def lines(self, asked: CaptionRequest, row: AnnotationRow) -> Iterator[str]:
        """The text of a request, line by line."""
        texts, settings = self.prompt.texts, self._settings
        if self.shows_pictures:
            yield texts["picture"]
        if "text" not in settings.without:
            yield texts["title"].format(title=row["title"])
            yield texts["attributes"].format(attributes=row["attributes"])
        if settings.system:
            sides = {"width": row["width"], "height": row["height"]}
            yield self.prompt.systems[settings.system].format(**sides)
        if settings.marks:
            yield self.prompt.systems["marks"]
        yield texts["boxes"].format(count=len(asked.boxes))
        yield from (self._box(asked, row, box, length=settings.tells_length) for box in asked.boxes)
        others = [box for box in range(len(row["boxes"])) if box not in asked.boxes]
        if settings.neighbours and others and "location" not in settings.without:
            yield texts["neighbours"].format(count=len(others))
            yield from (self._box(asked, row, box, length=False) for box in others)
        example = {str(box + 1): texts["sample"] for box in asked.boxes}
        ask = texts["ask_image" if settings.unit == "image" else "ask_box"]
        yield ask.format(example=json.dumps(example, ensure_ascii=False))

    def _box(self, asked: CaptionRequest, row: AnnotationRow, box: int, *, length: bool) -> str:
        texts = self.prompt.texts
        line = texts["box"].format(number=box + 1)
        if self._settings.system:
            size = (row["width"], row["height"])
            line += texts["place"].format(place=place(row["boxes"][box], size, self._settings.system))
        if length:
            aspect = float(self._aspects[int(self.split.offsets[asked.image]) + box])
            line += texts["length"].format(characters=characters(aspect))
        return line


def about_requests(writer: Writer) -> dict[str, Any]:
    """What must be kept of requests so that their replies become predictions: data, split and prompt."""
    split, prompt = writer.split, writer.prompt
    return {
        "caponimage": __version__,
        "data": split.dataset,
        "split": split.name,
        "fingerprint": split.fingerprint.hexdigest(),
        "prompt": prompt.id,
        "prompt_hash": prompt.hash,
        "unit": prompt.settings.unit,
        "coordinates": prompt.settings.coordinates,
        "examples": writer.example_ids,
    }


def characters(aspect_ratio: float) -> int:
    """Number of square characters that a box holds: its short side is as high as they are (paper, section 5.4)."""
    return max(1, round(aspect_ratio))


def place(box: Sequence[float], size: tuple[int, int], system: str) -> str:
    """A box as text, in one of `COORDINATES`."""
    if system == "ratio":
        return "[" + ", ".join(f"{value:.3f}" for value in box) + "]"
    sides = (1000, 1000) * 2 if system == "thousand" else size * 2
    return str([round(value * side) for value, side in zip(box, sides, strict=True)])


def draw_marks(picture: Image.Image, boxes: dict[int, list[float]]) -> None:
    """Draw a frame around each box and its number in the corner, in place."""
    draw = ImageDraw.Draw(picture)
    for number, (x1, y1, x2, y2) in boxes.items():
        left, top = int(x1 * picture.width), int(y1 * picture.height)
        right, bottom = int(x2 * picture.width), int(y2 * picture.height)
        draw.rectangle((left, top, right, bottom), outline=_RED, width=max(1, min(picture.size) // 200))
        size = max(10, min(bottom - top - 2, min(picture.size) // 16))
        font = ImageFont.truetype(sans_path(), size, layout_engine=ImageFont.Layout.BASIC)
        draw.text((left + 2, top), str(number), _WHITE, font, stroke_width=1, stroke_fill=_RED)
