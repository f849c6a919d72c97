"""The whole pipeline against a generator that knows what stands on its pictures, where, and what is no caption.

Reading the pictures twice takes about seven minutes of a core; all tests share these readings. The bounds lie a little
below what was measured, which docs/your_own_pictures.md has.
"""

import json
import random
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmark.dataset import open_dataset
from benchmark.dataset.collect.account import drops_of, read_account
from benchmark.dataset.collect.engines import open_engine
from benchmark.dataset.collect.explain import fates
from benchmark.dataset.collect.reading_files import load_readings
from benchmark.dataset.collect.records import WHOLE
from benchmark.dataset.collect.state import read_kept
from benchmark.dataset.schema import AnnotationRow

pytest.importorskip("rapidocr", reason="text recognition is not installed: pip install 'caponimage[collect]'")
pytestmark = pytest.mark.slow

IMAGES = 200
PYTHON = [sys.executable, "-m", "benchmark.dataset"]

#: Rules that drop nothing that the generator calls a caption; its captions repeat, and some are small or vertical.
LENIENT = ["min_captions=1", "language_model=off", "near_duplicates=-1", "redundancy=0", "confidence=0", "size=0"]
LENIENT += ["allow_vertical=true", "evidence=0"]


@dataclass(frozen=True)
class Made:
    """Pictures of the generator, what is true of them, and a folder for what is read on them."""

    pictures: Path
    truth: Mapping[str, AnnotationRow]
    folder: Path

    def collect(self, *rules: str) -> dict[str, AnnotationRow]:
        """The rows of the data set that is collected with some rules."""
        settings = [part for rule in rules for part in ("--set", rule)]
        command = [*PYTHON, "collect", "--pictures", self.pictures, "-o", self.folder / "read", "--split", "test=0"]
        subprocess.run([*command, *settings], check=True)
        return {
            row["image_id"]: row for split in open_dataset(str(self.folder / "read")).values() for row in split.rows()
        }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("oracle")
    subprocess.run([*PYTHON, "build", "--out", folder / "made", "--images", f"test={IMAGES}"], check=True)
    truth = {row["image_id"]: row for row in open_dataset(str(folder / "made"))["test"].rows()}
    return Made(folder / "made" / "images", truth, folder)


def overlap(a: list[float], b: list[float]) -> float:
    """Intersection over union of two boxes."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def matched(made: Made, read: Mapping[str, AnnotationRow]) -> dict[tuple[str, int], tuple[str, float, bool]]:
    """What was read for each caption of the generator that was found, the overlap of boxes, and whether it is right."""
    found = {}
    for image_id, row in made.truth.items():
        other = read.get(image_id)
        for i, (box, text) in enumerate(zip(row["boxes"], row["captions"] or [], strict=True)):
            overlaps = [overlap(each, box) for each in other["boxes"]] if other else []
            if overlaps and max(overlaps) >= 0.3:
                best = int(np.argmax(overlaps))
                captions = (other or row)["captions"] or []
                found[image_id, i] = captions[best], overlaps[best], captions[best] == text
    return found


def test_captions_and_boxes_are_those_of_the_generator(made: Made) -> None:
    """Boxes that are too large or belong to another text, captions that were not there, decoys taken for captions."""
    read = made.collect(*LENIENT)
    found = matched(made, read)
    decoys = 0
    for image_id, row in made.truth.items():
        plates = [mask for mask in row["masked_boxes"] if all(overlap(mask, box) < 0.9 for box in row["boxes"])]
        boxes = read[image_id]["boxes"] if image_id in read else []
        decoys += sum(any(overlap(box, plate) > 0.3 for plate in plates) for box in boxes)
    measured = {
        "recall": len(found) / sum(len(row["boxes"]) for row in made.truth.values()),
        "exact": float(np.mean([right for _, _, right in found.values()])),
        "overlap": float(np.mean([value for _, value, _ in found.values()])),
        "decoys": decoys,
    }
    print(json.dumps(measured))
    assert measured["recall"] > 0.93
    assert measured["exact"] > 0.97
    assert measured["overlap"] > 0.8
    assert measured["decoys"] == 0


def test_the_second_reading_finds_misread_captions(made: Made) -> None:
    """A second reading that costs hours and finds nothing, or throws away what was read rightly."""
    before = matched(made, made.collect(*LENIENT, "second_reading=false"))
    after = matched(made, made.collect(*LENIENT))
    wrong = [key for key, (_, _, right) in before.items() if not right]
    right = [key for key, (_, _, right) in before.items() if right]
    caught = sum(key not in after or after[key][0] != before[key][0] for key in wrong)
    lost = sum(key not in after for key in right)
    print(json.dumps({"wrong": len(wrong), "caught": caught, "right": len(right), "lost": lost}))
    assert caught >= 0.5 * len(wrong)
    assert lost <= 0.05 * len(right)


def test_every_drop_can_be_explained(made: Made) -> None:
    """A line of which nobody can say why it went: a hundred drops drawn by chance, each with its reason."""
    made.collect()
    work = made.folder / "read.work"
    stages = read_account(work)  # checks that all sums close
    drops = pa.concat_tables([pq.read_table(work / "decisions" / f"{stage.name}.parquet") for stage in stages])
    readings = load_readings(work, open_engine("rapidocr"), open_engine("v4"))
    rows = random.Random(1).sample(drops.to_pylist(), 100)
    for row in rows:
        kept = read_kept(work, row["image_id"])
        assert kept is not None
        told = drops_of(work, row["image_id"])
        assert row["reason"] in {drop.reason for drop in told}
        if row["line"] != WHOLE:
            fate = fates(readings[kept.sha256], kept.captions, told)[row["line"]]
            assert row["reason"] in fate
