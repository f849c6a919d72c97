"""Scores each prediction file of the board once, and caches its receipt, CIDEr per image and caption hashes.

Invariants:
* scores are cached under everything they depend on: the bytes of the prediction file, the fingerprint of the split, and
  the metric versions. A stored file that does not contain exactly its key counts as missing;
* numbers come from `scoring.evaluation` and `scoring.receipt`, so the board shows the bits of `benchmark.score`;
* a file of the cache is complete or missing (written under another name, then renamed), and contains no pickle.
"""

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from zipfile import BadZipFile

import numpy as np

from ..cache import cache_directory
from ..dataset.store import Split, open_directory
from ..errors import InputError
from ..files import replace_when_complete
from ..metrics import METRICS
from ..metrics import cider as metrics_cider
from ..metrics.corpus import characters
from ..predictions import read_predictions
from ..processes import Workers
from ..scoring.evaluation import MAX_MEAN_LENGTH, METRIC_VERSION, Evaluation, evaluate
from ..scoring.receipt import make_receipt

#: Version of the cache's file format.
_FORM = 3

#: Maximum number of images of a split that the site shows; enough for all of mini.
SAMPLES = 1000

#: Number of files from which several processes save time.
_WORTH_PROCESSES = 4


@dataclass(frozen=True)
class Statistics:
    """Scores and statistics of one prediction file.

    Attributes:
        receipt: recomputed receipt, as from `receipt.make_receipt`.
        cider: CIDEr of each image, summed over its boxes, natural scale (0 to 10 per box); float64, shape (n_images,).
        hashes: hash of each caption's tokens; uint32, shape (n_boxes,).
        samples: captions of the images that the site shows, see `sample_images`, as tokens.
        boxes: number of boxes of each image; shape (n_images,).
    """

    receipt: dict[str, Any]
    cider: np.ndarray
    hashes: np.ndarray
    samples: list[str]
    boxes: np.ndarray

    #: Names of the metrics that `aggregate` returns; see `scoring.evaluation.Seed`.
    names = metrics_cider.NAMES

    @property
    def scores(self) -> dict[str, float]:
        """Score of every metric in table scale; NaN where it is not defined."""
        return {name: math.nan if value is None else value for name, value in self.receipt["scores"].items()}

    @property
    def image_statistics(self) -> np.ndarray:
        """Additive statistics of CIDEr: sum over boxes and number of boxes; shape (n_images, 2)."""
        return np.stack([self.cider, self.boxes], axis=1)

    def aggregate(self, sums: np.ndarray) -> np.ndarray:
        """CIDEr in table scale from summed statistics; shape (..., 1)."""
        return metrics_cider.aggregate(sums) * 100

    @classmethod
    def of(cls, split: Split, evaluation: Evaluation) -> Self:
        """Take the statistics from an evaluation on a split."""
        per_box = next(part.statistics for part in evaluation.parts if part.names == ("CIDEr",))
        cider = evaluation.corpus.sum_by_image(per_box)[:, 0]
        captions, offsets = evaluation.corpus.predictions, split.offsets
        samples = [captions[b] for i in sample_images(split) for b in range(offsets[i], offsets[i + 1])]
        boxes = np.diff(split.offsets)
        return cls(make_receipt(split, evaluation), cider, caption_hashes(captions), samples, boxes)

    def equal_share(self, hashes: np.ndarray) -> float:
        """Share of boxes whose caption hash equals that in `hashes`."""
        return float(np.mean(self.hashes == hashes))


def sample_images(split: Split) -> list[int]:
    """Indices of the images whose captions are cached: all of a small split, otherwise `SAMPLES` evenly spaced ones."""
    return np.unique(np.linspace(0, split.n_images - 1, min(SAMPLES, split.n_images)).astype(int)).tolist()


def caption_hashes(captions: Sequence[str]) -> np.ndarray:
    """Hashes of the captions' tokens, the same in every process; uint32, shape (len(captions),)."""
    known: dict[str, int] = {}
    for caption in set(captions):
        digest = hashlib.blake2b(characters(caption).encode("utf-8", "surrogatepass"), digest_size=4)
        known[caption] = int.from_bytes(digest.digest(), "little")
    return np.fromiter((known[caption] for caption in captions), np.uint32, len(captions))


class StatisticsCache:
    """A cache of `Statistics` in a folder."""

    def __init__(self, folder: Path | None = None) -> None:
        """Use a folder; default: `leaderboard` inside the cache folder of the project."""
        self._folder = folder or cache_directory() / "leaderboard"

    def get(self, content: str, split: Split) -> Statistics | None:
        """Read stored statistics.

        Args:
            content: SHA-256 of the prediction file, or another string that identifies the captions.
            split: split of the predictions.

        Returns:
            The statistics; None if they are not in the cache.
        """
        key = _key(content, split)
        try:
            with np.load(self._place(key), allow_pickle=False) as stored:
                receipt, samples = (json.loads(stored[name].tobytes()) for name in ("receipt", "samples"))
                boxes = np.diff(split.offsets)
                statistics = Statistics(receipt, stored["cider"], stored["hashes"], samples, boxes)
                found = stored["key"].tobytes().decode()
        except (OSError, ValueError, KeyError, BadZipFile, EOFError):
            return None
        fits = (statistics.cider.shape, statistics.hashes.shape) == ((split.n_images,), (split.n_boxes,))
        return statistics if fits and found == key else None

    def put(self, content: str, split: Split, statistics: Statistics) -> None:
        """Store statistics; see `get` for the arguments."""
        key = _key(content, split)
        with replace_when_complete(self._place(key)) as partial, partial.open("wb") as file:
            np.savez(
                file,
                key=np.frombuffer(key.encode(), np.uint8),
                receipt=_bytes(statistics.receipt),
                samples=_bytes(statistics.samples),
                cider=statistics.cider,
                hashes=statistics.hashes,
            )

    def _place(self, key: str) -> Path:
        return self._folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npz"

    def made(self, content: str, split: Split, captions: Callable[[], list[str]]) -> Statistics:
        """Read stored statistics, or score `captions()` and store the result."""
        statistics = self.get(content, split)
        if statistics is None:
            statistics = Statistics.of(split, evaluate(split, captions()))
            self.put(content, split, statistics)
        return statistics

    def of_files(
        self, files: Sequence[tuple[Path, Split]], jobs: int = 1, log: Callable[[str], None] = lambda _: None
    ) -> dict[Path, Statistics | InputError]:
        """Statistics of prediction files; those that are not in the cache are computed and stored.

        Args:
            files: path and split of each prediction file.
            jobs: number of processes; more than one requires that the main module can be imported
                (`if __name__ == "__main__"`).
            log: function that is called with a sentence before long work.

        Returns:
            Statistics of each file by path, or the error that prevents them.
        """
        digests = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path, _ in files}
        found: dict[Path, Statistics | InputError] = {}
        for path, split in files:
            if (statistics := self.get(digests[path], split)) is not None:
                found[path] = statistics
        missing = [(path, split) for path, split in files if path not in found]
        if missing:
            log(f"scoring {len(missing)} of {len(files)} prediction files; the others are in the cache")
        work = [(path, digests[path], split.directory, split.name, self._folder) for path, split in missing]
        if jobs > 1 and len(missing) >= _WORTH_PROCESSES:
            with Workers(jobs) as pool:
                outcomes = list(pool.map(_score, work))
        else:
            outcomes = list(map(_score, work))
        for (path, split), problems in zip(missing, outcomes, strict=True):
            statistics = None if problems else self.get(digests[path], split)
            unstored = [f"{path}: its statistics could not be stored in {self._folder}"]
            found[path] = statistics or InputError(*(problems or unstored))
        return found


def _bytes(value: Any) -> np.ndarray:
    return np.frombuffer(json.dumps(value).encode(), np.uint8)


def _key(content: str, split: Split) -> str:
    versions = ",".join(f"{metric.name}={metric.version}" for metric in METRICS)
    return f"{_FORM} {content} {split.fingerprint.hexdigest()} {METRIC_VERSION} {versions}"


def _score(work: tuple[Path, str, Path, str, Path]) -> list[str]:
    """Score a prediction file and store the result; returns the problems of the file. Runs in any process."""
    path, digest, directory, name, folder = work
    split = _opened(directory, name)
    try:
        captions = read_predictions(path, split)
        if (mean := sum(map(len, captions)) / len(captions)) > MAX_MEAN_LENGTH:
            return [f"{path}: got {mean:.0f} characters per caption on average, expected at most {MAX_MEAN_LENGTH}"]
    except InputError as error:
        return list(error.problems)
    StatisticsCache(folder).put(digest, split, Statistics.of(split, evaluate(split, captions)))
    return []


_open: dict[tuple[Path, str], Split] = {}


def _opened(directory: Path, name: str) -> Split:
    """Open a split, once in each process."""
    if (directory, name) not in _open:
        _open[directory, name] = open_directory(directory)[name]
    return _open[directory, name]
