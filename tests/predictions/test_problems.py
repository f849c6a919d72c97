"""Everything that can be wrong with a prediction file: the words, all at once, on one screen, at bounded cost."""

import gzip
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_split import made_split
from prediction_files import CAPTIONS, PACKERS, RECORDS, problems_of, read, text, tiny_split, zstd

from benchmark.dataset.store import Split
from benchmark.errors import InputError
from benchmark.predictions import read_predictions, write_predictions

HANGS = 60  #: seconds; far above what a busy machine needs, far below what unbounded work would take


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Split:
    return tiny_split(tmp_path_factory.mktemp("tiny"))


#: What stands on line 2 (box 1 of lamp), and words of the one message about it.
LINE_PROBLEMS: dict[str, tuple[Any, list[str]]] = {
    "no JSON": ("{'image_id': 'lamp'}", ["not JSON", "preds.jsonl:2: got", "json.dumps"]),
    "cut off": ('{"image_id": "lamp", "box": 1, "capt', ["not JSON", "unexpected end of data"]),
    "two objects": ('{"a": 1} {"b": 2}', ["not JSON", "one object per line"]),
    "too deep": ("[" * 5000 + "]" * 5000, ["not JSON", "depth"]),
    "control character in JSON": ('{"image_id": "lamp", "box": 1, "caption": "a\x07"}', ["not JSON", "control char"]),
    "NaN": ('{"image_id": "lamp", "box": 1, "caption": NaN}', ["NaN", 'expected a string, ""']),
    "surrogate": ('{"image_id": "lamp", "box": 1, "caption": "\\ud800"}', ["surrogate", "\\\\ud800"]),
    "huge number": ('{"image_id": "lamp", "box": 1e999, "caption": ""}', ["not JSON", "number is infinity"]),
    "array": ('["lamp", 1, "护眼"]', ["not a JSON object", "got ['lamp', 1, '护眼']"]),
    "string": ('"lamp"', ["not a JSON object", "got 'lamp'"]),
    "null": ("null", ["not a JSON object", "got None"]),
    "no key": ("{}", ["missing key", "got 'no key'", "image_id, box and caption"]),
    "near key": ('{"img_id": "lamp", "box": 1, "caption": ""}', ["missing key", "is 'img_id' meant?"]),
    "key twice": ('{"image_id": "lamp", "box": 0, "box": 1, "caption": ""}', ["key twice", "got 'box'", "lamp"]),
    "key twice, once escaped": (
        '{"image_id": "lamp", "box": 1, "caption": "", "\\u0063aption": "x"}', ["key twice", "got 'caption'"]
    ),
    "all keys escaped": (
        '{"image\\u005fid": "lamp", "image_id": "lamp", "box": 1, "\\u0062\\u006F\\u0078": 0, "caption": ""}',
        ["key twice", "got 'image_id, box'"],
    ),
    "key twice beside deep nesting": (
        '{"n": ' + "[" * 1010 + "]" * 1010 + ', "image_id": "lamp", "box": 1, "caption": "", "\\u0063aption": "x"}',
        ["not JSON", "too deep"],
    ),
    "id null": ({"image_id": None}, ["image_id is not a string", "got None"]),
    "id garbage": ({"image_id": {"id": ["lamp"]}}, ["image_id is not a string", "{'id': ['lamp']}"]),
    "unknown id": ({"image_id": "sofa"}, ["unknown image", "got 'sofa'", "ids such as lamp"]),
    "id with a blank": ({"image_id": " lamp.png"}, ["unknown image", "did you mean 'lamp'?"]),
    "id with an invisible character": ({"image_id": "lamp\u200b"}, ["unknown image", "did you mean 'lamp'?"]),
    "padded id": ({"image_id": "007_shoe"}, ["unknown image", "did you mean '7_shoe'?"]),
    "id in capitals": ({"image_id": "LAMP.PNG"}, ["unknown image", "did you mean 'lamp'?"]),
    "id of another split": ({"image_id": "cup-1"}, ["unknown image", "split 'val'; another file, or --split val?"]),
    "hostile id": ({"image_id": "\x1b[31m\u202e" * 99}, ["unknown image", "'\\x1b[31m\\u202e"]),
    "box true": ({"box": True}, ["box is not an index", "(image lamp)", "got True"]),
    "box 0.5": ({"box": 0.5}, ["box is not an index", "got 0.5"]),
    "box null": ({"box": None}, ["box is not an index", "got None"]),
    "box garbage": ({"box": [[[[[[[[1]]]]]]]]}, ["box is not an index", "[...]"]),
    "box word": ({"box": "first"}, ["box is not an index", "got 'first'"]),
    "box too high": ({"box": 2}, ["box out of range", "(image lamp): got 2", "0 to 1, counted from 0"]),
    "box below 0": ({"box": -1}, ["box out of range", "got -1", "0 to 1"]),
    "box of 20 digits": ('{"image_id": "lamp", "box": 99999999999999999999, "caption": ""}', ["box is not an index"]),
    "nowhere": ({"box": [0, 0, 0.5, 0.5]}, ["not those of exactly one box", "0 boxes are there"]),
    "caption null": ({"caption": None}, ["caption is not a string", "(image lamp, box 1): got None"]),
    "caption list": ({"caption": ["护眼"]}, ["caption is not a string", "got ['护眼']"]),
    "control character": ({"caption": "护\x00眼"}, ["control character", "(image lamp, box 1): got '护\\x00眼'"]),
    "delete character": ({"caption": "\x7f"}, ["control character", "'\\x7f'"]),
    "long caption": ({"caption": "护" * 1001}, ["absurdly long", "1,001 characters"]),
    "another caption": ({"box": 0}, ["again with another caption", "the first is on line 1: '护眼'"]),
}  # fmt: skip
BOX_STAYS_OPEN = set(LINE_PROBLEMS) - {
    "caption null",
    "caption list",
    "control character",
    "delete character",
    "long caption",
}


@pytest.mark.parametrize("name", LINE_PROBLEMS)
def test_problem_of_a_line(split: Split, tmp_path: Path, name: str) -> None:
    """What, where, got what, expected what: in one printable message, beside the box that is left without caption."""
    change, words = LINE_PROBLEMS[name]
    first, *others = problems_of(tmp_path, split, text({}, change))
    assert "preds.jsonl:2" in first
    for word in [*words, "expected"]:
        assert word in first
    assert len(first) < 700
    assert first.isprintable()
    assert [("no prediction for 1 of 8 boxes" in other, "lamp (box 1)" in other) for other in others] == (
        [(True, True)] if name in BOX_STAYS_OPEN else []
    )


def test_encoding(split: Split, tmp_path: Path) -> None:
    """GBK is what many Chinese tools write; the message has to say so."""
    problems = problems_of(tmp_path, split, text().encode("gb18030"))
    assert "wrong encoding, 8 lines" in problems[0]
    assert "iconv -f GB18030 -t UTF-8" in problems[0]
    [latin, _] = problems_of(tmp_path, split, text().encode().replace("护".encode(), b"\xff\xff"))
    assert "byte 44 is 0xff" in latin
    assert "iconv" not in latin


def test_all_problems_at_once(split: Split, tmp_path: Path) -> None:
    """Nobody should have to run the check forty times."""
    changes = [change for change, _ in LINE_PROBLEMS.values()]
    records = [*RECORDS[:1], *[RECORDS[1]] * len(changes)]
    problems = problems_of(tmp_path, split, text({}, *changes, records=records))
    for _, words in LINE_PROBLEMS.values():
        assert any(words[0] in problem for problem in problems), words[0]
    lines = sum(problem.count("\n") + 1 for problem in problems)
    assert len(problems) < lines < 90


def test_many_problems_print_one_screen(tmp_path: Path) -> None:
    """96,000 lines of the same mistake are one message with a count."""
    split, predictions = made_split(tmp_path / "data", 20_000)
    path = tmp_path / "preds.jsonl"
    write_predictions(path, split, predictions)
    path.write_text(path.read_text().replace('"test_', '"tset_').replace('"caption":', '"caption":1,"c":'))
    with pytest.raises(InputError) as refusal:
        read_predictions(path, split)
    assert str(refusal.value).count("20,000 lines of") == 2
    assert str(refusal.value).count("and 19,997 more") == 2
    assert "no prediction for 20,000 of 20,000 boxes" in str(refusal.value)
    assert str(refusal.value).count("\n") < 24
    assert len(str(refusal.value)) < 2500


def test_missing_boxes_are_counted_and_named(split: Split, tmp_path: Path) -> None:
    [problem] = problems_of(tmp_path, split, text(records=RECORDS[2:4]))
    assert "no prediction for 6 of 8 boxes (images without any: 2), expected every box of caponimage2m/test" in problem
    assert "lamp (boxes 0, 1); 7_shoe (box 2); a_0.5_b (boxes 0, 1, 2)" in problem


# Files that are something else, and files that end too early or never


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (json.dumps({"names": ["lamp_0_0_1_1"], "captions": ["护眼"]}), "import-predictions"),
        (json.dumps([{"names": ["lamp_0_0_1_1"], "captions": ["护眼"]}] * 2, indent=1), "import-predictions"),
        (json.dumps({"captions": ["护眼"] * 99_999, "names": []}), "import-predictions"),
        (json.dumps([{"image_id": 1, "caption": "护眼"}] * 50_000), "COCO results array"),
        (json.dumps(RECORDS), r"one JSON array of predictions; convert it: jq -c '\.\[\]'"),
        (json.dumps([["lamp", 0, "护眼"]]), "one JSON array"),
        (json.dumps(RECORDS, indent=2), "jq -c"),
        ("\n".join(json.dumps(record, indent=2) for record in RECORDS), r"indented JSON.*jq -c \."),
        (json.dumps({"lamp": ["护眼", "不频闪"]}), "one JSON object for the whole file"),
        (json.dumps({f"lamp{i}": ["护眼", "不频闪"] for i in range(9999)}), "one JSON object for the whole file"),
        (json.dumps({"lamp": ["护眼"]}, indent=1), "one JSON object for the whole file"),
        ("image_id,box,caption\nlamp,0,护眼\n", "CSV; .*csv.DictReader"),
        ("\ufeffimage_id;box;caption\r\nlamp;0;护眼\r\n", "CSV; .*delimiter=';'"),
        ("image_id\tbox\tcaption\nlamp\t0\t护眼\n", "tab-separated"),
        ("护眼\n不频闪\n", "plain text"),
        ("<!DOCTYPE html><html>", "web page"),
        ("version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"PK\x03\x04abc", "zip archive"),
        (b"BZh9", "bunzip2"),
        (b"\xfd7zXZ\x00", "unxz"),
        (b"PAR1\x00", "to_json"),
        (b"\x80\x04\x95", "pickle"),
        (gzip.compress(gzip.compress(b"{}")), "unpack it once"),
        (text().encode("utf-16-le"), "UTF-16 without"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "binary"),
        (text().encode("utf-32"), "UTF-32 text; save it as UTF-8"),
        (text().encode("utf-32-le"), "binary"),
        (bytes(100_000), "binary"),
    ],
)  # fmt: skip
def test_files_of_another_kind(split: Split, tmp_path: Path, content: str | bytes, words: str) -> None:
    """One message that says what it is and what to do, not 97,000 about bad lines."""
    with pytest.raises(InputError, match=f"not JSON Lines.*it looks like .*{words}") as refusal:
        read(tmp_path, split, content)
    assert len(refusal.value.problems) == 1


HOSTILE_NAMES = [
    "$(touch pwned).csv", "`touch pwned`.csv", "a';touch pwned;'.csv", "a\ntouch pwned\n.csv", "-c.csv", "a b.csv",
    "preds.jsonl", "\x1b[2J\u202e\\x41.csv", "护眼!.csv", "~.csv", os.fsdecode(b"\xff.csv"),
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_conversion_of_csv_can_be_pasted(
    split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Pasting the command ran what the file was named, broke at a quote, and at boxes that a spreadsheet made 0.0."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    rows = [f"{record['image_id']},{record['box']}.0,{record['caption']}\n" for record in RECORDS]
    before = "\ufeffimage_id,box,caption\n" + "".join(rows)
    Path(name).write_text(before, encoding="utf-8")
    with pytest.raises(InputError, match="CSV") as refusal:
        read_predictions(Path(name), split)
    _, command = refusal.value.problems[0].split("convert it: ")
    assert command.isprintable()
    subprocess.run(["bash", "-c", command], check=True)
    assert Path(name).read_text(encoding="utf-8") == before
    [converted] = set(tmp_path.iterdir()) - {tmp_path / name}
    assert read_predictions(converted, split) == CAPTIONS


def test_conversion_names_files_and_split(split: Split, tmp_path: Path) -> None:
    """A command with DIR and SPLIT in it has to be edited before it runs."""
    path = tmp_path / "a b.json"
    path.write_text(json.dumps({"names": [], "captions": []}))
    with pytest.raises(InputError) as refusal:
        read_predictions(path, split)
    assert f"import-predictions '{path}' --data {split.directory} --split test -o preds.jsonl" in str(refusal.value)


@pytest.mark.parametrize("first", ['{"image_id": "la', "{}", "[1]", "# made by x", "null", '{"names": []}', "'"])
def test_bad_first_line_does_not_condemn_the_file(split: Split, tmp_path: Path, first: str) -> None:
    """The guess at the format must not hide the problem of a single line."""
    problems = problems_of(tmp_path, split, text(first))
    assert "preds.jsonl:1" in problems[0]
    assert "lamp (box 0)" in problems[-1]


@pytest.mark.parametrize("extra", [{"n": [0.1] * 20_000}, {"captions": [["a"] * 9000], "names": []}])
@pytest.mark.parametrize("changed", [{}, {"caption": "护眼\n"}])
def test_long_first_line(split: Split, tmp_path: Path, extra: dict[str, Any], changed: dict[str, str]) -> None:
    """A first line over 64 KiB was taken for one object for the whole file, and a list of beams for another form."""
    record = RECORDS[0] | changed
    for line in (extra | record, record | extra):
        content = text(json.dumps(line))
        for end in ("", "\n\n"):
            if changed:
                [problem] = problems_of(tmp_path, split, content + end)
                assert problem.startswith("line break or tab")
            else:
                assert read(tmp_path, split, content + end)[0] == "护眼"


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n \n\t", b"\xef\xbb\xbf", gzip.compress(b""), zstd(b"")])
def test_empty_file(split: Split, tmp_path: Path, content: bytes) -> None:
    assert "is empty, expected 8 lines" in problems_of(tmp_path, split, content)[-1]


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_broken_compression(split: Split, tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """A copy that was cut off must not be read as a shorter file; every length is tried."""
    whole = pack(text().encode())
    for end in range(4, len(whole)):
        assert "reading stopped" in problems_of(tmp_path, split, whole[:end])[-1], end
    assert "truncated" in problems_of(tmp_path, split, whole[:-9])[-1]
    broken = whole[:30] + bytes([whole[30] ^ 255]) + whole[31:]
    assert problems_of(tmp_path, split, broken)


def test_lines_before_the_break_are_checked(split: Split, tmp_path: Path) -> None:
    """All problems at once, also those in front of a truncation; what is missing behind it is no news."""
    problems = problems_of(tmp_path, split, gzip.compress(text({"box": 9}).encode())[:-12])
    assert len(problems) == 2
    assert "box out of range" in problems[0]
    assert "reading stopped after line" in problems[1]


GZ, GZ_HEAD = gzip.compress(text().encode()), b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
ZSTD_HEAD, EMPTY_BLOCK = b"\x28\xb5\x2f\xfd\x00\x58", b"\x00\x00\x00"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (gzip.compress(b"") * 500_000, "several gzip files in one"),
        (GZ + gzip.compress(b"") * 500_000, "several gzip files in one"),
        (GZ + GZ, "several gzip files in one"),
        (GZ + b"x", "goes on after the end of its compressed data"),
        (GZ + bytes(10_000_000), "compressed bytes unpack to only 447"),
        (GZ_HEAD[:3] + b"\x08" + GZ_HEAD[4:] + b"x" * 10_000_000, "compressed bytes unpack to only 0"),
        (GZ_HEAD[:3] + b"\x10" + GZ_HEAD[4:] + b"x" * 10_000_000, "compressed bytes unpack to only 0"),
        (GZ_HEAD + b"\x00\x00\x00\xff\xff" * 2_000_000, "compressed bytes unpack to only 0"),
        (zstd(b"") * 1_000_000, "compressed bytes unpack to only 0"),
        (b"\x50\x2a\x4d\x18" + bytes(4) + b"\x5f\x2a\x4d\x18\x00\x00\x00\x01" * 2_000_000, "unpack to only 0"),
        (ZSTD_HEAD + EMPTY_BLOCK * 4_000_000, "compressed bytes unpack to only 0"),
        (ZSTD_HEAD[:5] + b"\xa8" + EMPTY_BLOCK, "too much memory"),
    ],
)
def test_much_that_unpacks_to_nothing(split: Split, tmp_path: Path, content: bytes, words: str) -> None:
    """62 MiB of empty gzip members have taken 20 seconds; every kind of nothing is refused after its first bytes."""
    start = time.perf_counter()
    assert words in problems_of(tmp_path, split, content)[-1]
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize(
    ("unpacked", "words"),
    [
        (b"\n" * 50_000_000, "more than 1,016 lines, expected 8"),
        (b" " * 50_000_000, "bytes"),
        (text().encode() + b'{"a": "' + b"x" * 50_000_000, "bytes"),
        (text().encode() * 200, "several files in one"),
    ],
)
def test_bombs(split: Split, tmp_path: Path, unpacked: bytes, words: str) -> None:
    """A few kilobytes that unpack to gigabytes: refused early, whatever they are made of."""
    for pack in PACKERS.values():
        content = pack(unpacked)
        start = time.perf_counter()
        assert words in problems_of(tmp_path, split, content)[-1]
        assert time.perf_counter() - start < HANGS


def test_many_keys_cost_no_more_than_few(split: Split, tmp_path: Path) -> None:
    """A megabyte of keys that resemble ours: looking for the one that was meant must not take minutes."""
    hostile = json.dumps({f"capti{i}n": i for i in range(50_000)})
    start = time.perf_counter()
    assert "missing key" in problems_of(tmp_path, split, text({}, hostile))[0]
    assert time.perf_counter() - start < HANGS


@pytest.mark.parametrize("name", ["absent.jsonl", ".", "a\0b", "x" * 5000])
def test_file_that_cannot_be_opened(split: Split, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot read"):
        read_predictions(tmp_path / name, split)
