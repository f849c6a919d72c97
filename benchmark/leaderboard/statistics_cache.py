"""Scores each prediction file of the board once, and caches its receipt, CIDEr per image and caption hashes.

Caption hashes alone are cached, too, since the check of one entry needs those of all others.

Invariants:
* scores are cached under everything they depend on: the bytes of the prediction file, the fingerprint of the split, and
  the metric versions. A stored file that does not contain exactly its key counts as missing;
* numbers come from `scoring.evaluation` and `scoring.receipt`, so the board shows the bits of `benchmark.score`;
* a file of the cache begins with a digest of all that follows, so that one that is damaged in any bit counts as
  missing; it contains no pickle;
* where the cache cannot be written, everything works and nothing is kept.
"""

import hashlib
import io
import json
import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..cache import cache_directory
from ..dataset.store import Split, open_directory
from ..errors import InputError
from ..files import replace_when_complete
from ..metrics import METRICS
from ..metrics import cider as metrics_cider
from ..predictions import read_predictions
from ..processes import Workers
from ..scoring import blind
from ..scoring.evaluation import MAX_MEAN_LENGTH, METRIC_VERSION, Evaluation, evaluate
from ..scoring.receipt import make_receipt
from .copies import caption_hashes, kept_share

#: Version of the cache's file format.
_FORM = 4
_DIGEST = hashlib.sha256().digest_size

#: Maximum number of images of a split that the site shows; enough for all of mini.
SAMPLES = 1000

#: Name of the references among the systems without a model.
HUMAN = "references"

#: Number of files from which several processes save time.
_WORTH_PROCESSES = 4


@dataclass(frozen=True)
class Statistics:
    """Scores and statistics of one prediction file.

    Attributes:
        receipt: recomputed receipt, as from `receipt.make_receipt`.
        cider: CIDEr of each image, summed over its boxes, natural scale (0 to 10 per box); float64, shape (n_images,).
        hashes: `copies.caption_hashes` of the captions; uint32, shape (n_boxes,).
        kept: `copies.kept_share` of the captions.
        samples: captions of the images that the site shows, see `sample_images`, as tokens.
        boxes: number of boxes of each image; shape (n_images,).
    """

    receipt: dict[str, Any]
    cider: np.ndarray
    hashes: np.ndarray
    kept: float
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
        kept = kept_share(captions, split.captions)
        return cls(make_receipt(split, evaluation), cider, caption_hashes(captions), kept, samples, boxes)


def sample_images(split: Split) -> list[int]:
    """Indices of the images whose captions are cached: all of a small split, otherwise `SAMPLES` evenly spaced ones."""
    return np.unique(np.linspace(0, split.n_images - 1, min(SAMPLES, split.n_images)).astype(int)).tolist()


class StatisticsCache:
    """A cache of `Statistics` in a folder."""

    def __init__(self, folder: Path | None = None) -> None:
        """Use a folder; default: `leaderboard` inside the cache folder of the project, if there is one."""
        self._folder = folder
        if folder is None:
            with suppress(InputError):  # no home folder: nothing is kept
                self._folder = cache_directory() / "leaderboard"

    def get(self, content: str, split: Split) -> Statistics | None:
        """Read stored statistics.

        Args:
            content: SHA-256 of the prediction file, or another string that identifies the captions.
            split: split of the predictions.

        Returns:
            The statistics; None if they are not in the cache.
        """
        stored = self._read(_key(content, split))
        if stored is None:
            return None
        receipt, samples, kept = (json.loads(stored[name].tobytes()) for name in ("receipt", "samples", "kept"))
        return Statistics(receipt, stored["cider"], stored["hashes"], kept, samples, np.diff(split.offsets))

    def put(self, content: str, split: Split, statistics: Statistics) -> bool:
        """Store statistics; returns whether that was possible. See `get` for the arguments."""
        return self._write(
            _key(content, split),
            receipt=_bytes(statistics.receipt),
            samples=_bytes(statistics.samples),
            kept=_bytes(statistics.kept),
            cider=statistics.cider,
            hashes=statistics.hashes,
        )

    def hashes(self, path: Path, split: Split) -> np.ndarray:
        """`copies.caption_hashes` of a prediction file, which is read only if they are not in the cache.

        Raises:
            InputError: if the file has no valid predictions.
        """
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        key = f"hashes {_key(content, split)}"
        stored = self._read(_key(content, split)) or self._read(key)
        if stored is None:
            stored = {"hashes": caption_hashes(read_predictions(path, split))}
            self._write(key, **stored)
        return stored["hashes"]

    def _read(self, key: str) -> dict[str, np.ndarray] | None:
        """The stored arrays of a key; None if they are missing or damaged."""
        if (place := self._place(key)) is None:
            return None
        try:
            stored = place.read_bytes()
        except OSError:
            return None
        digest, content = stored[:_DIGEST], stored[_DIGEST:]
        if hashlib.sha256(key.encode() + content).digest() != digest:
            return None
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return dict(arrays)

    def _write(self, key: str, **arrays: np.ndarray) -> bool:
        """Store arrays; returns whether that was possible."""
        if (place := self._place(key)) is None:
            return False
        file = io.BytesIO()
        np.savez(file, **arrays)  # type: ignore[arg-type]
        content = file.getvalue()
        try:
            with replace_when_complete(place) as partial:
                partial.write_bytes(hashlib.sha256(key.encode() + content).digest() + content)
        except (OSError, InputError):
            return False
        return True

    def _place(self, key: str) -> Path | None:
        name = f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.statistics"
        return None if self._folder is None else self._folder / name

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
        parallel = jobs > 1 and len(missing) >= _WORTH_PROCESSES
        work = [(path, split.directory, split.name) for path, split in missing]
        unkept = 0
        with Workers(jobs) if parallel else nullcontext() as pool:
            outcomes = pool.map(_score, work) if pool else map(_score, work)
            for (path, split), outcome in zip(missing, outcomes, strict=True):
                found[path] = outcome if isinstance(outcome, Statistics) else InputError(*outcome)
                if isinstance(outcome, Statistics):
                    unkept += not self.put(digests[path], split, outcome)
        if unkept:
            log(
                f"the scores of {unkept} files are not kept, since {self._folder or 'a cache folder'} cannot be written"
            )
        return found


def blind_statistics(train: Split, split: Split, cache: StatisticsCache) -> dict[str, Statistics]:
    """Statistics of the systems without a model (`scoring.blind`) but the references, by name."""
    with (train.directory / f"{train.name}.parquet").open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        name: cache.made(f"blind {name} {content}", split, partial(predict, train, split))
        for name, predict in blind.SYSTEMS.items()
        if name != HUMAN
    }


def _bytes(value: Any) -> np.ndarray:
    return np.frombuffer(json.dumps(value).encode(), np.uint8)


def _key(content: str, split: Split) -> str:
    versions = ",".join(f"{metric.name}={metric.version}" for metric in METRICS)
    return f"{_FORM} {content} {split.fingerprint.hexdigest()} {METRIC_VERSION} {versions}"


def _score(work: tuple[Path, Path, str]) -> Statistics | list[str]:
    """Score a prediction file; returns the problems of one that is not valid. Runs in any process."""
    path, directory, name = work
    split = _opened(directory, name)
    try:
        captions = read_predictions(path, split)
    except InputError as error:
        return list(error.problems)
    if (mean := sum(map(len, captions)) / len(captions)) > MAX_MEAN_LENGTH:
        return [f"{path}: got {mean:.0f} characters per caption on average, expected at most {MAX_MEAN_LENGTH}"]
    return Statistics.of(split, evaluate(split, captions))


_open: dict[tuple[Path, str], Split] = {}


def _opened(directory: Path, name: str) -> Split:
    """Open a split, once in each process."""
    if (directory, name) not in _open:
        _open[directory, name] = open_directory(directory)[name]
    return _open[directory, name]
