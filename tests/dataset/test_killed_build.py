"""A build of a data set that is killed at random moments: the next one makes the same bits, and nothing is left."""

import hashlib
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
KILLS = 20
SIZES = ("--images", "test=60", "--images", "val=60", "--images", "train=200")


def build(out: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "benchmark.dataset", "build", "--out", str(out), *SIZES]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def processes_about(folder: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if any(str(folder) in argument for argument in process.info["cmdline"] or []):
            found.append(process)
    return found


def test_killed_twenty_times(tmp_path: Path) -> None:
    """Workers that go on drawing into a folder nobody will ever use, and a folder that nobody ever removes."""
    started = time.monotonic()
    assert build(tmp_path / "whole/data").wait(300) == 0
    takes = time.monotonic() - started
    dice, out = random.Random(7), tmp_path / "killed/data"
    kills = 0
    while kills < KILLS:
        process = build(out)
        try:
            process.wait(0.1 + 0.9 * takes * dice.random())
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
    deadline = time.monotonic() + 10
    while processes_about(out.parent) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert processes_about(out.parent) == []
    assert build(out).wait(300) == 0
    assert digests(out) == digests(tmp_path / "whole/data")
    assert sorted(os.listdir(out.parent)) == ["data"]  # noqa: PTH208
