"""A thousand pictures: what reading takes, and that a changed threshold reads none of them again.

The time is printed, not tested, since machines differ; docs/your_own_pictures.md has what was measured.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from PIL import Image

from benchmark.dataset import open_dataset

pytest.importorskip("rapidocr", reason="text recognition is not installed: pip install 'caponimage[collect]'")

PYTHON = [sys.executable, "-m", "benchmark.dataset"]
PICTURES, SIZE = 1000, (513, 750)


def drawn(folder: Path) -> Path:
    """Pictures of the embedded data set's generator (synthetic), in the size of real posters."""
    subprocess.run([*PYTHON, "build", "--out", folder / "made", "--images", f"train={PICTURES}"], check=True)
    pictures = folder / "pictures"
    pictures.mkdir()
    for path in (folder / "made" / "images").iterdir():
        Image.open(path).convert("RGB").resize(SIZE).save(pictures / f"{path.stem}.jpg", quality=90)
    return pictures


@pytest.mark.slow
def test_a_thousand_pictures(tmp_path: Path) -> None:
    """Processes that take more memory with each picture, silence for minutes, or everything read again.

    About fifteen minutes of a core. Memory is what all processes share and have for themselves, at its highest.
    """
    command = [*PYTHON, "collect", "--pictures", drawn(tmp_path), "-o", tmp_path / "mine", "--second", "none"]
    command += ["--jobs", "2", "--set", "near_duplicates=-1", "--set", "redundancy=0"]
    began = time.monotonic()
    with (tmp_path / "said.txt").open("w+") as said:
        process = psutil.Popen([str(part) for part in command], stderr=said, stdout=subprocess.DEVNULL)
        memory, first = 0, 0.0
        while process.poll() is None:
            memory = max(memory, sum(map(proportional, [process, *process.children(recursive=True)])))
            if not first and "read 1 of" in (tmp_path / "said.txt").read_text():
                first = time.monotonic() - began
            time.sleep(1)
    assert process.returncode == 0
    print(f"{time.monotonic() - began:.0f} s, first picture after {first:.0f} s, {memory / 1e6:.0f} MB")
    assert memory < 1.5e9
    assert sum(split.n_images for split in open_dataset(str(tmp_path / "mine")).values()) > 0.5 * PICTURES
    began = time.monotonic()
    again = subprocess.run([*command, "--set", "size=0.03"], check=True, capture_output=True, text=True)
    print(f"with another threshold {time.monotonic() - began:.0f} s")
    assert not re.search(r"read \d", again.stderr)


def proportional(process: psutil.Process) -> int:
    """Bytes of a process, its part of what several share; 0 if it has ended."""
    try:
        return int(getattr(process.memory_full_info(), "pss" if os.name == "posix" else "uss", 0))
    except psutil.Error:
        return 0
