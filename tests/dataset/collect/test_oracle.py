"""The whole pipeline against a generator that knows what stands on its pictures, where, and what is no caption."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmark.dataset import open_dataset

pytest.importorskip("rapidocr", reason="text recognition is not installed: pip install 'caponimage[collect]'")

IMAGES = 200


def overlap(a: list[float], b: list[float]) -> float:
    """Intersection over union of two boxes."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


@pytest.mark.slow
def test_captions_and_boxes_are_those_of_the_generator(tmp_path: Path) -> None:
    """Boxes that are too large or belong to another text, captions that were not there, decoys taken for captions.

    Pictures of the embedded data set (synthetic). About seven minutes of a core. The bounds lie a little below what was
    measured, which docs/your_own_pictures.md has.
    """
    python = [sys.executable, "-m", "benchmark.dataset"]
    made = tmp_path / "made"
    subprocess.run([*python, "build", "--out", made, "--images", f"test={IMAGES}"], check=True)
    truth = {row["image_id"]: row for row in open_dataset(str(made))["test"].rows()}
    rules = ["min_captions=1", "language_model=off", "near_duplicates=-1", "redundancy=0", "confidence=0", "size=0"]
    settings = [part for rule in [*rules, "allow_vertical=true"] for part in ("--set", rule)]
    command = [*python, "collect", "--pictures", made / "images", "-o", tmp_path / "read", "--split", "test=0"]
    subprocess.run([*command, *settings], check=True)
    read = {row["image_id"]: row for split in open_dataset(str(tmp_path / "read")).values() for row in split.rows()}
    found = exact = total = decoys = captions = 0
    overlaps = []
    for image_id, row in truth.items():
        other = read.get(image_id, {"boxes": [], "captions": []})
        captions += len(other["captions"] or [])
        for box, text in zip(row["boxes"], row["captions"] or [], strict=True):
            total += 1
            best = max(range(len(other["boxes"])), key=lambda i: overlap(other["boxes"][i], box), default=None)
            if best is not None and overlap(other["boxes"][best], box) >= 0.3:
                found += 1
                exact += other["captions"][best] == text
                overlaps.append(overlap(other["boxes"][best], box))
        plates = [mask for mask in row["masked_boxes"] if all(overlap(mask, box) < 0.9 for box in row["boxes"])]
        decoys += sum(any(overlap(box, plate) > 0.3 for plate in plates) for box in other["boxes"])
    measured = {
        "recall": found / total,
        "exact": exact / max(1, found),
        "overlap": float(np.mean(overlaps)),
        "decoys": decoys,
        "captions": captions,
    }
    print(json.dumps(measured))
    assert measured["recall"] > 0.9
    assert measured["exact"] > 0.9
    assert measured["decoys"] == 0
