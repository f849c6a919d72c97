"""Where saliency maps and canvases of a split come from; nothing is ever downloaded.

* Saliency: the product's own mask on mini, which its generator knows; a folder of maps, `<image_id>.png`, whose grey
  levels say how salient a pixel is; or OpenCV's fine-grained saliency of the canvases, if its contrib modules are
  installed.
* Canvases, pictures without texts and plates: drawn by mini's generator, or a folder of them, `<image_id>.png`.

Invariant: a map is a function of its source and its image, and a digest of all of them stands in the receipt.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..dataset.mini import is_mini
from ..dataset.store import Split
from ..errors import InputError
from .pixels import roughness

#: Names of the sources that are no folders.
MINI, OPENCV = "mini", "opencv"


class DigestedMaps:
    """Maps of the images of a split, read one at a time; of those that were read, a digest is kept.

    Attributes:
        source: "mini", "opencv" or "folder".
    """

    def __init__(self, source: str, read: Callable[[int], np.ndarray]) -> None:
        self.source = source
        self._read = read
        self._digests: dict[int, bytes] = {}

    def __call__(self, image: int) -> np.ndarray:
        """The map of an image, float64 in [0, 1], shape (height, width).

        Raises:
            InputError: if there is none, or it cannot be read.
        """
        found = self._read(image)
        levels = np.rint(found * 255).astype(np.uint8)
        self._digests[image] = hashlib.sha256(repr(levels.shape).encode() + levels.tobytes()).digest()
        return found

    def hexdigest(self) -> str:
        """SHA-256 of the maps that were read, in the order of their images."""
        return hashlib.sha256(b"".join(digest for _, digest in sorted(self._digests.items()))).hexdigest()


@dataclass(frozen=True)
class Maps:
    """The sources of saliency maps and canvases.

    Attributes:
        saliency: "mini", "opencv", a folder, or None for no maps.
        canvases: "mini", a folder, or None for no canvases.
    """

    saliency: str | Path | None = None
    canvases: str | Path | None = None

    @classmethod
    def chosen(cls, split: Split, saliency: str | None, canvases: str | None) -> "Maps":
        """The sources that options of a command name; without, mini's masks on mini, and no canvases.

        Raises:
            InputError: if a source does not exist, or does not fit the split.
        """
        if saliency is None and is_mini(split.dataset):
            saliency = MINI
        problems = []
        for option, source, names in (("--saliency", saliency, (MINI, OPENCV)), ("--canvases", canvases, (MINI,))):
            if source is None or (source in names and (source != MINI or is_mini(split.dataset))):
                continue
            if source == MINI:
                problems.append(f"{option} mini: data set {split.dataset!r} is not mini; name a folder instead")
            elif not Path(source).is_dir():
                known = " or ".join(names)
                problems.append(f"{option}: got {source!r:.200}, expected {known}, or a folder with <image_id>.png")
        if saliency == OPENCV:
            if canvases is None:
                problems.append("--saliency opencv looks at the canvases; name their folder: --canvases DIR")
            try:
                _fine_grained()
            except InputError as error:
                problems += error.problems
        if problems:
            raise InputError(*problems)
        return cls(saliency, canvases)

    def saliency_of(self, split: Split) -> DigestedMaps | None:
        """Maps that say how salient each pixel is; None if there is no source."""
        if self.saliency is None:
            return None
        if self.saliency == MINI:
            from ..dataset.mini.canvases import product_mask, samples_of  # the generator, which takes seconds

            made = samples_of(split)
            return DigestedMaps(MINI, lambda image: np.asarray(product_mask(made[image])) / 255)
        if self.saliency == OPENCV:
            canvas, saliency = self._canvas_of(split), _fine_grained()
            return DigestedMaps(OPENCV, lambda image: _fine_grained_map(saliency, canvas(image)))
        folder = Path(self.saliency)

        def read(image: int) -> np.ndarray:
            picture = _picture(folder, split.image_ids[image], "saliency map", "--saliency")
            return np.asarray(picture.convert("L")) / 255

        return DigestedMaps("folder", read)

    def gradient_of(self, split: Split) -> DigestedMaps | None:
        """Maps of how rough each pixel of the canvas is; None without canvases."""
        if self.canvases is None:
            return None
        canvas = self._canvas_of(split)
        return DigestedMaps(MINI if self.canvases == MINI else "folder", lambda image: roughness(canvas(image)))

    def _canvas_of(self, split: Split) -> Callable[[int], np.ndarray]:
        """Function from an image to its canvas, uint8, shape (height, width, 3)."""
        if self.canvases == MINI:
            from ..dataset.mini.canvases import canvases_of

            draw = canvases_of(split)
            return lambda image: np.asarray(draw(image))
        folder = Path(str(self.canvases))
        return lambda image: np.asarray(_picture(folder, split.image_ids[image], "canvas", "--canvases"))


def _picture(folder: Path, image_id: str, what: str, option: str) -> Any:
    from ..pictures import read_picture

    path = folder / f"{image_id}.png"
    if not path.is_file():
        raise InputError(f"{option}: no {what} of image {image_id} at {path}; expected one PNG file for each image")
    return read_picture(path)


def _fine_grained() -> Any:
    """OpenCV's static saliency (Montabone and Soto 2010).

    Raises:
        InputError: if OpenCV, or its contrib modules, are not installed.
    """
    try:
        import cv2

        return cv2.saliency.StaticSaliencyFineGrained_create()  # type: ignore[attr-defined]
    except (ImportError, AttributeError):
        raise InputError(
            "--saliency opencv needs OpenCV with its contrib modules (cv2.saliency), which is not installed; "
            "install opencv-contrib-python-headless in place of OpenCV, or give a folder of maps: --saliency DIR"
        ) from None


def _fine_grained_map(saliency: Any, canvas: np.ndarray) -> np.ndarray:
    done, found = saliency.computeSaliency(np.ascontiguousarray(canvas[..., ::-1]))
    if not done:
        raise InputError("--saliency opencv: OpenCV could not compute a map of one of the canvases")
    return np.clip(np.asarray(found, np.float64), 0, 1)
