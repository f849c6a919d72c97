"""Hashes of pictures without their texts, against pixel by pixel and the distances that were measured."""

import io

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from benchmark.dataset.collect.hashing import perceptual_hash, smooth_fill
from benchmark.dataset.store import Split

sides = st.integers(0, 12)
boxes = st.tuples(sides, sides, sides, sides).map(
    lambda s: (min(s[0], s[2]), min(s[1], s[3]), max(s[0], s[2]), max(s[1], s[3]))
)


def by_hand(picture: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """Each pixel of one box from the borders in its row and column."""
    filled = picture.copy()
    height, width = picture.shape[:2]
    for y in range(box[1], box[3]):
        for x in range(box[0], box[2]):
            found = [(picture[y, c], 1 / (x - c) ** 2) for c in (box[0] - 1, box[2]) if 0 <= c < width]
            found += [(picture[r, x], 1 / (y - r) ** 2) for r in (box[1] - 1, box[3]) if 0 <= r < height]
            if found:
                filled[y, x] = np.rint(sum(c * w for c, w in found) / sum(w for _, w in found))
            else:
                filled[y, x] = 128
    return filled


@settings(deadline=None, max_examples=60)
@given(boxes, st.integers(0, 2**31))
def test_one_box_pixel_by_pixel(box: tuple[int, int, int, int], seed: int) -> None:
    """A wrong weight, or a border that is taken from the other side."""
    picture = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    difference = smooth_fill(picture, [box]).astype(int) - by_hand(picture, box)
    assert abs(difference).max() <= 1  # rounding of halves


@settings(deadline=None, max_examples=60)
@given(st.lists(boxes, max_size=4), st.integers(0, 2**31))
def test_nothing_of_the_text_is_left(found: list[tuple[int, int, int, int]], seed: int) -> None:
    """Text that shines through where boxes touch or overlap, or pixels outside the boxes that change."""
    dice = np.random.default_rng(seed)
    picture = dice.integers(0, 256, (12, 12, 3), dtype=np.uint8)
    inside = np.zeros((12, 12), bool)
    for x1, y1, x2, y2 in found:
        inside[y1:y2, x1:x2] = True
    other = np.where(inside[..., None], dice.integers(0, 256, picture.shape, dtype=np.uint8), picture)
    filled = smooth_fill(picture, found)
    assert (filled == smooth_fill(other, found)).all()
    assert (filled[~inside] == picture[~inside]).all()


def test_copies_are_near_and_others_far(splits: dict[str, Split]) -> None:
    """Hashes that find no copies, or find them everywhere (facts: 0 to 2 for copies, 14 and more for others)."""
    split = splits["test"]
    pictures = [split.image(image_id) for image_id in split.image_ids]
    hashes = [perceptual_hash(np.asarray(picture)) for picture in pictures]
    for picture, found in zip(pictures, hashes, strict=True):
        encoded = io.BytesIO()
        picture.resize((picture.width * 2 // 3, picture.height * 2 // 3), Image.Resampling.LANCZOS).save(
            encoded, "JPEG", quality=50
        )
        assert (found ^ perceptual_hash(np.asarray(Image.open(encoded)))).bit_count() <= 3
    apart = [(a ^ b).bit_count() for i, a in enumerate(hashes) for b in hashes[:i]]
    assert min(apart) > 8


def test_the_same_picture_with_other_texts(splits: dict[str, Split]) -> None:
    """The same product with other texts, which is found only if the texts are filled first."""
    split = splits["test"]
    box = (30, 60, 226, 110)
    for image_id in split.image_ids[:6]:
        found = []
        for text in ("ABCDEF", "xyz 0123"):
            picture = split.image(image_id).resize((256, 256))
            ImageDraw.Draw(picture).text((36, 64), text, fill="red", font_size=28)
            found.append(perceptual_hash(smooth_fill(np.asarray(picture), [box])))
        assert found[0] == found[1]


def test_one_colour_has_one_hash() -> None:
    """Bits that rounding errors decide, so that two white pictures look different on two machines."""
    for shape in ((32, 32), (513, 750), (100, 37)):
        white = perceptual_hash(np.full((*shape, 3), 255, np.uint8))
        assert white == 1 << 63
        assert perceptual_hash(np.full((*shape, 3), 17, np.uint8)) == white
