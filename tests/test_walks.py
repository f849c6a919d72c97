"""How many modules stand between a caption and its number: a budget, so that layers do not grow back unseen."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.dataset.store import Split

ROOT = Path(__file__).parents[1]
ENTRY = "20261125_no-image-scaled-down"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "most"),
    [
        ("reports.reproduce table2 --stored --only T2-base --only T2-noimg --output OUT", 35),
        ("benchmark.leaderboard build --submissions SUBMISSIONS --data DATA --jobs 1 --out OUT", 40),
    ],
)
def test_a_walk_is_short(command: str, most: int, embedded: dict[str, Split], tmp_path: Path) -> None:
    """A wrapper round a wrapper: each adds a file that everybody must open who follows a number to its source."""
    shutil.copytree(ROOT / "submissions" / ENTRY, tmp_path / "submissions" / ENTRY)
    shutil.copyfile(ROOT / "submissions" / "SHA256SUMS", tmp_path / "submissions" / "SHA256SUMS")
    places = {"OUT": tmp_path / "out", "SUBMISSIONS": tmp_path / "submissions", "DATA": embedded["test"].directory}
    arguments = [str(places.get(word, word)) for word in command.split()]
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "walks.py", *arguments],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    counted = re.search(r"(\d+) modules and templates", done.stderr)
    assert counted is not None, done.stderr
    assert int(counted[1]) <= most, done.stderr
