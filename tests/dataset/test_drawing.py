"""Pictures of mini: everything can be drawn, nothing is cut off, every argument shows, nothing else matters."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmark.dataset.mini import drawing
from benchmark.dataset.mini.drawing import COLOURS, PATTERNS, SCENES, SHAPES, SILHOUETTES, draw_product
from benchmark.dataset.mini.vector import BODY, PAINTS

SIZES = [(256, 256), (256, 320), (320, 256)]
DEFAULT: dict[str, Any] = {
    "size": (256, 256),
    "silhouette": "jar",
    "colour": "red",
    "pattern": "plain",
    "shape": "large",
    "scene": "kitchen",
    "centre": (0.5, 0.56),
    "seed": 1,
}


def pixels(**arguments: Any) -> np.ndarray:
    """Levels of the picture, shape (height, width, 3)."""
    return np.asarray(draw_product(**{**DEFAULT, **arguments})).astype(int)


def share_of_difference(a: np.ndarray, b: np.ndarray) -> float:
    """Share of the pixels that differ clearly."""
    return float((np.abs(a - b).max(axis=-1) > 24).mean())


def test_the_catalogue() -> None:
    assert (len(SILHOUETTES), len(COLOURS), len(PATTERNS), len(SHAPES), len(SCENES)) == (50, 10, 6, 4, 8)


@pytest.mark.parametrize("name", SILHOUETTES)
def test_silhouettes_are_sound(name: str) -> None:
    """A thin or bodiless drawing would hide the colour, and one of odd proportions the shape."""
    parts = SILHOUETTES[name].parts
    assert {part.paint for part in parts} <= {BODY, *PAINTS}
    points = np.concatenate([part.points for part in parts])
    assert np.isfinite(points).all()
    assert np.abs(points).max() == pytest.approx(0.5)
    assert points.min(axis=0) == pytest.approx(-points.max(axis=0))
    assert 0.72 <= SILHOUETTES[name].extents[0] / SILHOUETTES[name].extents[1] <= 1.4
    magenta = dict(drawing.COLOURS, red=(255, 0, 255))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "COLOURS", magenta)
        patch.setattr(drawing, "JITTER", 0)
        picture = pixels(silhouette=name)
    body = ((picture - (255, 0, 255)) == 0).all(axis=-1).sum()
    assert body / (0.6 * 256) ** 2 > 0.2


@pytest.mark.parametrize("name", SILHOUETTES)
def test_every_silhouette_draws_alike_twice_and_unlike_its_neighbour(name: str) -> None:
    """A picture that depends on more than its arguments cannot be rebuilt."""
    names = list(SILHOUETTES)
    other = names[names.index(name) - 1]
    assert (pixels(silhouette=name) == pixels(silhouette=name)).all()
    assert share_of_difference(pixels(silhouette=name), pixels(silhouette=other)) > 0.02


@pytest.mark.parametrize("axis", ["colour", "pattern", "shape", "scene"])
@pytest.mark.parametrize("silhouette", ["jar", "heel", "headphones", "chair"])
def test_every_value_shows(axis: str, silhouette: str) -> None:
    """Two values with the same pixels would make the caption that names them a coin toss."""
    values = {"colour": COLOURS, "pattern": PATTERNS, "shape": SHAPES, "scene": SCENES}[axis]
    pictures = [pixels(silhouette=silhouette, **{axis: value}) for value in values]
    for i, a in enumerate(pictures):
        for b in pictures[:i]:
            assert share_of_difference(a, b) > 0.01


def test_the_seed_moves_details_only() -> None:
    """Two images with equal pixels would be duplicates; two that differ wholly would not show the same scene."""
    for scene in SCENES:
        pictures = [pixels(scene=scene, seed=seed) for seed in range(6)]
        assert all((a != b).any() for a, b in pairwise(pictures))
        assert all(share_of_difference(a, b) < 0.5 for a, b in pairwise(pictures))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_is_cut_off(size: tuple[int, int], shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A product that leaves the picture, or its own canvas, has lost part of its shape."""
    seen: list[tuple[int, int, int, int]] = []
    product = drawing._product

    def remember(*arguments: Any) -> tuple[Image.Image, Image.Image]:
        colours, mask = product(*arguments)
        bounds = mask.getbbox()
        assert bounds
        assert 0 < bounds[0] < bounds[2] < mask.width
        assert 0 < bounds[1] < bounds[3] < mask.height
        seen.append((bounds[2] - bounds[0], bounds[3] - bounds[1], *mask.size))
        return colours, mask

    monkeypatch.setattr(drawing, "_product", remember)
    short = min(size)
    for i, name in enumerate(SILHOUETTES):
        draw_product(**{**DEFAULT, "size": size, "shape": shape, "silhouette": name, "seed": i})
        width, height, _, _ = seen[-1]
        assert width <= SHAPES[shape][0] * short * 1.03 + 2
        assert height <= SHAPES[shape][1] * short * 1.03 + 2
        for x in drawing.CENTRES_X:
            assert width / 2 + drawing.RIM_WIDTH < min(x, 1 - x) * size[0]
        for y in drawing.CENTRES_Y:
            assert height / 2 + drawing.RIM_WIDTH < min(y, 1 - y) * size[1]


def test_no_area_is_black() -> None:
    """Black is what masked text looks like; a black product would be taken for it."""
    for i, silhouette in enumerate(SILHOUETTES):
        picture = pixels(silhouette=silhouette, scene=list(SCENES)[i % 8], colour=list(COLOURS)[i % 10], seed=i)
        assert (picture.max(axis=-1) < 40).mean() == 0


def test_pictures_have_the_size_that_was_asked_for() -> None:
    for size in SIZES:
        assert draw_product(**{**DEFAULT, "size": size}).size == size
