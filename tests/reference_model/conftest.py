"""A small mini data set with pictures, and a model small enough for a test."""

from pathlib import Path

import pytest
import torch

from benchmark.dataset.mini.build import build
from benchmark.dataset.store import Split, open_directory
from reference_model.config import Config, override
from reference_model.training.inputs import PreparedSplit
from reference_model.training.vocabulary import Vocabulary
from reference_model.variants import named

TINY = (
    "model.layers=2",
    "model.width=32",
    "model.heads=4",
    "model.feed_forward=48",
    "model.dropout=0",
    "train.pretrain_updates=6",
    "train.finetune_updates=4",
    "train.batch=24",
    "train.warmup=2",
    "train.validate_every=5",
    "train.validate_images=6",
    "train.save_every=2",
)


def tiny(variant: str = "full", *overrides: str) -> Config:
    """A variant at a size for tests."""
    return override(named(variant, "mini"), [*TINY, *overrides])


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


def prepared(split: Split, config: Config, vocabulary: Vocabulary, seed: int = 1) -> PreparedSplit:
    """A split ready for batches."""
    return PreparedSplit(split, config.inputs, vocabulary, seed=seed, keep_images=True)
