"""Trains one run: reuses it if it is complete, continues it if it was interrupted, else trains it from scratch.

Invariants:
* a run's folder belongs to one process at a time (`benchmark.locks`);
* a run of another version of its network is not reused; it is moved aside, never deleted;
* Ctrl-C, SIGTERM and SIGHUP reach every training, which saves and ends; SIGKILL loses the updates since the last
  checkpoint;
* a run that fails does not stop the others.
"""

import contextlib
import os
import platform
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Literal

from benchmark.locks import locked
from benchmark.processes import ending_signals
from reports.runs.code_version import code_version
from reports.runs.plan import Job
from reports.runs.stored import Run, set_aside, state

Verdict = Literal["reused", "trained", "failed", "interrupted"]


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Attributes:
        job: the job.
        verdict: kind of ending.
        seconds: duration of its training.
        why: reason of a failure.
    """

    job: Job
    verdict: Verdict
    seconds: float = 0.0
    why: str = ""


class Children:
    """Training processes started by this process, which signals are passed on to."""

    def __init__(self) -> None:
        self.signal = 0  # number of the first signal that asked to stop
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.RLock()  # reentrant: a signal may come while the main thread holds it

    @property
    def stopping(self) -> bool:
        """Whether a signal asked to stop."""
        return bool(self.signal)

    @contextlib.contextmanager
    def watch(self, process: "subprocess.Popen[bytes]") -> Iterator[None]:
        """Pass signals on to a process while the block runs, also one that came just before."""
        with self._lock:
            self._running.add(process)
            if self.stopping:
                process.send_signal(signal.SIGTERM)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(process)

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """Let Ctrl-C, SIGTERM and SIGHUP ask all trainings to save and end; does nothing outside the main thread."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def pass_on(number: int, frame: FrameType | None) -> None:
            with self._lock:
                # SIGTERM, since Ray's workers, and so their children, block SIGINT; a second Ctrl-C ends them at once.
                passed = number if self.stopping else signal.SIGTERM
                self.signal = self.signal or number
                for process in self._running:
                    process.send_signal(passed)

        before = {number: signal.signal(number, pass_on) for number in (*ending_signals(), signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


CHILDREN = Children()


def work(job: Job, *, wait: bool = True) -> Outcome | None:
    """Make sure that a job's run is complete; works in any process on any machine that sees the folder.

    Args:
        job: job whose run is wanted.
        wait: whether to wait for another process that holds the run's lock.

    Returns:
        The outcome; None if another process holds the lock and `wait` is false.
    """
    with CHILDREN.signals(), locked(job.run.folder, wait=wait, stop=lambda: CHILDREN.stopping, inherited=True) as lock:
        if CHILDREN.stopping:
            return Outcome(job, "interrupted")
        if lock is None:
            return None
        found = state(job.run, job.version, keep_old=job.keep_old)
        if found == "complete":
            return Outcome(job, "reused")
        if found == "other version":
            set_aside(job.run, job.runs)
        if found != "begun":
            command = ["python -m reference_model.train", *_portable(job.arguments)]
            job.run.note(code=code_version(job.config.system), command=" ".join(command), seconds=0.0)
        return _train(job, job.run, lock)


def _train(job: Job, run: Run, lock: int) -> Outcome:
    started = time.time()
    output = run.folder / "output.txt"
    with output.open("ab") as file:
        try:
            process = subprocess.Popen(
                [*job.command, *job.arguments],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "1000"},
                start_new_session=True,  # so that Ctrl-C reaches it only once, through `CHILDREN`
                pass_fds=(lock,),
            )
        except OSError as error:
            return Outcome(job, "failed", 0.0, f"{job.command[0]}: {error.strerror}")
        with CHILDREN.watch(process):
            while (code := process.poll()) is None:
                time.sleep(0.2)  # polls, since Ray's signals do not end a system call
    seconds = time.time() - started
    run.note(seconds=run.made_by.get("seconds", 0.0) + seconds)
    if run.complete:
        run.note(seconds_per_update=run.seconds_per_update, machine=_machine())
        return Outcome(job, "trained", seconds)
    if CHILDREN.stopping:
        return Outcome(job, "interrupted", seconds)
    return Outcome(job, "failed", seconds, f"{_ending(code)}: {_last_line(output)}")


def _portable(arguments: Sequence[str]) -> list[str]:
    """Arguments without --runs and --data, which are paths of one machine."""
    kept, skip = [], False
    for argument in arguments:
        if not skip and argument not in ("--runs", "--data"):
            kept.append(argument)
        skip = not skip and argument in ("--runs", "--data")
    return kept


def _machine() -> str:
    return f"{platform.system()} {platform.machine()}"


def _ending(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"


def _last_line(output: Path) -> str:
    lines = [line.strip() for line in output.read_text(encoding="utf-8", errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line), "no message")[-500:]
