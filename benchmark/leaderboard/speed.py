"""Measures how long the board takes to build: from nothing, with one more entry, and with many entries.

Only a few entries are scored from prediction files, since scoring takes equally long for each. The tests of all pairs
and the pages, which grow with the number of entries, are timed with made-up statistics. On a shared machine, wall-clock
seconds include other work; CPU seconds, summed over all processes, do not.
"""

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TypeVar

import numpy as np

from ..dataset import open_dataset
from ..dataset.mini.build import build
from ..dataset.schema import EVALUATED_SPLITS
from ..dataset.store import Split
from ..grid import Content, Grid, number
from ..scoring.blind import perturbed
from ..scoring.evaluation import evaluate
from .board import Board, Listed
from .entries import entry_name
from .gather import gather
from .metadata import Metadata
from .new_entry import fill_entry
from .site import write_board
from .statistics_cache import Statistics, StatisticsCache

_T = TypeVar("_T")


def measure(images: int, entries: int, large: int, jobs: int) -> Grid:
    """Measure each step, in wall-clock and CPU seconds.

    Args:
        images: number of images in val and in test.
        entries: number of entries that are scored from prediction files.
        large: number of entries for which tests and pages are timed with made-up statistics.
        jobs: number of processes for scoring.
    """
    grid = Grid(
        f"board of {entries} entries, {images:,} images in val and in test each, {jobs} processes",
        ["step", "seconds", "CPU seconds", "CPU seconds per entry"],
    )
    with tempfile.TemporaryDirectory(prefix="caponimage-board-speed-") as name:
        folder = Path(name)
        build(folder / "data", {"train": 2000, "val": images, "test": images}, annotations_only=True)
        splits = open_dataset(folder / "data")
        submissions, cache = folder / "submissions", StatisticsCache(folder / "cache")
        submissions.mkdir()
        for k in range(entries):
            _add_entry(submissions, splits, k)

        def rebuild() -> Board:
            board = gather(submissions, open_dataset(folder / "data"), cache, jobs=jobs)
            write_board(board, folder / "board")
            return board

        _, cells = _timed(rebuild, entries)
        grid.add("from nothing", *cells)
        board, cells = _timed(rebuild, entries)
        grid.add("nothing new", *cells)
        _add_entry(submissions, splits, entries)
        _, cells = _timed(rebuild)
        grid.add("one more entry", *cells)

        for count in (large // 2, large):
            many = Board(board.splits, _made_systems(board, count), board.reference_rows)
            _, cells = _timed(lambda many=many: [many.ranked(split) for split in EVALUATED_SPLITS])  # type: ignore[misc]
            grid.add(f"tests of all pairs of {count} entries, val and test", *cells)
            _, cells = _timed(lambda many=many: write_board(many, folder / "many"))  # type: ignore[misc]
            grid.add(f"Markdown, CSV and pages of {count} entries", *cells)
        size = sum((folder / "many" / place).stat().st_size for place in _first_view(folder / "many"))
        grid.notes.append(f"first view of the site with {large} entries: {size / 1e3:,.0f} kB")
    return grid


def _timed(function: Callable[[], _T], entries: int = 0) -> tuple[_T, list[Content]]:
    """The result, and cells: seconds, CPU seconds including finished child processes, CPU seconds per entry."""
    clock, before = time.perf_counter(), os.times()
    result = function()
    seconds, after = time.perf_counter() - clock, os.times()
    cpu = sum(after[:4]) - sum(before[:4])
    return result, [number(seconds, 1), number(cpu, 1), number(cpu / entries) if entries else ""]


def _first_view(site: Path) -> list[str]:
    return ["index.html", *(path.relative_to(site).as_posix() for path in (site / "static").iterdir())]


def _metadata(k: int) -> Metadata:
    return Metadata(
        name=f"system {k}",
        authors=["made up"],
        contact="a@example.org",
        organisation="none",
        license="none",
        date=date(2027, 1, 31),
        uses_external_data=bool(k % 2),
        external_data="made up" if k % 2 else None,
        pretrained_from=[],
        trained_on_val_or_test=False,
        n_params=k,
        hardware="none",
        seeds=[1],
        decoding="none",
        attempts=1,
        open_weights=False,
    )


def _add_entry(submissions: Path, splits: dict[str, Split], k: int) -> None:
    about = _metadata(k)
    captions = {split: perturbed(splits[split], k) for split in EVALUATED_SPLITS}
    evaluations = {split: evaluate(splits[split], captions[split]) for split in EVALUATED_SPLITS}
    fill_entry(submissions / entry_name(about), about, [captions], [evaluations], splits)


def _made_systems(board: Board, count: int) -> Sequence[Listed]:
    """Systems about as good as those of the board, each a little different from all others."""
    random = np.random.default_rng(0)

    def made(one: Statistics, quality: float) -> Statistics:
        noise = random.normal(quality, 1, len(one.cider))
        return replace(one, cider=np.maximum(one.cider + noise, 0))

    systems = []
    for k in range(count):
        like, about = board.entries[k % len(board.entries)], _metadata(k)
        statistics = {split: [made(one, k / count) for one in like.statistics[split]] for split in EVALUATED_SPLITS}
        systems.append(Listed(entry_name(about), about.name, statistics, about, "self-scored"))
    return systems
