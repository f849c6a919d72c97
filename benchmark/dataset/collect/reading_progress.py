"""How far reading is, and how that is shown with and without a terminal."""

import time
from dataclasses import dataclass
from typing import Self

from rich import progress as bars

from ...cli import note, stderr

#: Seconds between two lines about progress where there is no terminal.
_QUIET = 30.0


@dataclass(frozen=True)
class Progress:
    """How far reading is.

    Attributes:
        engine: name of the engine that is reading.
        done, total: pictures that it has read in this run, and those it had to read.
        problems: pictures among them that cannot be used.
        seconds: time since it began.
    """

    engine: str
    done: int
    total: int
    problems: int
    seconds: float

    @property
    def rate(self) -> float:
        """Pictures a second; 0 before the first."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def left(self) -> float | None:
        """Seconds that are left, about; None before the first picture is read."""
        return (self.total - self.done) / self.rate if self.rate else None


class ProgressReport:
    """Shows progress on stderr while its block runs: a bar on a terminal, else a line now and then.

    Pass its method `update` to `read_all`.
    """

    def __init__(self) -> None:
        self._bars = bars.Progress(
            bars.TextColumn("{task.description}"),
            bars.BarColumn(),
            bars.MofNCompleteColumn(),
            bars.TextColumn("{task.fields[rate]}"),
            bars.TimeRemainingColumn(),
            console=stderr,
            disable=not stderr.is_terminal,
        )
        self._tasks: dict[str, bars.TaskID] = {}
        self._told = float("-inf")

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bars.stop()

    def update(self, progress: Progress) -> None:
        """Show how far reading is."""
        if not progress.total:
            return
        rate = f"{progress.rate:.2f} a second" if progress.rate else ""
        if stderr.is_terminal:
            if progress.engine not in self._tasks:
                label = f"reading with {progress.engine}"
                self._tasks[progress.engine] = self._bars.add_task(label, total=progress.total, rate="")
            self._bars.update(self._tasks[progress.engine], completed=progress.done, rate=rate)
            return
        now = time.monotonic()
        if 1 < progress.done < progress.total and now - self._told < _QUIET:
            return
        self._told = now
        told = [f"{progress.engine}: read {progress.done:,} of {progress.total:,} pictures"]
        if progress.problems:
            told.append(f"{progress.problems:,} cannot be used")
        if rate:
            told.append(rate)
        if progress.left:
            told.append(f"about {duration(progress.left)} left")
        note(", ".join(told))


def duration(seconds: float) -> str:
    """A time in words, in seconds, minutes or hours."""
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} seconds"
    return f"{minutes} minutes" if minutes < 120 else f"{minutes / 60:.1f} hours"
