"""Drawing captions: inside their boxes, whatever the text; masks as the paper's code makes them."""

import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from benchmark.rendering import (
    MAX_CHARACTERS,
    MIN_SIZE,
    RED,
    draw_captions,
    has_glyph,
    mask_boxes,
    side_by_side,
)

RNG = np.random.default_rng(0)
CHINESE = "深层保湿玻尿酸精华补水面霜轻薄透气经典红色海边度假必备好物"


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(RNG.integers(0, 256, (height, width, 3), dtype=np.uint8))


def changed(before: Image.Image, after: Image.Image) -> np.ndarray:
    """Which pixels differ, shape (height, width)."""
    return (np.asarray(before) != np.asarray(after)).any(axis=-1)


def inside(box: list[float], width: int, height: int) -> np.ndarray:
    """The pixels of a box, by looping over all of them."""
    x1, y1, x2, y2 = box
    return np.array(
        [
            [
                int(x1 * width) <= x <= int(x2 * width) and int(y1 * height) <= y <= int(y2 * height)
                for x in range(width)
            ]
            for y in range(height)
        ]
    )


def frame_is_red(image: Image.Image) -> bool:
    pixels = np.asarray(image)
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return bool((edge == RED).all())


ratio = st.floats(0, 1, allow_subnormal=False)
box = st.tuples(ratio, ratio, ratio, ratio).map(
    lambda b: [min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3])]
)


@given(box)
@example([0.0, 0.0, 1.0, 1.0])
@example([1.0, 1.0, 1.0, 1.0])
@settings(max_examples=60, deadline=None)
def test_masks_are_exact(box: list[float]) -> None:
    """An end left out, or rounding instead of truncating, leaves a readable edge of the text in the picture."""
    image = noise(37, 23)
    expected = np.where(inside(box, 37, 23)[..., None], 0, np.asarray(image))
    assert (np.asarray(mask_boxes(image, [box])) == expected).all()


def test_masking_leaves_the_original_alone() -> None:
    image = noise(20, 20)
    before = np.asarray(image).copy()
    mask_boxes(image, np.array([[0.1, 0.1, 0.9, 0.9]]))
    draw_captions(image, [[0.1, 0.1, 0.9, 0.9]], ["补水"])
    assert (np.asarray(image) == before).all()


@given(box, st.text(max_size=40))
@example([0.0, 0.0, 1.0, 1.0], "国" * 40)
@example([0.4, 0.0, 0.5, 1.0], "竖排文字")
@example([0.2, 0.2, 0.2, 0.2], "gÅ")
@settings(max_examples=150, deadline=None)
def test_only_the_box_changes(box: list[float], caption: str) -> None:
    """Ink outside the box would survive the mask and give the answer away to every model."""
    image = noise(96, 64)
    assert not changed(image, draw_captions(image, [box], [caption]))[~inside(box, 96, 64)].any()


HOSTILE = {
    "every kind of control": "".join(map(chr, range(0x20))) + "\x7f\x85\u2028\u2029\u202e\u200b\ufeff",
    "lone surrogates": "\ud800\udfff",
    "not characters": "\uffff\U0010ffff\U000e0001",
    "emoji and joiners": "👩‍👩‍👧‍👦🏳️‍🌈",
    "a pile of accents": "e" + "\u0301" * 900,
    "right to left": "مرحبا שלום",
    "endless": "很长" * 500_000,
    "endless and wide": "﷽" * 1000,
    "format codes": "%s{0}<b>&amp;</b>\\n",
    "spaces": " \t\u3000 ",
    "empty": "",
}


@pytest.mark.parametrize("caption", HOSTILE.values(), ids=HOSTILE)
def test_hostile_captions_are_drawn(caption: str) -> None:
    """One submitted string that raises would take down the report page of a whole leaderboard entry."""
    image = noise(256, 256)
    boxes = [[0.03, 0.1, 0.25, 0.185], [0.8, 0.1, 0.86, 0.9], [0.5, 0.5, 0.5, 0.5], [0.0, 0.0, 1.0, 1.0]]
    draw_captions(image, boxes, [caption] * 4)
    side_by_side(image, boxes, {caption: [caption] * 4})


def test_every_code_point_can_be_drawn() -> None:
    """Any code point may stand in a file of predictions."""
    image = Image.new("RGB", (64, 20))
    for start in range(0, sys.maxunicode, 997):
        draw_captions(image, [[0, 0, 1, 1]], ["".join(map(chr, range(start, min(start + 997, sys.maxunicode), 50)))])


def test_the_font_has_the_characters() -> None:
    """With a font that lacks Chinese, every caption of the data set would be the same row of boxes."""
    assert all(map(has_glyph, CHINESE + "abcXYZ0189，。！ "))
    assert not any(map(has_glyph, "\x00\ud800\U0010ffff😀"))
    images = [
        draw_captions(Image.new("RGB", (64, 64)), [[0, 0, 1, 1]], [character]) for character in sorted(set(CHINESE))
    ]
    assert all(changed(a, b).any() for a, b in pairwise(images))


def test_missing_characters_are_visible() -> None:
    """A character that is silently left out makes a wrong caption look right."""
    image = Image.new("RGB", (200, 30), "white")
    shown = [draw_captions(image, [[0, 0, 1, 1]], [text]) for text in ("补水", "补\x00水", "补😀水", "补□水")]
    assert changed(shown[0], shown[1]).any()
    assert not changed(shown[1], shown[2]).any()
    assert not changed(shown[2], shown[3]).any()


def test_overflow_is_framed_in_red() -> None:
    """A caption that is cut off without a sign looks like one that fits."""
    image = Image.new("RGB", (10 * MIN_SIZE, 24), "white")
    whole = [[0, 0, 1, 1]]
    assert not frame_is_red(draw_captions(image, whole, ["国" * 9]))
    assert frame_is_red(draw_captions(image, whole, ["国" * 11]))
    assert frame_is_red(draw_captions(Image.new("RGB", (20, 60), "white"), whole, ["国" * 8]))
    assert frame_is_red(draw_captions(Image.new("RGB", (60, MIN_SIZE - 2), "white"), whole, ["国"]))
    assert frame_is_red(draw_captions(image, whole, [MAX_CHARACTERS * "\u0301" + "国"]))


def test_text_is_as_large_as_fits_and_centred() -> None:
    """Small or off-centre text would not show what the box's shape has to do with the caption's length."""
    for width, height, caption in ((120, 30, "补水"), (120, 30, "轻薄透气不闷脚"), (20, 120, "竖排文字")):
        image = Image.new("RGB", (width, height), "white")
        ys, xs = np.nonzero(changed(image, draw_captions(image, [[0, 0, 1, 1]], [caption])))
        assert max((xs.max() - xs.min()) / width, (ys.max() - ys.min()) / height) > 0.7, caption
        assert abs(xs.min() + xs.max() - width) <= 6, caption
        assert abs(ys.min() + ys.max() - height) <= 6, caption


@pytest.mark.parametrize("level", [0, 60, 128, 200, 255])
def test_text_stands_out_from_any_background(level: int) -> None:
    """Light text on snow, or dark text on night, cannot be read."""
    image = Image.new("RGB", (100, 30), (level,) * 3)
    written = np.asarray(draw_captions(image, [[0, 0, 1, 1]], ["补水"]).convert("L")).astype(int)
    assert np.abs(written - level).max() > 80


def test_captions_and_boxes_are_counted() -> None:
    """A missing caption must not shift the others to their neighbours' boxes."""
    with pytest.raises(ValueError, match="shorter"):
        draw_captions(noise(20, 20), [[0, 0, 1, 1]] * 2, ["补水"])


def test_side_by_side_shows_every_captioning() -> None:
    """Two systems compared in one sheet must both be there, at their own place."""
    image, boxes = noise(64, 48), [[0.1, 0.1, 0.9, 0.5]]
    sheet = side_by_side(image, boxes, {"参考": ["补水"], "系统 B": ["保湿"]}, scale=2)
    assert sheet.width == 3 * 8 + 2 * 128
    panel = image.resize((128, 96))
    for i, caption in enumerate(("补水", "保湿")):
        left = 8 + i * 136
        shown = sheet.crop((left, 32, left + 128, 128))
        assert not changed(shown, draw_captions(panel, boxes, [caption])).any()
    assert side_by_side(image, boxes, {}).height == sheet.height - 48
