"""Draw an image of a data set with its boxes, their captions and, for mini, the role of each box."""

from collections.abc import Sequence

from PIL import Image, ImageDraw

from ..rendering import draw_captions
from .store import Split

#: Colours of outlines and badges that people with any colour vision can distinguish (Okabe and Ito).
_COLOURS = ((0, 114, 178), (230, 159, 0), (0, 158, 115), (213, 94, 0), (204, 121, 167), (86, 180, 233), (240, 228, 66))
_HEIGHT, _ROW, _GAP = 720, 40, 12  # pixels
_WIDTH = 4 * _HEIGHT  # of a picture at most


def show(split: Split, image_id: str, predictions: Sequence[str] | None = None) -> Image.Image:
    """The picture of an image with numbered boxes, and beside it a table of their captions.

    Args:
        split: split that holds the image.
        image_id: id of the image.
        predictions: a system's captions for all boxes of the split, shown in a column of their own.

    Raises:
        InputError: if the split has no such image, or the data set holds no pictures.
    """
    i = split.position(image_id)
    span = slice(int(split.offsets[i]), int(split.offsets[i + 1]))
    columns = {"": [str(k) for k in range(span.stop - span.start)]}
    if split.roles:
        columns["role"] = split.roles[span]
    if split.has_references:
        columns["reference"] = split.captions[span]
    if predictions is not None:
        columns["prediction"] = list(predictions[span])
    picture = _outlined(split.image(image_id), split.boxes[span].tolist())
    heading = [
        f"{split.dataset} {split.name} {image_id}" + (" (synthetic)" if split.synthetic else ""),
        split.titles[i],
        split.attributes[i],
        split.categories[i],
    ]
    table = _table(heading, columns)
    sheet = Image.new("RGB", (picture.width + table.width, max(picture.height, table.height)), "white")
    sheet.paste(picture, (0, 0))
    sheet.paste(table, (picture.width, 0))
    return sheet


def _outlined(image: Image.Image, boxes: Sequence[Sequence[float]]) -> Image.Image:
    scale = min(_HEIGHT / image.height, _WIDTH / image.width)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    picture = image.resize(size, Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(picture)
    for k, (x1, y1, x2, y2) in enumerate(boxes):
        corners = (x1 * picture.width, y1 * picture.height, x2 * picture.width, y2 * picture.height)
        draw.rectangle(corners, outline=_COLOURS[k % len(_COLOURS)], width=3)
        badge = (corners[0], corners[1], corners[0] + 18, corners[1] + 18)
        draw.rectangle(badge, fill=_COLOURS[k % len(_COLOURS)])
        draw.text((corners[0] + 9, corners[1] + 9), str(k), "white", anchor="mm", font_size=15)
    return picture


def _table(heading: Sequence[str], columns: dict[str, list[str]]) -> Image.Image:
    """Heading lines over a table with one row per box and a coloured badge in its first column."""
    widths = [_ROW, *(230 for _ in list(columns)[1:])]
    rows = max(map(len, columns.values()))
    size = (sum(widths) + 2 * _GAP, (len(heading) + rows + 2) * _ROW)
    table = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(table)
    cells, texts = [], []

    def write(text: str, left: float, top: float, width: float) -> None:
        cells.append([left / size[0], (top + 6) / size[1], (left + width) / size[0], (top + _ROW - 6) / size[1]])
        texts.append(text)

    for line, text in enumerate(heading):
        write(text, _GAP, line * _ROW, size[0] - 2 * _GAP)
    left = _GAP
    for (name, values), width in zip(columns.items(), widths, strict=True):
        write(name, left, (len(heading) + 1) * _ROW, width)
        for k, value in enumerate(values):
            top = (len(heading) + 2 + k) * _ROW
            if not name:
                draw.rectangle((left, top + 6, left + 28, top + _ROW - 6), fill=_COLOURS[k % len(_COLOURS)])
                draw.text((left + 14, top + _ROW / 2), value, "white", anchor="mm", font_size=18)
            else:
                write(value, left + 4, top, width - 8)
        left += width
    blank = [text if text else " " for text in texts]
    return draw_captions(table, cells, blank, colour=(40, 36, 52), outline=(255, 255, 255))
