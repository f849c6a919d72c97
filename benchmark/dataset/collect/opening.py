"""Open a product's picture as people see it; the same picture at every stage, since boxes belong to its pixels."""

from pathlib import Path

from PIL import Image

from ...pictures import read_picture


def open_seen(path: Path) -> Image.Image:
    """A picture from a shop, RGB: turned as its EXIF data say, on white where it is transparent, a GIF's first frame.

    Raises:
        InputError: if there is no such file, it is no picture that can be read, or too large.
    """
    return read_picture(path, as_seen=True, more=("GIF",))
