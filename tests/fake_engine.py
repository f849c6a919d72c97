"""Engines that read pictures without text recognition, for tests of the stage that reads.

What they "read" is a function of the picture's pixels. FAKE_ENGINE_LOG names a file that gets a line for each picture,
FAKE_ENGINE_SECONDS is how long a picture takes.
"""

import hashlib
import os
import time
from dataclasses import dataclass

import numpy as np

from benchmark.dataset.collect.records import Line

#: The colour of the upper left pixel of a picture on which the engine fails.
FAILS = (1, 2, 3)


@dataclass(frozen=True)
class FakeEngine:
    name: str
    key: str
    score: float
    margin: float = 0.1

    def read(self, picture: np.ndarray) -> list[Line]:
        assert picture.dtype == np.uint8
        assert picture.ndim == 3
        if log := os.environ.get("FAKE_ENGINE_LOG"):
            digest = hashlib.sha256(picture.tobytes()).hexdigest()
            descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(descriptor, f"{self.name} {digest}\n".encode())
            os.close(descriptor)
        time.sleep(float(os.environ.get("FAKE_ENGINE_SECONDS", 0)))
        if tuple(picture[0, 0]) == FAILS:
            raise RuntimeError("this picture is too much for it")
        height, width = picture.shape[:2]
        text = f"红{picture[..., 0].mean():.0f}绿{picture[..., 1].mean():.0f}"
        left, top, right, bottom = 0.1 * width, 0.2 * height, 0.9 * width, 0.4 * height
        corners = ((left, top), (right, top), (right, bottom), (left, bottom))
        step = (right - left) / len(text)
        boxes = [(left + i * step, top, left + (i + 1) * step, bottom) for i in range(len(text))]
        empty = ((0.0, 0.0), (5.5, 0.0), (5.5, 4.0), (0.0, 4.0))
        return [Line(text, self.score, corners, tuple(zip(text, boxes, strict=True))), Line("", 0.0, empty)]


def first() -> FakeEngine:
    return FakeEngine("fake", "fake-1", 0.9)


def second() -> FakeEngine:
    return FakeEngine("other", "other-1", 0.8)


def broken() -> object:
    return object()
