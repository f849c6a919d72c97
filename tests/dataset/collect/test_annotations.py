"""Annotations of other people, in each form: the corners and texts that a person would read off the file."""

import itertools
import json
import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from benchmark.dataset.collect.annotated import annotated
from benchmark.dataset.collect.annotations import FORMS, collected, match, read_annotations
from benchmark.dataset.collect.annotations.collected import IGNORED, Marked, box, quadrilateral
from benchmark.dataset.collect.records import Drop, Line, Listing, Quadrilateral
from benchmark.errors import InputError

UPRIGHT = ((10.0, 20.0), (110.0, 20.0), (110.0, 50.0), (10.0, 50.0))


def read(path: Path, form: str) -> tuple[dict[str, tuple[Line, ...]], list[Drop], list[str]]:
    told: list[str] = []
    marked, drops = read_annotations(path, form, tell=told.append)
    return {name: each.lines for name, each in marked.items()}, drops, told


def write(path: Path, content: Any) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else orjson.dumps(content))
    return path


def texts(lines: tuple[Line, ...]) -> list[str]:
    return [line.text for line in lines]


def assert_near(corners: Quadrilateral, expected: Quadrilateral) -> None:
    assert [*sum(corners, ())] == pytest.approx([*sum(expected, ())])


def region(**changes: Any) -> list[dict[str, Any]]:
    """A region of Label Studio's OCR template, of a picture of 200 x 100 pixels."""
    place = {"x": 5, "y": 20, "width": 50, "height": 30, "rotation": 0}
    size = {"original_width": 200, "original_height": 100}
    return [
        {"id": "r1", "type": "rectangle", "value": place, **size, **changes},
        {"id": "r1", "type": "labels", "value": {**place, "labels": ["Text"]}, **size},
        {"id": "r1", "type": "textarea", "value": {**place, "text": ["净含量"]}, **size},
    ]


SAME: dict[str, tuple[str, Any]] = {
    "coco": (
        "a.json",
        {
            "images": [{"id": 7, "file_name": "a.jpg", "width": 200, "height": 100}],
            "annotations": [
                {"id": 1, "image_id": 7, "bbox": [10, 20, 100, 30], "caption": "净含量"},
                {"id": 2, "image_id": 7, "bbox": [10, 60, 20, 10], "attributes": {"text": ""}},
            ],
        },
    ),
    "quadrilaterals": (
        "gt_a.jpg.txt",
        "\ufeff10,20,10,50,110,50,110,20,净含量\r\n10,60,30,60,30,70,10,70,###\n".encode(),
    ),
    "paddleocr": (
        "Label.txt",
        b"a.jpg\t"
        + orjson.dumps(
            [
                {"transcription": "净含量", "points": UPRIGHT, "difficult": False},
                {"transcription": "限", "points": box(10, 60, 30, 70), "difficult": True},
            ]
        )
        + b"\n",
    ),
    "label-studio": (
        "export.json",
        [
            {
                "data": {"ocr": "/data/upload/3/0badf00d-a.jpg"},
                "annotations": [
                    {
                        "result": [
                            *region(),
                            {
                                "id": "r2",
                                "type": "rectanglelabels",
                                "value": {"x": 5, "y": 60, "width": 10, "height": 10, "rectanglelabels": ["copy"]},
                                "original_width": 200,
                                "original_height": 100,
                            },
                        ]
                    }
                ],
                "predictions": [{"result": region()}],
            }
        ],
    ),
    "table": ("a.csv", "image,x1,y1,x2,y2,text\na.jpg,10,20,110,50,净含量\na.jpg,30,70,10,60,\n".encode()),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_says_the_same(tmp_path: Path, form: str) -> None:
    """Widths taken for corners, per cent for pixels, corners against the clock; and texts left unmasked."""
    name, content = SAME[form]
    lines, drops, _ = read(write(tmp_path / name, content), form)
    assert not drops
    [(picture, found)] = lines.items()
    assert picture == "a.jpg"
    assert texts(found) == ["净含量", IGNORED]
    assert_near(found[0].corners, UPRIGHT)
    assert_near(found[1].corners, ((10, 60), (30, 60), (30, 70), (10, 70)))
    assert {line.score for line in found} == {1.0}


def test_corners_run_with_the_clock_whatever_their_order() -> None:
    """Brute force: each of the 24 orders of the corners of a slanted line is one line, which is not called vertical."""
    for angle in range(-44, 45, 4):
        cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        true = [(300 + x * cos - y * sin, 300 + x * sin + y * cos) for x, y in ((0, 0), (100, 0), (100, 20), (0, 20))]
        for order in itertools.permutations(true):
            found = quadrilateral(list(order))
            assert not isinstance(found, str)
            start = found.index(true[0])
            assert [*found[start:], *found[:start]] == true
            if abs(angle) <= 40:
                assert start == 0


def test_a_turned_rectangle_of_label_studio(tmp_path: Path) -> None:
    """Degrees turn pixels, not per cent, of which a picture has unlike many across and down."""
    place = {"x": 10, "y": 20, "width": 40, "height": 10, "rotation": 90}
    task = {"data": {"image": "s3://shop/a/b%20c.jpg"}, "annotations": [{"result": region(value=place)[:1]}]}
    lines, *_ = read(write(tmp_path / "a.json", [task]), "label-studio")
    # A box of 80 x 10 pixels at (20, 20), turned to hang down from there, to the left.
    assert_near(lines["a/b c.jpg"][0].corners, ((10, 20), (20, 20), (20, 100), (10, 100)))


def test_label_studio_takes_the_last_annotation_that_counts(tmp_path: Path) -> None:
    """An annotator's cancelled try, or the model's prediction, taken for the truth."""
    entry: dict[str, Any] = {
        "data": {"image": "/data/local-files/?d=shop/a.jpg"},
        "predictions": [{"result": region()}],
    }
    cancelled = {"result": region(), "was_cancelled": True}
    tasks = [
        {**entry, "annotations": [{"result": region()}, {"result": []}, cancelled]},
        {**entry, "data": {"image": "b.jpg"}, "annotations": [cancelled]},
    ]
    lines, drops, told = read(write(tmp_path / "a.json", tasks), "label-studio")
    assert lines == {"shop/a.jpg": ()}
    assert [(drop.image_id, drop.reason) for drop in drops] == [("b.jpg", "task has no annotation")]
    assert any("several annotations" in sentence for sentence in told)
    with pytest.raises(InputError, match="not as JSON-MIN"):
        read(write(tmp_path / "min.json", [{"image": "a.jpg", "label": []}]), "label-studio")


def test_a_slanted_polygon_of_coco_keeps_its_slant(tmp_path: Path) -> None:
    """The upright box around a slanted line is high, and its text looks large and level."""
    slanted = [10, 30, 100, 10, 104, 30, 14, 50]
    annotation = {"image_id": "x", "bbox": [10, 10, 94, 40], "segmentation": [slanted], "utf8_string": "大"}
    content = {"images": [{"id": "x", "file_name": "./d\\a.jpg"}], "annotations": [annotation]}
    lines, *_ = read(write(tmp_path / "a.json", content), "coco")
    assert lines["d/a.jpg"][0].corners == ((10, 30), (100, 10), (104, 30), (14, 50))


def test_a_folder_of_text_files(tmp_path: Path) -> None:
    """MTWI's names, texts with commas, pictures without a text; all bad files are told at once."""
    write(tmp_path / "TB1.jpg.txt", "0.5,1,0.5,9.5,20,9,20,1,好,很好\n\n".encode())
    write(tmp_path / "gt_img_2.txt", b"")
    write(tmp_path / "readme.md", b"1,2")
    lines, drops, _ = read(tmp_path, "quadrilaterals")
    assert {name: texts(found) for name, found in lines.items()} == {"TB1.jpg": ["好,很好"], "img_2": []}
    assert not drops
    for name in ("c.txt", "d.txt"):
        write(tmp_path / name, b"0,0,1,0,1,1,0,1," + "好".encode("gb18030"))
    with pytest.raises(InputError, match="not UTF-8") as raised:
        read(tmp_path, "quadrilaterals")
    assert [problem.partition(": ")[0][-7:] for problem in raised.value.problems] == ["c.txt:1", "d.txt:1"]


@pytest.mark.parametrize(
    "line", ["1,2,3,4,text", "a,0,1,0,1,1,0,1,x", "nan,0,1,0,1,1,0,1,x", "1e300,0,1,0,1,1,0,1,x", "0,0,9,0,9,9,0,inf,x"]
)
def test_a_box_that_cannot_be_masked_takes_its_picture_along(tmp_path: Path, line: str) -> None:
    """A text without a box stays visible in a picture of a data set, where it tells the answer."""
    write(tmp_path / "a.txt", f"0,0,9,0,9,9,0,9,好\n{line}\n".encode())
    write(tmp_path / "b.txt", "0,0,9,0,9,9,0,9,好\n5,5,5,5,5,5,5,5,点\n".encode())
    lines, drops, told = read(tmp_path, "quadrilaterals")
    assert list(lines) == ["b"]
    assert texts(lines["b"]) == ["好"]
    assert [(drop.image_id, drop.line, drop.text.endswith("a.txt:2")) for drop in drops] == [("a", -1, True)]
    assert told == [f"boxes without an area, left out: 1, first at {tmp_path / 'b.txt'}:2"]


def test_bad_files_are_refused_with_all_their_problems(tmp_path: Path) -> None:
    """KeyError: 'images'; or the first problem of twenty, twenty times."""
    content = {"images": [{"id": 1}, {"id": [2]}, {"id": 1, "file_name": "a"}], "annotations": [3]}
    with pytest.raises(InputError) as raised:
        read(write(tmp_path / "a.json", content), "coco")
    assert len(raised.value.problems) == 4
    write(tmp_path / "l.txt", b"\n".join(b"a.jpg [%d]" % i for i in range(100)))
    with pytest.raises(InputError, match=r"l\.txt:20: got 'a\.jpg \[19\]'") as raised:
        read(tmp_path / "l.txt", "paddleocr")
    assert len(raised.value.problems) == 21
    with pytest.raises(InputError, match="no picture in it"):
        read(write(tmp_path / "e.csv", b"image,x1\n"), "table")
    with pytest.raises(InputError, match="try paddleocr"):
        read(tmp_path, "padleocr")
    for form in FORMS:
        with pytest.raises(InputError, match="no such file"):
            read(tmp_path / "nothing.csv", form)


def test_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that are made to fill the memory or the stack."""
    monkeypatch.setattr(collected, "MAX_LINES", 5)
    write(tmp_path / "a.txt", b"0,0,9,0,9,9,0,9,x\n" * 6)
    lines, drops, _ = read(tmp_path / "a.txt", "quadrilaterals")
    assert not lines
    assert drops[0].reason == "more than 5 lines"
    with pytest.raises(InputError, match="not JSON"):
        read(write(tmp_path / "deep.json", b"[" * 100_000), "coco")
    monkeypatch.setattr("benchmark.dataset.collect.tables.MAX_JSON", 10)
    with pytest.raises(InputError, match="divide it into several"):
        read(write(tmp_path / "long.json", b" " * 11), "coco")


def product(path: str) -> Listing:
    return Listing(path.replace("/", "-"), Path("/shop") / path)


def test_matching_by_name_then_without_ending_then_by_folder() -> None:
    """Lines of one picture put on another of the same name."""
    keys = ["a.jpg", "b", "x/c.jpg", "y/c.jpg", "d.png", "TB.jpg", "lost.jpg", "e.jpg", "2/f.jpg", "image_id:by-id.jpg"]
    known = dict.fromkeys(keys, Marked((Line("好", 1.0, UPRIGHT),)))
    paths = [
        "a.jpg",
        "a.png",
        "b.webp",
        "in/x/c.jpg",
        "in/y/c.jpg",
        "z/c.jpg",
        "d.jpg",
        "TB.jpg.jpg",
        "1/e.jpg",
        "2/e.jpg",
        "1/f.jpg",
        "2/f.jpg",
        "by/id.jpg",
        "other/id.jpg",
    ]
    matched, drops = match([product(path) for path in paths], known)
    assert set(matched) == {
        "a.jpg",
        "b.webp",
        "in-x-c.jpg",
        "in-y-c.jpg",
        "d.jpg",
        "TB.jpg.jpg",
        "2-f.jpg",
        "by-id.jpg",
    }
    assert {(drop.image_id, drop.reason) for drop in drops} == {
        ("a.png", "picture has no annotations"),
        ("z-c.jpg", "several annotated pictures have this name"),
        ("1-e.jpg", "annotations may belong to several pictures"),
        ("2-e.jpg", "annotations may belong to several pictures"),
        ("1-f.jpg", "picture has no annotations"),
        ("other-id.jpg", "picture has no annotations"),
        ("lost.jpg", "no picture for these annotations"),
    }


def test_a_picture_whose_boxes_are_refused_takes_no_others(tmp_path: Path) -> None:
    """The boxes of another shop's picture of the same name, so that the texts of this one stay visible."""
    picture = tmp_path / "a" / "x.png"
    picture.parent.mkdir()
    Image.new("RGB", (100, 80)).save(picture)
    rows = ["image,x1,y1,x2,y2,text", "a/x.png,nan,1,20,20,好", "b/x.png,1,1,20,20,好"]
    boxes = tmp_path / "boxes.csv"
    boxes.write_text("\n".join(rows), encoding="utf-8")
    readings, gone = annotated([Listing("x", picture)], f"table:{boxes}")
    assert readings == {}
    assert {(drop.image_id, drop.reason) for drop in gone} == {
        ("x", "box has a corner that is not two numbers of pixels"),
        ("b/x.png", "no picture for these annotations"),
    }


KEYS = (
    "id images annotations image_id file_name bbox caption attributes segmentation data image result value points text "
    "x y width height rotation original_width original_height transcription difficult x1 y1 x2 y2"
)
SPICE = st.sampled_from(KEYS.split())
LEAF = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | st.sampled_from(["a", "", "1", "\x00"])
JSON = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(SPICE, inner, max_size=6), max_leaves=25
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=JSON, form=st.sampled_from(sorted(FORMS)), shaped=st.booleans())
def test_no_file_of_anything_makes_a_traceback(tmp_path: Path, content: Any, form: str, shaped: bool) -> None:
    """Whatever JSON can hold, in the right shape or none: lines with finite corners, or InputError."""
    text = orjson.dumps(content)
    if shaped and form == "coco":
        text = orjson.dumps(
            {"images": [{"id": 1, "file_name": "a"}], "annotations": [content, {"image_id": 1, "bbox": content}]}
        )
    elif shaped and form == "label-studio":
        value = {"id": "r", "value": content, "original_width": 9, "original_height": 9}
        text = orjson.dumps([{"data": {"image": "a"}, "annotations": [{"result": [value, content]}]}])
    elif shaped and form == "paddleocr":
        text = b"a\t" + orjson.dumps([content, {"points": content, "transcription": content}])
    elif shaped and form == "table":
        text = orjson.dumps({"image": "a", "x1": content, "y1": 1, "x2": 2, "y2": 3, "text": content})
    path = write(tmp_path / ("a.jsonl" if form == "table" else "a.txt"), text)
    with suppress(InputError):
        check(*read(path, form)[:2])


def check(lines: dict[str, tuple[Line, ...]], drops: list[Drop]) -> None:
    """What holds of all lines that a reader lets through."""
    assert not set(lines) & {drop.image_id for drop in drops}
    for line in itertools.chain(*lines.values()):
        assert line.text
        assert len(line.corners) == 4
        assert all(math.isfinite(side) for corner in line.corners for side in corner)
    json.dumps({name: [line.text for line in found] for name, found in lines.items()}).encode()
