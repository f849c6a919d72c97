"""Figures of the paper: their numbers counted again by hand, what they choose, what overlaps."""

import json
import math
from collections import Counter
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from made_split import made_split
from run_folders import Made, hostile_split, run_of, table, two_systems
from scipy.spatial.distance import jensenshannon

from benchmark.dataset.store import Split
from benchmark.metrics.caption_types import TypeModel
from reports.experiments import tables
from reports.figures import drawing, examples, figure3, figure4a, figure4b, figure_a7, figure_a8, figure_a10
from reports.figures.catalogue import FIGURES
from reports.figures.material import LABEL, Material, MissingInputError
from reports.tables import sizes


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Types without an encoder, coarse pictures."""
    monkeypatch.setattr(figure3, "load_type_model", lambda _: Made())
    monkeypatch.setattr(drawing, "DPI", 40)


@pytest.fixture
def material(tmp_path: Path, splits: dict[str, Split]) -> Material:
    return two_systems(tmp_path / "runs", splits)


def test_lengths_by_aspect_ratio_are_those_counted_box_by_box(tmp_path: Path) -> None:
    """A curve of boxes in the wrong bin, or of lengths that count white space."""
    split, predictions = made_split(tmp_path)
    lengths = {"references": figure4b.lengths_of(split.captions), "made": figure4b.lengths_of(predictions)}
    rows = figure4b.points(split, lengths)
    assert rows
    for name, captions in (("references", split.captions), ("made", predictions)):
        by_bin: dict[str, list[int]] = {}
        for i, caption in enumerate(captions):
            x1, y1, x2, y2 = split.boxes[i]
            width, height = split.sizes[split.image_of_box[i]]
            sides = sorted([(x2 - x1) * width, (y2 - y1) * height])
            edge = math.floor(sides[1] / sides[0])
            length = sum(not character.isspace() for character in caption)
            by_bin.setdefault(f"{edge}-{edge + 1}" if edge < 10 else "10+", []).append(length)
        mine = {row[1]: row for row in rows if row[0] == name}
        assert mine.keys() == by_bin.keys()
        for label, lengths in by_bin.items():
            _, _, boxes, images, mean, low, high = mine[label]
            assert boxes == len(lengths)
            assert mean == pytest.approx(sum(lengths) / len(lengths))
            assert (low <= mean <= high) if images >= figure4b.FEWEST_IMAGES else math.isnan(low)


def test_distributions_and_categories_are_those_counted_by_hand(tmp_path: Path, splits: dict[str, Split]) -> None:
    """Images or captions lost or counted twice on their way into a figure."""
    material = Material(splits, [])
    figure_a10.draw(material, tmp_path)
    figure_a7.draw(material, tmp_path)
    drawn = {(r["panel"], r["split"], int(r["value"])): int(r["count"]) for r in table(tmp_path / "figureA10.csv")}
    expected: Counter[tuple[str, str, int]] = Counter()
    categories: Counter[str] = Counter()
    for name, split in splits.items():
        for row in split.rows():
            captions = row["captions"]
            assert captions is not None
            expected["captions per image", name, len(captions)] += 1
            expected.update(("caption length", name, len("".join(caption.split()))) for caption in captions)
            categories[row["category"]] += 1
    assert drawn == dict(expected)
    assert {r["category"]: int(r["images"]) for r in table(tmp_path / "figureA7.csv")} == dict(categories)


def test_examples_are_chosen_by_rule(splits: dict[str, Split]) -> None:
    """Examples picked by anything but score and seed; ties that fall as they like."""
    split = splits["test"]
    difference = np.zeros(split.n_images)
    difference[[7, 3]], difference[[5, 9]] = (2, 1), (-3, -3)
    rules = examples.images_by_rule(split, difference)
    assert rules["largest gain"] == [7, 3, 0]
    assert rules["largest loss"] == [5, 9, 0]
    assert (
        examples.sample_images(split, 5) == examples.sample_images(split, 5) != examples.sample_images(split, 5, seed=1)
    )


# Figure 3


def test_types_by_place_are_those_counted_by_hand(tmp_path: Path, splits: dict[str, Split]) -> None:
    """Agreement with the wrong captions, a divergence of something else, floors that are none."""
    split = splits["test"]
    systems = {
        "full": [caption[::-1] for caption in split.captions],
        "baseline": split.captions,
        "no-locations": [split.captions[split.offsets[i]] for i in split.image_of_box.tolist()],
    }
    for name, captions in systems.items():
        run_of(tmp_path / "runs", name, splits, {"val": splits["val"].captions, "test": captions})
    figure3.draw(Material(splits, [tmp_path / "runs"]), tmp_path)
    rows = {row["captions"]: row for row in table(tmp_path / "figure3_numbers.csv")}
    assert list(rows) == ["references", *systems, "full, shuffled"]

    def histogram(captions: list[str]) -> list[int]:
        cells: Counter[tuple[int, int, int]] = Counter()
        for (x1, y1, x2, y2), caption in zip(split.boxes.tolist(), captions, strict=True):
            cells[ord(caption[0]) % 4, int((x1 + x2) / 2 * 8), int((y1 + y2) / 2 * 8)] += 1
        return [cells[kind, x, y] for kind in range(4) for x in range(8) for y in range(8)]

    for name, captions in systems.items():
        same = [ord(a[0]) % 4 == ord(b[0]) % 4 for a, b in zip(captions, split.captions, strict=True)]
        assert float(rows[name]["agreement"]) == pytest.approx(100 * sum(same) / len(same))
        expected = jensenshannon(histogram(captions), histogram(split.captions), base=2) ** 2
        assert float(rows[name]["divergence"]) == pytest.approx(expected, abs=1e-9)
    shares = np.array([[float(rows[name][f"type {k}"]) for k in range(1, 5)] for name in ("full", "references")]) / 100
    assert float(rows["full, shuffled"]["agreement"]) == pytest.approx(100 * shares.prod(axis=0).sum(), abs=3)
    drawn = table(tmp_path / "figure3.csv")
    assert len(drawn) == 4 * split.n_boxes  # few images: all are drawn
    assert all(int(row["type"]) == ord(row["text"][0]) % 4 + 1 for row in drawn)


def test_central_captions_are_the_nearest_of_their_type() -> None:
    """A legend of captions at the edge of a type, or of another's, or of one caption again and again."""
    captions = ["\u4e00\u4e01\u4e02", "\u4e00", "\u4e00", "\u4e01\u4e00", "\u4e04\u4e00"]  # 4e00 and 4e04 are of type 0
    found = figure3.central(cast(TypeModel, Made()), captions, 2)
    assert found == [["\u4e00", "\u4e04\u4e00"], ["\u4e01\u4e00"], [], []]


def test_types_of_one_data_set_are_not_used_for_another(tmp_path: Path, material: Material) -> None:
    """Mini's four types in a figure of real captions; a figure refused because one of its floors has no run."""
    figure3.draw(material, tmp_path)
    assert "no run of no-locations" in (tmp_path / "figure3_numbers.md").read_text()
    real = {name: replace(split, synthetic=False) for name, split in material.splits.items()}
    with pytest.raises(MissingInputError, match="--types FOLDER"):
        figure3.draw(Material(real, material.roots), tmp_path)


# Figure 4 a


def test_sizes_are_drawn_from_runs(tmp_path: Path, splits: dict[str, Split], monkeypatch: pytest.MonkeyPatch) -> None:
    """A point at the value of another, or with the cost of another; runs that are missing without a word."""
    rows = {row.id: row for row in tables("mini")["figure4"].rows}
    times = {rows["F4a1-L1"].config("mini").hash: [0.01, 0.002], rows["F4a1-L4"].config("mini").hash: [0.02, 0.004]}
    (tmp_path / "mini").mkdir()
    (tmp_path / "mini" / sizes.SECONDS_FILE).write_text(json.dumps({"seconds": times}))
    monkeypatch.setattr(sizes, "RESULTS", tmp_path)
    for identity, step in (("F4a1-L1", 1), ("F4a1-L4", -1)):
        captions = {name: [caption[::step] for caption in split.captions] for name, split in splits.items()}
        run_of(tmp_path / "runs", "context", splits, captions, rows[identity].config("mini").hash)
    assert len(figure4a.draw(Material(splits, [tmp_path / "runs"]), tmp_path)) == 4
    one, four = table(tmp_path / "figure4a.csv")
    assert (one["panel"], one["value"], four["value"]) == ("layers", "1", "4")
    assert float(one["BLEU-4"]) == pytest.approx(100)
    assert float(four["BLEU-4"]) < 50
    assert [float(one[f"seconds per caption, {what}"]) for what in ("training", "decoding")] == [0.01, 0.002]
    assert [float(four[f"seconds per caption, {what}"]) for what in ("training", "decoding")] == [0.02, 0.004]
    assert int(four["parameters"]) > int(one["parameters"])
    assert LABEL in (tmp_path / "figure4a.svg").read_text()
    (tmp_path / "runs" / "context" / rows["F4a1-L4"].config("mini").hash).rename(tmp_path / "elsewhere")
    with pytest.raises(MissingInputError, match=r"1 of 12 points .* missing: F4a1-L2, .*reports\.reproduce figure4"):
        figure4a.draw(Material(splits, [tmp_path / "runs"]), tmp_path)


# Table A6


def test_copying_is_that_of_the_full_model(tmp_path: Path, splits: dict[str, Split]) -> None:
    """Table A6 of another system; a run that is missing without a word."""
    config = tables("mini")["tablea6"].rows[0].config("mini")
    info = {
        name: [split.titles[i] + split.attributes[i] for i in split.image_of_box.tolist()]
        for name, split in splits.items()
    }
    with pytest.raises(MissingInputError, match="no run in"):
        FIGURES["tablea6"](Material(splits, [tmp_path / "runs"]), tmp_path)
    run_of(tmp_path / "runs", "full", splits, info, config.hash)
    paths = FIGURES["tablea6"](Material(splits, [tmp_path / "runs"]), tmp_path)
    assert [path.suffix for path in paths] == [".md", ".tex", ".csv"]
    full = next(row for row in table(tmp_path / "tablea6.csv") if row[""] == "full")
    assert full["BLEU-4"] == "1.000"
    assert "no run: M4C w/ copying" in paths[0].read_text()


# Figures A7 and A8


def test_rectangles_of_the_cloud_neither_overlap_nor_leave_it() -> None:
    """Words over one another, or cut off at the edge."""
    sizes = np.random.default_rng(0).uniform(5, 60, (40, 2)).tolist()
    placed = figure_a7.place(sizes, 400, 500)
    assert placed is not None
    assert [(x2 - x1, y2 - y1) for x1, y1, x2, y2 in placed] == [pytest.approx(tuple(size)) for size in sizes]
    assert all(x1 >= 0 and y1 >= 0 and x2 <= 400 and y2 <= 500 for x1, y1, x2, y2 in placed)
    assert not any(a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3] for a, b in combinations(placed, 2))
    assert figure_a7.place([(500, 10)], 400, 500) is None


def test_words_of_the_cloud_are_apart_on_the_picture(
    tmp_path: Path, splits: dict[str, Split], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rectangles that are apart, with glyphs that are wider than their rectangles."""
    extents: list[Any] = []

    def measure(figure: Any, *_: Any) -> list[Path]:
        figure.canvas.draw()
        axis = figure.axes[0]
        frame = axis.get_window_extent()
        for text in axis.texts:
            extents.append(text.get_window_extent())
            assert frame.contains(*extents[-1].min)
            assert frame.contains(*extents[-1].max)
        return []

    monkeypatch.setattr(figure_a7, "save", measure)
    for case in (splits, hostile_split(tmp_path / "data")):
        extents.clear()
        figure_a7.draw(Material(case, []), tmp_path)
        assert len(extents) == len({c for split in case.values() for c in split.categories})
        assert not any(a.overlaps(b) for a, b in combinations(extents, 2))


def test_examples_of_the_data_set_are_of_its_largest_categories(splits: dict[str, Split]) -> None:
    """Examples picked by hand, or six of one category."""
    split = splits["train"]
    found = figure_a8.images_by_category(split, 3)
    sizes = Counter(split.categories)
    assert [split.categories[i] for i in found] == sorted(sizes, key=lambda c: (-sizes[c], c))[:3]
    order = examples.sample_images(split, split.n_images)
    for i in found:
        assert all(split.categories[j] != split.categories[i] for j in order[: order.index(i)])
