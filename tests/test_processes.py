"""What is left when a command is interrupted, ended or killed: nothing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from benchmark.processes import Workers, program, signals_as_exits

pytestmark = pytest.mark.skipif(os.name == "nt", reason="sends signals that Windows does not have")

ROOT = Path(__file__).parents[1]

#: A script that does long work in two processes, and says their numbers.
POOL = """
import os, sys, time
from pathlib import Path
from benchmark import cli
from benchmark.processes import Workers
def work(number):
    Path(sys.argv[1], str(os.getpid())).touch()
    time.sleep(1000)
def main(folder: str) -> None:
    with Workers(2) as pool:
        list(pool.map(work, range(2)))
if __name__ == "__main__":
    cli.run(main)
"""


def until(happens: Callable[[], object], seconds: float = 60) -> None:
    """Wait until something happens."""
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, "it has not happened"
        time.sleep(0.05)


def descendants(process: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def gone(processes: list[psutil.Process]) -> bool:
    return not [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


def started(command: list[str], happens: Callable[[], object]) -> "subprocess.Popen[bytes]":
    """Start a command in a session of its own, as a terminal does, and wait until something happens."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True, env=environment)
    until(happens)
    return process


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, marks=pytest.mark.slow),
        pytest.param(signal.SIGKILL, marks=pytest.mark.slow),
    ],
)
def test_nothing_is_left_of_a_data_set_that_is_not_finished(number: signal.Signals, tmp_path: Path) -> None:
    """Drawing processes that go on for minutes, their tracebacks, and 240 MB in a folder that nobody deletes."""
    build = [
        sys.executable,
        "-m",
        "benchmark.dataset",
        "build",
        "--out",
        str(tmp_path / "out"),
        "--images",
        "test=9000",
    ]
    process = started(build, lambda: any(tmp_path.rglob("*.png")))
    drawing = descendants(process)
    assert drawing
    os.killpg(process.pid, number)  # Ctrl-C and a closed terminal reach all processes of the terminal
    _, messages = process.communicate(timeout=60)
    assert process.returncode == (-number if number == signal.SIGKILL else 128 + number)
    assert messages == b""
    until(lambda: gone(drawing), 10)
    if number != signal.SIGKILL:  # what is killed can tidy nothing; the next one does
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)])
def test_pools_end_with_their_process(number: signal.Signals, tmp_path: Path) -> None:
    """Workers that wait for ever for a process that is gone, or show a traceback each at Ctrl-C."""
    (tmp_path / "script.py").write_text(POOL)
    seen = tmp_path / "seen"
    seen.mkdir()
    process = started([sys.executable, str(tmp_path / "script.py"), str(seen)], lambda: len(list(seen.iterdir())) == 2)
    working = descendants(process)
    os.killpg(process.pid, number)
    _, messages = process.communicate(timeout=30)
    assert process.returncode == (-number if number == signal.SIGKILL else 130)
    assert b"Traceback" not in messages
    until(lambda: gone(working), 10)


def test_an_error_ends_the_workers_at_once() -> None:
    """An error in the main process that is shown when the last worker has finished its hour."""
    begun = time.monotonic()

    def fail() -> None:
        with Workers(1) as pool:
            pool.submit(time.sleep, 1000)
            time.sleep(0.5)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert time.monotonic() - begun < 30


def test_results_come_in_order() -> None:
    """A pool that is ended before its results are read."""
    with Workers(2) as pool:
        assert list(pool.map(abs, [-3, 2, -1])) == [3, 2, 1]


def test_a_program_ends_with_all_that_it_has_started(tmp_path: Path) -> None:
    """A script around Java: it is killed, Java goes on."""
    note = tmp_path / "number"
    with program(["sh", "-c", f"sleep 1000 & echo $! > {note}; wait"]):
        until(lambda: note.exists() and note.read_text())
        sleeping = psutil.Process(int(note.read_text()))
    until(lambda: gone([sleeping]), 10)


def test_signals_are_as_before_after_the_block() -> None:
    """A program that uses this one as a library, and ends by other signals than its own afterwards."""
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGHUP)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as under nohup

    def receive_both() -> None:
        with signals_as_exits():
            signal.raise_signal(signal.SIGHUP)
            signal.raise_signal(signal.SIGTERM)

    try:
        with pytest.raises(SystemExit) as ended:
            receive_both()
        assert ended.value.code == 143
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before[1])
    assert signal.getsignal(signal.SIGTERM) == before[0]
