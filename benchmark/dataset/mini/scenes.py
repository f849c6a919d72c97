"""Put backdrop and surface together: what is behind a product, and what it stands on.

Both tell of a scene independently of each other, as the objects beside the product do (`props`): any backdrop goes with
any surface. Backdrops and surfaces are panoramas, painted once per process in a few variants; a picture shows a window
of each, which its random generator chooses.

Invariant: nothing is black, since masked texts are.
"""

from collections.abc import Sequence
from functools import cache
from random import Random

import numpy as np
from PIL import Image

from .backdrops import BACKDROPS
from .draws import between
from .panoramas import Panorama
from .surfaces import SURFACES

VARIANTS = 3  # panoramas of each kind
BACKDROP, SURFACE = (736, 256), (640, 220)  # width and height of the panoramas in pixels
HILLS = 0.12  # part of a surface's height in which its edge may leave the backdrop open


@cache
def _backdrop(scene: str, variant: int) -> Image.Image:
    panorama = Panorama(BACKDROP, Random(f"{scene}/backdrop/{variant}"))
    BACKDROPS[scene](panorama)
    return panorama.image()


@cache
def _surface(scene: str, variant: int) -> tuple[Image.Image, ...]:
    """A surface, and, if its farther edge is hilly, its mask, of mode L, which is 0 above that edge."""
    paint, hills = SURFACES[scene]
    panorama = Panorama(SURFACE, Random(f"{scene}/surface/{variant}"))
    paint(panorama)
    image = panorama.image()
    if not hills:
        return (image,)
    x = np.linspace(0, panorama.wide, image.width)
    phase = panorama.random.random() * 6
    edge = hills * (0.5 + 0.3 * np.sin(2.3 * x + phase) + 0.2 * np.sin(5.1 * x + 2 * phase)) * image.height
    below = np.clip(np.arange(image.height)[:, None] - edge[None] + 1, 0, 1)
    return image, Image.fromarray((below * 255).astype(np.uint8))


def _window(layers: Sequence[Image.Image], size: tuple[int, int], part: float, random: Random) -> list[Image.Image]:
    """A window of a panorama's layers, `part` (0 to 1) of its height from below, resized; it may be mirrored."""
    whole = layers[0].size
    height = whole[1] * part
    width = min(whole[0], size[0] * height / size[1])
    left, mirrored = between(random, 0, whole[0] - width), random.random() < 0.5
    box = (left, whole[1] - height, left + width, whole[1])
    windows = [layer.resize(size, Image.Resampling.BILINEAR, box) for layer in layers]
    return [window.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for window in windows] if mirrored else windows


def draw_scene(size: tuple[int, int], horizon: int, backdrop: str, surface: str, seed: int) -> Image.Image:
    """Draw backdrop and surface, RGB.

    Args:
        size: width and height in pixels.
        horizon: row in which the surface begins, above 0 and below the height.
        backdrop: scene behind.
        surface: scene below.
        seed: random seed of variants and windows.
    """
    width, height = size
    behind, below = Random(f"{seed}/backdrop"), Random(f"{seed}/surface")
    picture = Image.new("RGB", size)
    far = _backdrop(backdrop, int(behind.random() * VARIANTS))
    end = min(height, horizon + round(HILLS * (height - horizon)) + 1)
    picture.paste(_window([far], (width, end), between(behind, 0.86, 1), behind)[0], (0, 0))
    near = _surface(surface, int(below.random() * VARIANTS))
    ground, *mask = _window(near, (width, height - horizon), 1, below)
    picture.paste(ground, (0, horizon), *mask)
    return picture
