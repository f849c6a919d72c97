"""The one place where picture files are opened: untrusted, so formats are named and sizes bounded first.

Invariants:
* no format is decoded but `FORMATS`: others start programs (PostScript) or have large decoders;
* neither file nor picture is larger than a bound, and that is known from the header, before pixels take memory;
* a damaged PNG is refused: all of its checksums are compared, which decoding alone does not do;
* whatever is wrong is one sentence that names the file.
"""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from .errors import DamagedError, InputError

FORMATS = ("PNG", "JPEG", "WEBP")
MAX_PIXELS = 50_000_000
MAX_BYTES = 200_000_000


def read_picture(path: Path, *, as_seen: bool = False, more: tuple[str, ...] = ()) -> Image.Image:
    """A picture from a file, RGB; of an animation, the first frame.

    Args:
        path: file of one of `FORMATS`.
        as_seen: whether the picture is turned as its EXIF data say, and put on white where it is transparent. Pictures
            of data sets are not, since their boxes belong to the pixels as stored, and the released code does neither.
        more: formats that are allowed beside `FORMATS`, such as "GIF".

    Raises:
        InputError: if there is no such file, it is no picture of these formats, or too large.
        DamagedError: if it is damaged.
    """
    with _opened(path, formats=(*FORMATS, *more)) as picture:
        if as_seen:
            picture = ImageOps.exif_transpose(picture)
        if picture.mode.startswith("I"):  # 16 bits of grey, which Pillow would cut off above 255
            picture = Image.fromarray((np.asarray(picture).clip(0, 65535) >> 8).astype(np.uint8))
        if as_seen and picture.has_transparency_data:
            picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture.convert("RGBA"))
        return picture.convert("RGB")


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height of a picture in pixels, from its header.

    Raises:
        InputError: as `read_picture`.
    """
    with _opened(path, whole=False) as picture:
        return picture.size


@contextmanager
def _opened(path: Path, *, whole: bool = True, formats: tuple[str, ...] = FORMATS) -> Iterator[Image.Image]:
    """Open a picture, undecoded; what a decoder raises in the block becomes one sentence."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a picture")
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise InputError(f"{path}: the picture has {size:,} bytes, expected at most {MAX_BYTES:,}")
        source = io.BytesIO(path.read_bytes()) if whole else path
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of decoders; the bound here is lower than theirs
            with Image.open(source, formats=formats) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    raise Image.DecompressionBombError
                if not whole or picture.format != "PNG":
                    yield picture
                    return
                picture.verify()
            with Image.open(source, formats=formats) as picture:
                yield picture
    except InputError:
        raise
    except Image.DecompressionBombError:
        raise InputError(
            f"{path}: the picture has more than {MAX_PIXELS:,} pixels when unpacked; make it smaller"
        ) from None
    except Exception as error:  # what decoders raise for damaged files is anything
        said = re.sub(r" <_io\S+ object at \w+>", "", " ".join(str(error).split())) or type(error).__name__
        raise DamagedError(
            f"{path}: no picture that can be read ({said:.160}); expected PNG, JPEG or WebP; "
            "copy it again, or delete its data set from the cache"
        ) from None
