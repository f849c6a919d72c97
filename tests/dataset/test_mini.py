"""CapOnImage-Mini: the statistics it promises, the rules it keeps, and the same annotations everywhere."""

import os
import subprocess
import sys
from collections import Counter, defaultdict
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmark.dataset.describe import yardsticks_table
from benchmark.dataset.mini import NAME, REACHABLE_EXACT, SIZES
from benchmark.dataset.mini.build import build, draw_pictures, draw_sample, in_building_order
from benchmark.dataset.mini.kinds import KINDS
from benchmark.dataset.mini.layouts import FAMILIES
from benchmark.dataset.mini.lists import LISTS
from benchmark.dataset.mini.samples import MISREAD, Sample, samples
from benchmark.dataset.store import Split, known_split, open_directory
from benchmark.metrics import diversity
from benchmark.metrics.corpus import Corpus
from benchmark.rendering import mask_boxes


@pytest.fixture(scope="module")
def made() -> dict[str, list[Sample]]:
    by_split: dict[str, list[Sample]] = defaultdict(list)
    for split, sample in samples(in_building_order(SIZES)):
        by_split[split].append(sample)
    return by_split


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Split]:
    directory = tmp_path_factory.mktemp("mini") / "mini"
    build(directory, annotations_only=True)
    return open_directory(directory)


def test_the_default_build_is_the_pinned_one(built: dict[str, Split]) -> None:
    """A changed word, order or random draw: every stored score would silently belong to other data."""
    assert list(built) == ["train", "val", "test"]
    for name, split in built.items():
        assert known_split(split.fingerprint.hexdigest()) == f"{NAME}/{name}"


def test_the_build_does_not_depend_on_hash_randomisation() -> None:
    """Sets iterate in another order in every process; a build that follows one would differ from run to run."""
    code = (
        "from benchmark.dataset.mini.samples import samples; import hashlib;"
        "print(hashlib.sha256(repr([s.row for _, s in samples({'test': 300, 'train': 100})]).encode()).hexdigest())"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(seen) == 1


@pytest.mark.parametrize("name", SIZES)
def test_statistics_are_near_the_real_ones(built: dict[str, Split], name: str) -> None:
    """Sizes, lengths, counts and diversity as docs/data.md promises them."""
    split = built[name]
    lengths = np.array([len(caption) for caption in split.captions])
    per_image = np.diff(split.offsets)
    info = [len(title + attributes) for title, attributes in zip(split.titles, split.attributes, strict=True)]
    corpus = Corpus.from_captions(predictions=split.captions, references=split.captions, offsets=split.offsets)
    div1, div2 = 100 * diversity.aggregate(diversity.statistics(corpus).sum(axis=0))
    assert split.n_images == SIZES[name]
    assert lengths.min() == 2
    assert lengths.max() in (9, 10)
    assert abs(lengths.mean() - 4.9) <= 0.1
    assert per_image.min() == 2
    assert abs(per_image.mean() - 4.8) <= 0.1
    assert abs(np.mean(info) - 34.8) <= 1
    assert len(set(split.categories)) == 50
    assert set(split.sizes.min(axis=1)) == {256}
    assert len(set(map(tuple, split.sizes.tolist()))) == 3
    assert abs(div1 - 90.13) <= 2
    assert abs(div2 - 75.53) <= 2
    assert split.roles is not None
    assert set(split.roles) == set(KINDS)


def test_captions_hardly_repeat(built: dict[str, Split]) -> None:
    """Where a few captions fill the split, models learn them by heart and need no input."""
    captions = built["train"].captions
    counts = Counter(captions)
    assert sum(n == 1 for n in counts.values()) / len(captions) >= 0.4
    assert counts.most_common(1)[0][1] / len(captions) < 0.005


def test_layouts_vary(made: dict[str, list[Sample]]) -> None:
    """With few layouts the place of a box would tell what it says, and its neighbours nothing."""
    assert len({sample.layout.family for sample in made["test"]} & set(FAMILIES)) >= 40
    lists = Counter(sample.layout.family[0] for sample in made["train"])
    assert set(lists) == set(LISTS)
    assert max(lists.values()) < 0.25 * len(made["train"])
    boxes = Counter(place.box for sample in made["train"] for place in sample.layout.places)
    assert max(boxes.values()) < 5


def test_no_image_repeats_another(made: dict[str, list[Sample]]) -> None:
    """Brute force over all pairs: images that share 70 % of their captions would leak from train into test."""
    everything = [frozenset(sample.drawn) for split in made.values() for sample in split]
    with_caption: dict[str, list[int]] = defaultdict(list)
    for i, captions in enumerate(everything):
        for caption in captions:
            with_caption[caption].append(i)
    for i, captions in enumerate(everything):
        shared = Counter(j for caption in captions for j in with_caption[caption] if j < i)
        for j, n in shared.items():
            assert n < 0.7 * min(len(captions), len(everything[j])), (captions, everything[j])


def test_captions_and_kinds_of_an_image_do_not_repeat(made: dict[str, list[Sample]]) -> None:
    """The paper drops images with equal captions; and a fact that is told twice is not told by the neighbours."""
    for sample in (sample for split in made.values() for sample in split):
        assert len(set(sample.drawn)) == len(sample.drawn) == len(sample.layout.places) == len(set(sample.kinds))


def test_val_and_test_are_clean_and_train_is_misread(made: dict[str, list[Sample]]) -> None:
    """Recognition errors in an evaluation split, or none in train."""
    for name in ("val", "test"):
        assert all(sample.captions == sample.drawn for sample in made[name])
    pairs = [pair for sample in made["train"] for pair in zip(sample.captions, sample.drawn, strict=True)]
    differ = np.mean([read != drawn for read, drawn in pairs])
    assert abs(differ - MISREAD) < 0.005


def test_the_aspect_ratio_tells_the_length(built: dict[str, Split]) -> None:
    """Section 5.4 of the paper: long captions are in long boxes."""
    split = built["test"]
    lengths = np.array([len(caption) for caption in split.captions])
    assert np.corrcoef(split.aspect_ratios, lengths)[0, 1] > 0.9


def test_texts_do_not_touch_and_lie_in_the_picture(made: dict[str, list[Sample]]) -> None:
    """Texts that overlap cannot be read, nor masked one by one."""
    for sample in made["val"]:
        boxes = [*(place.box for place in sample.layout.places), *sample.layout.decoys]
        for box in boxes:
            assert 0 < box[0] < box[2] < 1
            assert 0 < box[1] < box[3] < 1
        for a, b in combinations(boxes, 2):
            assert a[0] >= b[2] or b[0] >= a[2] or a[1] >= b[3] or b[1] >= a[3]


def test_boxes_stand_in_the_order_of_the_pipeline(made: dict[str, list[Sample]]) -> None:
    """Stage 8: from box to nearest box not yet visited. Brute force."""
    for sample in made["val"][:200]:
        centre = np.array([place.centre for place in sample.layout.places]) * sample.layout.size
        for i, j in pairwise(range(len(centre))):
            distances = np.hypot(*(centre[j:] - centre[i]).T)
            assert distances.argmin() == 0


def test_masked_boxes_hide_every_text(made: dict[str, list[Sample]]) -> None:
    """A text that is left in the picture can be read off it, and one without a caption tells where lists end."""
    for sample in made["test"][:8]:
        row = sample.row
        assert sorted(row["masked_boxes"]) == sorted([*row["boxes"], *(list(decoy) for decoy in sample.layout.decoys)])
        masked = np.asarray(mask_boxes(draw_sample(sample), row["masked_boxes"]))
        width, height = sample.layout.size
        for x1, y1, x2, y2 in row["masked_boxes"]:
            part = masked[int(y1 * height) : int(y2 * height) + 1, int(x1 * width) : int(x2 * width) + 1]
            assert not part.any()
    assert np.mean([len(sample.layout.decoys) > 0 for sample in made["test"]]) > 0.5


def test_pictures_are_equal_whenever_they_are_drawn(made: dict[str, list[Sample]]) -> None:
    """A picture that depends on those drawn before it differs between processes."""
    first, second = made["val"][:2]
    before = draw_sample(first).tobytes()
    draw_sample(second)
    assert draw_sample(first).tobytes() == before


def test_describe_prints_the_yardsticks(built: dict[str, Split]) -> None:
    """A table of other images than it says, or a predictor without an input that beats the one with all of them."""
    table = yardsticks_table(built, 4)
    assert table
    assert "on 4 of 1,000 images of test" in table.title
    scores = {row.texts()[0]: [float(text.split()[0]) for text in row.texts()[1:]] for row in table.rows}
    assert scores["nothing removed"][2] > scores["without location"][2]
    assert scores["nothing removed"][4] < min(scores[name][4] for name in scores if name != "nothing removed")
    assert scores["nothing removed"][1] < REACHABLE_EXACT + 30
    assert yardsticks_table({"train": built["train"]}, 4) is None


def test_a_missing_or_partial_build_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupted first use must not leave half a data set which the second use opens."""
    from benchmark.dataset.mini import build as module

    def broken(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "write_description", broken)
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "mini", {"test": 10}, annotations_only=True)
    assert list(tmp_path.iterdir()) == []


def test_pictures_of_one_split_are_those_of_the_whole_build(tmp_path: Path) -> None:
    """Pictures that are drawn for a split alone must be those that a build draws beside the others."""
    sizes = {"train": 4, "val": 3, "test": 3}
    build(tmp_path / "whole", sizes)
    whole = {path.name: path.read_bytes() for path in (tmp_path / "whole" / "images").iterdir()}
    assert len(whole) == 10
    for split in sizes:
        (tmp_path / split).mkdir()
        draw_pictures(tmp_path / split, sizes, split)
        alone = {path.name: path.read_bytes() for path in (tmp_path / split).iterdir()}
        assert alone == {name: content for name, content in whole.items() if name.startswith(split)}


def loaded_by(code: str) -> list[str]:
    """Modules of the generator that a program has loaded at its end."""
    code += "\nimport sys; print([name for name in sys.modules if name.startswith('benchmark.dataset.mini.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return [name.strip(" '") for name in done.stdout.strip().strip("[]").split(",") if name]


def test_the_cached_data_set_is_opened_without_its_generator(embedded: dict[str, Split]) -> None:
    """Every command that scores waits for a generator of pictures which it never uses."""
    assert embedded
    assert loaded_by("from benchmark.dataset import open_split; open_split('mini', 'test').n_images") == []


def test_annotations_are_made_without_the_drawing_code() -> None:
    """Simulations and yardsticks wait for hundreds of polygons which they never draw."""
    loaded = loaded_by("from benchmark.dataset.mini.yardsticks import yardsticks")
    parts = {name.rpartition(".")[2] for name in loaded}
    assert "samples" in parts
    assert parts.isdisjoint({"build", "drawing", "paint", "plates", "props", "scenes", "solids"})
