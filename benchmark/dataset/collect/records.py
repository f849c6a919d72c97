"""What the stages of collecting pass on: pictures, the lines read on them, and what was dropped for which reason.

Invariants:
* coordinates are pixels of the picture as read, x to the right and y down;
* a record never changes, and takes little memory, since there may be millions: a stage returns new ones and a `Drop`
  for each that it leaves out, so accounts close: what goes in is what comes out and what was dropped.
"""

from array import array
from dataclasses import dataclass, field
from pathlib import Path

#: x1, y1, x2, y2 in pixels.
Box = tuple[float, float, float, float]
#: Four corners, clockwise from the upper left as the text runs: ((x, y), (x, y), (x, y), (x, y)).
Quadrilateral = tuple[tuple[float, float], ...]

#: `Drop.line` of what concerns a whole picture.
WHOLE = -1


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text as an engine read it.

    Attributes:
        text: the text, unchanged.
        score: the engine's confidence, from 0 to 1.
        corners: the quadrilateral around it, as detected, which includes the engine's margin.
        characters: each character of `text` with its box; empty if the engine tells none.
        second: what the second engine read in the same place; None if there was no second reading.
    """

    text: str
    score: float
    corners: Quadrilateral
    characters: tuple[tuple[str, Box], ...] = ()
    second: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """A row of the manifest: a picture file and what is known of the product on it.

    Attributes:
        image_id: id of the image, safe as the name of a file; unique within the manifest.
        path: the picture file.
        title, attributes, category: texts of the shop; empty if unknown.
        source, licence: where the picture is from and under which terms; empty if not told.
    """

    image_id: str
    path: Path
    title: str = ""
    attributes: str = ""
    category: str = ""
    source: str = ""
    licence: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read on one picture, whatever becomes of it.

    Attributes:
        sha256: SHA-256 of the file's bytes, in hexadecimal.
        width, height: size in pixels, as seen (turned as EXIF says); 0 if the picture cannot be read.
        lines: every detection, low scores among them, in the engine's order.
        hash: perceptual hash of the picture without its texts, 64 bits.
        problem: why the picture cannot be used, in words; empty if it can.
        others: corners of what the second engine alone has found, and probably is text: masked, and never a caption.
    """

    sha256: str
    width: int
    height: int
    lines: tuple[Line, ...] = ()
    hash: int = 0
    problem: str = ""
    others: tuple[Quadrilateral, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A text that may become a caption: a line, or a part of one that was split.

    Attributes:
        line: index of its line in the reading.
        text: the text, normalised.
        box: its box without the engine's margin.
        angle: slant in degrees, from -90 to 90; 0 is level.
        vertical: whether it runs from top to bottom.
        score: the engine's confidence in its line.
        second: the second reading of the same part, normalised; None if there was none.
        likelihood: score by the language model, higher is better; None before cleaning, or without a model.
    """

    line: int
    text: str
    box: Box
    angle: float = 0.0
    vertical: bool = False
    score: float = 1.0
    second: str | None = None
    likelihood: float | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """An image on its way through the stages.

    Attributes:
        product: its row of the manifest.
        reading: what was read on it.
        captions: its candidates that are left, in reading order.
        masks: x1, y1, x2, y2 in whole pixels of the box around the corners of each detection of both engines, one after
            the other: what must not be seen. Empty until lines are chosen.
        contacts: the kind of each contact detail on its lines. Empty until lines are chosen.
    """

    product: Listing
    reading: Reading
    captions: tuple[Candidate, ...] = ()
    masks: "array[int]" = field(default_factory=lambda: array("i"))
    contacts: tuple[str, ...] = ()

    @property
    def image_id(self) -> str:
        """Id of the image."""
        return self.product.image_id


@dataclass(frozen=True, slots=True)
class Drop:
    """Something that a stage has left out, and why.

    Attributes:
        stage: name of the stage, such as "select".
        image_id: id of the image.
        line: index of the line in the reading; `WHOLE` if the image goes.
        text: text of the line or caption; if the image goes, what explains it, such as the image that it repeats, or
            the place in the manifest; may be empty.
        reason: cause, in the same words for every such case, such as "too small".
        number: what was measured, such as 0.021; None where nothing was.
        threshold: what it was compared with; None where nothing was.
    """

    stage: str
    image_id: str
    line: int
    text: str
    reason: str
    number: float | None = None
    threshold: float | None = None
