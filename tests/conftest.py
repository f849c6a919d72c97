"""A small mini data set with pictures, and a cache folder of the tests' own."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from chromium import chromium, page  # noqa: F401  # fixtures of all tests of pages

from benchmark.dataset.mini import NAME
from benchmark.dataset.mini.build import build
from benchmark.dataset.store import Split, open_directory

if TYPE_CHECKING:
    from reference_model.training.vocabulary import Vocabulary


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--record-digests",
        action="store_true",
        help="Record the numbers of tests/reference_model/test_digests.py instead of comparing them.",
    )


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPONIMAGE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="session")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("data") / "mini"
    build(made, {"train": 40, "val": 12, "test": 12})
    return made


@pytest.fixture(scope="session")
def splits(directory: Path) -> dict[str, Split]:
    return open_directory(directory)


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Split]:
    """The embedded data set in its default size, without its pictures, which scoring never opens."""
    place = tmp_path_factory.getbasetemp() / "cache" / NAME
    if not place.exists():
        build(place, annotations_only=True)
    return open_directory(place)


@pytest.fixture(scope="session")
def vocabulary(splits: dict[str, Split]) -> "Vocabulary":
    from reference_model.training.vocabulary import Vocabulary  # torch: not for tests of the harness

    return Vocabulary.of_split(splits["train"])
