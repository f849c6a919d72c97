"""Entries of the leaderboard made from the references of a data set: some captions right, the others of other boxes."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

from benchmark.dataset.schema import EVALUATED_SPLITS
from benchmark.dataset.store import Split
from benchmark.leaderboard.entries import entry_name
from benchmark.leaderboard.metadata import Metadata
from benchmark.leaderboard.new_entry import fill_entry
from benchmark.scoring.evaluation import evaluate

ABOUT: dict[str, Any] = {
    "authors": ["A. Author"],
    "contact": "a@example.org",
    "organisation": "Example",
    "license": "MIT",
    "date": date(2027, 1, 31),
    "uses_external_data": False,
    "pretrained_from": [],
    "trained_on_val_or_test": False,
    "n_params": 1000,
    "hardware": "none",
    "seeds": [1],
    "decoding": "greedy",
    "attempts": 1,
    "open_weights": True,
}


def partly_right(split: Split, share: float, seed: int) -> list[str]:
    """The references, of which about `share` stay; the others are those of other boxes."""
    random = Random(f"{share} {seed}")
    captions = split.captions
    return [caption if random.random() < share else random.choice(captions) for caption in captions]


def add_entry(submissions: Path, splits: dict[str, Split], name: str, share: float, **about: Any) -> Path:
    """An entry whose captions are right to about `share`, one prediction file for each of its seeds."""
    metadata = Metadata(**ABOUT | {"name": name} | about)
    seeds: Sequence[int] = metadata.seeds
    captions = [{split: partly_right(splits[split], share, seed) for split in EVALUATED_SPLITS} for seed in seeds]
    evaluations = [{split: evaluate(splits[split], one[split]) for split in EVALUATED_SPLITS} for one in captions]
    submissions.mkdir(exist_ok=True)
    folder = submissions / entry_name(metadata)
    fill_entry(folder, metadata, captions, evaluations, splits)
    return folder
