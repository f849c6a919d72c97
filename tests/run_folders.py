"""What figures are drawn from, made by hand: folders of runs, hostile data, a type model without an encoder."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmark.dataset.description import write_description
from benchmark.dataset.schema import AnnotationRow
from benchmark.dataset.store import Split, SplitWriter, open_directory
from benchmark.metrics.corpus import characters
from benchmark.predictions import write_predictions
from benchmark.scoring.receipt import captions_digest
from reports.figures.material import Material

HOSTILE = ["$\\frac$", "$x$", "<script>x</script>", "a --> b & \"c'", "\u202eabc", "😀面霜", "长" * 200]


def run_of(
    folder: Path, variant: str, splits: dict[str, Split], captions: dict[str, list[str]], key: str = "0123456789ab"
) -> Path:
    """What figures read of a run."""
    place = folder / variant / key / "seed1"
    place.mkdir(parents=True)
    (place / "config.json").write_text(json.dumps({"seed": 1, "config": {"name": variant}}))
    for name in ("val", "test"):
        if name in splits:
            write_results(place, splits[name], captions[name], ".gz")
        else:
            (place / f"preds.{name}.jsonl").touch()
            write_receipt(place, name, 0, [])
    return place


def write_results(folder: Path, split: Split, captions: Sequence[str], suffix: str = "") -> None:
    """Write predictions with as much of their receipt as makes them count as complete; suffix ".gz" packs them."""
    write_predictions(folder / f"preds.{split.name}.jsonl{suffix}", split, captions)
    write_receipt(folder, split.name, split.n_images, captions)


def write_receipt(folder: Path, split: str, images: int, captions: Sequence[str]) -> None:
    receipt = {
        "data": {"images": images, "boxes": len(captions)},
        "sha256": {"predictions": captions_digest(map(characters, captions))},
    }
    (folder / f"scores.{split}.json").write_text(json.dumps(receipt))


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def hostile_split(directory: Path, *, uncategorised: int = 0) -> dict[str, Split]:
    """A split of texts that are hard to show; the first images may be without a category."""
    with SplitWriter(directory, "test") as writer:
        for i, text in enumerate(HOSTILE):
            row: AnnotationRow = {
                "image_id": f"i{i}",
                "width": 256,
                "height": 256,
                "title": text,
                "attributes": text,
                "category": "" if i < uncategorised else text,
                "boxes": [[0.1, 0.1, 0.9, 0.3]],
                "captions": [text],
                "masked_boxes": [[0.1, 0.1, 0.9, 0.3]],
            }
            writer.append(row)
    write_description(directory, name="made", synthetic=True, splits={"test": writer.summary()})
    return open_directory(directory)


class Made:
    """A type model without an encoder: the type is that of the first character, and short captions are central."""

    def distances(self, captions: Sequence[str]) -> np.ndarray:
        return np.array([[(ord(c[0]) % 4 != kind) + len(c) / 100 for kind in range(4)] for c in captions])

    def assign(self, captions: Sequence[str]) -> np.ndarray:
        return np.asarray(self.distances(captions).argmin(axis=1))


def two_systems(folder: Path, splits: dict[str, Split]) -> Material:
    """One copies the references, the other writes them backwards."""
    for variant, step in (("full", 1), ("baseline", -1)):
        run_of(folder, variant, splits, {name: [c[::step] for c in split.captions] for name, split in splits.items()})
    return Material(splits, [folder])
