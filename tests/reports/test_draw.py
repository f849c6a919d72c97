"""Figures of the paper: their numbers counted again by hand, their files, their words."""

import csv
import json
import math
import warnings
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from made_split import made_split

from benchmark.dataset.schema import Row
from benchmark.dataset.store import Split, SplitWriter, open_directory, write_description
from benchmark.errors import InputError
from benchmark.predictions import write_predictions
from reports.draw import FIGURES, main
from reports.paper_figures import examples, figure4b, figure_a7, figure_a10
from reports.paper_figures.material import LABEL, Material

HOSTILE = ["$\\frac$", "$x$", "<script>x</script>", "a --> b & \"c'", "\u202eabc", "😀面霜", "长" * 200]


def run_of(folder: Path, variant: str, splits: dict[str, Split], captions: dict[str, list[str]]) -> Path:
    """What figures read of a run."""
    place = folder / variant / "0123456789ab" / "seed1"
    place.mkdir(parents=True)
    (place / "config.json").write_text(json.dumps({"seed": 1, "config": {"name": variant}}))
    for name in ("val", "test"):
        (place / f"scores.{name}.json").write_text("{}")
        if name in splits:
            write_predictions(place / f"preds.{name}.jsonl.gz", splits[name], captions[name])
    return place


@pytest.fixture
def material(tmp_path: Path, splits: dict[str, Split]) -> Material:
    """Pictures and two systems: one copies the references, the other writes them backwards."""
    for variant, step in (("full", 1), ("baseline", -1)):
        captions = {name: [caption[::step] for caption in split.captions] for name, split in splits.items()}
        run_of(tmp_path / "runs", variant, splits, captions)
    return Material(splits, [tmp_path / "runs"])


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def hostile_split(directory: Path) -> dict[str, Split]:
    with SplitWriter(directory, "test") as writer:
        for i, text in enumerate(HOSTILE):
            row: Row = {
                "image_id": f"i{i}",
                "width": 256,
                "height": 256,
                "title": text,
                "attributes": text,
                "category": text,
                "boxes": [[0.1, 0.1, 0.9, 0.3]],
                "captions": [text],
                "masked_boxes": [[0.1, 0.1, 0.9, 0.3]],
            }
            writer.append(row)
    write_description(directory, name="made", synthetic=True, splits={"test": writer.summary()})
    return open_directory(directory)


def test_lengths_by_aspect_ratio_are_those_counted_box_by_box(tmp_path: Path) -> None:
    """A curve of boxes in the wrong bin, or of lengths that count white space."""
    split, predictions = made_split(tmp_path)
    rows = figure4b.points(split, {"references": split.captions, "made": predictions})
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
    rules = examples.chosen(split, difference)
    assert rules["largest gain"] == [7, 3, 0]
    assert rules["largest loss"] == [5, 9, 0]
    assert examples.drawn(split, 5) == examples.drawn(split, 5) != examples.drawn(split, 5, seed=1)


def test_every_figure_comes_whole_and_says_what_it_is(
    tmp_path: Path, material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture without its numbers, one that passes for real data, glyphs that the font does not have."""
    monkeypatch.setattr(examples, "DRAWN", 2)  # of twelve: fast
    out = tmp_path / "out"
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        for name, draw in FIGURES.items():
            kinds = ("md", "csv") if name == "table1" else ("png", "svg", "pdf", "csv")
            assert draw(material, out) == [out / f"{name}.{kind}" for kind in kinds]
    assert len(list(out.iterdir())) == 4 * (len(FIGURES) - 1) + 2  # nothing partial is left
    assert LABEL in (out / "table1.md").read_text()
    for svg in out.glob("*.svg"):
        assert LABEL in svg.read_text(), svg.name  # in the comment beside its outlines
    assert {r["image_CIDEr"] for r in table(out / "figure5.csv") if r["captions"] == "references"} == {""}


def test_hostile_text_is_drawn_as_text(tmp_path: Path) -> None:
    """Mathtext that fails on a dollar sign, markup that becomes markup, a missing glyph, a label that swallows all."""
    splits = hostile_split(tmp_path / "data")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        figure_a7.draw(Material(splits, []), tmp_path)
    assert {r["category"] for r in table(tmp_path / "figureA7.csv")} == set(HOSTILE)
    elements = {element.tag.rpartition("}")[2] for element in ElementTree.parse(tmp_path / "figureA7.svg").iter()}
    assert "path" in elements
    assert "script" not in elements
    assert "$\\frac$" in (tmp_path / "figureA7.svg").read_text()


def test_runs_that_do_not_do_are_refused(tmp_path: Path, splits: dict[str, Split]) -> None:
    """A figure of the wrong run, or a traceback where a sentence would help."""
    captions = {name: split.captions for name, split in splits.items()}
    place = run_of(tmp_path, "full", splits, captions)
    assert Material(splits, [place]).captions("full") == splits["test"].captions
    with pytest.raises(InputError, match="no complete run of 'baseline'"):
        Material(splits, [tmp_path]).captions("baseline")
    with pytest.raises(InputError, match="no run in"):
        Material(splits, [tmp_path / "nowhere"]).captions("full")
    with pytest.raises(InputError, match="--split"):
        Material(splits, [place], "dev").captions("full")
    other = tmp_path / "full" / "ba9876543210"
    (tmp_path / "full" / "0123456789ab").rename(other)
    run_of(tmp_path, "full", splits, captions)
    with pytest.raises(InputError, match="several configurations"):
        Material(splits, [tmp_path]).captions("full")
    (other / "seed1" / "config.json").write_text("[]")
    with pytest.raises(InputError, match="expected the configuration"):
        Material(splits, [tmp_path]).captions("full")


def test_unknown_name_is_bad_input(tmp_path: Path, directory: Path) -> None:
    """Half of the figures drawn before a misspelt name is noticed."""
    with pytest.raises(InputError, match="no figure 'figure99'; expected one of figure4b"):
        main(["figureA10", "figure99"], tmp_path / "out", data=str(directory))
    assert not (tmp_path / "out").exists()
