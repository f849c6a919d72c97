"""Power cuts: what a file system holds at a moment is all that is left, and nothing counts as complete that is not.

A training writes to an ext4 file system of its own inside a file. A copy of that file is what the disk would hold if
the power went off: whatever only the system's memory knew is not in it. Mounting needs root and Linux.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from safetensors.torch import load_file
from tiny_runs import TINY

from reference_model.run_folder import is_complete

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
MIB = 1 << 20


class Disk:
    """An ext4 file system in a file, mounted; copies of it are mounted beside."""

    def __init__(self, place: Path) -> None:
        self.place, self.mounted = place, list[Path]()
        self.image = place / "disk"
        with self.image.open("wb") as file:
            file.truncate(400 * MIB)
        subprocess.run(["mkfs.ext4", "-q", str(self.image)], check=True)
        self.folder = self.mount(self.image)

    def mount(self, image: Path) -> Path:
        folder = image.with_name(f"{image.name}-mounted")
        folder.mkdir()
        subprocess.run(["mount", "-o", "loop", str(image), str(folder)], check=True, capture_output=True)
        self.mounted.append(folder)
        return folder

    def after_a_power_cut(self, name: str) -> Path:
        """Mount what the disk holds now, without what has not been written to it yet."""
        copy = self.place / name
        subprocess.run(["cp", "--sparse=always", str(self.image), str(copy)], check=True)
        return self.mount(copy)

    def close(self) -> None:
        for folder in self.mounted:
            subprocess.run(["umount", "-l", str(folder)], check=False)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    if os.name != "posix" or os.geteuid() != 0 or not shutil.which("mkfs.ext4"):
        pytest.skip("mounting a file system needs root and mkfs.ext4")
    made = None
    try:
        made = Disk(tmp_path)
        yield made
    except subprocess.CalledProcessError as error:
        pytest.skip(f"file systems cannot be mounted here: {error}")
    finally:
        if made:
            made.close()


def train(folder: Path, data: Path) -> subprocess.Popen[bytes]:
    """Start a tiny training in a folder."""
    command = [sys.executable, "-m", "reference_model.train", "context", *TINY, "train.pretrain_updates=40"]
    env = os.environ | {"CAPONIMAGE_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*command, "--data", str(data), "--runs", str(folder / "runs")], cwd=ROOT, env=env, stderr=subprocess.DEVNULL
    )


def run_of(folder: Path) -> Path:
    [found] = (folder / "runs/context").glob("*/seed1")
    return found


def results(folder: Path) -> dict[str, bytes]:
    run = run_of(folder)
    content = {name: (run / name).read_bytes() for name in ("preds.test.jsonl", "scores.test.json", "preds.val.jsonl")}
    weights = load_file(run / "checkpoint/best.safetensors")
    return content | {name: value.numpy().tobytes() for name, value in weights.items()}


def test_a_run_that_ended_is_there_after_a_power_cut(disk: Disk, directory: Path) -> None:
    """Exit code 0, and seconds later a run that counts as complete with empty predictions and zeroed weights."""
    assert train(disk.folder, directory).wait(300) == 0
    left = disk.after_a_power_cut("cut")
    assert is_complete(run_of(left))
    assert results(left) == results(disk.folder)


def test_a_power_cut_during_a_training_costs_no_more_than_a_kill(disk: Disk, directory: Path) -> None:
    """Half of a checkpoint, from which a run can neither go on nor start again, or ends with other bits."""
    process, lefts = train(disk.folder, directory), []
    while process.poll() is None:
        time.sleep(1.5)
        process.send_signal(signal.SIGSTOP)
        if len(lefts) < 6:
            lefts.append(disk.after_a_power_cut(f"cut{len(lefts)}"))
        process.send_signal(signal.SIGCONT)
    assert process.returncode == 0
    assert len(lefts) >= 3
    for left in lefts:
        assert train(left, directory).wait(300) == 0  # goes on, or finds what is complete
        assert results(left) == results(disk.folder)
