"""From a folder of pictures to a page with scores, by the commands of docs/your_own_pictures.md.

The pictures are those of the embedded data set's generator (synthetic), or, where CAPONIMAGE_SAMPLE_PICTURES names a
folder of real ones with posters/products.csv in it, these.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.dataset import open_dataset

pytest.importorskip("rapidocr", reason="text recognition is not installed: pip install 'caponimage[collect]'")


def run(*command: str | Path) -> str:
    """Run a command; returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", *map(str, command)], capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    """Options that name pictures, and rules that leave enough of so few."""
    real = Path(os.environ.get("CAPONIMAGE_SAMPLE_PICTURES", "")) / "posters"
    if (real / "products.csv").is_file():
        return ["--pictures", str(real), "--products", str(real / "products.csv")]
    run("benchmark.dataset", "build", "--out", tmp_path / "made", "--images", "train=24")
    products = tmp_path / "products.jsonl"
    rows = open_dataset(str(tmp_path / "made"))["train"].rows()
    lines = [{"path": f"{r['image_id']}.png", "title": r["title"], "attributes": r["attributes"]} for r in rows]
    products.write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines), encoding="utf-8")
    folder = str(tmp_path / "made" / "images")
    return ["--pictures", folder, "--products", str(products), "--set", "near_duplicates=-1"]


@pytest.mark.slow
def test_from_pictures_to_a_page_with_scores(pictures: list[str], tmp_path: Path) -> None:
    """A data set that cannot be trained on, scored on or shown: all the work before would be for nothing."""
    data, runs, site = tmp_path / "mine", tmp_path / "runs", tmp_path / "site"
    splits = ["--split", "val=0.3", "--split", "test=0.3", "--set", "language_model=off"]
    run("benchmark.dataset", "collect", *pictures, "-o", data, *splits)
    found = open_dataset(str(data))
    assert set(found) == {"train", "val", "test"}
    assert sum(split.n_images for split in found.values()) >= 10
    assert "captions" in run("benchmark.dataset", "describe", data)
    run("benchmark.dataset", "show", data, "--split", "train", "--out", tmp_path / "shown.png")

    run("reference_model.train", "full", "--profile", "smoke", "--data", data, "--runs", runs)
    [predictions] = runs.glob("full/*/seed1/preds.test.jsonl")
    receipt = json.loads(run("benchmark.score", predictions, "--data", data, "--json"))
    assert receipt["scores"]["CIDEr"] >= 0
    run("reports.site", "table2", "--data", data, "--run", runs, "--profile", "smoke", "-o", site)
    rows = (site / "browser" / "test" / "data" / "rows").glob("*.js")
    shown = "".join(path.read_text(encoding="utf-8") for path in rows)
    assert all(image_id in shown for image_id in found["test"].image_ids)
