"""Paint what is behind a product: a panorama for each of the scenes.

Invariant: each is recognised on its own in 64 x 64 pixels, and its lower edge can meet any surface.
"""

from collections.abc import Callable, Mapping

import numpy as np

from .draws import choose
from .panoramas import Panorama, lit
from .solids import Colour


def _kitchen_wall(c: Panorama) -> None:
    c.gradient((255, 246, 226), (246, 224, 188))
    for i, y in enumerate(np.arange(0.4, 1, 0.1)):  # tiles
        for x in np.arange(-0.2, c.wide, 0.2):
            left = x + 0.1 * (i % 2)
            c.box(lit((250, 248, 240), c.around(0.97, 0.03)), left + 0.006, y + 0.006, left + 0.194, y + 0.094)
    for x in c.row(0.34):  # pans and ladles below the shelf
        if c.random.random() < 0.7:
            metal = choose(c.random, [(204, 120, 78), (150, 156, 166), (186, 96, 66)])
            c.box((120, 96, 84), x - 0.008, 0.4, x + 0.008, 0.55)
            c.ball(metal, x, 0.61, c.around(0.075, 0.02))
    c.box((176, 118, 72), 0, 0.36, c.wide, 0.4)
    c.box((206, 150, 100), 0, 0.36, c.wide, 0.375)
    for x in c.row(0.17):  # crockery and herbs on it
        colour = choose(c.random, [(226, 116, 82), (104, 158, 146), (250, 250, 244), (240, 190, 92)])
        height = c.around(0.13, 0.03)
        if c.random.random() < 0.3:
            for dx in (-0.04, 0, 0.04):
                c.ball((98, 164, 88), x + dx, 0.24 - abs(dx) / 2, 0.045)
            height = 0.09
        c.box(colour, x - 0.055, 0.36 - height, x + 0.055, 0.36)
        c.box(lit(colour, 1.12), x - 0.045, 0.36 - height, x - 0.02, 0.36)
    for x in c.row(0.8, 0.1):
        c.box((140, 96, 72), x - 0.004, 0, x + 0.004, 0.08)
        c.glow((255, 244, 200), x, 0.16, 0.2, 0.9)
        c.poly((196, 100, 64), x - 0.03, 0.06, x + 0.03, 0.06, x + 0.1, 0.15, x - 0.1, 0.15)
    c.blur(1.1)


def _clouds(c: Panorama, y: float, number: float) -> None:
    for x in c.row(number):
        height, r = c.around(y, 0.1), c.around(0.1, 0.03)
        for dx, dy, scale in ((-1.1, 0.2, 0.8), (-0.3, -0.1, 1.1), (0.5, 0.1, 1), (1.3, 0.25, 0.7)):
            c.glow((255, 255, 255), x + dx * r, height + dy * r, 1.25 * scale * r, 0.95)


def _sea(c: Panorama) -> None:
    c.gradient((92, 178, 232), (168, 218, 242), (255, 236, 208), bottom=0.56)
    sun = c.around(1.3, 0.5)
    c.glow((255, 244, 196), sun, 0.3, 0.5)
    c.oval((255, 246, 206), sun, 0.3, 0.07)
    _clouds(c, 0.2, 0.6)
    c.gradient((30, 124, 180), (44, 160, 194), (120, 210, 212), top=0.56)
    for x in c.row(1.1):
        c.oval((96, 140, 150), x, 0.565, 0.3, 0.04)
        c.box((44, 140, 186), x - 0.31, 0.565, x + 0.31, 0.61)
    c.blur(1.2)
    for i in range(70):  # waves
        y = 0.58 + 0.4 * (i / 70) ** 1.5
        x = c.random.random() * c.wide
        c.oval((150, 222, 226), x, y, 0.03 + 0.2 * (y - 0.56), 0.004 + 0.008 * (y - 0.56))
    for x in c.row(0.8):  # boats
        c.poly((252, 252, 248), x, 0.36, x + 0.1, 0.55, x, 0.55)
        c.poly((236, 240, 240), x - 0.012, 0.4, x - 0.07, 0.55, x - 0.012, 0.55)
        c.poly((218, 84, 70), x - 0.08, 0.56, x + 0.11, 0.56, x + 0.08, 0.6, x - 0.05, 0.6)
    c.blur(0.8)


def _fir(c: Panorama, colour: Colour, x: float, foot: float, height: float, cap: Colour | None = None) -> None:
    for level in range(4):
        y, reach = foot - height * (1 - 0.21 * level), height * (0.13 + 0.055 * level)
        c.poly(lit(colour, 1 - 0.05 * level), x, y, x + reach, y + 0.38 * height, x - reach, y + 0.38 * height)
        if cap:
            c.shape(cap, x, y, "0,0 60,80 0,60 -70,96", reach)


def _wood(c: Panorama) -> None:
    c.gradient((226, 240, 186), (176, 212, 150), (122, 168, 104))
    for x in c.row(0.12):
        _fir(c, (146, 190, 136), x, 1.02, c.around(0.8, 0.15))
    c.blur(2)
    for x in c.row(0.36):
        _fir(c, (84, 148, 98), x, 1.05, c.around(0.8, 0.12))
    for x in c.row(0.9):
        c.glow((255, 252, 206), x, 0.1, 0.5, 0.7)
    for x in c.row(0.5):  # trunks
        width = c.around(0.04, 0.012)
        c.poly((122, 88, 62), x - width, 0, x + width, 0, x + 1.3 * width, 1, x - 1.5 * width, 1)
        c.poly((156, 118, 84), x - width, 0, x - 0.3 * width, 0, x - 0.3 * width, 1, x - 1.5 * width, 1)
    for x in c.row(0.09, 0.4):
        c.ball(choose(c.random, [(70, 130, 74), (92, 152, 80), (54, 110, 70)]), x, c.around(0, 0.05), 0.12)
        c.ball(choose(c.random, [(84, 142, 78), (60, 116, 68)]), x, c.around(1, 0.03), 0.07)
    c.blur(1)


def _mountains(c: Panorama) -> None:
    c.gradient((150, 190, 228), (214, 230, 246), (244, 240, 246))
    for pitch, base, colour in ((0.9, 0.2, (176, 198, 226)), (0.66, 0.38, (146, 174, 210))):
        for x in c.row(pitch):
            top = c.around(base, 0.07)
            c.poly(lit(colour, 1.06), x, top, x - 0.62, 1, x + 0.1, 1)
            c.poly(lit(colour, 0.9), x, top, x + 0.62, 1, x + 0.06, 1)
            c.shape((252, 253, 255), x, top, "0,0 -20,19 -10,17 -3,25 3,20")
            c.shape((222, 232, 246), x, top, "0,0 3,20 10,26 13,17 20,19")
        c.blur(1.2)
    for x in c.row(0.26):
        _fir(c, (84, 130, 146), x, 1.02, c.around(0.42, 0.12), (244, 249, 255))
    c.blur(0.8)
    for _ in range(110):
        c.glow((255, 255, 255), c.random.random() * c.wide, c.random.random() * 0.95, c.around(0.02, 0.012))


def _city(c: Panorama) -> None:
    c.gradient((34, 38, 92), (62, 56, 130), (134, 84, 150))
    for _ in range(130):
        c.oval((240, 236, 214), c.random.random() * c.wide, c.random.random() * 0.6, c.around(0.005, 0.003))
    for x in c.row(1.4):
        y = c.around(0.2, 0.05)
        c.glow((255, 240, 190), x, y, 0.28, 0.6)
        c.oval((255, 242, 196), x, y, 0.085)
        c.oval((240, 222, 172), x + 0.02, y - 0.02, 0.018)
    for pitch, base, colour in ((0.2, 0.5, (84, 72, 146)), (0.26, 0.62, (52, 50, 108))):
        for x in c.row(pitch, 0.1):
            top, half = c.around(base, 0.13), pitch * c.around(0.45, 0.06)
            c.box(colour, x - half, top, x + half, 1)
            for wx in np.arange(x - half + 0.02, x + half - 0.03, 0.045):
                for wy in np.arange(top + 0.03, 1, 0.06):
                    if c.random.random() < 0.55:
                        light = choose(c.random, [(255, 216, 120), (255, 190, 100), (190, 200, 250)])
                        c.box(light, wx, wy, wx + 0.024, wy + 0.034)
        c.blur(0.7)
    for x in c.row(0.16):  # street lamps out of focus
        light = choose(c.random, [(255, 206, 110), (255, 140, 150), (150, 200, 255)])
        c.glow(light, x, c.around(0.93, 0.04), 0.09, 0.8)


def _hedge(c: Panorama) -> None:
    c.gradient((150, 212, 246), (224, 244, 240), bottom=0.7)
    c.gradient((140, 200, 96), (118, 186, 80), top=0.7)
    _clouds(c, 0.15, 0.8)
    for x in c.row(0.42):  # trees
        c.box((150, 112, 80), x - 0.02, 0.4, x + 0.02, 0.8)
        for dx, dy in ((-0.09, 0.02), (0.09, 0.03), (0, -0.06), (0, 0.06)):
            c.ball((124, 194, 98), x + dx, 0.36 + dy, 0.115)
    c.blur(1.6)
    for x in c.row(0.17, 0.4):
        c.ball((78, 160, 76), x, c.around(0.72, 0.04), 0.13)
    for _ in range(110):
        colour = choose(c.random, [(246, 110, 150), (255, 220, 84), (255, 250, 252), (236, 84, 96)])
        c.oval(colour, c.random.random() * c.wide, c.around(0.74, 0.12), c.around(0.02, 0.006))
    c.blur(0.9)
    for x in np.arange(c.around(0, 0.05), c.wide, 0.14):
        c.poly((255, 254, 248), x, 1, x, 0.68, x + 0.04, 0.62, x + 0.08, 0.68, x + 0.08, 1)
        c.box((226, 228, 226), x + 0.06, 0.68, x + 0.08, 1)
    c.box((250, 248, 242), 0, 0.76, c.wide, 0.8)
    c.blur(0.6)


def _bed(c: Panorama) -> None:
    c.gradient((244, 222, 236), (230, 198, 222))
    for x in c.row(0.11, 0):
        c.box((238, 212, 232), x, 0, x + 0.05, 1)
    start = c.around(0.4, 0.2)
    for x in np.arange(start - 1.1, c.wide + 0.5, 1.1):  # a window with curtains, and a bed
        c.box((255, 252, 255), x - 0.24, 0.06, x + 0.24, 0.6)
        for dx in (-0.22, 0.01):
            for y in (0.09, 0.34):
                c.box((196, 222, 250), x + dx, y, x + dx + 0.21, y + 0.23)
        c.glow((255, 255, 255), x - 0.1, 0.25, 0.3, 0.6)
        c.box((176, 130, 160), x - 0.38, 0.02, x + 0.38, 0.05)
        for side in (-1, 1):
            for i in range(4):
                at = x + side * (0.17 + 0.045 * i)
                c.box(((250, 190, 212), (240, 172, 200))[i % 2], at, 0.04, at + 0.05, 0.72)
    c.blur(1.2)
    for x in np.arange(start - 0.55, c.wide + 0.5, 1.1):
        c.oval((188, 140, 186), x, 0.78, 0.36, 0.3)
        c.oval((204, 158, 202), x - 0.01, 0.8, 0.32, 0.27)
        for dx, colour in ((-0.16, (255, 252, 255)), (0.16, (255, 252, 255)), (0, (250, 206, 222))):
            c.oval(lit(colour, 0.93), x + dx, 0.87, 0.165, 0.1)
            c.oval(colour, x + dx - 0.01, 0.86, 0.15, 0.088)
        c.box((246, 236, 250), x - 0.42, 0.92, x + 0.42, 1)
    for x in np.arange(0, c.wide, 0.09):  # fairy lights
        c.glow((255, 246, 190), x, 0.09 + 0.05 * np.sin(4 * x), 0.045)
    c.blur(0.9)


def _library(c: Panorama) -> None:
    c.gradient((62, 88, 92), (52, 74, 80))
    books = [(190, 84, 70), (224, 176, 88), (84, 130, 150), (236, 226, 204), (134, 104, 144), (92, 136, 100)]
    for shelf in (0.3, 0.6, 0.9):
        x = c.around(0.02, 0.02)
        while x < c.wide:
            width, height = c.around(0.045, 0.015), c.around(0.2, 0.035)
            if c.random.random() < 0.86:
                colour = choose(c.random, books)
                c.box(colour, x, shelf - height, x + width, shelf)
                c.box(lit(colour, 1.15), x + 0.004, shelf - height, x + 0.4 * width, shelf)
                c.box((246, 224, 160), x, shelf - 0.8 * height, x + width, shelf - 0.72 * height)
            x += width + 0.004
        c.box((112, 72, 46), 0, shelf, c.wide, shelf + 0.04)
        c.box((158, 108, 70), 0, shelf, c.wide, shelf + 0.014)
    for x in c.row(0.7, 0.1):
        c.box((128, 84, 54), x - 0.025, 0, x + 0.025, 1)
        c.glow((255, 214, 130), x + 0.35, 0.3, 0.45, 0.45)
    c.blur(0.9)


#: Scene -> what paints it behind a product; the lower edge meets the surface.
BACKDROPS: Mapping[str, Callable[[Panorama], None]] = {
    "kitchen": _kitchen_wall,
    "seaside": _sea,
    "forest": _wood,
    "snow": _mountains,
    "night": _city,
    "garden": _hedge,
    "bedroom": _bed,
    "study": _library,
}
