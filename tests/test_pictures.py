"""Pictures: every kind is read, damage is seen, and what is no picture is refused in words."""

import os
import shutil
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image

from benchmark import pictures
from benchmark.dataset.store import Split, open_directory
from benchmark.errors import DamagedError, InputError
from benchmark.pictures import picture_size, read_picture


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "CMYK", "I;16", "1"])
def test_every_kind_of_picture_is_read(mode: str, tmp_path: Path) -> None:
    """Grey, palette, transparent: shops have them all; what is transparent is seen on white."""
    path = tmp_path / ("x.jpg" if mode == "CMYK" else "x.png")
    Image.new(mode, (20, 10)).save(path)
    read = read_picture(path, as_seen=True)
    assert (read.mode, read.size, picture_size(path)) == ("RGB", (20, 10), (20, 10))
    if mode in ("RGBA", "LA"):
        assert read.getpixel((3, 3)) == (255, 255, 255)
        assert read_picture(path).getpixel((3, 3)) == (0, 0, 0)  # of a data set: as the released code reads it


def test_a_grey_picture_of_16_bits_is_not_white(tmp_path: Path) -> None:
    """Pillow cuts everything above 255 off, so that such a picture was white."""
    Image.fromarray(np.full((4, 4), 0x7F00, np.uint16)).save(tmp_path / "x.png")
    assert read_picture(tmp_path / "x.png").getpixel((1, 1)) == (0x7F, 0x7F, 0x7F)


def test_a_turned_photograph_is_turned(tmp_path: Path) -> None:
    """Phones store pictures lying down with a note; boxes are drawn on what people see, in a data set as stored."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20)).save(tmp_path / "phone.jpg", exif=exif)
    assert read_picture(tmp_path / "phone.jpg", as_seen=True).size == (20, 40)
    assert read_picture(tmp_path / "phone.jpg").size == (40, 20)


def test_of_an_animation_the_first_frame_is_read(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "x.webp", save_all=True, append_images=frames[1:], lossless=True)
    assert read_picture(tmp_path / "x.webp").getpixel((1, 1)) == (255, 0, 0)


def test_no_flipped_bit_changes_a_picture(splits: dict[str, Split], tmp_path: Path) -> None:
    """One flip in a hundred gave other pixels without a word: decoders skip the checksums of a PNG."""
    sound = splits["val"].image_path(splits["val"].image_ids[0])
    content, pixels = sound.read_bytes(), read_picture(sound).tobytes()
    random = Random(1)
    refused: list[str] = []
    for _ in range(300):
        flipped = bytearray(content)
        flipped[random.randrange(len(content))] ^= 1 << random.randrange(8)
        (tmp_path / "x.png").write_bytes(flipped)
        try:
            assert read_picture(tmp_path / "x.png").tobytes() == pixels
        except DamagedError as error:
            refused += error.problems
    assert len(refused) > 290
    assert all(str(tmp_path / "x.png: ") in problem for problem in refused)


def test_what_is_no_picture_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostScript called `.png` started another program; a file of a few bytes could fill the memory."""
    monkeypatch.setattr(pictures, "MAX_PIXELS", 99)
    monkeypatch.setattr(pictures, "MAX_BYTES", 10_000)
    Image.new("RGB", (10, 10)).save(tmp_path / "large.png")
    Image.new("RGB", (9, 9)).save(tmp_path / "sound.png")
    Image.new("RGB", (9, 9)).save(tmp_path / "gif.png", "GIF")
    sound = (tmp_path / "sound.png").read_bytes()
    (tmp_path / "postscript.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")
    (tmp_path / "cut.png").write_bytes(sound[:60])
    (tmp_path / "empty.png").touch()
    (tmp_path / "long.png").write_bytes(sound + bytes(10_000))
    (tmp_path / "folder.png").mkdir()
    words = {
        "large": "more than 99 pixels",
        "long": "expected at most 10,000",
        "folder": "no such file",
        "none": "no such file",
        "gif": "no picture that can be read",
        "postscript": "no picture that can be read",
        "cut": "no picture that can be read",
        "empty": "no picture that can be read",
    }
    for name, expected in words.items():
        with pytest.raises(InputError, match=expected) as raised:
            read_picture(tmp_path / f"{name}.png")
        assert str(tmp_path / f"{name}.png: ") in str(raised.value)


def test_a_damaged_picture_of_a_data_set_is_one_sentence(directory: Path, tmp_path: Path) -> None:
    """A traceback that names neither the file nor the image; a missing picture is told from a data set without any."""
    shutil.copytree(directory, tmp_path / "data")
    split = open_directory(tmp_path / "data")["val"]
    first, second, third = split.image_ids[:3]
    split.image_path(first).write_bytes(split.image_path(first).read_bytes()[:500])
    split.image_path(second).unlink()
    with pytest.raises(DamagedError, match=f"{first}.png: no picture that can be read"):
        split.image(first)
    with pytest.raises(InputError, match=f"no picture of image {second} at .*: it is missing"):
        split.image(second)
    assert split.image(third).mode == "RGB"
    shutil.rmtree(tmp_path / "data" / "images")
    with pytest.raises(InputError, match="annotations only"):
        split.image(first)


def test_a_replaced_picture_changes_the_state_of_the_pictures(directory: Path, tmp_path: Path) -> None:
    """Training data prepared from the old pictures were used after a picture had been replaced or removed."""
    shutil.copytree(directory, tmp_path / "data")
    split = open_directory(tmp_path / "data")["val"]
    path = split.image_path(split.image_ids[3])
    states = [split.pictures_state()]
    assert split.pictures_state() == states[0]
    os.utime(path, ns=(0, 0))
    states.append(split.pictures_state())
    path.write_bytes(path.read_bytes() + b"\0")
    os.utime(path, ns=(0, 0))
    states.append(split.pictures_state())
    path.unlink()
    states.append(split.pictures_state())
    assert len(set(states)) == 4
