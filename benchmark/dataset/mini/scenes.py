"""Draw the eight backgrounds of CapOnImage-Mini: a few large flat shapes each, in a palette of its own.

Coordinates are ratios of width and height, and the ground begins at about y = 0.62, below most of the product. Every
picture has its own tint and its own arrangement, drawn from the random generator that is passed in; nothing is black.
"""

from collections.abc import Callable, Mapping
from random import Random

from PIL import Image, ImageDraw

Colour = tuple[int, int, int]

SUPERSAMPLING = 2
TINT = 9  # the largest shift of a picture's colours, in levels of 255


class Canvas:
    """Canvas for shapes in ratios of the picture's size; every colour is shifted by the picture's tint."""

    def __init__(self, size: tuple[int, int], background: Colour, random: Random) -> None:
        self.random = random
        self._tint = [random.uniform(-TINT, TINT) for _ in range(3)]
        self._width, self._height = (side * SUPERSAMPLING for side in size)
        self._short = min(self._width, self._height)
        self._image = Image.new("RGB", (self._width, self._height), self._tinted(background))
        self._draw = ImageDraw.Draw(self._image)

    def image(self) -> Image.Image:
        """The finished background."""
        return self._image.reduce(SUPERSAMPLING)

    def around(self, value: float, spread: float) -> float:
        """Draw a value within `spread` of another, so that pictures differ."""
        return self.random.uniform(value - spread, value + spread)

    def box(self, colour: Colour, x1: float, y1: float, x2: float, y2: float) -> None:
        """Fill a rectangle."""
        x1, y1, x2, y2 = (*self._at(x1, y1), *self._at(x2, y2))
        if x2 - 1 >= x1 and y2 - 1 >= y1:
            self._draw.rectangle((x1, y1, x2 - 1, y2 - 1), self._tinted(colour))

    def poly(self, colour: Colour, *xy: float) -> None:
        """Fill a polygon through x, y, x, y, ..."""
        self._draw.polygon([self._at(x, y) for x, y in zip(xy[::2], xy[1::2], strict=True)], self._tinted(colour))

    def oval(self, colour: Colour, x: float, y: float, rx: float, ry: float) -> None:
        """Fill an ellipse."""
        self._draw.ellipse((*self._at(x - rx, y - ry), *self._at(x + rx, y + ry)), self._tinted(colour))

    def disc(self, colour: Colour, x: float, y: float, r: float) -> None:
        """Fill a circle; its radius is a ratio of the short side."""
        (x, y), r = self._at(x, y), r * self._short
        self._draw.ellipse((x - r, y - r, x + r, y + r), self._tinted(colour))

    def _at(self, x: float, y: float) -> tuple[float, float]:
        return x * self._width, y * self._height

    def _tinted(self, colour: Colour) -> Colour:
        red, green, blue = (
            round(min(255, max(12, level + shift))) for level, shift in zip(colour, self._tint, strict=True)
        )
        return red, green, blue


def _kitchen(c: Canvas) -> None:
    pitch, start = 0.125, c.around(0, 0.06)
    for i in range(10):  # tiles
        c.box((255, 246, 226), start + i * pitch, 0, start + i * pitch + 0.008, 0.64)
        c.box((255, 246, 226), 0, start + i * pitch, 1, min(0.64, start + i * pitch + 0.008))
    shelf = c.around(0.15, 0.03)
    for i in range(c.random.randint(3, 5)):  # cups on a shelf
        x = 0.1 + 0.19 * i + c.around(0, 0.03)
        colour = c.random.choice([(226, 120, 84), (112, 158, 150), (250, 250, 244)])
        c.box(colour, x, shelf - 0.075, x + 0.075, shelf)
        c.disc(colour, x + 0.08, shelf - 0.04, 0.025)
    c.box((172, 112, 66), 0, shelf, 1, shelf + 0.022)
    c.box((186, 126, 78), 0, 0.62, 1, 1)
    c.box((214, 160, 108), 0, 0.62, 1, 0.665)
    door = c.around(0.5, 0.12)
    for x in (door - 0.5, door, door + 0.5):  # cupboards
        c.box((166, 108, 64), x - 0.005, 0.72, x + 0.005, 1)
        c.box((240, 214, 170), x - 0.05, 0.78, x - 0.035, 0.86)
        c.box((240, 214, 170), x + 0.035, 0.78, x + 0.05, 0.86)


def _clouds(c: Canvas, colour: Colour, number: int) -> None:
    for i in range(number):
        x, y, r = c.around((i + 0.5) / number, 0.12), c.around(0.16, 0.09), c.around(0.05, 0.012)
        for dx, scale in ((-1.3, 0.7), (0, 1), (1.3, 0.75)):
            c.disc(colour, x + dx * r, y + (1 - scale) * r * 0.6, r * scale)


def _seaside(c: Canvas) -> None:
    c.disc((255, 214, 92), c.random.choice([0.16, 0.84]), c.around(0.14, 0.05), 0.08)
    _clouds(c, (244, 250, 253), 3)
    horizon = c.around(0.46, 0.03)
    c.box((38, 142, 188), 0, horizon, 1, 0.75)
    for _ in range(5):  # waves
        x, y = c.random.random(), c.around(horizon + 0.07, 0.06)
        c.oval((110, 190, 214), x, y, 0.08, 0.006)
    sail = c.around(0.5, 0.4)
    c.poly((250, 250, 246), sail, horizon - 0.1, sail + 0.06, horizon - 0.01, sail, horizon - 0.01)
    c.poly(
        (226, 96, 80),
        sail - 0.03,
        horizon,
        sail + 0.07,
        horizon,
        sail + 0.05,
        horizon + 0.025,
        sail - 0.01,
        horizon + 0.025,
    )
    c.oval((226, 240, 240), c.around(0.5, 0.1), 0.9, 0.95, 0.3)
    c.oval((246, 220, 160), c.around(0.5, 0.1), 0.92, 0.95, 0.3)
    c.box((246, 220, 160), 0, 0.8, 1, 1)
    for _ in range(6):
        c.disc((226, 190, 124), c.random.random(), c.around(0.88, 0.1), 0.008)


def _firs(c: Canvas, colour: Colour, foot: float, height: float, number: int) -> None:
    for i in range(number):
        x, top = c.around((i + 0.5) / number, 0.04), foot - height * c.around(1, 0.2)
        for level in range(3):
            y = top + (foot - top) * level / 4
            reach = (0.05 + 0.03 * level) * height * 2.2
            c.poly(colour, x, y, x + reach, y + (foot - top) / 2, x - reach, y + (foot - top) / 2)


def _forest(c: Canvas) -> None:
    c.disc((232, 240, 190), c.around(0.5, 0.35), c.around(0.14, 0.05), 0.09)
    _firs(c, (132, 176, 132), 0.62, 0.5, 7)
    _firs(c, (72, 132, 94), 0.66, 0.42, 6)
    c.box((98, 124, 66), 0, 0.62, 1, 1)
    c.oval((116, 144, 76), c.around(0.3, 0.2), 0.68, 0.6, 0.1)
    for edge in (-0.02, 1.02):  # trunks at both sides
        x = edge + c.around(0, 0.02)
        c.box((112, 82, 58), x - 0.035, 0, x + 0.035, 0.82)
    for _ in range(7):  # mushrooms
        x, y = c.random.random(), c.around(0.9, 0.08)
        c.box((244, 232, 208), x - 0.008, y, x + 0.008, y + 0.03)
        c.oval((206, 92, 66), x, y, 0.024, 0.016)


def _snow(c: Canvas) -> None:
    peak = c.around(0.5, 0.3)
    for x, colour in ((peak - 0.35, (176, 198, 224)), (peak + 0.3, (164, 188, 218))):
        top = c.around(0.28, 0.05)
        c.poly(colour, x - 0.5, 0.7, x, top, x + 0.5, 0.7)
        c.poly(
            (250, 252, 255),
            x - 0.12,
            top + 0.1,
            x,
            top,
            x + 0.12,
            top + 0.1,
            x + 0.04,
            top + 0.08,
            x - 0.03,
            top + 0.12,
        )
    _firs(c, (118, 154, 178), 0.64, 0.2, 6)
    c.oval((236, 243, 250), c.around(0.25, 0.2), 0.86, 0.9, 0.27)
    c.oval((246, 250, 254), c.around(0.8, 0.2), 0.98, 0.95, 0.32)
    for _ in range(34):
        c.disc((255, 255, 255), c.random.random(), c.random.random() * 0.75, c.around(0.009, 0.004))


def _night(c: Canvas) -> None:
    x, y = c.around(0.5, 0.38), c.around(0.14, 0.05)
    c.disc((250, 236, 170), x, y, 0.075)
    c.disc((40, 44, 98), x + 0.035, y - 0.015, 0.066)
    for _ in range(26):
        c.disc((236, 232, 204), c.random.random(), c.random.random() * 0.5, c.around(0.006, 0.003))
    x = c.around(-0.05, 0.04)
    while x < 1:  # houses
        width, top = c.around(0.13, 0.04), c.around(0.45, 0.1)
        c.box((60, 62, 124), x, top, x + width, 0.7)
        for row in range(3):
            for column in range(2):
                if c.random.random() < 0.55:
                    wx, wy = x + width * (0.2 + 0.4 * column), top + 0.03 + 0.06 * row
                    c.box((252, 214, 118), wx, wy, wx + width * 0.2, wy + 0.028)
        x += width + 0.012
    c.box((74, 66, 128), 0, 0.64, 1, 1)
    c.oval((92, 82, 148), c.around(0.5, 0.1), 0.84, 0.42, 0.1)


def _garden(c: Canvas) -> None:
    _clouds(c, (255, 255, 250), 2)
    for i in range(6):  # bushes
        c.disc((122, 190, 92), c.around(i / 5, 0.05), c.around(0.5, 0.03), c.around(0.13, 0.02))
    start = c.around(0, 0.05)
    for i in range(-1, 12):  # fence
        x = start + 0.1 * i
        c.poly((255, 252, 244), x, 0.66, x, 0.45, x + 0.025, 0.42, x + 0.05, 0.45, x + 0.05, 0.66)
    c.box((255, 252, 244), 0, 0.5, 1, 0.525)
    c.box((150, 208, 84), 0, 0.64, 1, 1)
    c.oval((172, 222, 102), c.around(0.5, 0.2), 0.9, 0.6, 0.14)
    for _ in range(16):  # flowers
        x, y, colour = (
            c.random.random(),
            c.around(0.82, 0.16),
            c.random.choice([(244, 110, 150), (255, 226, 84), (252, 250, 255)]),
        )
        for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            c.disc(colour, x + 0.014 * dx, y + 0.014 * dy, 0.012)
        c.disc((250, 170, 60), x, y, 0.009)


def _bedroom(c: Canvas) -> None:
    pitch, start = 0.14, c.around(0, 0.06)
    for i in range(9):  # wallpaper
        c.box((236, 206, 226), start + i * pitch, 0, start + i * pitch + 0.06, 0.64)
    x = c.random.choice([0.22, 0.78]) + c.around(0, 0.06)
    c.box((250, 244, 250), x - 0.15, 0.05, x + 0.15, 0.38)  # window
    for dx in (-0.135, 0.008):
        for y in (0.068, 0.22):
            c.box((190, 214, 242), x + dx, y, x + dx + 0.127, y + 0.143)
    x = 1 - x
    c.oval((196, 150, 196), x, 0.5, 0.3, 0.14)  # headboard
    c.box((250, 240, 248), x - 0.4, 0.52, x + 0.4, 0.66)
    for dx in (-0.16, 0.16):
        c.oval((255, 250, 255), x + dx, 0.52, 0.13, 0.045)
    c.box((206, 160, 178), 0, 0.64, 1, 1)
    c.oval((232, 196, 214), c.around(0.5, 0.1), 0.84, 0.48, 0.13)


def _study(c: Canvas) -> None:
    books = [(198, 98, 82), (222, 178, 96), (96, 132, 150), (232, 222, 200), (134, 108, 140)]
    for shelf in (0.16, 0.36, 0.56):
        x = c.around(0.02, 0.02)
        while x < 0.97:
            width, height = c.around(0.035, 0.012), c.around(0.11, 0.025)
            if c.random.random() < 0.78:
                c.box(c.random.choice(books), x, shelf - height, x + width, shelf)
            x += width + 0.004
        c.box((120, 80, 52), 0, shelf, 1, shelf + 0.022)
    c.box((128, 82, 50), 0, 0.64, 1, 1)
    c.box((154, 104, 66), 0, 0.64, 1, 0.76)
    for _ in range(4):  # paper
        x, y = c.random.random(), c.around(0.9, 0.06)
        c.poly((238, 230, 210), x, y, x + 0.12, y - 0.015, x + 0.13, y + 0.04, x + 0.01, y + 0.055)


#: Scene -> colour of the wall or sky, and the function that draws everything in front of it.
SCENES: Mapping[str, tuple[Colour, Callable[[Canvas], None]]] = {
    "kitchen": ((246, 226, 186), _kitchen),
    "seaside": ((146, 208, 240), _seaside),
    "forest": ((182, 212, 166), _forest),
    "snow": ((206, 222, 240), _snow),
    "night": ((40, 44, 98), _night),
    "garden": ((204, 236, 240), _garden),
    "bedroom": ((228, 194, 218), _bedroom),
    "study": ((74, 104, 108), _study),
}


def draw_scene(size: tuple[int, int], scene: str, random: Random) -> Image.Image:
    """Draw the background of a picture, RGB.

    Args:
        size: width and height in pixels.
        scene: a name of `SCENES`.
        random: random generator of the arrangement and the tint.
    """
    background, draw = SCENES[scene]
    canvas = Canvas(size, background, random)
    draw(canvas)
    return canvas.image()
