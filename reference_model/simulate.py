"""`python -m reference_model.simulate`: the input pipeline at full scale, on made annotations, without pictures.

Invariants:
* the annotations are those of some images of the embedded data set's generator, over and over under ids of their own;
* every step is the one of a training: opening and checking, vocabulary, preparation, shuffling, loading processes;
* memory is that of all processes together, what they share counted once; pages of mapped files, which the system takes
  back when it needs them, do not count.
"""

import multiprocessing
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
import typer
from rich.progress import track

from benchmark import cli
from benchmark.dataset.description import write_description
from benchmark.dataset.fingerprint import RowDigest
from benchmark.dataset.mini.samples import samples
from benchmark.dataset.rows import ROWS_PER_GROUP
from benchmark.dataset.schema import SCHEMA
from benchmark.dataset.store import open_directory
from benchmark.files import replace_when_complete
from benchmark.grid import Cell, Grid
from benchmark.paper import TRAINING_IMAGES
from reference_model.config import override
from reference_model.registry import named

T = TypeVar("T")

_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def main(
    images: Annotated[
        int, typer.Option(help="Number of images; those of CapOnImage2M by default.", min=1)
    ] = TRAINING_IMAGES,
    workers: Annotated[int, typer.Option(help="Processes that prepare, and that load.", min=0)] = 2,
    updates: Annotated[
        int | None, typer.Option(help="Updates of 400 captions to load. [default: one epoch]", min=1)
    ] = None,
) -> None:
    """Make a split of so many images, then open, prepare, shuffle and load it as a training does; 1.5 GB per million.

    All of it lies in a temporary folder ($TMPDIR), which is removed at the end.

    Examples::

        python -m reference_model.simulate --images 20000 --updates 100
        python -m reference_model.simulate --workers 8
    """
    with tempfile.TemporaryDirectory(prefix="caponimage-simulation-") as folder, _cache_in(Path(folder) / "cache"):
        simulate(Path(folder) / "data", images, workers, updates).show(cli.stdout)


def simulate(folder: Path, images: int, workers: int, updates: int | None = None) -> Grid:
    """Go through the steps of the input pipeline; the grid has a row for each, in the order of a training.

    Args:
        folder: folder of the split, which is made.
        images: number of images.
        workers: number of processes that prepare, and that load; 0: this one.
        updates: number of updates to load; None: one epoch.
    """
    from reference_model.training.batches import UpdatePlan, Updates, training_batches
    from reference_model.training.inputs import PreparedSplit
    from reference_model.training.vocabulary import Vocabulary

    steps = _Steps(images)
    steps.time("make the annotations", lambda: write_repeated(folder, images))
    split = open_directory(folder)["train"]
    steps.time("open and check, first time", lambda: split.n_boxes)
    steps.time("open again", lambda: open_directory(folder)["train"].n_boxes)
    vocabulary = steps.time("vocabulary", lambda: Vocabulary.of_split(split))
    config = override(named("context", "paper"), ["inputs.image=false"])
    data = steps.time(
        f"prepare, {max(1, workers)} at a time",
        lambda: PreparedSplit(split, config.inputs, vocabulary, workers=max(1, workers)),
    )
    steps.time("open what is prepared", lambda: PreparedSplit(split, config.inputs, vocabulary))
    plan = UpdatePlan(config, data.n_images, data.n_boxes, seed=1)
    steps.time("shuffle an epoch", lambda: plan.items_of(0))
    in_epoch = data.n_images // plan.items_per_update
    n = min(updates or in_epoch, in_epoch)
    batches = training_batches(Updates(plan, data), plan.updates - n, workers, pin=False)
    memory: list[float | None] = []

    def load() -> int:
        loaded = 0
        shown = track(batches, "loading", n, console=cli.stderr, disable=not cli.stderr.is_terminal)
        for i, pieces in enumerate(shown):
            loaded += sum(piece.info.shape[0] for piece in pieces)
            if i in (n // 10, n // 2, n - 1):
                memory.append(_megabytes())
        return loaded

    steps.time(f"load {n:,} updates", load, images=n * plan.items_per_update)
    for name, path in (("annotations", folder), ("prepared arrays", data.folder)):
        size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        steps.grid.notes.append(f"{name} on disk: {size / 1e6:,.0f} MB, {size / images:,.0f} bytes per image")
    told = ", ".join("?" if each is None else f"{each:,.0f}" for each in memory)
    steps.grid.notes.append(
        f"{workers} processes loaded; memory of all processes, without mapped files, after 10, 50 and 100 %: {told} MB"
    )
    return steps.grid


@dataclass
class _Steps:
    """The rows of the table: what was done, in how many seconds, and how many images a second that is."""

    images: int
    grid: Grid = field(init=False)

    def __post_init__(self) -> None:
        title = f"input pipeline, {self.images:,} images without pictures"
        self.grid = Grid(title, ["", "seconds", "CPU seconds", "images/s", "images per CPU second"])

    def time(self, name: str, work: Callable[[], T], images: int = 0) -> T:
        """Add a row; CPU seconds are those of all processes, those that still run among them."""
        before, started = _cpu_seconds(), time.perf_counter()
        result = work()
        seconds, busy = time.perf_counter() - started, _cpu_seconds() - before
        done = images or self.images
        rates = (Cell(done / max(each, 1e-3), "{:,.0f}") for each in (seconds, busy))
        self.grid.add(name, Cell(seconds, "{:,.2f}"), Cell(busy, "{:,.2f}"), *rates)
        return result


def write_repeated(folder: Path, images: int) -> None:
    """Write a data set with one split, `train`, whose rows repeat those of at most `ROWS_PER_GROUP` images."""
    pool = [sample.row for _, sample in samples({"train": min(images, ROWS_PER_GROUP)})]
    rows = pa.RecordBatch.from_pylist(pool, schema=SCHEMA)  # without roles
    place, digest, boxes = SCHEMA.get_field_index("image_id"), RowDigest(), 0
    folder.mkdir(parents=True, exist_ok=True)
    with (
        replace_when_complete(folder / "train.parquet") as partial,
        pq.ParquetWriter(partial, SCHEMA, compression="zstd") as writer,
    ):
        for first in range(0, images, ROWS_PER_GROUP):
            batch = rows.slice(0, min(ROWS_PER_GROUP, images - first))
            ids = pa.array([f"simulated-{i:08d}" for i in range(first, first + len(batch))], pa.string())
            batch = batch.set_column(place, SCHEMA.field(place), ids)
            digest.update(batch)
            boxes += len(batch.column("boxes").flatten())
            writer.write_batch(batch)
    fingerprint = digest.fingerprint().hexdigest()
    stated = {"images": images, "boxes": boxes, "references": True, "fingerprint": fingerprint, "pictures": False}
    write_description(folder, name="simulated", synthetic=True, splits={"train": stated})


@contextmanager
def _cache_in(folder: Path) -> Iterator[None]:
    """Keep what is prepared in a folder, for this process and those it starts."""
    before = os.environ.get("CAPONIMAGE_CACHE")
    os.environ["CAPONIMAGE_CACHE"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["CAPONIMAGE_CACHE"]
        else:
            os.environ["CAPONIMAGE_CACHE"] = before


def _megabytes() -> float | None:
    """Megabytes of this process and its children, without mapped files; None where the system does not tell."""
    found = [re.search(r"^Pss_Anon:\s+(\d+) kB", _told(pid, "smaps_rollup"), re.MULTILINE) for pid in _processes()]
    return None if None in found else sum(int(each[1]) for each in found if each) / 1e3


def _cpu_seconds() -> float:
    """CPU seconds of this process and its children, those that have ended and, where the system tells, the others."""
    done = sum(os.times()[:4])
    running = [_told(child.pid, "stat").rpartition(")")[2].split() for child in multiprocessing.active_children()]
    return done + sum((int(fields[11]) + int(fields[12])) / _TICKS for fields in running if len(fields) > 12)


def _processes() -> list[int | None]:
    return [os.getpid(), *(child.pid for child in multiprocessing.active_children())]


def _told(pid: int | None, what: str) -> str:
    """What the system tells of a process; "" where it does not."""
    try:
        return Path(f"/proc/{pid}/{what}").read_text(encoding="utf-8")
    except OSError:
        return ""


if __name__ == "__main__":
    cli.run(main)
