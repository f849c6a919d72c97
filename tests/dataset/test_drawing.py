"""Pictures of mini: every argument shows where it should and nowhere else, in degrees where it has degrees."""

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from itertools import combinations, pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmark.dataset.mini import drawing, paint, scenes
from benchmark.dataset.mini.drawing import SILHOUETTES, Look, draw
from benchmark.dataset.mini.paint import colour_at
from benchmark.dataset.mini.plates import BAND, REACH, draw_plates
from benchmark.dataset.mini.products import PATTERNS, RING, SCENES
from benchmark.dataset.mini.props import PROPS
from benchmark.dataset.mini.solids import PAINTS
from benchmark.dataset.mini.vector import BODY
from benchmark.rendering import mask_boxes

SIZES = [(256, 256), (256, 320), (320, 256)]
LOOK = Look(
    size=(256, 256),
    silhouette="jar",
    colour=0.0,
    pattern="plain",
    strength=1.0,
    scale=0.7,
    stretch=0.0,
    surface="kitchen",
    backdrop="seaside",
    prop="snow",
    light=0.6,
    style=0,
    plate=1,
    areas=((0.3, 0.2, 0.75, 0.85),),
)
TEXTS = ((0.08, 0.1, 0.45, 0.18), (0.55, 0.88, 0.93, 0.95), (0.1, 0.3, 0.17, 0.7))
AREAS = [(0.48, 0.06, 0.96, 0.94), (0.03, 0.2, 0.36, 0.9), (0, 0, 1, 1), (0.2, 0.5, 0.8, 0.58), (0.98, 0.98, 1, 1)]


@pytest.fixture(autouse=True)
def variants_in_a_build(monkeypatch: pytest.MonkeyPatch) -> int:
    """Draw one variant of each panorama, which takes a third of the time; returns how many a build draws."""
    variants = scenes.VARIANTS
    monkeypatch.setattr(scenes, "VARIANTS", 1)
    return variants


def pixels(texts: tuple[Any, ...] = (), seed: int = 1, **changes: Any) -> np.ndarray:
    """Levels of a picture, shape (height, width, 3)."""
    return np.asarray(draw(replace(LOOK, **changes), texts, seed)).astype(int)


def change(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Largest difference of the channels in each pixel, shape (height, width)."""
    return np.abs(a - b).max(axis=-1)


def test_the_catalogue() -> None:
    """The data set names these; a missing name would end a build, a new one would never be drawn."""
    assert (len(SILHOUETTES), len(RING), len(PATTERNS), len(SCENES)) == (50, 10, 6, 8)
    assert set(scenes.BACKDROPS) == set(scenes.SURFACES) == set(PROPS) == set(SCENES)
    assert tuple(paint._PATTERN_PAINTS) == PATTERNS
    assert len(paint._ANCHORS) == len(RING)


@pytest.mark.parametrize("name", SILHOUETTES)
def test_silhouettes_are_sound(name: str) -> None:
    """A drawing of odd proportions would hide its stretch, and one with an unknown paint end a build."""
    parts = SILHOUETTES[name].parts
    assert {part.paint for part in parts} <= {BODY, *PAINTS}
    points = np.concatenate([part.points for part in parts])
    assert np.isfinite(points).all()
    assert np.abs(points).max() == pytest.approx(0.5)
    assert points.min(axis=0) == pytest.approx(-points.max(axis=0))
    assert 0.72 <= SILHOUETTES[name].extents[0] / SILHOUETTES[name].extents[1] <= 1.4


def test_props_have_no_body() -> None:
    """An object in the product's colour would show two products."""
    assert all(part.paint != BODY for pair in PROPS.values() for prop in pair for part in prop.parts)


def test_equal_arguments_give_equal_pixels_in_every_process(
    variants_in_a_build: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture that depends on a hash, the time or what was drawn before cannot be rebuilt."""
    code = (
        "import hashlib\n"
        "from benchmark.dataset.mini.drawing import Look, draw\n"
        f"print(hashlib.sha256(draw({LOOK!r}, {TEXTS!r}, 5).tobytes()).hexdigest())"
    )
    env = os.environ | {"PYTHONHASHSEED": "7", "PYTHONPATH": str(Path(__file__).parents[2])}
    run = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    monkeypatch.setattr(scenes, "VARIANTS", variants_in_a_build)
    draw(replace(LOOK, colour=3.3, style=2), (), 9)
    assert run.stdout.strip() == hashlib.sha256(draw(LOOK, TEXTS, 5).tobytes()).hexdigest()


@pytest.mark.parametrize("plate", range(4))
@pytest.mark.parametrize("size", SIZES)
def test_texts_change_nothing_but_their_plates(plate: int, size: tuple[int, int]) -> None:
    """Where texts stand is in the boxes; a picture that told it elsewhere would give masked texts away."""
    with_plates, without = pixels(TEXTS, size=size, plate=plate), pixels(size=size, plate=plate)
    differs = change(with_plates, without) > 0
    masked = np.asarray(mask_boxes(Image.new("L", size, 255), TEXTS)) == 0
    near = np.zeros_like(masked)
    for dy, dx in product(range(-REACH, REACH + 1), repeat=2):
        near |= np.roll(masked, (dy, dx), (0, 1))
    assert not (differs & ~near).any()
    rim = np.stack([differs & near & ~masked & (np.roll(masked, shift, (0, 1))) for shift in ((3, 0), (-3, 0))])
    assert (rim.sum(axis=(1, 2)) > 20).all(), "a plate does not show above and below its masked text"


@pytest.mark.parametrize("plate", [1, 2, 3])
def test_plates_are_clearly_light_or_dark(plate: int) -> None:
    """Texts are dark or light by the mean behind them; on a middle tone neither can be read."""
    for place in np.arange(0, 10, 0.5):
        picture = Image.new("RGB", (100, 40), (140, 140, 140))
        draw_plates(picture, ((0.1, 0.2, 0.9, 0.8),), plate, colour_at(place))
        behind = np.asarray(picture.convert("L"))[14:26, 20:80].mean()
        assert behind < 105 or behind > 185, (place, behind)


@pytest.mark.parametrize("size", [*SIZES, (64, 300)])
def test_products_stay_within_the_frame(size: tuple[int, int]) -> None:
    """A product that is cut off has lost part of its shape."""
    band = round(BAND * min(size))
    for name, area, scale, stretch in product(SILHOUETTES, AREAS, (0.0, 1.0), (-1.0, 0.3, 1.0)):
        look = replace(LOOK, size=size, silhouette=name, areas=(area, AREAS[0]), scale=scale, stretch=stretch)
        for left, top, right, bottom in drawing._stands(look, 1):
            assert band < left < right < size[0] - band + 1
            assert band < top < bottom < size[1] - band + 1


def test_scale_and_stretch_are_told_in_degrees() -> None:
    """Captions name degrees of both; steps that do not show would be coin tosses."""

    def extents(**changes: Any) -> tuple[int, int]:
        left, top, right, bottom = drawing._stands(replace(LOOK, **changes), 1)[0]
        return right - left, bottom - top

    widths = [extents(scale=scale)[0] for scale in np.linspace(0, 1, 9)]
    assert widths == sorted(set(widths))
    assert widths[0] / widths[-1] == pytest.approx(0.5, abs=0.02)
    assert widths[-1] == pytest.approx(0.45 * 256, abs=2)
    aspects = [np.divide(*extents(stretch=stretch, scale=1.0)) for stretch in np.linspace(-1, 1, 9)]
    assert aspects == sorted(aspects)
    assert aspects[0] / aspects[4] == pytest.approx(0.45, abs=0.03)
    assert aspects[-1] / aspects[4] == pytest.approx(2.2, abs=0.12)


def test_two_products_are_of_a_kind_and_apart() -> None:
    """Two products that hide each other look like one odd product."""
    pair = ((0.05, 0.2, 0.48, 0.8), (0.52, 0.2, 0.95, 0.8))
    first, second = drawing._stands(replace(LOOK, areas=pair), 1)
    assert first[2] <= second[0]
    assert 0.8 < (second[2] - second[0]) / (first[2] - first[0]) < 0.95
    one, two = pixels(areas=pair[:1]), pixels(areas=pair)
    assert (change(one, two)[60:200, 150:230] > 24).mean() > 0.2


@pytest.mark.parametrize("cue", ["surface", "backdrop", "prop"])
def test_every_cue_shows_in_small_pictures(cue: str) -> None:
    """Models see 64 x 64 pixels; two cues that look alike there cannot be told apart by their captions."""
    small = [draw(replace(LOOK, **{cue: scene}), (), 1).resize((64, 64)) for scene in SCENES]
    for a, b in combinations([np.asarray(picture).astype(int) for picture in small], 2):
        assert (change(a, b) > 24).mean() > {"surface": 0.15, "backdrop": 0.25, "prop": 0.03}[cue]


def test_cues_are_independent() -> None:
    """A cue that moved another one would tell of two facts at once."""
    plain = pixels()
    surface, backdrop = change(plain, pixels(surface="snow")), change(plain, pixels(backdrop="forest"))
    assert not surface[:80].any()
    assert (surface[220:238, 20:236] > 12).mean() > 0.7
    assert not backdrop[220:].any()
    assert (backdrop[20:80, 20:236] > 12).mean() > 0.7
    prop = change(plain, pixels(prop="garden")) > 0
    assert 0.03 < prop.mean() < 0.3
    assert not prop[:60].any()
    style = change(plain, pixels(style=1))
    assert not style[80:176, 60:196].any()
    assert style.any()


def test_light_goes_by_degrees_from_cool_and_dim_to_warm_and_bright() -> None:
    """A light that jumps, or that only some scenes show, cannot be named."""
    for scene in SCENES:
        pictures = [pixels(light=light, backdrop=scene, surface=scene).mean(axis=(0, 1)) for light in (0, 0.5, 1)]
        for dim, bright in pairwise(pictures):
            assert bright.sum() > dim.sum() + 10
            assert bright[0] - bright[2] > dim[0] - dim[2] + 4


def test_the_ring_of_colours_is_continuous() -> None:
    """Colours between anchors must lie between them, at the seam of the ring too."""
    places = [*np.arange(0, 10, 0.02), 0.0]
    steps = [np.subtract(colour_at(a), colour_at(b)) for a, b in pairwise(places)]
    assert np.abs(steps).max() <= 8
    for a, b in combinations(range(10), 2):
        assert np.abs(np.subtract(colour_at(a), colour_at(b))).max() > 60
    for a, b in ((0.5, 0.55), (9.98, 0.0)):
        assert 0 < change(pixels(colour=a), pixels(colour=b)).max() < 40


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_show_by_their_strength(pattern: str) -> None:
    """The frame and the body both carry the pattern, whatever the colour; weak ones are weak, not absent."""
    for colour in (0.0, 7.5, 8.0, 8.4):
        plain = pixels(colour=colour)
        weak, strong = (change(pixels(colour=colour, pattern=pattern, strength=s), plain) for s in (0.3, 1.0))
        if pattern == "plain":
            assert not strong.any()
            continue
        for part in (np.s_[:, :14], np.s_[120:170, 110:150]):
            assert weak[part].mean() > 2, (colour, part)
            assert strong[part].mean() > 2 * weak[part].mean()


@pytest.mark.parametrize("name", SILHOUETTES)
def test_every_silhouette_draws_its_body_and_nothing_black(name: str) -> None:
    """A bodiless product hides colour and pattern; black is what masked texts look like."""
    i = list(SILHOUETTES).index(name)
    body = np.asarray(drawing.solid(SILHOUETTES[name]).body)
    cover = np.asarray(drawing.solid(SILHOUETTES[name]).cover)
    assert (np.minimum(body, cover) > 127).mean() > 0.2
    assert cover[0].any()
    assert cover[-1].any()
    scene = SCENES[i % 8]
    picture = pixels(silhouette=name, colour=i % 10, light=0.0, surface=scene, backdrop=scene, prop=scene, style=i % 4)
    assert picture.max(axis=-1).min() >= 40


def test_the_seed_moves_details_only() -> None:
    """Equal pictures would be duplicates; wholly different ones would not show the same facts."""
    a, b = pixels(seed=1), pixels(seed=2)
    assert (change(a, b) > 0).mean() > 0.1
    assert np.abs(a.mean(axis=(0, 1)) - b.mean(axis=(0, 1))).max() < 20


@pytest.mark.parametrize("size", [(64, 64), (64, 700), (701, 65), (333, 257)])
def test_odd_sizes_are_fine(size: tuple[int, int]) -> None:
    """A size that is not the usual one ends in a picture of that size, not in an exception."""
    for areas in (((0.98, 0.98, 1, 1),), ((0, 0, 1, 0.1), (0, 0.9, 1, 1))):
        assert draw(replace(LOOK, size=size, areas=areas, style=3, pattern="dots"), TEXTS, 1).size == size


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": (0, 256)},
        {"size": (256, 10**6)},
        {"silhouette": "unicorn"},
        {"colour": 10.0},
        {"colour": float("nan")},
        {"pattern": "zigzag"},
        {"strength": 0.0},
        {"scale": 1.5},
        {"stretch": -2.0},
        {"surface": "moon"},
        {"light": -0.1},
        {"style": 4},
        {"plate": -1},
        {"areas": ()},
        {"areas": LOOK.areas * 3},
        {"areas": ((0.5, 0.2, 0.4, 0.8),)},
    ],
)
def test_looks_out_of_range_are_rejected(wrong: dict[str, Any]) -> None:
    """A wrong look must end the build, not draw something else than the annotations say."""
    with pytest.raises(ValueError, match=r"is none of|is not between|no box"):
        pixels(**wrong)
