"""Runs `simulated_worker` as a process with a clean environment, and stops it when its time is over."""

import json
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..processes import program

_WORKER = Path(__file__).with_name("simulated_worker.py")
_SHOWN = 20_000  # bytes of the output that are kept


@dataclass(frozen=True)
class Execution:
    """Outcome of a run: exit code (None: the time was over), wall-clock seconds, and its output as text."""

    code: int | None
    seconds: float
    stdout: str
    stderr: str


def run(
    folder: Path, about: dict[str, Any], *, python: str, seconds: int, memory: int, own_packages: bool
) -> Execution:
    """Run a program as a worker does.

    Args:
        folder: working folder of the worker; logs are written there.
        about: the program and its arguments, see `simulated_worker`.
        python: Python interpreter of the worker.
        seconds: limit on wall-clock and processor time, each in seconds.
        memory: limit on address space, in bytes.
        own_packages: whether the bundle brings its packages; those installed here are then out of reach.
    """
    order = json.dumps({**about, "seconds": seconds, "memory": memory})
    command = [python, "-I", *(["-S"] if own_packages else []), "-B", str(_WORKER), order]
    (folder / "tmp").mkdir()
    environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(folder), "TMPDIR": str(folder / "tmp")}
    # Threads cost address space, and the scorer needs none.
    environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    started = time.monotonic()
    with (
        (folder / "stdout").open("wb") as stdout,
        (folder / "stderr").open("wb") as stderr,
        program(
            command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, env=environment, cwd=folder
        ) as process,
    ):
        try:
            code: int | None = process.wait(seconds)
        except subprocess.TimeoutExpired:
            code = None
    if code == -signal.SIGXCPU or (code == -signal.SIGKILL and time.monotonic() - started >= seconds):
        code = None
    texts = [_head(folder / name) for name in ("stdout", "stderr")]
    return Execution(code, time.monotonic() - started, *texts)


def _head(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_SHOWN).decode(errors="replace")
