"""Paint what a product stands on: a panorama for each of the scenes.

Invariant: each is recognised on its own in 64 x 64 pixels, and its farther edge can meet any backdrop.
"""

from collections.abc import Callable, Mapping

import numpy as np

from .draws import choose
from .panoramas import Panorama, lit


def _counter(c: Panorama) -> None:
    c.gradient((236, 190, 134), (222, 164, 100))
    x, z = c.ground()
    plank = np.floor(x / 0.22).astype(int)
    tones = np.array([[c.around(1, 0.1) for _ in range(32)] for _ in range(32)])
    block = np.floor(z / 0.9 + 0.37 * (plank % 5)).astype(int)
    seam = np.clip(np.abs(x / 0.22 - np.round(x / 0.22)) * 30, 0.72, 1)
    c.shade(tones[plank % 32, block % 32] * seam * (1 + 0.025 * np.sin(70 * x + 4 * np.sin(5 * z + plank))))
    c.gradient((250, 214, 164), (236, 190, 134), bottom=0.03)


def _sand(c: Panorama) -> None:
    c.gradient((246, 222, 170), (240, 206, 146))
    _, z = c.ground()
    c.shade(1 + 0.045 * np.sin(16 * z + 2.2 * c.noise(10, 6)) + 0.04 * c.noise(30, 12))
    wide, top = np.arange(-0.05, c.wide + 0.1, 0.05), c.around(0.2, 0.02)
    shore = top + 0.03 * np.sin(2.7 * wide + c.around(0, 3)) + 0.015 * np.sin(7 * wide)
    bands = {0.05: (214, 178, 128), 0.02: (255, 255, 252), -0.015: (126, 214, 214), -0.09: (84, 194, 208)}
    for shift, colour in bands.items():
        c.poly(colour, 0, 0, *np.stack([wide, shore + shift], axis=1).ravel(), c.wide, 0)
    c.blur(1)
    for _ in range(40):
        at, y = c.random.random() * c.wide, c.around(0.65, 0.33)
        c.oval(choose(c.random, [(252, 240, 220), (226, 150, 126), (206, 168, 116)]), at, y, 0.022 * y, 0.014 * y)


def _moss(c: Panorama) -> None:
    c.gradient((150, 174, 92), (136, 150, 80), (128, 132, 72))
    c.shade(1 + 0.13 * c.noise(16, 6) + 0.05 * c.noise(40, 14))
    c.blur(1)
    for i in range(90):  # leaves
        x, y = c.random.random() * c.wide, 0.12 + 0.86 * (i / 90) ** 1.3
        r, turn = 0.018 + 0.046 * y, c.random.random() * 3
        dx, dy = r * np.cos(turn), 0.5 * r * np.sin(turn)
        colour = choose(c.random, [(206, 118, 52), (178, 84, 48), (226, 168, 70), (150, 104, 62)])
        for at, paint in ((y + 0.012, lit(colour, 0.7)), (y, colour)):
            c.poly(paint, x - dx, at - dy, x + dy, at - dx / 2, x + dx, at + dy, x - dy, at + dx / 2)


def _drifts(c: Panorama) -> None:
    c.gradient((226, 236, 250), (250, 252, 255), (228, 238, 252))
    c.shade(1 + 0.06 * c.noise(9, 7) + 0.025 * c.noise(24, 14))
    for _ in range(90):
        c.glow((255, 255, 255), c.random.random() * c.wide, c.random.random(), 0.02)
    for x in c.row(0.5):
        c.glow((176, 200, 236), x, c.around(0.6, 0.3), c.around(0.34, 0.1), 0.55, 0.07)


def _wet_street(c: Panorama) -> None:
    c.gradient((88, 74, 146), (58, 54, 118), (44, 44, 100))
    for x in c.row(0.13, 0.5):
        colour = choose(c.random, [(255, 196, 96), (255, 120, 150), (120, 190, 255), (255, 222, 150)])
        c.glow(colour, x, c.around(0.1, 0.15), c.around(0.05, 0.015), 0.75, c.around(0.6, 0.2))
    c.shade(1 + 0.07 * np.sin(34 * c.ground()[1] + 2 * c.noise(14, 8)))


def _lawn(c: Panorama) -> None:
    c.gradient((136, 202, 92), (104, 178, 70))
    c.shade(1 + 0.12 * c.noise(20, 8))
    for i in range(420):  # blades
        x, y = c.random.random() * c.wide, 0.03 + i / 420
        height, lean = 0.03 + 0.09 * y, c.around(0, 0.02)
        colour = choose(c.random, [(156, 216, 98), (92, 164, 64), (122, 194, 80)])
        c.poly(colour, x - 0.012, y, x + lean, y - height, x + 0.012, y)
    for i in range(46):  # flowers
        x, y = c.random.random() * c.wide, 0.14 + 0.84 * i / 46
        r, colour = 0.016 + 0.026 * y, choose(c.random, [(255, 252, 250), (250, 130, 170), (255, 224, 96)])
        for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            c.oval(colour, x + 0.8 * dx * r, y + 0.6 * dy * r, 0.8 * r, 0.65 * r)
        c.oval((248, 176, 60), x, y, 0.5 * r, 0.4 * r)


def _quilt(c: Panorama) -> None:
    c.gradient((248, 214, 232), (236, 188, 218))
    x, z = c.ground()
    a, b = np.pi * (x + z) / 0.5, np.pi * (x - z) / 0.5
    bump = np.sqrt(np.abs(np.sin(a) * np.sin(b)))
    c.shade(0.8 + 0.25 * bump - 0.05 * np.cos(a) * np.cos(b))
    c.blur(0.8)


def _desk(c: Panorama) -> None:
    c.gradient((146, 94, 60), (112, 68, 44))
    x, z = c.ground()
    board = np.floor(2.2 * z).astype(int)
    tones = np.array([c.around(1, 0.1) for _ in range(32)])
    seam = np.clip(np.abs(2.2 * z - np.round(2.2 * z)) * 16, 0.75, 1)
    c.shade(tones[board % 32] * seam * (1 + 0.05 * np.sin(30 * z + 2 * np.sin(2 * x + board) + 2 * c.noise(12, 9))))
    c.gradient((40, 88, 76), (52, 106, 92), top=0.34)
    c.shade(1 + 0.04 * c.noise(50, 30))
    c.box((214, 172, 96), 0, 0.33, c.wide, 0.35)
    c.box((176, 136, 72), 0, 0.38, c.wide, 0.385)
    for at in c.row(0.6):  # notes
        y, colour = c.around(0.7, 0.2), choose(c.random, [(250, 244, 226), (255, 232, 150)])
        c.poly((34, 72, 62), at, y + 0.02, at + 0.2, y - 0.01, at + 0.24, y + 0.1, at + 0.02, y + 0.14)
        c.poly(colour, at, y, at + 0.19, y - 0.03, at + 0.23, y + 0.08, at + 0.02, y + 0.12)


#: Scene -> what paints the surface, its farther edge above, and how hilly that edge is.
SURFACES: Mapping[str, tuple[Callable[[Panorama], None], float]] = {
    "kitchen": (_counter, 0),
    "seaside": (_sand, 0),
    "forest": (_moss, 0.07),
    "snow": (_drifts, 0.11),
    "night": (_wet_street, 0),
    "garden": (_lawn, 0.05),
    "bedroom": (_quilt, 0.02),
    "study": (_desk, 0),
}
