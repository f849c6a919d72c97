"""Paint of products: a colour of the ring with a pattern on it.

Invariants: neighbouring places on the ring have similar colours; a pattern shows by degrees, by its strength.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from .plates import mixed
from .products import RING
from .solids import Colour

#: RGB of the colours of `RING`, in its order; the last one is followed by the first.
_ANCHORS: tuple[Colour, ...] = (
    (212, 38, 46),
    (134, 82, 48),
    (246, 132, 30),
    (252, 208, 44),
    (50, 162, 84),
    (42, 110, 220),
    (132, 68, 194),
    (130, 134, 144),
    (252, 250, 246),
    (248, 134, 182),
)
#: Accents of patterns; gold where light would not show.
LIGHT, DARK, GOLD = (252, 249, 242), (62, 58, 92), (212, 160, 62)

Grid = np.ndarray  # float32, one value per pixel


def _bands(t: Grid, period: float, part: float, unit: float) -> Grid:
    """Bands along t, `part` of each period wide, with edges one pixel soft; t and period are in units."""
    centred = np.abs((t / period) % 1 - 0.5)
    return np.clip((part / 2 - centred) * period * unit + 0.5, 0, 1)


def _dots(x: Grid, y: Grid, down: Grid, unit: float) -> Grid:
    u, v = (x + y) % 0.14 - 0.07, (x - y) % 0.14 - 0.07
    return np.clip((0.038 - np.sqrt(u * u + v * v)) * unit * 0.7 + 0.5, 0, 1)


def _checks(x: Grid, y: Grid, down: Grid, unit: float) -> Grid:
    a, b = _bands(x, 0.14, 0.5, unit), _bands(y, 0.14, 0.5, unit)
    return a + b - 2 * a * b


#: Pattern -> its accent, and how much of it shows (0 to 1) at x, y (in units, the short side of the picture) and
#: `down`, which is 0 at the top and 1 at the bottom of the body; the last argument is the unit in pixels.
_PATTERN_PAINTS: Mapping[str, tuple[Colour, Callable[[Grid, Grid, Grid, float], Grid]]] = {
    "plain": (LIGHT, lambda x, y, down, unit: np.zeros_like(down)),
    "stripes": (LIGHT, lambda x, y, down, unit: _bands(x + y, 0.19, 0.45, unit * 0.7)),
    "dots": (LIGHT, _dots),
    "checks": (DARK, _checks),
    "two_tone": (DARK, lambda x, y, down, unit: np.clip((down - 0.5) * unit / 2 + 0.5, 0, 1)),
    "gradient": (LIGHT, lambda x, y, down, unit: np.clip(1.05 - 1.3 * down, 0, 1)),
}


def colour_at(place: float) -> Colour:
    """The colour at a place of the ring, mixed from the two anchors beside it."""
    first, share = int(place // 1) % len(RING), place % 1
    before, after = _ANCHORS[first], _ANCHORS[(first + 1) % len(RING)]
    red, green, blue = (
        round(((1 - share) * a**1.6 + share * b**1.6) ** (1 / 1.6)) for a, b in zip(before, after, strict=True)
    )
    return red, green, blue


@dataclass(frozen=True)
class Body:
    """The paint of a product's body."""

    colour: Colour
    pattern: str
    strength: float
    unit: int  # pixels
    phase_x: float
    phase_y: float

    def paint(self, size: tuple[int, int], rows: tuple[float, float], bulge: float = 0) -> Image.Image:
        """An RGB image of the colour with the pattern on it.

        Args:
            size: width and height in pixels.
            rows: top and bottom of the body in pixels.
            bulge: how far the pattern sags in the middle, as a ratio of the width, as around a bottle.
        """
        accent, share_of_accent = _PATTERN_PAINTS[self.pattern]
        if accent == LIGHT:
            accent = mixed(LIGHT, GOLD, _paleness(self.colour))
        paint = Image.new("RGB", size, self.colour)
        if self.pattern == "plain":
            return paint
        across = np.arange(size[0], dtype=np.float32)[None]
        sag = bulge * size[0] * (1 - (2 * across / size[0] - 1) ** 2)
        y = np.arange(size[1], dtype=np.float32)[:, None] - sag
        x = np.broadcast_to(across, y.shape)
        down = (y - rows[0]) / max(1.0, rows[1] - rows[0])
        share = share_of_accent(x / self.unit + self.phase_x, y / self.unit + self.phase_y, down, float(self.unit))
        paint.paste(accent, (0, 0), Image.fromarray((share * (255 * self.strength)).astype(np.uint8)))
        return paint


def _paleness(colour: Colour) -> float:
    """How little a light accent would show on a colour, from 0 to 1."""
    distance = np.hypot.reduce([a - b for a, b in zip(colour, LIGHT, strict=True)])
    return float(np.clip(1.4 - distance / 130, 0, 1))
