"""docs/extend.md, done as it says: each walk on a copy of the code, block by block, then its commands.

A walk is a section of the page. A line `FILE` before a block makes the block that file; `FILE` after `LINE` puts it
behind that line; in a console block, lines that do not begin with "$" must be in what the command before them prints.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.dataset.mini.build import build
from benchmark.dataset.store import open_directory
from benchmark.predictions import write_predictions

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "extend.md").read_text(encoding="utf-8")
WALKS = dict(re.findall(r"^## (Add .*?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
BLOCK = re.compile(
    r"^(?:`([^`\n]+)`(?: after `([^`\n]+)`)?\n\n)?```(python|console)\n(.*?)```$", re.MULTILINE | re.DOTALL
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set, with a prediction file beside it."""
    folder = tmp_path_factory.mktemp("walks")
    build(folder / "data", {"train": 24, "val": 6, "test": 6})
    test = open_directory(folder / "data")["test"]
    write_predictions(folder / "preds.jsonl", test, test.captions[::-1])
    return folder


@pytest.fixture
def tree(tmp_path: Path, data: Path) -> Path:
    """A copy of the code, to be changed, with the data set in it."""
    for package in ("benchmark", "reference_model", "baselines", "reports"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "results"))
    shutil.copytree(data, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.mark.parametrize("title", WALKS)
def test_a_walk_works_as_written(title: str, tree: Path) -> None:
    """A page that tells a newcomer to change files, with a result that does not run; or that counts too few files."""
    changed = set()
    commands = 0
    for file, after, kind, text in BLOCK.findall(WALKS[title]):
        if kind == "python":
            changed.add(file)
            change(tree / file, after, text)
        else:
            commands += 1
            run(tree, text)
    assert commands
    if promised := re.search(r": (\d|no) files?", title):
        in_the_code = {file for file in changed if "/" in file and (tree / file).stat().st_size}
        if "baseline" in title:  # and its test and README, of which a toy has none
            in_the_code |= {"tests/baselines/test_baselines.py", "README.md"}
        upper = re.findall(r"\d", title)[-1] if re.findall(r"\d", title) else "0"
        assert len(in_the_code) <= int(upper), (promised[0], in_the_code)


def change(path: Path, after: str, text: str) -> None:
    """Do what a block says."""
    if not after:
        assert not path.exists(), f"{path.name} is there already"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return
    before = path.read_text(encoding="utf-8")
    assert before.count(f"{after}\n") == 1, f"{path.name}: expected once: {after}"
    path.write_text(before.replace(f"{after}\n", f"{after}\n{text}"), encoding="utf-8")


def run(tree: Path, text: str) -> None:
    """Run the commands of a console block; each prints the lines that follow it."""
    output = ""
    for line in text.splitlines():
        if not line.startswith("$ "):
            assert line in output, output
            continue
        program, *arguments = line[2:].split()
        assert program == "python"
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=tree,
            env=os.environ | {"PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        output = done.stdout
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"


def test_there_are_four_walks() -> None:
    """A page whose headings changed, so that nothing is tried any more."""
    assert [title.split()[2].rstrip(":") for title in WALKS] == ["metric", "baseline", "table", "data"]
