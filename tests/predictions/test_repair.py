"""`--fix`: what is repaired, that nothing is guessed, and that nothing is lost."""

import gzip
import json
import re
from pathlib import Path

import pytest
from prediction_files import CAPTIONS, RECORDS, text, tiny_split
from released_files import box_text

from benchmark.dataset.description import write_description
from benchmark.dataset.schema import AnnotationRow
from benchmark.dataset.store import Split, SplitWriter, open_directory
from benchmark.errors import InputError
from benchmark.predictions import read_predictions, repair_predictions


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Split:
    return tiny_split(tmp_path_factory.mktemp("tiny"))


def repaired(split: Split, tmp_path: Path, content: str | bytes) -> tuple[list[str], list[str], Path]:
    path, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    done = repair_predictions(path, split, out)
    return done.repairs, done.problems, out


#: Box 0 of 7_shoe, which is 512 x 256 pixels, as the released files write it.
RATIOS, PIXELS = (box_text((64, 32, 256, 96), (512, 256), pixels=pixels) for pixels in (False, True))


@pytest.mark.parametrize(
    ("content", "repair"),
    [
        ("\ufeff" + text(), "byte order mark"),
        (text(records=RECORDS[:4]) + "\ufeff" + text(records=RECORDS[4:]), "byte order mark"),
        (text().encode("utf-16"), "UTF-16"),
        (text().replace("\n", "\r\n").encode("utf-16"), "UTF-16"),
        (text().replace("\n", "\r\n"), "line ends"),
        (text().replace("\n", "\r"), "line ends"),
        (text().replace("\n", "\n\n"), r"blank line: left out \(8 x\)"),
        (text({"image_id": "lamp.png"}), "file suffix"),
        (text({"image_id": "images\\lamp.JPEG"}), "file suffix"),
        (text({"image_id": "data/images/lamp"}), "file suffix"),
        (text({"box": "0"}, {"box": " 1 "}), r"made an integer \(2 x\)"),
        (text({"box": 0.0}), "made an integer"),
        (text({}, {}, {"box": RATIOS}), "index of the box there"),
        (text({}, {}, {"box": PIXELS}), "index of the box there"),
        (text({}, {}, {"box": [64, 32, 256, 96]}), "index of the box there"),
        (text({}, {}, {"box": [0.12504, 0.125, 0.49996, 0.375]}), "index of the box there"),
        (text() + text(records=RECORDS[5:]), r"the first kept \(3 x\)"),
        (text({"caption": "护眼\n"}, {"caption": "\r\n不频闪"}), r"made a blank.* \(2 x\)"),
        (text({"caption": " 护眼\u3000"}), "white space around the caption"),
        (text({"image_id": "lamp.png", "box": "0", "caption": " 护眼"}), "suffix"),
    ],
)
def test_repairs(split: Split, tmp_path: Path, content: str | bytes, repair: str) -> None:
    """Whatever was repaired is said, and the result is the file that was meant."""
    repairs, problems, out = repaired(split, tmp_path, content)
    assert problems == []
    assert any(re.search(repair, line) for line in repairs)
    assert read_predictions(out, split) == CAPTIONS
    again = repair_predictions(out, split, tmp_path / "again.jsonl")
    assert (again.repairs, again.problems) == ([], [])
    assert (tmp_path / "again.jsonl").read_bytes() == out.read_bytes()


@pytest.mark.parametrize(
    "content",
    [
        text({"image_id": "Lamp"}),  # case: another image in another data set
        text({}, {}, {"image_id": "07_shoe"}),
        text(*[{}] * 5, {"box": [0.0625, 0.125, 0.5, 0.25]}),  # two boxes stand there
        text({}, {"box": 2}),  # counted from 1?
        text({}, {"box": True}),
        text() + text({"caption": "x"}, records=RECORDS[:1]),
        text({"caption": "护\x07眼"}),
        text({"caption": None}),
        text().encode("gb18030"),
        text({"image_id": " lamp"}),  # cut off from a longer name?
        text({"image_id": " lamp.png"}),
        text({"image_id": "lamp\u3000"}),
        text('{"image_id": "lamp", "box": 0, "caption": "护眼", "caption": "不频闪"}'),
        text('{"image_id": "lamp", "box": 0, "caption": "护眼", "\\u0063aption": "不频闪"}'),
    ],
)
def test_no_guessing(split: Split, tmp_path: Path, content: str | bytes) -> None:
    """What could mean two things stays as it is, line for line, and is reported."""
    repairs, problems, out = repaired(split, tmp_path, content)
    assert repairs == []
    assert problems
    assert out.read_bytes() == (content if isinstance(content, bytes) else content.encode())


def ids_split(directory: Path, *ids: str) -> Split:
    """A split of images with one box each, a pixel in the corner and the whole picture in turn."""
    with SplitWriter(directory, "test") as writer:
        for image_id in ids:
            boxes = [[0, 0, 1, 1], [0, 0, 1 / 8, 1 / 8]] if image_id == "pixel" else [[0, 0, 1, 1]]
            row: AnnotationRow = {
                "image_id": image_id, "width": 8, "height": 8, "title": "", "attributes": "", "category": "",
                "boxes": boxes, "captions": ["好"] * len(boxes), "masked_boxes": [],
            }  # fmt: skip
            writer.append(row)
    write_description(directory, name="ids", synthetic=True, splits={"test": writer.summary()})
    return open_directory(directory)["test"]


@pytest.mark.parametrize(
    ("ids", "given", "box"),
    [
        (["lamp", "lamp.png"], "images/lamp.png", 0),  # which of the two?
        (["lamp", "lamp.png"], " lamp.png", 0),
        (["7", "007"], 7, 0),  # a table has lost the zeros
        (["9007199254740994"], 9007199254740994, 0),  # another reader has rounded it
        (["12345678901234567890"], 12345678901234567890, 0),
        (["pixel"], "pixel", [0, 0, 1, 1]),  # the whole picture, or its first pixel
    ],
)
def test_two_images_or_boxes_that_could_be_meant(tmp_path: Path, ids: list[str], given: object, box: object) -> None:
    """A repair that takes the first of two: the caption of another image, scored without a word."""
    split = ids_split(tmp_path / "data", *ids)
    content = json.dumps({"image_id": given, "box": box, "caption": "好"}) + "\n"
    repairs, problems, out = repaired(split, tmp_path, content)
    assert repairs == []
    assert problems
    assert out.read_text() == content


def test_number_that_is_exactly_one_id(tmp_path: Path) -> None:
    split = ids_split(tmp_path / "data", "7", "8", "pixel")
    for given, box in ((7, 0), ("x/8.PNG", 0), ("pixel", [0, 0, 0.125, 0.125])):
        line = json.dumps({"image_id": given, "box": box, "caption": "好"}) + "\n"
        assert len(repaired(split, tmp_path, line)[0]) == 1


def test_repair_keeps_extra_keys_and_untouched_lines(split: Split, tmp_path: Path) -> None:
    content = text({"image_id": "lamp.png", "score": 0.25}, '{"box":1,  "image_id": "lamp", "caption":"不频闪"}')
    _, _, out = repaired(split, tmp_path, content)
    assert json.loads(out.read_text().splitlines()[0]) == RECORDS[0] | {"score": 0.25}
    assert out.read_text().splitlines()[1:] == content.splitlines()[1:]


def test_repair_of_part_of_a_line(split: Split, tmp_path: Path) -> None:
    """The rest of the line's problems is still there, and still reported."""
    repairs, problems, out = repaired(split, tmp_path, text({"image_id": "lamp.png", "caption": None}))
    assert len(repairs) == len(problems) == 1
    assert json.loads(out.read_text().splitlines()[0]) == {"image_id": "lamp", "box": 0, "caption": None}


def test_repair_of_packed_files(split: Split, tmp_path: Path) -> None:
    path = tmp_path / "preds.jsonl.gz"
    path.write_bytes(gzip.compress(("\ufeff" + text()).encode()))
    repair_predictions(path, split, tmp_path / "out.jsonl.gz")
    assert gzip.decompress((tmp_path / "out.jsonl.gz").read_bytes()).decode() == text()
    repair_predictions(path, split, tmp_path / "new" / "preds.jsonl.zst")
    assert read_predictions(tmp_path / "new" / "preds.jsonl.zst", split) == CAPTIONS


def test_repair_never_replaces_what_it_reads(split: Split, tmp_path: Path) -> None:
    """The original is what a doubtful repair is compared with; a link leads to it, too."""
    path, link = tmp_path / "preds.jsonl", tmp_path / "link.jsonl"
    path.write_text("\ufeff" + text())
    link.symlink_to(path)
    before = path.read_bytes()
    for source, out in ((path, path), (path, link), (link, path), (path, split.directory / "test.parquet")):
        with pytest.raises(InputError, match="--fix"):
            repair_predictions(source, split, out)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [gzip.compress(text().encode())[:-9], json.dumps(RECORDS).encode(), b"\n" * 9999])
def test_repair_refuses_what_it_cannot_read_whole(split: Split, tmp_path: Path, content: bytes) -> None:
    """Half a file that calls itself repaired."""
    (tmp_path / "out.jsonl").write_text("old")
    with pytest.raises(InputError):
        repaired(split, tmp_path, content)
    assert (tmp_path / "out.jsonl").read_text() == "old"


def test_other_keys_keep_every_digit(split: Split, tmp_path: Path) -> None:
    """A log probability that loses digits, a big number that becomes another, a repeated key that loses a value."""
    extra = '"lp":-0.1234567890123456789,"t":18446744073709551617,"x":1,"x":{"a":1,"a":2},"s":"}, {"'
    lines = text().splitlines()
    record = json.loads(lines[0])
    own = f'"image_id":{json.dumps(record["image_id"])},"box":"{record["box"]}","caption":"好"'
    repairs, problems, out = repaired(split, tmp_path, "\n".join([f"{{ {own} , {extra} }}", *lines[1:]]) + "\n")
    assert (len(repairs), problems) == (1, [])
    first = out.read_text(encoding="utf-8").splitlines()[0]
    assert first.endswith(f"{extra}}}")
    assert json.loads(first)["box"] == record["box"]
