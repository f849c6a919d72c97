"""Read pictures, in shards: the stage that takes hours, and is never done twice.

Invariants:
* what an engine reads on a picture is kept under the SHA-256 of the picture's bytes and the engine's key. So a rerun
  reads only what is missing, a new picture costs only itself, and a changed threshold reads nothing;
* a picture that cannot be used is a reading with its problem, never an error;
* which process, machine or launcher reads a picture changes nothing in what is read.
"""

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import isfinite
from pathlib import Path
from typing import Self

import numpy as np

from ...errors import InputError
from ...integrity import sha256_of
from ...pictures import MAX_BYTES
from ...processes import Workers
from .engines import DEFAULT, Engine, open_engine
from .geometry import hull
from .hashing import perceptual_hash, smooth_fill
from .opening import open_seen
from .reading_files import digests_of, folder_of, write_readings
from .reading_progress import Progress
from .records import Line, Listing, Reading

LAUNCHERS = ("processes", "ray")

#: Pictures of a shard; the first ones are smaller, so that progress shows at once, and the last ones, so that all
#: processes end at about the same time.
SHARD = 64
_FIRST, _GROWTH = 1, 4

#: A picture needs this many pixels on its short side; its long side may be this many times as long. Detectors enlarge
#: the short side to hundreds of pixels, so a long strip would take many GB.
MIN_SIDE, MAX_ASPECT = 32, 4

#: Bounds on what an engine may tell of one picture.
MAX_LINES, MAX_TEXT = 10_000, 10_000

#: Files that are digested at a time.
_BATCH, _THREADS = 10_000, 4


@dataclass(frozen=True)
class Share:
    """One of several equal parts of the work, as `--shard 2/8` names it; the default is all of it.

    Attributes:
        number: which part, from 1 on.
        of: number of parts.
    """

    number: int = 1
    of: int = 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """The share that a text such as "2/8" names.

        Raises:
            InputError: if it names none.
        """
        found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise InputError(f"--shard: got {text!r:.40}, expected K/N with K from 1 to N, such as 2/8")
        return cls(int(found[1]), int(found[2]))

    def has(self, image_id: str) -> bool:
        """Whether an image belongs to this share; that depends on its id alone."""
        return int(hashlib.sha256(image_id.encode()).hexdigest()[:16], 16) % self.of == self.number - 1


@dataclass(frozen=True)
class Summary:
    """What a run of `read_all` has done.

    Attributes:
        digests: image id -> SHA-256 of its picture file, for the images of this run's share.
        failed: image id -> reading with the problem, of pictures of which nothing is kept: files that cannot be opened
            at all, and those on which an engine failed. The next run tries them again.
        read: pictures read in this run, counted for each engine.
        kept: pictures whose readings were there before, counted for each engine.
        seconds: time that reading took.
    """

    digests: Mapping[str, str]
    failed: Mapping[str, Reading] = field(default_factory=dict)
    read: int = 0
    kept: int = 0
    seconds: float = 0.0

    def by_image(self, readings: Mapping[str, Reading]) -> dict[str, Reading]:
        """The reading of each image of this run's share, by image id.

        Args:
            readings: what `load_readings` has loaded after the run.
        """
        return {image_id: self.reading_of(image_id, readings) for image_id in (*self.digests, *self.failed)}

    def reading_of(self, image_id: str, readings: Mapping[str, Reading]) -> Reading:
        """The reading of one image of this run's share; one with a problem if there is none among `readings`."""
        if image_id in self.failed:
            return self.failed[image_id]
        digest = self.digests[image_id]
        gone = "the file was changed while it was read; run the same command again"
        return readings.get(digest) or Reading(digest, 0, 0, problem=gone)


@dataclass(frozen=True)
class Shard:
    """Work for one process: some pictures, and where to keep what is read on them.

    Attributes:
        engine: name of the engine.
        key: its key where the work was divided.
        folder: folder of the readings of this engine.
        pictures: SHA-256 and path of each picture.
    """

    engine: str
    key: str
    folder: Path
    pictures: tuple[tuple[str, Path], ...]


@dataclass(frozen=True)
class ShardResult:
    """What became of a shard.

    Attributes:
        done: number of its pictures.
        problems: number of those that cannot be used.
        failed: SHA-256 and problem of each picture on which the engine failed; nothing is kept of them.
    """

    done: int
    problems: int
    failed: tuple[tuple[str, str], ...]


def read_all(
    products: Sequence[Listing],
    folder: Path,
    engine: str = DEFAULT,
    *,
    second: str | None = None,
    jobs: int | None = None,
    share: Share = Share(),
    launcher: str = "processes",
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Summary:
    """Read all pictures of which there is no reading yet.

    Args:
        products: the manifest.
        folder: folder of the collection; readings are kept in `readings` in it.
        engine: name of the engine; see `engines.open_engine`.
        second: name of an engine that reads all pictures again; None: none. It runs after the first one, so that a
            process never holds the models of both.
        jobs: number of processes; by default one for each core. 1 reads in this process.
        share: which part of the pictures to read.
        launcher: one of `LAUNCHERS`: "processes" on this machine, or "ray" for tasks of Ray, which then decides how
            many run at once.
        on_progress: called when an engine begins and after each shard.

    Raises:
        InputError: if an engine cannot be used, a kept reading is damaged, or a process was killed.
    """
    if launcher not in LAUNCHERS:
        raise InputError(f"launcher: got {launcher!r:.40}, expected {' or '.join(LAUNCHERS)}")
    began = time.monotonic()
    engines = {name: open_engine(name) for name in (engine, second) if name is not None}
    mine = [product for product in products if share.has(product.image_id)]
    digests: dict[str, str] = {}
    failed: dict[str, Reading] = {}
    paths: dict[str, Path] = {}
    for product, digest, problem in _digested(mine):
        if problem:
            failed[product.image_id] = Reading("", 0, 0, problem=problem)
        else:
            digests[product.image_id] = digest
            paths.setdefault(digest, product.path)
    read = kept = 0
    failures: dict[str, str] = {}
    for name, opened in engines.items():
        place = folder_of(folder, opened)
        known = digests_of(place)
        missing = [(digest, path) for digest, path in paths.items() if digest not in known]
        kept += len(paths) - len(missing)
        read += len(missing)
        number = min(jobs or _cores(), max(1, len(missing)))
        shards = _divided(missing, Shard(name, opened.key, place, ()), number)
        count = _Count(opened.name, len(missing), failures, on_progress, problems_matter=name == engine)
        if launcher == "ray":
            _with_ray(shards, count.add)
        elif number == 1:
            for shard in shards:
                count.add(read_shard(shard))
        else:
            _with_processes(shards, number, count.add)
    failed |= {i: Reading(d, 0, 0, problem=failures[d]) for i, d in digests.items() if d in failures}
    return Summary(digests, failed, read, kept, time.monotonic() - began)


def read_shard(shard: Shard) -> ShardResult:
    """Read the pictures of a shard and keep what was read in one file.

    Raises:
        InputError: if the engine here is another one than where the work was divided.
    """
    engine = _opened(shard.engine)
    if engine.key != shard.key:
        raise InputError(
            f"engine {shard.engine!r:.80}: its models or settings differ between processes (key {engine.key}, expected "
            f"{shard.key}); install the same packages on all machines"
        )
    readings, failed = [], []
    for digest, path in shard.pictures:
        reading, failure = _read(digest, path, engine)
        if failure:
            failed.append((digest, failure))
        elif reading is not None:
            readings.append(reading)
    if readings:
        write_readings(shard.folder, readings)
    problems = sum(bool(reading.problem) for reading in readings) + len(failed)
    return ShardResult(len(shard.pictures), problems, tuple(failed))


@dataclass
class _Count:
    """Adds up the shards of one engine and tells how far it is."""

    engine: str
    total: int
    failures: dict[str, str]
    on_progress: Callable[[Progress], None]
    problems_matter: bool  # where the second engine alone fails, there is just no second reading
    done: int = 0
    problems: int = 0
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._tell()

    def add(self, result: ShardResult) -> None:
        self.done += result.done
        self.problems += result.problems
        if self.problems_matter:
            self.failures.update(result.failed)
        self._tell()

    def _tell(self) -> None:
        self.on_progress(Progress(self.engine, self.done, self.total, self.problems, time.monotonic() - self.began))


@lru_cache(maxsize=1)  # one at a time, since each holds its models
def _opened(name: str) -> Engine:
    return open_engine(name)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _digested(products: Sequence[Listing]) -> Iterator[tuple[Listing, str, str]]:
    """Each product with the SHA-256 of its picture file, or with the problem of a file that cannot be read."""
    with ThreadPoolExecutor(_THREADS) as pool:
        for start in range(0, len(products), _BATCH):
            batch = products[start : start + _BATCH]
            for product, (digest, problem) in zip(batch, pool.map(_digest_of, batch), strict=True):
                yield product, digest, problem


def _digest_of(product: Listing) -> tuple[str, str]:
    path = product.path
    try:
        if not path.is_file():
            return "", "no such file"
        if (size := path.stat().st_size) > MAX_BYTES:
            return "", f"the file has {size:,} bytes, expected at most {MAX_BYTES:,}"
        return sha256_of(path), ""
    except OSError as error:
        return "", f"the file cannot be read ({error.strerror or error})"


def _divided(missing: Sequence[tuple[str, Path]], like: Shard, jobs: int) -> list[Shard]:
    shards: list[Shard] = []
    start = 0
    while start < len(missing):
        growing = _FIRST * _GROWTH ** min(len(shards) // jobs, 10)
        ending = (len(missing) - start) // (2 * jobs)
        size = max(1, min(SHARD, growing, ending))
        shards.append(replace(like, pictures=tuple(missing[start : start + size])))
        start += size
    return shards


def _with_processes(shards: Sequence[Shard], jobs: int, add: Callable[[ShardResult], None]) -> None:
    try:
        with Workers(jobs) as pool:
            for done in as_completed([pool.submit(read_shard, shard) for shard in shards]):
                add(done.result())
    except BrokenProcessPool:
        raise InputError(
            "a process that was reading has ended, as it does when memory is short; what was read is kept: run the "
            "same command again with fewer --jobs"
        ) from None


def _with_ray(shards: Sequence[Shard], add: Callable[[ShardResult], None]) -> None:
    try:
        import ray
    except ImportError:
        raise InputError("launcher ray needs Ray: pip install 'caponimage[ray]'") from None
    if not ray.is_initialized():
        ray.init(log_to_driver=False)
    remote = ray.remote(num_cpus=1)(read_shard)
    pending = [remote.remote(shard) for shard in shards]
    try:
        while pending:
            ready, pending = ray.wait(pending)
            for result in ray.get(ready):
                add(result)
    except ray.exceptions.RayError as error:
        said = [line for line in str(error).splitlines() if line.strip()] or [""]
        raise InputError(f"a task of Ray has failed ({said[-1].strip():.200}); what was read is kept") from None
    finally:
        for reference in pending:
            ray.cancel(reference)


def _read(digest: str, path: Path, engine: Engine) -> tuple[Reading | None, str]:
    """The reading of a picture, or None if its file is no longer the same; and why the engine failed on it, if so."""
    try:
        if sha256_of(path) != digest:
            return None, ""
        picture = np.asarray(open_seen(path))
    except OSError:
        return None, ""
    except InputError as error:
        problem = str(error).removeprefix(f"{path}: ").partition("; copy it again")[0]  # the advice is for data sets
        return Reading(digest, 0, 0, problem=problem), ""
    height, width = picture.shape[:2]
    if min(width, height) < MIN_SIDE:
        problem = f"the picture has {width} x {height} pixels, expected at least {MIN_SIDE} on each side"
        return Reading(digest, width, height, problem=problem), ""
    if max(width, height) > MAX_ASPECT * min(width, height):
        problem = f"the picture has {width} x {height} pixels, expected one side at most {MAX_ASPECT} times the other"
        return Reading(digest, width, height, problem=problem), ""
    try:
        lines = tuple(engine.read(picture))
        _check(lines, width, height)
        text_free = smooth_fill(picture, [hull(line.corners, width, height) for line in lines])
    except InputError:
        raise  # the engine cannot be used at all
    except Exception as error:  # what engines raise may be anything
        return None, f"engine {engine.name} failed on it ({error!r:.160})"
    return Reading(digest, width, height, lines, perceptual_hash(text_free)), ""


def _check(lines: Sequence[Line], width: int, height: int) -> None:
    """Refuse what no engine should tell, with a ValueError."""
    if len(lines) > MAX_LINES:
        raise ValueError(f"{len(lines):,} lines, expected at most {MAX_LINES:,}")
    for line in lines:
        line.text.encode()  # surrogates cannot be kept
        if len(line.text) > MAX_TEXT or len(line.characters) > MAX_TEXT:
            raise ValueError(f"a line of {len(line.text):,} characters, expected at most {MAX_TEXT:,}")
        if not 0 <= line.score <= 1:
            raise ValueError(f"a score of {line.score!r}, expected 0 to 1")
        if len(line.corners) != 4:
            raise ValueError(f"{len(line.corners)} corners, expected 4")
        points = [*line.corners, *((x, y) for _, box in line.characters for x, y in (box[:2], box[2:]))]
        for x, y in points:
            if not (isfinite(x) and isfinite(y) and abs(x) <= 2 * width and abs(y) <= 2 * height):
                raise ValueError(f"a point at {x!r}, {y!r} of a picture of {width} x {height} pixels")
