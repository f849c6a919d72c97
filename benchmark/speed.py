"""`python -m benchmark.speed`: measure the speed of scoring, against pycocoevalcap, and of drawing captions.

Machines are shared and noisy: look at the ratios of things run side by side, and at how cost grows with size.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image

from . import cli
from .dataset import open_split
from .dataset.store import Split
from .errors import InputError
from .grid import Cell, Grid, count, number
from .metrics import bleu, cider, meteor
from .metrics.corpus import Corpus
from .predictions import write_predictions
from .processes import program
from .rendering import draw_captions
from .scoring.blind import perturbed
from .scoring.original import original_scores


def main(
    images: Annotated[int, typer.Option(help="Images in the comparison with pycocoevalcap.")] = 20_000,
    scaling: Annotated[
        str, typer.Option(help="Images per split for timing whole processes, joined by commas.")
    ] = "5000,20000,80000",
    original: Annotated[bool, typer.Option(help="Also run pycocoevalcap (about a minute).")] = True,
    pictures: Annotated[int, typer.Option(help="Pictures on which captions are drawn.", min=1)] = 1000,
) -> None:
    """Measure whole scoring processes from a cold start, drawing, and each metric against pycocoevalcap.

    Examples::

        python -m benchmark.speed
        python -m benchmark.speed --images 5000 --scaling 1000,5000 --no-original
    """
    with tempfile.TemporaryDirectory(prefix="caponimage-speed-") as folder:
        grids = [_imports(), _whole_process(Path(folder), [int(size) for size in scaling.split(",")])]
        grids.append(_drawing(_split(Path(folder), pictures)))
        for grid in grids:
            grid.show(cli.stdout)
        if original:
            _against_original(_split(Path(folder), images)).show(cli.stdout)


def _imports() -> Grid:
    grid = Grid("import, best of 5", ["process", "seconds"])
    for code in ("pass", f"import {__package__}"):
        seconds = min(_run([sys.executable, "-c", code])[0] for _ in range(5))
        grid.add(f"python -c {code!r}", number(seconds, 3))
    return grid


def _whole_process(folder: Path, sizes: list[int]) -> Grid:
    grid = Grid(
        cli.as_called("python -m benchmark.score, whole process with 1,000-fold bootstrap"),
        ["images", "captions", "seconds", "peak MB", "microseconds per caption"],
    )
    for size in sizes:
        split = _split(folder, size)
        predictions = folder / f"{size}.jsonl"
        write_predictions(predictions, split, perturbed(split))
        command = [sys.executable, "-m", f"{__package__}.score", str(predictions), "--data", str(split.directory)]
        _run(command)  # warms up the file cache
        seconds, peak = _run(command)
        per_caption = number(seconds / split.n_boxes * 1e6, 1)
        grid.add(count(size), count(split.n_boxes), number(seconds), number(peak, 0), per_caption)
    return grid


def _drawing(split: Split) -> Grid:
    """Time of drawing captions into their boxes, on blank pictures of the split's sizes."""
    pictures = [Image.new("RGB", (int(width), int(height)), "#c8b8a8") for width, height in split.sizes]
    ends = split.offsets.tolist()
    wall, processor = time.perf_counter(), time.process_time()
    for picture, first, last in zip(pictures, ends, ends[1:], strict=False):
        draw_captions(picture, split.boxes[first:last], split.captions[first:last])
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    grid = Grid(
        "captions drawn on pictures, one process", ["time", "seconds", "pictures a second", "captions a second"]
    )
    for name, seconds in (("wall", wall), ("processor", processor)):
        rates = (Cell(done / seconds, "{:,.0f}") for done in (split.n_images, split.n_boxes))
        grid.add(name, number(seconds), *rates)
    return grid


def _against_original(split: Split) -> Grid:
    grid = Grid(
        f"ours against pycocoevalcap, {split.n_boxes:,} captions, one process, one after the other",
        ["metric", "ours, s", "pycocoevalcap, s", "ratio"],
    )

    def corpus() -> Corpus:
        return Corpus.from_captions(predictions=perturbed(split), references=split.captions, offsets=split.offsets)

    def bleu_and_cider(fresh: Corpus) -> None:
        bleu.aggregate(bleu.statistics(fresh).sum(axis=0))
        cider.statistics(fresh)

    rows: list[tuple[str, Callable[[Corpus], object], tuple[str, ...]]] = [
        ("BLEU + CIDEr-D", bleu_and_cider, ("BLEU-1", "CIDEr")),
        ("METEOR", meteor.statistics, ("METEOR",)),
    ]
    for name, ours, names in rows:
        mine = min(_time(ours, corpus()) for _ in range(3))
        theirs = _time(partial(original_scores, names=names), corpus())
        grid.add(name, number(mine), number(theirs), Cell(theirs / mine, "{:.1f}x"))
    return grid


def _split(folder: Path, images: int) -> Split:
    directory = folder / f"mini-{images}"
    if not directory.exists():
        build = [sys.executable, "-m", f"{__package__}.dataset", "build", "--annotations-only", "--out", str(directory)]
        _run([*build, "--images", f"test={images}"])
    return open_split(directory, "test")


def _run(command: list[str]) -> tuple[float, float]:
    """Wall seconds and peak resident megabytes of a process.

    Raises:
        InputError: if the process fails; the message ends with its stderr. On Windows, which does not tell the peak.
    """
    if not hasattr(os, "wait4"):
        raise InputError("the peak memory of a process is measured on Linux and macOS alone; run this command there")
    started = time.perf_counter()
    with program(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        errors = process.stderr.read().decode("utf-8", "backslashreplace")
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if status != 0:
        raise InputError(f"{' '.join(command)} failed:\n{errors}")
    return seconds, usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)


def _time(function: Callable[[Corpus], object], corpus: Corpus) -> float:
    started = time.perf_counter()
    function(corpus)
    return time.perf_counter() - started


if __name__ == "__main__":
    cli.run(main)
