"""`python -m benchmark.speed`: measure the speed of scoring, against pycocoevalcap, and of drawing captions.

Scoring is measured on two corpora, since work is done once for each distinct text and pair: "mini", whose captions come
from templates and repeat, and "varied", whose captions hardly do (`varied`). Real captions lie between them.

Machines are shared and noisy: look at the ratios of things run side by side, and at how cost grows with size.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from PIL import Image

from . import cli
from .dataset import open_split
from .dataset.mini.build import build
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
from .varied import build_varied

#: Name of a corpus for measurements -> function that writes it, without pictures, to a folder, given its sizes.
_CORPORA: dict[str, Callable[[Path, dict[str, int]], None]] = {
    "mini": partial(build, annotations_only=True),
    "varied": build_varied,
}


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
        grids.append(_drawing(_split(Path(folder), "mini", pictures)))
        for grid in grids:
            grid.show(cli.stdout)
        if original:
            _against_original({corpus: _split(Path(folder), corpus, images) for corpus in _CORPORA}).show(cli.stdout)


def _imports() -> Grid:
    grid = Grid("import, best of 5", ["process", "seconds"])
    for code in ("pass", f"import {__package__}"):
        seconds = min(_run([sys.executable, "-c", code])[0] for _ in range(5))
        grid.add(f"python -c {code!r}", number(seconds, 3))
    return grid


def _whole_process(folder: Path, sizes: list[int]) -> Grid:
    grid = Grid(
        cli.as_called("python -m benchmark.score, whole process with 1,000-fold bootstrap"),
        ["corpus", "images", "captions", "distinct pairs", "seconds", "CPU", "peak MB", "microseconds per caption"],
        notes=["a receipt is written; seconds and CPU seconds are medians of 3 runs after one that is not counted"],
    )
    for corpus, size in product(_CORPORA, sizes):
        split = _split(folder, corpus, size)
        captions, predictions, receipt = perturbed(split), folder / "preds.jsonl", folder / "scores.json"
        write_predictions(predictions, split, captions)
        command = [sys.executable, "-m", f"{__package__}.score", str(predictions), "--data", str(split.directory)]
        runs = [_run([*command, "-o", str(receipt)]) for _ in range(4)][1:]
        seconds, processor, peak = (median(values) for values in zip(*runs, strict=True))
        pairs = len(set(zip(captions, split.captions, strict=True)))
        counts = map(count, (size, split.n_boxes, pairs))
        per_caption = number(seconds / split.n_boxes * 1e6, 1)
        grid.add(corpus, *counts, number(seconds), number(processor), number(peak, 0), per_caption)
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


def _against_original(splits: dict[str, Split]) -> Grid:
    grid = Grid(
        "ours against pycocoevalcap, one process, one after the other",
        ["corpus", "captions", "metric", "ours, s", "pycocoevalcap, s", "ratio"],
    )

    def bleu_and_cider(fresh: Corpus) -> None:
        bleu.aggregate(bleu.statistics(fresh).sum(axis=0))
        cider.statistics(fresh)

    rows: list[tuple[str, Callable[[Corpus], object], tuple[str, ...]]] = [
        ("BLEU + CIDEr-D", bleu_and_cider, ("BLEU-1", "CIDEr")),
        ("METEOR", meteor.statistics, ("METEOR",)),
    ]
    for corpus, split in splits.items():
        fresh = partial(
            Corpus.from_captions, predictions=perturbed(split), references=split.captions, offsets=split.offsets
        )
        times: list[tuple[str, float, float]] = []
        for name, ours, names in rows:
            mine = min(_time(ours, fresh()) for _ in range(3))
            times.append((name, mine, _time(partial(original_scores, names=names), fresh())))
        times.append(("all three", sum(mine for _, mine, _ in times), sum(theirs for _, _, theirs in times)))
        for name, mine, theirs in times:
            ratio = Cell(theirs / mine, "{:.1f}x")
            grid.add(corpus, count(split.n_boxes), name, number(mine), number(theirs), ratio)
    return grid


def _split(folder: Path, corpus: str, images: int) -> Split:
    directory = folder / f"{corpus}-{images}"
    if not directory.exists():
        _CORPORA[corpus](directory, {"test": images})
    return open_split(directory, "test")


def _run(command: list[str]) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak resident megabytes of a process.

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
    megabytes = usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)
    return seconds, usage.ru_utime + usage.ru_stime, megabytes


def _time(function: Callable[[Corpus], object], corpus: Corpus) -> float:
    started = time.perf_counter()
    function(corpus)
    return time.perf_counter() - started


if __name__ == "__main__":
    cli.run(main)
