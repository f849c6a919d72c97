"""The folder of a new entry: its files, and a place beside the others to build it in."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..dataset.store import Split
from ..predictions import write_predictions
from ..scoring.evaluation import Evaluation
from ..scoring.receipt import make_receipt
from .entries import IN_THE_MAKING, predictions_of, readme, receipt_of
from .metadata import Metadata, as_yaml

#: Captions of one seed, by split.
Captions = dict[str, list[str]]


@contextmanager
def workplace(beside: Path | None) -> Iterator[Path]:
    """A folder on the file system of `beside` (None: anywhere) which is gone afterwards."""
    if beside is not None:
        beside.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix=IN_THE_MAKING, suffix=".partial", dir=beside))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def fill_entry(
    folder: Path,
    about: Metadata,
    seeds: list[Captions],
    evaluations: list[dict[str, Evaluation]],
    splits: dict[str, Split],
) -> None:
    """Write the files of an entry into a new folder.

    Args:
        folder: to make.
        about: the metadata; its seeds are in the order of the next two.
        seeds: captions by split, of each seed.
        evaluations: of them.
        splits: of the data set.
    """
    folder.mkdir()
    (folder / "metadata.yaml").write_text(as_yaml(about), encoding="utf-8")
    (folder / "README.md").write_text(readme(about), encoding="utf-8")
    for seed, captions, evaluated in zip(about.seeds, seeds, evaluations, strict=True):
        (folder / f"seed{seed}").mkdir()
        for split, opened in ((name, splits[name]) for name in captions):
            write_predictions(folder / predictions_of(seed, split), opened, captions[split])
            receipt = json.dumps(make_receipt(opened, evaluated[split]), ensure_ascii=False, indent=1)
            (folder / receipt_of(seed, split)).write_text(receipt + "\n", encoding="utf-8")
