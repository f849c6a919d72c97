"""A small mini data set with pictures."""

from pathlib import Path

import pytest
import torch

from benchmark.dataset.mini.build import build
from benchmark.dataset.store import Split, open_directory
from reference_model.training.vocabulary import Vocabulary


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("data") / "mini"
    build(made, {"train": 40, "val": 12, "test": 12})
    return made


@pytest.fixture(scope="session")
def splits(directory: Path) -> dict[str, Split]:
    return open_directory(directory)


@pytest.fixture(scope="session")
def vocabulary(splits: dict[str, Split]) -> Vocabulary:
    return Vocabulary.of_split(splits["train"])


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPONIMAGE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
