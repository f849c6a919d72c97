"""An entry that passes every check, made once; each test gets a copy to spoil."""

import shutil
from pathlib import Path

import pytest
from made_entries import made_entry

from benchmark.dataset.store import Split


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, splits: dict[str, Split]) -> Path:
    return made_entry(tmp_path_factory.mktemp("made"), splits)


@pytest.fixture
def entry(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "submissions" / made.name))
