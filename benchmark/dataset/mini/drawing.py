"""Draw the pictures of CapOnImage-Mini: posters of an online shop, without their texts.

A product, or two of a kind, stands on a surface, in front of a backdrop, with two objects beside it. A frame repeats
the product's colour and pattern, as sellers' banners do; it lets small models see both within minutes.

Invariants:
* a picture depends on the arguments of `draw` alone, and equal arguments give equal pixels;
* colour, pattern, proportions, size and the three cues of scenes show independently of each other, and what is told
  in degrees changes the picture by degrees;
* products lie within the frame, whatever the areas are;
* there is no text, and no pixel is black, since masked text boxes are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from .draws import between
from .paint import Body, colour_at
from .plates import BAND, WHITE, draw_frame, draw_plates, mixed
from .products import PATTERNS, RING, SCENES
from .props import PROPS
from .scenes import draw_scene
from .sheets import Box
from .silhouettes_household import HOUSEHOLD
from .silhouettes_personal import PERSONAL
from .solids import Colour, lighted, put_shadow, solid
from .vector import Drawing

#: Product -> its drawing.
SILHOUETTES: Mapping[str, Drawing] = {**PERSONAL, **HOUSEHOLD}

JITTER = 6  # the largest deviation from a colour, in levels of 255
SIDES = (64, 2048)  # fewest and most pixels of a side

FLOOR = (44, 40, 56)  # nothing in a picture is darker
STEP = 5  # levels are multiples of this, which halves the size of PNG files
_LEVELS = [min(255, round(max(level, floor) / STEP) * STEP) for floor in FLOOR for level in range(256)]
COOL, WARM = (0.7, 0.79, 0.94), (1.0, 0.97, 0.88)  # light 0 and 1: factors of red, green and blue
GLOW = (74, 58, 22)  # what warm light adds in the upper left corner

_HALO = [min(150, level) for level in range(256)]  # a pale rim around products, from their blurred masks


@dataclass(frozen=True)
class Look:
    """What a picture shows.

    Attributes:
        size: width and height in pixels.
        silhouette: product, a name in `SILHOUETTES`.
        colour: place on the ring of colours, from 0 to below 10; whole numbers are the colours of `RING`.
        pattern: pattern on the product, a name in `PATTERNS`.
        strength: how clearly the pattern shows, from 0.3 to 1.
        scale: how much of its area the product fills, from 0 (half of width or height) to 1 (all of it).
        stretch: its proportions, from -1 (slim) over 0 (natural) to 1 (wide).
        surface: what it stands on, one of `SCENES`.
        backdrop: what is behind it, one of `SCENES`.
        prop: which objects are beside it, one of `SCENES`.
        light: light of the scene, from 0 (cool, dim) to 1 (warm, bright).
        style: frame, 0 to 3 (see `plates.draw_frame`).
        plate: what is behind texts, 0 to 3 (see `plates.draw_plates`).
        areas: one or two boxes, as ratios, in whose middle a product stands.
    """

    size: tuple[int, int]
    silhouette: str
    colour: float
    pattern: str
    strength: float
    scale: float
    stretch: float
    surface: str
    backdrop: str
    prop: str
    light: float
    style: int
    plate: int
    areas: tuple[Box, ...]


def draw(look: Look, texts: Sequence[Box], seed: int) -> Image.Image:
    """Draw one picture, RGB, without text.

    Args:
        look: what it shows.
        texts: boxes of the texts, as ratios; they decide where plates are, and nothing else.
        seed: random seed of the small differences between pictures.

    Raises:
        ValueError: if the look is out of its ranges, or a box leaves the picture.
    """
    _check(look, texts)
    height, random = look.size[1], Random(f"{seed}/product")
    body, stands = _products(look, random)
    foot = min(bottom for _, _, _, bottom in stands)
    horizon = round(min(0.7 * height, max(0.36 * height, foot - between(random, 0.07, 0.12) * height)))
    scene = draw_scene(look.size, horizon, look.backdrop, look.surface, seed)
    picture = ImageChops.multiply(scene, Image.blend(*_light_fields(look.size)[:2], look.light))
    tall, small = _prop_stands(look, stands, horizon, Random(f"{seed}/props"))
    _put_prop(picture, PROPS[look.prop][0], tall, look.light)
    for stand in stands:
        if stand[3] < horizon + 3:
            _put_plinth(picture, stand, mixed(body.colour, WHITE, 0.75), horizon)
    for i in sorted(range(len(stands)), key=lambda i: stands[i][3]):
        _put_product(picture, SILHOUETTES[look.silhouette], body, stands[i], look.light, turned=i == 1)
    _put_prop(picture, PROPS[look.prop][1], small, look.light)
    glow = _light_fields(look.size)[2]
    picture = ImageChops.add(picture, Image.blend(Image.new("RGB", look.size), glow, look.light))
    draw_frame(picture, body.paint(look.size, (0, height)), look.style, body.colour)
    draw_plates(picture, texts, look.plate, body.colour)
    return picture.point(_LEVELS)


def draw_mask(look: Look, seed: int) -> Image.Image:
    """Where the products of a picture are that `draw` makes with the same look and seed; mode L, 255 on a product."""
    _check(look, ())
    mask = Image.new("L", look.size)
    for i, stand in enumerate(_products(look, Random(f"{seed}/product"))[1]):
        cover = solid(SILHOUETTES[look.silhouette]).cover
        cover = cover.resize((stand[2] - stand[0], stand[3] - stand[1]), Image.Resampling.BILINEAR)
        cover = cover.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if i == 1 else cover
        mask.paste(255, stand[:2], cover)
    return mask


def _products(look: Look, random: Random) -> tuple[Body, list["Stand"]]:
    """What the products are painted with, and where they stand."""
    red, green, blue = (
        min(255, max(0, round(level + between(random, -JITTER, JITTER)))) for level in colour_at(look.colour)
    )
    unit = min(look.size)
    body = Body((red, green, blue), look.pattern, look.strength, unit, random.random(), random.random())
    return body, _stands(look, between(random, 0.97, 1))


def _check(look: Look, texts: Sequence[Box]) -> None:
    """Raise ValueError if a look is out of its ranges, or a box leaves the picture."""
    named = (
        (look.silhouette, SILHOUETTES),
        (look.pattern, PATTERNS),
        *((cue, SCENES) for cue in (look.surface, look.backdrop, look.prop)),
        (look.style, range(4)),
        (look.plate, range(4)),
    )
    for name, known in named:
        if name not in known:
            raise ValueError(f"{name!r} is none of {', '.join(map(str, known))}")
    ranges = (
        *((f"a side of {look.size}", side, SIDES[0], SIDES[1]) for side in look.size),
        ("colour", look.colour, 0, np.nextafter(len(RING), 0)),
        ("strength", look.strength, 0.3, 1),
        ("scale", look.scale, 0, 1),
        ("stretch", look.stretch, -1, 1),
        ("light", look.light, 0, 1),
        ("the number of areas", len(look.areas), 1, 2),
    )
    for what, value, low, high in ranges:
        if not low <= value <= high:
            raise ValueError(f"{what} is not between {low} and {high}: {value}")
    for box in (*look.areas, *texts):
        if not (0 <= box[0] < box[2] <= 1 and 0 <= box[1] < box[3] <= 1):
            raise ValueError(f"no box within the picture: {box}")


Stand = tuple[int, int, int, int]  # left, top, right and bottom of what stands there, in pixels


def _inner(size: tuple[int, int]) -> Stand:
    """What the frame leaves free."""
    band = round(BAND * min(size)) + 2
    return band, band, size[0] - band, size[1] - band


def _stands(look: Look, jitter: float) -> list[Stand]:
    """Where the products stand, one in the middle of each area."""
    drawing, inner = SILHOUETTES[look.silhouette], _inner(look.size)
    aspect = drawing.extents[0] / drawing.extents[1] * 2.2**look.stretch
    stands = []
    for i, area in enumerate(look.areas):
        ratios = [area[k] * look.size[k % 2] for k in range(4)]
        left, top = max(ratios[0], inner[0]), max(ratios[1], inner[1])
        right, bottom = min(ratios[2], inner[2]), min(ratios[3], inner[3])
        wide, high = max(8.0, right - left), max(8.0, bottom - top)
        width = min(wide, high * aspect) * (0.5 + 0.5 * look.scale) * jitter * (0.88 if i else 1)
        extents = max(6, round(width)), max(6, round(width / aspect))
        corner = []
        for k in range(2):  # around the middle, but within the frame
            middle = ((left + right) / 2, (top + bottom) / 2)[k]
            corner.append(round(min(max(middle - extents[k] / 2, inner[k]), inner[k + 2] - extents[k])))
        stands.append((corner[0], corner[1], corner[0] + extents[0], corner[1] + extents[1]))
    return stands


def _prop_stands(look: Look, stands: Sequence[Stand], horizon: int, random: Random) -> tuple[Stand, Stand]:
    """Where the tall and the small object stand: beside a product, where there is room."""
    unit, inner = min(look.size), _inner(look.size)
    places: list[Stand] = []
    taken: set[tuple[int, int]] = set()
    largest = max(max(stand[2] - stand[0], stand[3] - stand[1]) for stand in stands) / unit
    heights = min(0.31, max(0.22, 0.8 * largest)), min(0.18, max(0.14, 0.42 * largest))
    for drawing, height, forward in zip(PROPS[look.prop], heights, (-0.02, 0.045), strict=True):
        high = round(between(random, 0.92, 1.08) * height * unit)
        wide = round(high * drawing.extents[0] / drawing.extents[1])
        edges = []
        for i, stand in enumerate(stands):
            others = [other for k, other in enumerate(stands) if k != i]
            before = max([inner[0], *(other[2] for other in others if other[2] <= stand[0])])
            after = min([inner[2], *(other[0] for other in others if other[0] >= stand[2])])
            edges += [(i, -1, stand[0] - before), (i, 1, after - stand[2])]
        order = sorted(edges, key=lambda edge: (edge[:2] in taken, -min(edge[2], 0.75 * wide), random.random()))
        i, side, room = order[0]
        taken.add((i, side))
        fits = min(1.0, max(0.72, room / (0.8 * wide)))  # smaller rather than hidden
        wide, high = round(wide * fits), round(high * fits)
        overlap = between(random, 0.1, 0.22) * min(wide, stands[i][2] - stands[i][0])
        left = stands[i][2] - overlap if side > 0 else stands[i][0] + overlap - wide
        left = min(max(left, inner[0]), inner[2] - wide)
        foot = min(max(stands[i][3] + forward * unit, horizon + 0.02 * unit), inner[3] - 1)
        places.append((round(left), round(foot) - high, round(left) + wide, round(foot)))
    return places[0], places[1]


def _put_prop(picture: Image.Image, drawing: Drawing, stand: Stand, light: float) -> None:
    """Draw an object that stands beside a product, in place."""
    colours, cover = _prop(drawing)
    size = (stand[2] - stand[0], stand[3] - stand[1])
    put_shadow(picture, stand[0], stand[2], stand[3])
    lit = _tinted(colours.resize(size, Image.Resampling.BILINEAR), light, 0.8)
    picture.paste(lit, stand[:2], cover.resize(size, Image.Resampling.BILINEAR))


@lru_cache(maxsize=64)
def _prop(drawing: Drawing) -> tuple[Image.Image, Image.Image]:
    """Colours and mask of an object, 128 pixels long."""
    layers = solid(drawing)
    lit = lighted(layers.paint, layers.shade, layers.shine)
    size = (max(1, round(128 * drawing.extents[0])), max(1, round(128 * drawing.extents[1])))
    return lit.resize(size), layers.cover.resize(size)


def _put_product(
    picture: Image.Image, drawing: Drawing, body: Body, stand: Stand, light: float, *, turned: bool
) -> None:
    """Draw a product with its shadow, in place; `turned` mirrors it."""
    size = (stand[2] - stand[0], stand[3] - stand[1])
    layers = solid(drawing)
    shapes = (layers.cover, layers.body, layers.shade, layers.shine)
    cover, mask, shade, shine = (layer.resize(size, Image.Resampling.BILINEAR) for layer in shapes)
    top, bottom = (0.5 * size[1] + row / drawing.extents[1] * size[1] for row in drawing.body_rows)
    paint = layers.paint.resize(size, Image.Resampling.BILINEAR)
    paint.paste(body.paint(size, (top, bottom), 0.04), (0, 0), mask)
    product = _tinted(lighted(paint, shade, shine), light, 0.3)
    if turned:
        product, cover = (layer.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for layer in (product, cover))
    put_shadow(picture, stand[0], stand[2], stand[3])
    halo = Image.new("L", (size[0] + 12, size[1] + 12))
    halo.paste(cover, (6, 6))
    halo = halo.filter(ImageFilter.BoxBlur(2.5)).point(_HALO)
    picture.paste(WHITE, (stand[0] - 6, stand[1] - 6), halo)
    picture.paste(product, stand[:2], cover)


def _put_plinth(picture: Image.Image, stand: Stand, colour: Colour, horizon: int) -> None:
    """Draw a round plinth from the foot of a product down to the surface, in place."""
    half, middle = round(0.62 * (stand[2] - stand[0])), (stand[0] + stand[2]) // 2
    flat, foot = max(4, half // 5), horizon + round(0.05 * picture.height)
    size = (2 * half, foot - stand[3] + 2 * flat)
    mask = Image.new("L", (size[0] * 2, size[1] * 2))
    draw = ImageDraw.Draw(mask)
    draw.ellipse((0, 0, size[0] * 2 - 1, flat * 4), fill=255)
    draw.rectangle((0, flat * 2, size[0] * 2, size[1] * 2 - flat * 2), fill=255)
    draw.ellipse((0, size[1] * 2 - flat * 4 - 1, size[0] * 2 - 1, size[1] * 2 - 1), fill=255)
    tones = Image.linear_gradient("L").rotate(90).point([255 - round(0.4 * abs(level - 170)) for level in range(256)])
    side = ImageChops.multiply(Image.new("RGB", size, colour), Image.merge("RGB", [tones.resize(size)] * 3))
    ImageDraw.Draw(side).ellipse((0, 0, size[0] - 1, flat * 2), fill=mixed(colour, WHITE, 0.6))
    corner = (middle - half, stand[3] - flat)
    put_shadow(picture, corner[0], corner[0] + size[0], corner[1] + size[1])
    picture.paste(side, corner, mask.reduce(2))


def _tinted(image: Image.Image, light: float, share: float) -> Image.Image:
    """The image in the light of the scene, as far as `share` (0 to 1) says."""
    red, green, blue = (
        round(255 * (1 + share * (cool + (warm - cool) * light - 1))) for cool, warm in zip(COOL, WARM, strict=True)
    )
    return ImageChops.multiply(image, Image.new("RGB", image.size, (red, green, blue)))


@lru_cache(maxsize=16)
def _light_fields(size: tuple[int, int]) -> tuple[Image.Image, Image.Image, Image.Image]:
    """Factors, RGB (255: one), of dim and of bright light, and what bright light adds."""
    x, y = (np.linspace(0, 1, side, dtype=np.float32) for side in size)
    glow = np.clip(1 - np.hypot(x[None], y[:, None]) / 0.95, 0, 1) ** 1.5
    gloom = np.clip(np.hypot(x[None] - 0.5, y[:, None] - 0.5) * 1.2 - 0.2, 0, 1)
    cool, warm = np.array(COOL) * (1 - 0.45 * gloom[..., None]), np.broadcast_to(WARM, (*gloom.shape, 3))
    fields = [
        Image.fromarray(field.round().astype(np.uint8)) for field in (cool * 255, warm * 255, glow[..., None] * GLOW)
    ]
    return fields[0], fields[1], fields[2]
