"""Draw the pictures of CapOnImage-Mini: a product with a pale rim in front of a scene, as flat illustrations.

A frame around the picture repeats the product's colour and pattern, as sellers' banners do; it lets small models see
both within minutes.

Invariants:
* a picture depends on the arguments of `draw_product` alone, and equal arguments give equal pixels;
* colour, pattern, shape and scene can each be recognised in the picture whatever the others are;
* the product stays within the picture for every centre in `CENTRES_X` x `CENTRES_Y`;
* there is no text, and no area is black, since masked text boxes are.
"""

from collections.abc import Callable, Mapping
from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .scenes import SCENES, SUPERSAMPLING, Colour, draw_scene
from .silhouettes_household import HOUSEHOLD
from .silhouettes_personal import PERSONAL
from .vector import BODY, PAINTS, SHADE_OPACITY, Drawing

__all__ = ["CENTRES_X", "CENTRES_Y", "COLOURS", "PATTERNS", "SCENES", "SHAPES", "SILHOUETTES", "draw_product"]

#: Product -> its drawing; the names are those of `copywriting.Category.silhouette`.
SILHOUETTES: Mapping[str, Drawing] = {**PERSONAL, **HOUSEHOLD}

CENTRES_X = (0.34, 0.66)  # ratios of the width
CENTRES_Y = (0.54, 0.58)  # ratios of the height

#: Colour of the body -> its RGB.
COLOURS: Mapping[str, Colour] = {
    "red": (214, 40, 48),
    "orange": (246, 134, 32),
    "yellow": (252, 208, 40),
    "green": (52, 164, 84),
    "blue": (44, 112, 220),
    "purple": (134, 76, 188),
    "pink": (248, 136, 184),
    "white": (252, 250, 246),
    "grey": (132, 136, 146),
    "brown": (136, 84, 48),
}
LIGHT, DARK = (250, 248, 244), (66, 62, 96)  # accents
LIGHT_ON_WHITE = (214, 166, 72)
JITTER = 7  # the largest deviation from a colour, in levels of 255

#: Shape -> width and height of the product, as ratios of the picture's short side. Slim and wide products are stretched
#: to that size; small and large ones fit into it and keep their proportions.
SHAPES: Mapping[str, tuple[float, float]] = {
    "slim": (0.25, 0.60),
    "wide": (0.64, 0.27),
    "small": (0.36, 0.36),
    "large": (0.60, 0.60),
}
KEEPS_PROPORTIONS = frozenset({"small", "large"})

Grid = np.ndarray  # one value per pixel


def _stripes(x: Grid, y: Grid, down: Grid) -> Grid:
    return (x + y) % 0.19 < 0.085


def _dots(x: Grid, y: Grid, down: Grid) -> Grid:
    u, v = (x + y) % 0.14 - 0.07, (x - y) % 0.14 - 0.07
    return u * u + v * v < 0.037**2


def _checks(x: Grid, y: Grid, down: Grid) -> Grid:
    return (x % 0.14 < 0.07) ^ (y % 0.14 < 0.07)


#: Pattern -> accent colour set on the body's colour, and how much of it shows (0 to 1) at x, y (ratios of the
#: short side) and `down`, which is 0 at the top and 1 at the bottom of the body.
PATTERNS: Mapping[str, tuple[Colour, Callable[[Grid, Grid, Grid], Grid]]] = {
    "plain": (LIGHT, lambda x, y, down: np.zeros_like(down)),
    "stripes": (LIGHT, _stripes),
    "dots": (LIGHT, _dots),
    "checks": (DARK, _checks),
    "two_tone": (DARK, lambda x, y, down: down > 0.5),
    "gradient": (LIGHT, lambda x, y, down: np.clip(1.05 - 1.3 * down, 0, 1)),
}

OUTLINE, RIM = PAINTS["line"], (255, 253, 248)
OUTLINE_WIDTH, RIM_WIDTH = 1, 3  # pixels
FRAME = 0.06  # width of the frame, as a ratio of the short side


def draw_product(
    *,
    size: tuple[int, int],
    silhouette: str,
    colour: str,
    pattern: str,
    shape: str,
    scene: str,
    centre: tuple[float, float],
    seed: int,
) -> Image.Image:
    """Draw one picture, RGB, without text.

    Args:
        size: width and height in pixels.
        silhouette: product, a name of `SILHOUETTES`.
        colour: colour of the body, a name of `COLOURS`.
        pattern: pattern on the body, a name of `PATTERNS`.
        shape: proportions and size, a name of `SHAPES`.
        scene: background, a name of `SCENES`.
        centre: middle of the product, in ratios of width and height, within `CENTRES_X` and `CENTRES_Y`.
        seed: random seed of the small differences between pictures: tints, arrangement of the scene, phase of the
            pattern.
    """
    random = Random(seed)
    picture = draw_scene(size, scene, random)
    product, mask = _product(min(size), silhouette, colour, pattern, shape, random)
    left, top = (round(ratio * side - extent / 2) for ratio, side, extent in zip(centre, size, mask.size, strict=True))
    x1, _, x2, y2 = mask.getbbox() or (0, 0, 1, 1)
    shadow = Image.new("L", mask.size)
    ImageDraw.Draw(shadow).ellipse((x1 - 6, y2 - 9, x2 + 6, y2 + 9), fill=70)
    picture.paste(OUTLINE, (left, top), shadow)
    picture.paste(RIM, (left, top), _grown(mask, RIM_WIDTH))
    picture.paste(OUTLINE, (left, top), _grown(mask, OUTLINE_WIDTH))
    picture.paste(product, (left, top), mask)
    _frame(picture, _body(size, min(size), (0, size[1]), colour, pattern, random))
    return picture


def _frame(picture: Image.Image, paint: Image.Image) -> None:
    """Paint the margin of a picture, in place, with a pale line inside it."""
    width = round(FRAME * min(picture.size))
    inner = (width, width, picture.width - width - 1, picture.height - width - 1)
    mask = Image.new("L", picture.size, 255)
    ImageDraw.Draw(mask).rectangle(inner, fill=0)
    picture.paste(paint, (0, 0), mask)
    ImageDraw.Draw(picture).rectangle(inner, outline=RIM, width=2)


def _product(
    unit: int, silhouette: str, colour: str, pattern: str, shape: str, random: Random
) -> tuple[Image.Image, Image.Image]:
    """The product in colour, and its mask, with a margin for the rim; `unit` is the short side of the picture."""
    drawing = SILHOUETTES[silhouette]
    extents = np.array(SHAPES[shape]) * random.uniform(0.98, 1.02) * unit * SUPERSAMPLING
    if shape in KEEPS_PROPORTIONS:
        extents = extents * drawing.extents
    scale = extents / drawing.extents
    margin = 12 * SUPERSAMPLING
    width, height = (int(side) for side in np.ceil((extents / 2 + margin) / 2) * 4)
    canvas = Image.new("RGB", (width, height), OUTLINE)
    covered = Image.new("L", (width, height))
    draw, draw_covered = ImageDraw.Draw(canvas), ImageDraw.Draw(covered)
    top, bottom = (row * scale[1] + height / 2 for row in drawing.body_rows)
    body = _body((width, height), unit * SUPERSAMPLING, (top, bottom), colour, pattern, random)
    for part in drawing.parts:
        points = (part.points * scale + (width / 2, height / 2)).ravel().tolist()
        draw_covered.polygon(points, fill=255)
        if part.paint in (BODY, "shade"):
            mask = Image.new("L", (width, height))
            ImageDraw.Draw(mask).polygon(points, fill=255 if part.paint == BODY else round(255 * SHADE_OPACITY))
            canvas.paste(body if part.paint == BODY else PAINTS["shade"], (0, 0), mask)
        else:
            draw.polygon(points, fill=PAINTS[part.paint])
        if part.paint not in ("shade", "line"):
            draw.line(points + points[:4], fill=OUTLINE, width=SUPERSAMPLING)
    return canvas.reduce(SUPERSAMPLING), covered.reduce(SUPERSAMPLING)


def _body(
    size: tuple[int, int], unit: int, rows: tuple[float, float], colour: str, pattern: str, random: Random
) -> Image.Image:
    """Paint of the body: its colour with the pattern on it; `rows` are the body's top and bottom."""
    accent, accent_share = PATTERNS[pattern]
    if colour == "white" and accent == LIGHT:
        accent = LIGHT_ON_WHITE
    base = tuple(min(255, round(level + random.uniform(-JITTER, JITTER))) for level in COLOURS[colour])
    phase_x, phase_y = random.random(), random.random()
    body = Image.new("RGB", size, base)
    x = np.arange(size[0], dtype=np.float32)[None] / unit + phase_x
    y = np.arange(size[1], dtype=np.float32)[:, None]
    down = np.broadcast_to((y - rows[0]) / (rows[1] - rows[0]), size[::-1])
    share = accent_share(x, y / unit + phase_y, down)
    body.paste(accent, (0, 0), Image.fromarray((share * 255).astype(np.uint8)))
    return body


def _grown(mask: Image.Image, pixels: int) -> Image.Image:
    """The mask, larger by `pixels` all round, its edge one pixel wide as before."""
    blurred = mask.filter(ImageFilter.BoxBlur(pixels))  # a straight edge becomes a ramp of 2 * pixels + 1
    return blurred.point([min(255, level * (2 * pixels + 1)) for level in range(256)])
