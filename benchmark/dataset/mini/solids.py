"""The light and shade that make drawings of polygons solid, and the colours of their parts.

A part of a drawing is painted with the pattern of the product (`BODY`) or a colour of `PAINTS`. `solid` renders a
drawing once, in `RESOLUTION`; whatever stands in a picture is a resized copy of that, on a soft shadow.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from .vector import BODY, Drawing

Colour = tuple[int, int, int]

#: Paint of a part -> its colour, for all parts but the body.
PAINTS = {
    "dark": (74, 74, 90),
    "light": (252, 248, 240),
    "metal": (188, 196, 208),
    "wood": (206, 162, 112),
    "amber": (244, 184, 80),
    "rosy": (240, 150, 140),
    "leaf": (104, 168, 92),
    "clay": (206, 112, 76),
    "scarlet": (214, 66, 58),
    "sea": (74, 160, 186),
    "plum": (136, 98, 160),
    "fir": (66, 122, 92),
    "sand": (238, 206, 160),
    "line": (66, 58, 74),
    "shade": (60, 48, 74),
}
#: Paints that darken what is below them -> by how much (0 to 1); all other paints are opaque.
DARKENING = {"shade": 0.26, "line": 0.5}

SHADOW = (52, 46, 68)  # colour of shadows on the ground
RESOLUTION = 240  # pixels of the longer side of a rendered drawing
_OVERSAMPLING = 2
_MARGIN = 20  # pixels around a part in which its shadow falls, oversampled
_SHADOW = 0.3  # how much a part darkens the parts behind it


@dataclass(frozen=True, eq=False)
class Solid:
    """A drawing in pixels, lit from the upper left; `shade` and `shine` are to be multiplied and screened.

    All layers have the same size. `cover`, `body`, `shade` and `shine` are of mode L: where there is anything, where
    the body's paint shows, how much light is left (255: all) and how much a highlight adds (255: white). `paint` is
    of mode RGB: the colours of all parts but the body.
    """

    cover: Image.Image
    body: Image.Image
    shade: Image.Image
    shine: Image.Image
    paint: Image.Image


@cache
def solid(drawing: Drawing) -> Solid:
    """Render a drawing, its longer side `RESOLUTION` pixels, filling the layers from edge to edge."""
    scale = RESOLUTION * _OVERSAMPLING
    width, height = (max(8, round(RESOLUTION * extent)) * _OVERSAMPLING for extent in drawing.extents)
    cover, body, shine = (Image.new("L", (width, height)) for _ in range(3))
    shade = Image.new("L", (width, height), 255)
    paint = Image.new("RGB", (width, height), PAINTS["dark"])
    outlines = [part.points * scale + (width / 2, height / 2) for part in drawing.parts]
    for part, points in zip(drawing.parts, outlines, strict=True):  # colours beyond the edges, which resizing mixes in
        if part.paint not in DARKENING:
            corners = points.ravel().tolist()
            closed = corners + corners[:4]
            ImageDraw.Draw(body).line(closed, fill=255 if part.paint == BODY else 0, width=10)
            ImageDraw.Draw(paint).line(closed, fill=PAINTS.get(part.paint, (128, 128, 128)), width=10)
    for part, points in zip(drawing.parts, outlines, strict=True):
        left, top = (int(edge) - _MARGIN for edge in points.min(axis=0))
        right, bottom = (int(edge) + _MARGIN for edge in points.max(axis=0))
        mask = Image.new("L", (right - left, bottom - top))
        ImageDraw.Draw(mask).polygon((points - (left, top)).ravel().tolist(), fill=255)
        if part.paint in DARKENING:
            shade.paste(0, (left, top), mask.point([round(level * DARKENING[part.paint]) for level in range(256)]))
            continue
        shadow = mask.filter(ImageFilter.BoxBlur(5)).point([round(level * _SHADOW) for level in range(256)])
        shade.paste(0, (left + 3, top + 5), shadow)
        shine.paste(0, (left + 3, top + 5), shadow)
        cover.paste(255, (left, top), mask)
        body.paste(255 if part.paint == BODY else 0, (left, top), mask)
        paint.paste(PAINTS.get(part.paint, (128, 128, 128)), (left, top), mask)
        for layer, relief in zip((shade, shine), _relief(mask), strict=True):
            layer.paste(relief, (left, top), mask)
    return Solid(*(layer.reduce(_OVERSAMPLING) for layer in (cover, body, shade, shine, paint)))


def _relief(mask: Image.Image) -> tuple[Image.Image, Image.Image]:
    """Shade and shine of a part that bulges towards the viewer, given its mask with a margin of `_MARGIN`."""
    width, height = mask.width - 2 * _MARGIN, mask.height - 2 * _MARGIN
    radius = min(10.0, max(2.0, 0.1 * min(width, height)))
    blurred = mask.filter(ImageFilter.BoxBlur(radius)).filter(ImageFilter.BoxBlur(radius / 2))
    soft = np.asarray(blurred, dtype=np.float32) / 255
    step = max(1, round(radius / 2))
    slope = np.roll(soft, (-step, -step), (0, 1)) - np.roll(soft, (step, step), (0, 1))  # above 0 towards the light
    u = ((np.arange(mask.width, dtype=np.float32) - _MARGIN) / max(1, width))[None]
    v = ((np.arange(mask.height, dtype=np.float32) - _MARGIN) / max(1, height))[:, None]
    round_body = 1.02 - 0.62 * (u - 0.34) ** 2 - 0.1 * np.clip(v, 0, 1)
    shade = round_body * (1 - 0.42 * np.clip(-slope, 0, 1)) * (0.78 + 0.22 * np.clip(2 * soft - 0.8, 0, 1))
    streak = np.exp(-(((u - 0.2) / 0.055) ** 2)) * np.clip(4 * v, 0, 1) * np.clip(3 - 3.4 * v, 0, 1)
    large = min(1.0, min(width, height) / 120)
    shine = 0.5 * np.clip(slope, 0, 1) + 0.26 * large * streak * np.clip(6 * soft - 5, 0, 1)
    return _grey(shade), _grey(shine)


def _grey(levels: np.ndarray) -> Image.Image:
    """An image of mode L from levels between 0 and 1, shape (height, width)."""
    return Image.fromarray((np.clip(levels, 0, 1) * 255).astype(np.uint8))


def lighted(paint: Image.Image, shade: Image.Image, shine: Image.Image) -> Image.Image:
    """Paint, RGB, with light and shade on it."""
    shaded = ImageChops.multiply(paint, Image.merge("RGB", [shade] * 3))
    return ImageChops.screen(shaded, Image.merge("RGB", [shine] * 3))


def put_shadow(picture: Image.Image, left: int, right: int, foot: int) -> None:
    """Draw the soft shadow below something that stands on the surface, in place; all in pixels."""
    width, height = right - left, max(8, round(0.16 * (right - left)))
    for grow, lift, strength in ((0.5, 0.5, 0.75), (0.14, 0.35, 0.95)):
        size = (round(width * (1 + grow)), round(height * (1 + 2 * grow)))
        mask = _spot(strength).resize(size, Image.Resampling.BILINEAR)
        picture.paste(SHADOW, (left - round(width * grow * 0.4), round(foot - size[1] * lift)), mask)


@cache
def soft_disc() -> Image.Image:
    """A spot, mode L, 64 pixels wide, 255 in the middle and 0 at the edge."""
    across = np.linspace(-1, 1, 64, dtype=np.float32)
    return _grey(np.clip(1 - np.hypot(across[None], across[:, None]), 0, 1) ** 2)


@cache
def _spot(strength: float) -> Image.Image:
    """The mask of a shadow, mode L."""
    return soft_disc().point([round(255 * strength * (level / 255) ** 0.6) for level in range(256)])
