"""PosterLayout's numbers against those that its published code gives, and by hand where there are no pictures."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark.layout.pixels import grey, roughness, sobel
from benchmark.layout.posterlayout import CANVAS, LOGO, TEXT, UNDERLAY, Poster, scores

#: Folder with published layouts (layouts_905.npz), ten canvases with two saliency maps each, and golden.json.
FOLDER = os.environ.get("CAPONIMAGE_POSTERLAYOUT", "")
needs_files = pytest.mark.skipif(
    not FOLDER, reason="CAPONIMAGE_POSTERLAYOUT names no folder: GOLDEN NUMBERS NOT TESTED"
)

GOLDEN = {
    "Val": "validity",
    "Ove": "overlay",
    "Ali": "non_alignment",
    "Und_l": "und_l",
    "Und_s": "und_s",
    "Uti": "utility",
    "Occ": "occlusion",
}


def posters(first: int, *, pictures: bool) -> list[Poster]:
    with np.load(Path(FOLDER) / "layouts_905.npz", allow_pickle=False) as file:
        names, boxes, classes = (file[key][:first] for key in ("names", "boxes", "classes"))
    found = []
    for name, ratios, kinds in zip(names, boxes.astype(float), classes[..., 0], strict=True):
        poster = Poster(kinds, ratios * [*CANVAS, *CANVAS])
        if pictures:
            maps = [f"saliencymaps_pfpn/{name.replace('.', '_pred.')}", f"saliencymaps_basnet/{name}"]
            saliency = np.maximum(*(np.asarray(_open(path).convert("L").resize(CANVAS)) / 255 for path in maps))
            canvas = np.asarray(_open(f"image_canvas/{name}").convert("RGB").resize(CANVAS))
            poster = Poster(kinds, poster.boxes, saliency, canvas)
        found.append(poster)
    return found


def _open(path: str) -> Image.Image:
    return Image.open(Path(FOLDER) / path)


@needs_files
def test_all_numbers_of_ten_published_layouts() -> None:
    """Numbers that look like PosterLayout's and cannot be compared with anybody's."""
    golden = json.loads((Path(FOLDER) / "golden.json").read_text())["first10"]
    made = posters(10, pictures=True)
    found = scores(made, as_published=True)
    assert {name: found[name] for name in GOLDEN} == pytest.approx({n: golden[k] for n, k in GOLDEN.items()}, abs=1e-12)
    assert found["Rea"] == pytest.approx(golden["unreadability_uint8"], abs=1e-12)
    corrected = scores(made)
    assert corrected["Rea"] == pytest.approx(golden["unreadability_float"], abs=1e-12)
    same = ("Val", "Ove", "Und_l")
    assert {name: corrected[name] for name in same} == {name: found[name] for name in same}


@needs_files
def test_boxes_of_all_published_layouts() -> None:
    """The published run computed in 32 bits, so it agrees to 1e-8; what is counted agrees exactly."""
    golden = json.loads((Path(FOLDER) / "golden.json").read_text())["all905 (canvases not available)"]
    made = posters(905, pictures=False)
    found = scores(made, as_published=True)
    assert found == pytest.approx({name: golden[GOLDEN[name]] for name in found}, abs=1e-8)
    assert found["Und_s"] == golden["und_s"]
    assert scores(made)["Und_s"] == golden["und_s_right_edge_checked"]


def poster(*elements: tuple[int, float, float, float, float]) -> Poster:
    """A poster of elements: class, and a box in ratios."""
    rows = np.array(elements, float).reshape(-1, 5)
    return Poster(rows[:, 0].astype(int), rows[:, 1:] * [*CANVAS, *CANVAS])


def test_by_hand() -> None:
    """A definition that nobody recomputed: two texts that overlap by a third, one of them beyond its underlay."""
    one = poster(
        (TEXT, 0.1, 0.1, 0.3, 0.2),
        (TEXT, 0.2, 0.1, 0.4, 0.2),
        (UNDERLAY, 0.1, 0.1, 0.25, 0.2),
        (LOGO, 0, 0, 0.01, 0.01),
    )
    for as_published, contained in ((True, 1.0), (False, 0.0)):
        found = scores([one], as_published=as_published)
        assert found["Val"] == 0.75  # the logo is too small
        assert found["Ove"] == pytest.approx((1 / 3) / 2, abs=1e-12)
        assert found["Und_l"] == pytest.approx(0.75, abs=1e-12)
        assert found["Und_s"] == contained
        assert found["Ali"] == pytest.approx(0, abs=1e-12)


def test_alignment_of_each_element() -> None:
    """One aligned pair makes a whole layout aligned, in the published code."""
    one = poster((TEXT, 0.1, 0.1, 0.3, 0.2), (TEXT, 0.1, 0.3, 0.35, 0.4), (TEXT, 0.5, 0.57, 0.9, 0.71))
    assert scores([one], as_published=True)["Ali"] == pytest.approx(0, abs=1e-12)
    gap = 0.5 - 0.35  # of the third element's left edge to the second one's right edge there is none: lines of one kind
    assert gap > 0
    left, bottom = 0.4, 0.71 - 0.4
    assert scores([one])["Ali"] == pytest.approx(-np.log10(1 - min(left, 0.57 - 0.3, bottom)), abs=1e-12)


def test_no_element() -> None:
    """Division by zero on a poster without elements, where the published code stops."""
    for as_published in (True, False):
        assert set(scores([poster()], as_published=as_published).values()) == {0.0}


def test_roughness_wraps_only_as_published() -> None:
    """A step of 16 levels and more has a square beyond 8 bits, so edges vanish: 64 has a derivative of 256, so 255."""
    picture = np.zeros((5, 6, 3), np.uint8)
    picture[:, 3:] = 64
    assert roughness(picture).max() == 1
    x, _ = sobel(grey(picture))
    assert x.max() == 256
    assert roughness(picture)[2].tolist() == [0, 0, 1, 1, 0, 0]
    falling = picture[:, ::-1]  # derivatives below 0 are 0, as published
    assert roughness(falling, as_published=True).max() == 0
    assert (roughness(falling) == roughness(picture)[:, ::-1]).all()


def test_a_picture_of_one_colour() -> None:
    """0 / 0 in a picture without any edge."""
    assert roughness(np.full((3, 4, 3), 7, np.uint8)).max() == 0
    assert roughness(np.full((1, 1, 3), 7, np.uint8)).shape == (1, 1)


def test_grey_is_that_of_opencv() -> None:
    """Other weights or another rounding: all gradients move in the last digit."""
    cv2 = pytest.importorskip("cv2")
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    assert (grey(picture) == cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)).all()
    x, y = sobel(grey(picture))
    assert (x == cv2.Sobel(grey(picture), cv2.CV_64F, 1, 0)).all()
    assert (y == cv2.Sobel(grey(picture), cv2.CV_64F, 0, 1)).all()
