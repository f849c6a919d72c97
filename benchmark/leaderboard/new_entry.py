"""Writes the files of a new entry, in a temporary folder from which it is moved into place."""

import json
from pathlib import Path

from ..dataset.store import Split
from ..predictions import write_predictions
from ..scoring.evaluation import Evaluation
from ..scoring.receipt import make_receipt
from .entries import predictions_of, readme, receipt_of
from .metadata import Metadata, as_yaml

#: Predicted captions of one seed, by split; one caption per box.
Captions = dict[str, list[str]]


def fill_entry(
    folder: Path,
    about: Metadata,
    seeds: list[Captions],
    evaluations: list[dict[str, Evaluation]],
    splits: dict[str, Split],
) -> None:
    """Write the files of an entry into a new folder.

    Args:
        folder: folder to make.
        about: metadata, whose seeds are in the order of the next two arguments.
        seeds: predicted captions by split, for each seed.
        evaluations: evaluations of these captions by split, for each seed.
        splits: splits of the data set, by name.
    """
    folder.mkdir()
    (folder / "metadata.yaml").write_text(as_yaml(about), encoding="utf-8", newline="\n")
    (folder / "README.md").write_text(readme(about), encoding="utf-8", newline="\n")
    for seed, captions, evaluated in zip(about.seeds, seeds, evaluations, strict=True):
        (folder / f"seed{seed}").mkdir()
        for split, opened in ((name, splits[name]) for name in captions):
            write_predictions(folder / predictions_of(seed, split), opened, captions[split])
            receipt = json.dumps(make_receipt(opened, evaluated[split]), ensure_ascii=False, indent=1)
            (folder / receipt_of(seed, split)).write_text(receipt + "\n", encoding="utf-8", newline="\n")
