"""The commands of the layout tracks, as they are typed: score, verify, compare, validate, convert, baselines."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmark.dataset.store import Split
from benchmark.errors import InputError
from benchmark.layout.convert import convert
from benchmark.layout.evaluation import evaluate_layouts
from benchmark.layout.layouts import Layouts
from benchmark.layout.reading import read_layouts, write_layouts
from benchmark.layout.systems import LAWS, SYSTEMS

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(directory: Path) -> Run:
    def typed(verb: str, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", f"benchmark.{verb}", *map(str, arguments)]
        environment = os.environ | {"CAPONIMAGE_DATA": str(directory), "PYTHONUTF8": "1"}
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    return typed


@pytest.fixture(scope="module")
def files(splits: dict[str, Split], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("layouts")
    found = {}
    for name in ("references", "typical layout", "no box"):
        found[name] = folder / f"{name.split()[0]}.jsonl"
        write_layouts(found[name], splits["test"], SYSTEMS[name](splits["train"], splits["test"]))
    return found


@pytest.mark.parametrize("track", ["layout", "joint"])
def test_a_receipt_is_verified(run: Run, files: dict[str, Path], tmp_path: Path, track: str) -> None:
    """A receipt that nobody can recompute, or that one with a changed number passes for."""
    scored = run("score", files["typical layout"], "--track", track, "-o", tmp_path / "scores.json")
    assert scored.returncode == 0, scored.stderr
    assert "not measured: Unreadability" in " ".join(scored.stdout.split())
    verified = run("verify", tmp_path / "scores.json", files["typical layout"])
    assert "every number recomputed" in verified.stdout, verified.stderr
    assert run("verify", tmp_path / "scores.json", files["references"]).returncode == 2
    receipt = json.loads((tmp_path / "scores.json").read_text())
    receipt["scores"]["MaxIoU"] += 1e-9
    (tmp_path / "scores.json").write_text(json.dumps(receipt))
    refused = run("verify", tmp_path / "scores.json", files["typical layout"])
    assert refused.returncode == 2
    assert "scores.MaxIoU" in refused.stderr


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda receipt: receipt.update(track="other"), "track"),
        (lambda receipt: receipt["metrics"].update(MaxIoU="7"), "score again"),
        (lambda receipt: receipt["metrics"].update(Beauty="1"), "update the package"),
        (lambda receipt: receipt["versions"].update(metrics="9"), "versions.metrics"),
        (lambda receipt: receipt.update(metrics={}), "metrics"),
        (lambda receipt: receipt.pop("maps"), "saliency"),
        (lambda receipt: receipt["maps"].update(saliency="folder"), "--saliency DIR"),
        (lambda receipt: receipt["metrics"].pop("Match"), "Match"),
    ],
)
def test_receipts_that_are_not_ours(
    run: Run, files: dict[str, Path], tmp_path: Path, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    """A receipt that was made up, confirmed or ended in a traceback."""
    run("score", files["no box"], "--track", "layout", "-o", tmp_path / "scores.json")
    receipt = json.loads((tmp_path / "scores.json").read_text())
    change(receipt)
    (tmp_path / "scores.json").write_text(json.dumps(receipt))
    refused = run("verify", tmp_path / "scores.json", files["no box"])
    assert refused.returncode == 2
    assert said in " ".join(refused.stderr.split())
    assert "Traceback" not in refused.stderr


def test_scores_in_other_forms(run: Run, files: dict[str, Path]) -> None:
    """Seeds, JSON, slices and Markdown, which exist for captions and so must for layouts."""
    one, other = files["references"], files["typical layout"]
    as_json = run("score", one, "--track", "layout", "--json")
    receipt = json.loads(as_json.stdout)
    assert receipt["scores"]["MaxIoU"] == 100
    assert receipt["intervals"]["MMD"] == [None, None]
    assert set(receipt["slices"]) == {"category", "boxes per image"}
    assert "mean ± sd (n=2)" in run("score", one, other, "--track", "joint", "--markdown").stdout
    assert "by category" in run("score", one, "--track", "joint", "--slices", "--markdown").stdout
    compared = run("compare", f"a={one}", f"b={other}", "--track", "joint", "--json")
    [difference] = json.loads(compared.stdout)["differences"]
    assert difference["metrics"]["MaxIoU"]["p_randomisation"] < 0.05
    assert difference["metrics"]["MMD"]["p_randomisation"] is None


def test_captions_are_scored_without_layouts() -> None:
    """A second more for everybody who never predicts a layout."""
    modules = "sys, benchmark.score, benchmark.validate, benchmark.verify, benchmark.compare"
    code = f"import {modules}; print([name for name in sys.modules if name.startswith('benchmark.layout')])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_options_of_another_track(run: Run, files: dict[str, Path]) -> None:
    """An option that is ignored in silence."""
    refused = run("score", files["references"], "--track", "layout", "--lens", "--copying")
    assert refused.returncode == 2
    assert refused.stderr.count("error: ") == 2
    refused = run("score", files["references"], "--saliency", "mini")
    assert "add --track layout" in " ".join(refused.stderr.split())


def test_validate_and_fix(run: Run, files: dict[str, Path], tmp_path: Path) -> None:
    """A file that only needs its ids mended."""
    assert "fine" in run("validate", files["references"], "--track", "joint").stdout
    bad = files["references"].read_text().replace('"test-000000"', '"test-000000.png"')
    (tmp_path / "bad.jsonl").write_text("\ufeff" + bad)
    assert "--fix OUT repairs this" in run("validate", tmp_path / "bad.jsonl", "--track", "joint").stderr
    fixed = run("validate", tmp_path / "bad.jsonl", "--track", "joint", "--fix", tmp_path / "good.jsonl")
    assert fixed.returncode == 0, fixed.stderr
    assert (tmp_path / "good.jsonl").read_text() == files["references"].read_text()


def test_baselines(run: Run, tmp_path: Path) -> None:
    """A floor that is above the ceiling, or a file of ours that does not score."""
    done = run("layout", "baselines", "--out", tmp_path, "--markdown")
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} >= {"references.test.jsonl", "law_blind.test.jsonl"}
    rows = [line.split("|") for line in done.stdout.splitlines() if line.startswith("| ")]
    assert len([row for row in rows if row[1].strip() == "references"]) == 2


def test_systems_are_the_same_every_time(splits: dict[str, Split]) -> None:
    """A baseline that depends on the order of a set, or on a clock."""
    for name, predict in {**SYSTEMS, **LAWS}.items():
        first, second = (predict(splits["train"], splits["val"]) for _ in range(2))
        assert first.boxes.tolist() == second.boxes.tolist(), name
        assert first.captions == second.captions, name
        assert first.n_images == splits["val"].n_images


def test_the_seeing_law_is_the_best_sampler(splits: dict[str, Split]) -> None:
    """A law that does not know where the product is: no better than a blind one."""
    split = splits["test"]
    seeing, blind = (
        evaluate_layouts(split, LAWS[name](splits["train"], split), "joint").scores
        for name in ("law, product seen", "law, blind")
    )
    for name in ("Match", "MaxIoU", "Box F1", "CIDEr F1"):
        assert seeing[name] > blind[name], name


def pixels(split: Split) -> list[list[list[float]]]:
    """The reference boxes of each image in pixels."""
    lists = Layouts.of_split(split).lists()
    return [
        [[v * s for v, s in zip(b, [*size, *size], strict=True)] for b in boxes]
        for boxes, size in zip(lists, split.sizes.tolist(), strict=True)
    ]


def test_layouts_in_pixels_are_converted(run: Run, splits: dict[str, Split], tmp_path: Path) -> None:
    """COCO's width and height taken for a corner, a class that is no text, a canvas of another size."""
    split, boxes = splits["test"], pixels(splits["test"])
    images = [
        {"id": i, "file_name": f"pictures/{image_id}.png", "width": int(w), "height": int(h)}
        for i, (image_id, (w, h)) in enumerate(zip(split.image_ids, split.sizes.tolist(), strict=True))
    ]
    notes = [
        {"image_id": i, "bbox": [x1, y1, x2 - x1, y2 - y1], "category_id": 1}
        for i, image in enumerate(boxes)
        for x1, y1, x2, y2 in image
    ]
    notes.append({"image_id": 0, "bbox": [0, 0, 9, 9], "category_id": 3})
    (tmp_path / "coco.json").write_text(json.dumps({"images": images, "annotations": notes}))
    done = run("layout", "convert", tmp_path / "coco.json", "-o", tmp_path / "a.jsonl", "--classes", "1")
    assert done.returncode == 0, done.stderr
    expected = Layouts.of_split(split).boxes
    assert np.allclose(read_layouts(tmp_path / "a.jsonl", split, "layout").boxes, expected)
    elements = {
        f"{i}.png": {"cls": [[1]] * len(b) + [[0]], "bbox": [*b, [0, 0, 0, 0]]}
        for i, b in zip(split.image_ids, boxes, strict=True)
    }
    (tmp_path / "posters.json").write_text(json.dumps(elements))
    assert np.allclose(convert(tmp_path / "posters.json", split).boxes, expected)
    halves = convert(tmp_path / "posters.json", split, size=(1000, 1000)).boxes
    assert halves.max() < 0.5


@pytest.mark.parametrize(
    "content",
    [
        "[",
        "[]",
        "7",
        '{"nobody": {"cls": [1], "bbox": [[0, 0, 1, 1]]}}',
        '{"test-000000": {"cls": [1, 1], "bbox": [[0, 0, 1, 1]]}}',
        '{"test-000000": {"cls": [1], "bbox": [[0, 0, 1]]}}',
        '{"test-000000": {"cls": [1], "bbox": [[0, 0, 1e999, 1]]}}',
        '{"test-000000": {"cls": [1], "bbox": [[9, 0, 1, 1]]}}',
        '{"test-000000": {"cls": [1], "bbox": [[0, 0, 9999, 1]]}}',
        '{"test-000000": 1, "test-000000": 2}',
        '{"images": 3, "annotations": [4, {"image_id": {}, "bbox": [0, 0, 1, 1]}]}',
        '{"images": [5], "annotations": []}',
        '[{"bbox": [[0, 0, 1, 1]], "cls": [1]}]',
    ],
)
def test_bad_layouts_in_pixels(splits: dict[str, Split], tmp_path: Path, content: str) -> None:
    """A traceback, or a box that is taken for another one."""
    (tmp_path / "bad.json").write_text(content)
    with pytest.raises(InputError):
        convert(tmp_path / "bad.json", splits["test"])


def test_posterlayout_prints_both_columns(run: Run, tmp_path: Path) -> None:
    """Numbers of which nobody knows which code they are of."""
    for folder in ("canvas", "maps"):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (513, 750), "grey").save(tmp_path / folder / "a.png")
    elements = {"a.png": {"cls": [1, 3], "bbox": [[50, 50, 250, 100], [50, 50, 200, 120]]}}
    (tmp_path / "posters.json").write_text(json.dumps(elements))
    done = run(
        "layout", "posterlayout", tmp_path / "posters.json", "--markdown",
        "--canvases", tmp_path / "canvas", "--saliency", tmp_path / "maps",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "| Und_s | 1.000000 | 0.000000 |" in done.stdout
    assert "| Rea | 0.000000 | 0.000000 |" in done.stdout
    (tmp_path / "posters.json").write_text('{"../a.png": {"cls": [1], "bbox": [[0, 0, 1, 1]]}, "b": 3}')
    refused = run("layout", "posterlayout", tmp_path / "posters.json")
    assert refused.returncode == 2
