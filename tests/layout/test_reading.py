"""Prediction files of the layout tracks: what is refused, with all of it told at once, and what is not."""

import json
from pathlib import Path
from typing import Any

import pytest
from prediction_files import tiny_split

from benchmark.dataset.store import Split
from benchmark.errors import InputError
from benchmark.layout.layouts import Layouts
from benchmark.layout.reading import read_layouts, write_layouts
from benchmark.predictions import read_predictions

BOX = [0.1, 0.1, 0.5, 0.2]


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Split:
    return tiny_split(tmp_path_factory.mktemp("tiny"))


def lines(split: Split, **changes: Any) -> str:
    """A file of one box with a caption for each image; `changes` are made to the first object."""
    objects = [{"image_id": image_id, "boxes": [BOX], "captions": ["好用"]} for image_id in split.image_ids]
    objects[0] |= changes
    return "".join(json.dumps(one) + "\n" for one in objects)


def problems(split: Split, folder: Path, text: str | bytes, track: str = "joint") -> str:
    path = folder / "layouts.jsonl"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(InputError) as caught:
        read_layouts(path, split, track)
    return "\n".join(caught.value.problems)


@pytest.mark.parametrize("track", ["layout", "joint"])
@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_what_is_written_is_read(split: Split, tmp_path: Path, track: str, suffix: str) -> None:
    """A file of our own that we refuse, or digits that get lost on the way."""
    layouts = Layouts.of_split(split, captions=track == "joint")
    write_layouts(tmp_path / f"a.jsonl{suffix}", split, layouts)
    found = read_layouts(tmp_path / f"a.jsonl{suffix}", split, track)
    assert found.boxes.tolist() == layouts.boxes.tolist()
    assert found.offsets.tolist() == layouts.offsets.tolist()
    assert found.captions == layouts.captions


def test_captions_are_ignored_on_the_track_layout(split: Split, tmp_path: Path) -> None:
    """Two files for two tracks where one would do."""
    (tmp_path / "a.jsonl").write_text(lines(split, captions="nonsense"))
    assert read_layouts(tmp_path / "a.jsonl", split, "layout").captions is None


def test_an_image_may_have_no_box(split: Split, tmp_path: Path) -> None:
    """A model that finds no place for a text, whose file is refused."""
    (tmp_path / "a.jsonl").write_text(lines(split, boxes=[], captions=[]))
    assert read_layouts(tmp_path / "a.jsonl", split, "joint").counts.tolist() == [0, *[1] * (split.n_images - 1)]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"boxes": [[0.5, 0.1, 0.4, 0.2]]}, "right to left"),
        ({"boxes": [[0.1, 0.3, 0.4, 0.2]]}, "bottom to top"),
        ({"boxes": [[12, 10, 400, 80]]}, "in pixels?"),
        ({"boxes": [[0, 0, 1e308, 1]]}, "far beyond the canvas"),
        ({"boxes": [[0, 0, 10**300, 1]]}, "far beyond the canvas"),
        ({"boxes": [[0, 0, True, 1]]}, "not four numbers"),
        ({"boxes": [[0, 0, "1", 1]]}, "not four numbers"),
        ({"boxes": [[0, 0, 1]]}, "not four numbers"),
        ({"boxes": [None]}, "not four numbers"),
        ({"boxes": {"0": BOX}}, "boxes is not a list"),
        ({"boxes": None}, "boxes is not a list"),
        ({"boxes": [BOX] * 5000, "captions": ["好"] * 5000}, "too many boxes"),
        ({"captions": ["好", "用"]}, "2 captions for 1 boxes"),
        ({"captions": "好"}, "captions is not a list"),
        ({"captions": [7]}, "caption is not a string"),
        ({"captions": ["好\u0000"]}, "control character"),
        ({"captions": ["好" * 1001]}, "absurdly long"),
        ({"image_id": "nobody"}, "unknown image"),
        ({"image_id": 7}, "unknown image"),
    ],
)
def test_bad_values(split: Split, tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    """A value that is scored as something else, or ends in a traceback; the message names file and line."""
    found = problems(split, tmp_path, lines(split, **changes))
    assert said in found
    assert "layouts.jsonl:1" in found


@pytest.mark.parametrize(
    ("first", "said"),
    [
        ('{"image_id": "a", "boxes": [[NaN, 0, 1, 1]]}', "NaN or Infinity"),
        ('{"image_id": "a", "boxes": [[0, 0, 1, 1]', "not JSON"),
        ('{"image_id": "a", "boxes": [], "boxes": []}', "a key twice"),
        ('{"image_id": "lamp", "boxs": []}', "is 'boxs' meant?"),
        ("[1, 2]", "not a JSON object"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_bad_lines(split: Split, tmp_path: Path, first: str, said: str) -> None:
    """A line that is no object of ours."""
    assert said in problems(split, tmp_path, lines(split) + first + "\n", "layout")


def test_all_problems_at_once(split: Split, tmp_path: Path) -> None:
    """One problem per run, so that a file needs five runs to be mended."""
    text = lines(split, boxes=[[1, 0, 0, 1], [0, 0, 9, 9]], captions=[3]).splitlines()
    found = problems(split, tmp_path, "\n".join([text[0], "{", text[1], text[1]]))
    for said in (
        "right to left",
        "far beyond",
        "not a string",
        "not JSON",
        "image predicted again",
        "no layout for 1 of",
    ):
        assert said in found


def test_coordinates_of_infinity_in_digits(split: Split, tmp_path: Path) -> None:
    """1e999, which some readers take for infinity."""
    text = lines(split).replace("0.5", "1e999", 1)
    assert "layouts.jsonl:1" in problems(split, tmp_path, text)


def test_empty_and_missing(split: Split, tmp_path: Path) -> None:
    """A file that was cut off, scored as if the rest had no boxes."""
    assert "is empty" in problems(split, tmp_path, "")
    assert f"no layout for {split.n_images - 1}" in problems(split, tmp_path, lines(split).splitlines()[0])


def test_files_of_another_track_are_named(split: Split, tmp_path: Path) -> None:
    """A file of the other track, and thousands of missing keys in place of the one word that is missing."""
    captions = '{"image_id": "lamp", "box": 0, "caption": "好"}\n'
    assert "leave --track out" in problems(split, tmp_path, captions)
    (tmp_path / "layouts.jsonl").write_text(lines(split))
    with pytest.raises(InputError, match="add --track layout"):
        read_predictions(tmp_path / "layouts.jsonl", split)


def test_other_formats_are_named(split: Split, tmp_path: Path) -> None:
    """COCO in place of lines: the one useful hint is the command that converts it."""
    coco = json.dumps({"images": [], "annotations": [{"image_id": 1, "bbox": [1, 2, 3, 4]}]}, indent=1)
    assert "python -m benchmark.layout convert" in problems(split, tmp_path, coco)


def test_work_is_bounded(split: Split, tmp_path: Path) -> None:
    """A file of gigabytes for three images."""
    found = problems(split, tmp_path, lines(split) * 2000)
    assert "reading stopped" in found
    assert "one per image" in found
