"""Draw captions into their boxes, black out text boxes, show several captionings side by side.

Invariants:
* drawing a caption changes no pixel outside its rectangle, which is the one that `mask_boxes` fills;
* captions are untrusted: any string at all is drawn, in bounded time, without an exception;
* nothing is hidden from the viewer: a caption that does not fit at `MIN_SIZE` is cut off and framed in red, and a
  character that the font does not have, or that has no shape (controls, surrogates), is drawn as `MISSING`.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageStat
from pylopdf_fonts_zh_cn import sans_path

Colour = tuple[int, int, int]
Boxes = Sequence[Sequence[float]] | np.ndarray  # [x1, y1, x2, y2] as ratios of width and height

MIN_SIZE, MAX_SIZE = 8, 400  # font sizes in pixels: still readable; large enough for anything
MAX_CHARACTERS = 1000  # characters beyond these are not drawn
LONG_SIDE = 560  # longer side of pictures that captionings are judged on, in pixels
MISSING = "□"
DARK, LIGHT, RED = (40, 36, 52), (255, 255, 255), (230, 20, 30)

_BASELINE = 0.88  # distance of the baseline from the top of the em square, as a ratio of its height
_VERTICAL = 2  # a box this many times as high as wide is written from top to bottom
_LEGEND = f"{MISSING} 字体中没有的字 not in the font   红框 red frame 放不下 does not fit"
_STRIP = 24  # height of titles and legend in pixels


def mask_boxes(image: Image.Image, boxes: Boxes) -> Image.Image:
    """A copy of the image with every box filled with 0, as the paper's released code does before resizing.

    Corners are int(ratio * size), both ends inclusive.
    """
    masked = image.copy()
    draw = ImageDraw.Draw(masked)
    for box in boxes:
        draw.rectangle(_corners(box, image.size), fill=0)
    return masked


def enlarged(image: Image.Image) -> Image.Image:
    """The image as large as people and models are shown it to judge captions, which are sharp at that size."""
    scale = LONG_SIDE / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)


def draw_captions(
    image: Image.Image,
    boxes: Boxes,
    captions: Sequence[str],
    *,
    colour: Colour | None = None,
    outline: Colour | None = None,
) -> Image.Image:
    """A copy of the image, RGB, with each caption written in its box, as large as fits and centred.

    Args:
        image: picture of any mode and size.
        boxes: boxes as ratios [x1, y1, x2, y2]; one much higher than wide is written from top to bottom.
        captions: one per box, any text.
        colour: RGB colour of the text; by default dark or light, whichever contrasts with the background.
        outline: RGB colour of the thin line around the characters; by default light or dark, unlike the text.

    Raises:
        ValueError: if there are not as many captions as boxes.
    """
    written = image.convert("RGB") if image.mode != "RGB" else image.copy()
    for box, caption in zip(boxes, captions, strict=True):
        x1, y1, x2, y2 = _corners(box, image.size)
        region = written.crop((x1, y1, min(x2 + 1, image.width), min(y2 + 1, image.height)))
        if region.width and region.height:
            _write(region, caption, colour, outline)
            written.paste(region, (x1, y1))
    return written


def side_by_side(
    image: Image.Image, boxes: Boxes, captionings: Mapping[str, Sequence[str]], *, scale: float = 1
) -> Image.Image:
    """Several captionings of one image in a row, each under its title, with a legend below.

    Args:
        image: picture to write the captions on.
        boxes: boxes as ratios [x1, y1, x2, y2].
        captionings: title (a system, "reference", ...) -> one caption per box.
        scale: factor by which the picture, but not its title, is enlarged.
    """
    gap = 8
    panel = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))
    width = gap + (panel.width + gap) * max(1, len(captionings))
    sheet = Image.new("RGB", (width, panel.height + 2 * _STRIP + 2 * gap), LIGHT)
    for i, (title, captions) in enumerate(captionings.items()):
        left = gap + i * (panel.width + gap)
        _write_strip(sheet, title, (left, gap // 2), panel.width)
        sheet.paste(draw_captions(panel, boxes, captions), (left, _STRIP + gap))
    _write_strip(sheet, _LEGEND, (gap, sheet.height - _STRIP - gap // 2), width - 2 * gap)
    return sheet


def has_glyph(character: str) -> bool:
    """Whether the font can draw a character (the space counts as drawn)."""
    return character == " " or (unicodedata.category(character)[0] != "C" and not _is_missing(character))


@lru_cache(maxsize=1 << 16)
def _is_missing(character: str) -> bool:
    font = _font(32)
    return bytes(font.getmask(character)) == bytes(font.getmask("\U0010ffff"))  # a code point that no font has


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(sans_path(), size, layout_engine=ImageFont.Layout.BASIC)


def _corners(box: Sequence[float] | np.ndarray, size: tuple[int, int]) -> tuple[int, int, int, int]:
    x1, y1, x2, y2 = box
    return int(x1 * size[0]), int(y1 * size[1]), int(x2 * size[0]), int(y2 * size[1])


def _write_strip(sheet: Image.Image, text: str, corner: tuple[int, int], width: int) -> None:
    strip = Image.new("RGB", (width, _STRIP), LIGHT)
    _write(strip, text, DARK, LIGHT, max_size=16)
    sheet.paste(strip, corner)


def _write(
    region: Image.Image, caption: str, colour: Colour | None, outline: Colour | None, max_size: int = MAX_SIZE
) -> None:
    """Write a caption over a whole region, which is an RGB image, in place."""
    caption = caption.strip(" \u3000")
    text = "".join(c if has_glyph(c) else MISSING for c in caption[:MAX_CHARACTERS])
    if not text:
        return
    width, height = region.size
    lines = list(text) if height >= _VERTICAL * width and len(text) > 1 else [text]
    size, fits = _fitting_size(lines, width, height, max_size)
    if colour is None:
        colour = DARK if ImageStat.Stat(region.convert("L")).mean[0] > 140 else LIGHT
    if outline is None:
        outline = LIGHT if sum(colour) < 3 * 128 else DARK
    draw, font, stroke = ImageDraw.Draw(region), _font(size), _stroke(size)
    top = max(0, (height - len(lines) * size) // 2)
    for i, line in enumerate(lines[: height // size + 1]):
        line = line[: width + 1]  # no more characters than pixels, which bounds the time
        left = max(stroke + 1, (width - font.getlength(line)) / 2)
        baseline = top + round((i + _BASELINE) * size)
        draw.text((left, baseline), line, colour, font, "ls", stroke_width=stroke, stroke_fill=outline)
    if not fits or len(caption) > MAX_CHARACTERS:
        draw.rectangle((0, 0, width - 1, height - 1), outline=RED, width=1 + min(region.size) // 40)


def _stroke(size: int) -> int:
    return max(1, size // 14)


def _fitting_size(lines: list[str], width: int, height: int, max_size: int) -> tuple[int, bool]:
    """The largest font size at which the lines fit, and whether they do; `MIN_SIZE` if they fit at none."""

    def longest(size: int) -> float:
        return max(map(_font(size).getlength, lines)) + 2 * (_stroke(size) + 1)

    size = min(max_size, (height - 2) // len(lines), int(64 * width / max(1, longest(64))) + 1)
    while size > MIN_SIZE and longest(size) > width:
        size -= 1
    size = max(MIN_SIZE, size)
    return size, longest(size) <= width and size * len(lines) <= height
