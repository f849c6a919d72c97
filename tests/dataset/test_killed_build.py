"""Builds and drawings that are killed at random moments: the next one makes the same bits, and nothing is left."""

import hashlib
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from benchmark.dataset.mini import NAME
from benchmark.dataset.mini import build as build_module

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


DRAW = "from benchmark.dataset import open_split; print(open_split('mini', 'val').picture_folder)"


def draw(cache: Path) -> subprocess.Popen[bytes]:
    env = os.environ | {"CAPONIMAGE_CACHE": str(cache)}
    return subprocess.Popen([sys.executable, "-c", DRAW], cwd=ROOT, env=env, stderr=subprocess.PIPE)


def test_drawing_for_the_cache_is_killed_and_done_twice_at_once(tmp_path: Path) -> None:
    """Half a folder of pictures that passes for the whole, or two processes that draw the same ones."""
    cache, dice = tmp_path / "cache", random.Random(3)
    for _ in range(5):
        process = draw(cache)
        try:
            process.wait(1 + 4 * dice.random())
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    both = [draw(cache), draw(cache)]
    said = b"".join(process.communicate(timeout=300)[1] for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert said.count(b"drawing the 1,000 pictures") == 1
    build_module.build(tmp_path / "whole", annotations_only=True)
    (tmp_path / "pictures").mkdir()
    build_module.draw_pictures(tmp_path / "pictures", only="val")
    assert digests(cache / f"{NAME}-pictures" / "val") == digests(tmp_path / "pictures")
    assert digests(cache / NAME) == digests(tmp_path / "whole")
    left = {path.relative_to(cache).as_posix() for path in cache.glob("**/*") if path.suffix not in (".png", ".lock")}
    files = {f"{NAME}/{name}" for name in ("dataset.json", "train.parquet", "val.parquet", "test.parquet")}
    assert left == {NAME, f"{NAME}-pictures", f"{NAME}-pictures/val", *files}  # an empty lock may stay
