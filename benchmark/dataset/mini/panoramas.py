"""Wide pictures that backdrops and surfaces are windows of: a canvas with the shapes, lights and textures they need.

Coordinates are in units of the panorama's height, so that circles are round.

Invariant: a panorama depends on its size and its random generator alone.
"""

from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .draws import between
from .solids import Colour, soft_disc

_OVERSAMPLING = 2


class Panorama:
    """A canvas whose unit is its height; `wide` is its width in that unit."""

    def __init__(self, size: tuple[int, int], random: Random) -> None:
        self.random = random
        self.size = (size[0] * _OVERSAMPLING, size[1] * _OVERSAMPLING)
        self.wide = size[0] / size[1]
        self.canvas = Image.new("RGB", self.size)

    def image(self) -> Image.Image:
        """The finished panorama."""
        return self.canvas.reduce(_OVERSAMPLING)

    def around(self, value: float, spread: float) -> float:
        """Draw a value within `spread` of another, so that variants differ."""
        return between(self.random, value - spread, value + spread)

    def row(self, pitch: float, spread: float = 0.2) -> list[float]:
        """Places from left to right about `pitch` apart, each up to `spread` pitches off."""
        return [self.around(i + 0.5, spread) * pitch for i in range(-1, int(self.wide / pitch) + 1)]

    def gradient(self, *colours: Colour, top: float = 0, bottom: float = 1) -> None:
        """Fill a band with colours that merge from top to bottom."""
        first, last = (round(edge * self.size[1]) for edge in (top, bottom))
        places = np.linspace(0, len(colours) - 1, last - first)
        levels = [np.interp(places, range(len(colours)), channel) for channel in zip(*colours, strict=True)]
        column = Image.fromarray(np.stack(levels, axis=-1)[:, None].round().astype(np.uint8))
        self.canvas.paste(column.resize((self.size[0], last - first), Image.Resampling.NEAREST), (0, first))

    def poly(self, colour: Colour, *xy: float) -> None:
        """Fill a polygon through x, y, x, y, ..."""
        ImageDraw.Draw(self.canvas).polygon([value * self.size[1] for value in xy], colour)

    def shape(self, colour: Colour, x: float, y: float, points: str, scale: float = 1) -> None:
        """Fill a polygon through points "dx,dy dx,dy ...", given from x, y on in hundredths times `scale`."""
        offsets = np.array([pair.split(",") for pair in points.split()], dtype=float) * (scale / 100)
        self.poly(colour, *np.add(offsets, (x, y)).ravel().tolist())

    def box(self, colour: Colour, x1: float, y1: float, x2: float, y2: float) -> None:
        """Fill a rectangle."""
        self.poly(colour, x1, y1, x2, y1, x2, y2, x1, y2)

    def oval(self, colour: Colour, x: float, y: float, rx: float, ry: float | None = None) -> None:
        """Fill an ellipse, or a circle."""
        ry = rx if ry is None else ry
        edges = [value * self.size[1] for value in (x - rx, y - ry, x + rx, y + ry)]
        ImageDraw.Draw(self.canvas).ellipse(edges, colour)

    def ball(self, colour: Colour, x: float, y: float, r: float) -> None:
        """Fill a circle that is lit from the upper left, as foliage and fruit are."""
        for i, light in enumerate((0.84, 0.93, 1.0, 1.07)):
            step = 0.13 * i * r
            self.oval(lit(colour, light), x - step, y - step, r * (1 - 0.2 * i))

    def glow(self, colour: Colour, x: float, y: float, r: float, strength: float = 1, ry: float | None = None) -> None:
        """Add a soft light around a point, `r` wide and `ry` high."""
        sides = [max(2, round(2 * reach * self.size[1])) for reach in (r, r if ry is None else ry)]
        mask = soft_disc().resize((sides[0], sides[1])).point([round(level * strength) for level in range(256)])
        corner = [round(at * self.size[1] - side / 2) for at, side in zip((x, y), sides, strict=True)]
        self.canvas.paste(colour, (corner[0], corner[1]), mask)

    def ground(self) -> tuple[np.ndarray, np.ndarray]:
        """Places on a plane seen in perspective: across and into the distance, shape (height, width)."""
        width, height = self.size
        depth = 1 / (0.25 + np.arange(height, dtype=np.float32)[:, None] / height)
        across = (np.arange(width, dtype=np.float32)[None] - width / 2) / height
        return across * depth, np.broadcast_to(depth, (height, width))

    def noise(self, columns: int, rows: int) -> np.ndarray:
        """Smooth noise between about -1 and 1 with so many hills, shape (height, width)."""
        hills = np.array([between(self.random, -1, 1) for _ in range(columns * rows)], dtype=np.float32)
        smooth = Image.fromarray(hills.reshape(rows, columns)).resize(self.size, Image.Resampling.BICUBIC)
        return np.asarray(smooth)

    def shade(self, tone: np.ndarray) -> None:
        """Multiply what has been drawn by a tone, shape (height, width)."""
        levels = np.asarray(self.canvas) * tone[..., None]
        self.canvas = Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))

    def blur(self, pixels: float) -> None:
        """Move all that has been drawn out of focus."""
        self.canvas = self.canvas.filter(ImageFilter.GaussianBlur(pixels * _OVERSAMPLING))


def lit(colour: Colour, light: float) -> Colour:
    """The colour with its levels multiplied by `light`."""
    red, green, blue = (min(255, round(level * light)) for level in colour)
    return red, green, blue
