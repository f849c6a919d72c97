"""Draw a shop's graphics on a picture: the plates behind texts, and the frame around everything.

Invariants:
* a plate shows on all sides of its text's rectangle, the one that masking fills, and changes nothing farther than
  `REACH` pixels away from it;
* plates are clearly light or clearly dark, so that a text in the contrasting colour can be read;
* the frame shows the paint of the product, its colour and pattern, in a band of `BAND` of the short side.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from .sheets import Box
from .solids import SHADOW, Colour

REACH = 4  # pixels
BAND = 0.06  # width of the frame, as a ratio of the short side
WHITE = (255, 255, 252)
_OVERSAMPLING = 4


def mixed(a: Colour, b: Colour, share: float) -> Colour:
    """The colour between two others; `share` 0 is the first, 1 the second."""
    red, green, blue = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return red, green, blue


def deep(colour: Colour, luminance: float = 92) -> Colour:
    """The colour, darkened if need be to a luminance (0 to 255) on which white can be read."""
    own = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
    return mixed(SHADOW, colour, min(1.0, max(0.0, (luminance - 51) / max(1.0, own - 51)))) if own > 51 else colour


def draw_plates(picture: Image.Image, texts: Sequence[Box], plate: int, colour: Colour) -> None:
    """Draw a plate behind every text, in place.

    Args:
        picture: RGB image.
        texts: boxes of the texts, as ratios.
        plate: 0 brackets and an underline, 1 a pill, 2 a ribbon with notched ends, 3 a paper card with a shadow.
        colour: colour of the product.
    """
    for x1, y1, x2, y2 in texts:
        left, top = int(x1 * picture.width), int(y1 * picture.height)
        size = (int(x2 * picture.width) - left + 1, int(y2 * picture.height) - top + 1)
        for layer, paint in zip(_plate(plate, size), _PAINTS[plate](colour), strict=True):
            picture.paste(paint, (left - REACH, top - REACH), layer)


#: Plate -> the paints of its layers, given the colour of the product.
_PAINTS: tuple[Callable[[Colour], tuple[Colour, ...]], ...] = (
    lambda colour: (WHITE, deep(colour), WHITE),
    lambda colour: (SHADOW, deep(colour, 130), mixed(colour, WHITE, 0.82)),
    lambda colour: (SHADOW, deep(colour), mixed(deep(colour), WHITE, 0.72)),
    lambda colour: (SHADOW, WHITE, deep(colour, 120)),
)


@lru_cache(maxsize=8192)
def _plate(plate: int, size: tuple[int, int]) -> tuple[Image.Image, ...]:
    """Layers of a plate, mode L, for a text of so many pixels; each has a margin of `REACH`."""
    width, height = (side + 2 * REACH for side in size)

    def layer(draw: Callable[[Callable[..., list[float]], ImageDraw.ImageDraw], None], alpha: int = 255) -> Image.Image:
        """Draw on an oversampled layer; the first function scales coordinates in pixels."""
        canvas = Image.new("L", (width * _OVERSAMPLING, height * _OVERSAMPLING))
        draw(lambda *values: [value * _OVERSAMPLING for value in values], ImageDraw.Draw(canvas))
        return canvas.reduce(_OVERSAMPLING).point([level * alpha // 255 for level in range(256)])

    def card(inset: float, radius: float, alpha: int = 255, shift: float = 0) -> Image.Image:
        edges = (inset + shift, inset + shift, width - inset + shift, height - inset + shift)
        return layer(
            lambda at, draw: draw.rounded_rectangle(
                [at(edge)[0] - (i > 1) for i, edge in enumerate(edges)], radius * _OVERSAMPLING, fill=255
            ),
            alpha,
        )

    def bars(*rectangles: tuple[float, float, float, float]) -> Image.Image:
        def draw(at: Callable[..., list[float]], canvas: ImageDraw.ImageDraw) -> None:
            for x1, y1, x2, y2 in rectangles:
                a, b, c, d = at(x1, y1, x2, y2)
                canvas.rectangle((a, b, c - 1, d - 1), fill=255)

        return layer(draw)

    if plate == 0:
        arm = 0.28 * min(width, height) + REACH
        under = (0.0, height - 2.0, float(width), float(height)) if width >= height else (0.0, 0.0, 2.0, float(height))
        corners = ((0, 0, arm, 2), (0, 0, 2, arm), (width - arm, 0, width, 2), (width - 2, 0, width, arm))
        light = [(x1 + 1, y1 + 1, x2 + 1, y2 + 1) for x1, y1, x2, y2 in (under, *corners)]
        return card(2, 3, 150), bars(under, *corners), bars(*light).point([level // 3 for level in range(256)])
    if plate == 1:
        radius = min(width, height) * 0.45
        return _shadow(card(1.5, radius, 150, 1.2)), card(0.6, radius), card(1.6, radius - 1)
    if plate == 2:
        across = width >= height
        long, short = (width, height) if across else (height, width)
        points = [(0, 0.8), (long, 0.8), (long - 4, short / 2), (long, short - 0.8), (0, short - 0.8), (4, short / 2)]
        ribbon = layer(
            lambda at, draw: draw.polygon(at(*(v for x, y in points for v in ((x, y) if across else (y, x)))), fill=255)
        )
        seams = ((3, 2, long - 3, 3), (3, short - 3, long - 3, short - 2))
        stitched = bars(*(seam if across else (seam[1], seam[0], seam[3], seam[2]) for seam in seams))
        return _shadow(ImageChops.offset(ribbon, 0, 1)).point([level // 2 for level in range(256)]), ribbon, stitched
    strip = (1.2, 1.2, width - 1.2, 3.0) if width >= height else (1.2, 1.2, 3.0, height - 1.2)
    return _shadow(card(1.5, 2, 190, 1.4)), card(1.2, 2), bars(strip)


def _shadow(layer: Image.Image) -> Image.Image:
    """The layer out of focus."""
    return layer.filter(ImageFilter.BoxBlur(1))


def draw_frame(picture: Image.Image, paint: Image.Image, style: int, colour: Colour) -> None:
    """Draw the frame of a picture, in place.

    Args:
        picture: RGB image.
        paint: RGB image of the same size, what the band shows.
        style: 0 a thin double line, 1 rounded with a soft inner edge, 2 bold with tabs in the corners, 3 technical
            with ticks.
        colour: colour of the product.
    """
    shadow, band, tabs, lines = _frame(picture.size, style)
    picture.paste(SHADOW, (0, 0), shadow)
    picture.paste(paint, (0, 0), band)
    picture.paste(deep(colour, 105), (0, 0), tabs)
    picture.paste(WHITE, (0, 0), lines)


@lru_cache(maxsize=64)
def _frame(size: tuple[int, int], style: int) -> tuple[Image.Image, ...]:
    """Layers of a frame, mode L: shadow of the band, band, tabs in a deep colour, white lines."""
    width, height = (side * 2 for side in size)
    unit = min(width, height)
    band = round(BAND * unit)
    layers = [Image.new("L", (width, height)) for _ in range(4)]
    shadow, band_layer, tabs, lines = (ImageDraw.Draw(layer) for layer in layers)
    radius = round(0.16 * unit) if style == 1 else 0
    inner = (band, band, width - band - 1, height - band - 1)
    for draw in (shadow, band_layer):
        draw.rectangle((0, 0, width, height), fill=255)
        draw.rounded_rectangle(inner, radius, fill=0)

    def ring(inset: float, thickness: int, corner: int = 0) -> None:
        edges = (inset, inset, width - inset - 1, height - inset - 1)
        lines.rounded_rectangle(edges, corner, outline=255, width=thickness)

    def corners(*xy: float) -> list[list[tuple[float, float]]]:
        """A polygon near the upper left corner, and its mirror images in the other ones."""
        points = list(zip(xy[::2], xy[1::2], strict=True))
        flips = ((0, 0), (width - 1, 0), (0, height - 1), (width - 1, height - 1))
        return [[(abs(fx - x), abs(fy - y)) for x, y in points] for fx, fy in flips]

    if style == 0:
        ring(band - 1, 3)
        ring(band + 0.022 * unit, 2)
    elif style == 1:
        ring(band - 2, 5, radius + 2)
    elif style == 2:
        ring(band - 2, 6)
        for tab in corners(0, 0, 0.25 * unit, 0, 0, 0.25 * unit):
            lines.polygon(tab, fill=255)
        for tab in corners(0, 0, 0.225 * unit, 0, 0, 0.225 * unit):
            lines.polygon(tab, fill=0)
            tabs.polygon(tab, fill=255)
        for stripe in corners(0.13 * unit, 0, 0.16 * unit, 0, 0, 0.16 * unit, 0, 0.13 * unit):
            lines.polygon(stripe, fill=255)
    else:
        ring(band - 1, 2)
        step = 0.034 * unit
        for along, horizontal in ((width, True), (height, False)):
            for i in range(1, int((along - 2 * band) / step)):
                reach = band + 0.02 * unit * (2 if i % 5 == 0 else 1)
                place = band + i * step
                for at, far in ((band, reach), ((height if horizontal else width) - band, 0)):
                    start, end = (at, far) if far else (at - (reach - band), at)
                    edges = (place, start, place + 2, end) if horizontal else (start, place, end, place + 2)
                    tabs.rectangle([value + 1 for value in edges], fill=160)
                    lines.rectangle(edges, fill=255)
        for block in corners(0, 0, 1.6 * band, 0, 1.6 * band, 1.6 * band, 0, 1.6 * band):
            tabs.polygon(block, fill=255)
        for x1, y1, x2, y2 in ((0.3, 0.72, 1.3, 0.88), (0.72, 0.3, 0.88, 1.3)):
            a, b, c, d = (value * band for value in (x1, y1, x2, y2))
            for cross in corners(a, b, c, b, c, d, a, d):
                lines.polygon(cross, fill=255)
    layers[0] = layers[0].filter(ImageFilter.BoxBlur(0.03 * unit if style == 1 else 0.012 * unit))
    strength = 150 if style == 1 else 110
    layers[0] = layers[0].point([level * strength // 255 for level in range(256)])
    return tuple(layer.reduce(2) for layer in layers)
