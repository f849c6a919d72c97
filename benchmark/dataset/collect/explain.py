"""Why each line of one picture stayed or went: as a table and as a drawing."""

from collections.abc import Iterable, Mapping, Sequence

from PIL import Image, ImageDraw

from ...grid import Cell, Content, Grid, number
from .geometry import hull
from .records import WHOLE, Candidate, Drop, Reading

#: Colours of lines that became captions, of other lines, and of what the second engine alone has found.
KEPT, GONE, OTHER = (30, 150, 70), (210, 50, 40), (110, 110, 110)
_TAG = 14  # pixels of a tag's height


def fates(reading: Reading, captions: Sequence[Candidate], drops: Sequence[Drop]) -> Mapping[int, str]:
    """For each line of a reading what became of it, in words; parts of a line are told one after the other.

    Args:
        reading: what was read on the picture.
        captions: the captions that the data set has of it.
        drops: every drop of the picture.
    """
    told: dict[int, list[str]] = {i: [] for i in range(len(reading.lines))}
    for caption in captions:
        told.setdefault(caption.line, []).append(f"caption {caption.text}")
    for drop in drops:
        if drop.line != WHOLE:
            told.setdefault(drop.line, []).append(reason_of(drop))
    whole = next((reason_of(drop) for drop in drops if drop.line == WHOLE), "no candidate")
    return {line: "; ".join(words) or f"went with its picture ({whole})" for line, words in told.items()}


def reason_of(drop: Drop) -> str:
    """A drop in words, such as "select: too small (0.021, threshold 0.035)"."""
    told = f"{drop.stage}: {drop.reason}"
    if drop.line == WHOLE and drop.text:
        told += f", {drop.text}"
    if drop.number is not None:
        told += f" ({drop.number:.4g}" + (f", threshold {drop.threshold:.4g})" if drop.threshold is not None else ")")
    return told


def table(image_id: str, reading: Reading, captions: Sequence[Candidate], drops: Sequence[Drop]) -> Grid:
    """One row for each line that was read, with its fate."""
    grid = Grid(f"lines of {image_id}", ["line", "text", "confidence", "height", "second reading", "fate"])
    fate = fates(reading, captions, drops)
    short = max(1, min(reading.width, reading.height))
    for i, line in enumerate(reading.lines):
        _, top, _, bottom = hull(line.corners, reading.width, reading.height)
        cells: list[Content] = [Cell(line.text), number(line.score), number((bottom - top) / short, 3)]
        grid.add(str(i), *cells, Cell("-" if line.second is None else line.second), Cell(fate[i]))
    if reading.others:
        grid.notes.append(f"{len(reading.others)} more that the second engine alone has found are masked, too")
    for drop in drops:
        if drop.line == WHOLE:
            grid.notes.append(f"the picture went: {reason_of(drop)}")
    return grid


def drawing(picture: Image.Image, reading: Reading, captions: Sequence[Candidate]) -> Image.Image:
    """The picture with every line framed and numbered, green where a caption came of it, red elsewhere.

    What the second engine alone has found is framed in grey: it is masked, and has no number.
    """
    drawn = picture.convert("RGB")
    pen = ImageDraw.Draw(drawn)
    kept = {caption.line for caption in captions}
    width = max(1, min(drawn.size) // 250)
    for other in reading.others:
        outline = [(float(x), float(y)) for x, y in other]
        pen.line([*outline, outline[0]], fill=OTHER, width=width)
    for i, line in enumerate(reading.lines):
        colour = KEPT if i in kept else GONE
        corners = [(float(x), float(y)) for x, y in line.corners]
        pen.line([*corners, corners[0]], fill=colour, width=width)
        x, y = min(x for x, _ in corners), min(y for _, y in corners)
        tag = str(i)
        pen.rectangle([x, max(0.0, y - _TAG), x + 4 + 7 * len(tag), max(0.0, y - _TAG) + _TAG], fill=colour)
        pen.text((x + 2, max(0.0, y - _TAG) + 1), tag, fill="white")
    return drawn


def contact_sheet(pictures: Iterable[tuple[str, Image.Image]], *, columns: int = 5, side: int = 220) -> Image.Image:
    """Pictures side by side with their ids below.

    Args:
        pictures: id and drawing of each; no two of them are in memory at once.
        columns: pictures in a row.
        side: longest side of a picture on the sheet, in pixels.
    """
    thumbnails = []
    for image_id, picture in pictures:
        thumbnail = picture.copy()
        thumbnail.thumbnail((side, side))
        thumbnails.append((image_id, thumbnail))
    rows = -(-len(thumbnails) // columns)
    cell = side + 8
    sheet = Image.new("RGB", (columns * cell + 8, max(1, rows) * (cell + _TAG + 4) + 8), "white")
    pen = ImageDraw.Draw(sheet)
    for i, (image_id, thumbnail) in enumerate(thumbnails):
        x, y = 8 + (i % columns) * cell, 8 + (i // columns) * (cell + _TAG + 4)
        sheet.paste(thumbnail, (x, y))
        pen.text((x, y + side + 2), image_id[:34], fill=(60, 60, 60))
    return sheet
