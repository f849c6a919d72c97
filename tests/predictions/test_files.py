"""Prediction files: what is written, what is read, from where, and how fast."""

import gzip
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_split import made_split
from prediction_files import CAPTIONS, PACKERS, RECORDS, read, text, tiny_split, zstd

from benchmark.dataset.description import write_description
from benchmark.dataset.schema import AnnotationRow
from benchmark.dataset.store import Split, SplitWriter, open_directory
from benchmark.predictions.check import PredictionCheck, read_predictions
from benchmark.predictions.files import tidy_caption, write_predictions


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Split:
    return tiny_split(tmp_path_factory.mktemp("tiny"))


@pytest.mark.parametrize("suffix", PACKERS)
def test_what_is_written_is_read(tmp_path: Path, suffix: str) -> None:
    """Captions with digits, Latin, quotes, emoji and white space of all kinds, and empty ones, come back."""
    split, predictions = made_split(tmp_path / "data", 600)
    predictions[:3] = ["\u3000好 用\n", '"\\', "a\tb\x00c\u2028d"]
    path = tmp_path / f"preds.jsonl{suffix}"
    write_predictions(path, split, predictions)
    assert read_predictions(path, split) == [tidy_caption(caption) for caption in predictions]
    assert [tidy_caption(caption) for caption in predictions[:3]] == ["好 用", '"\\', "a b c d"]
    first = path.read_bytes()
    write_predictions(path, split, predictions)
    assert path.read_bytes() == first, "the same predictions give another file"
    assert {p.name for p in tmp_path.iterdir()} == {"data", path.name}


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_equal_captions_give_equal_files(tmp_path: Path, split: Split, suffix: str) -> None:
    """A packed file that holds its own name or the time: every rewrite of stored results would be a change."""
    for name in ("one", "another-name"):
        write_predictions(tmp_path / f"{name}{suffix}", split, CAPTIONS)
    assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"another-name{suffix}").read_bytes()


def test_written_file_is_the_documented_one(tmp_path: Path, split: Split) -> None:
    """Chinese must stand in it as such: people look into these files."""
    write_predictions(tmp_path / "preds.jsonl", split, CAPTIONS)
    lines = (tmp_path / "preds.jsonl").read_text(encoding="utf-8").splitlines()
    assert lines[0] == '{"image_id":"lamp","box":0,"caption":"护眼"}'
    assert [json.loads(line) for line in lines] == RECORDS


@pytest.mark.parametrize(
    ("captions", "words"),
    [
        (CAPTIONS[1:], "got 7 captions, expected 8"),
        ([*CAPTIONS[:-1], None], "image a_0.5_b, box 2: .*NoneType"),
        ([*CAPTIONS[:-1], 3], "image a_0.5_b, box 2"),
        ([*CAPTIONS[:-1], "\ud800"], "image a_0.5_b, box 2: .*surrogates"),
        ([*CAPTIONS[:-1], "好" * 1001], "image a_0.5_b, box 2: 1,001 characters"),
    ],
)
def test_what_could_not_be_read_is_not_written(tmp_path: Path, split: Split, captions: list[Any], words: str) -> None:
    """A file of hours of decoding that its own reader refuses; no half-written file either."""
    with pytest.raises(ValueError, match=words):
        write_predictions(tmp_path / "preds.jsonl", split, captions)
    assert list(tmp_path.iterdir()) == []


def test_order_extra_keys_and_line_ends_do_not_matter(split: Split, tmp_path: Path) -> None:
    """Predictions written by other tools, on other systems, by many workers."""
    assert read(tmp_path, split, text()) == CAPTIONS
    assert read(tmp_path, split, text(records=RECORDS[::-1])) == CAPTIONS
    extras = {"score": -0.5, "box_text": "x", "more": {"box": [1], "caption": {"caption": None}}}
    assert read(tmp_path, split, text(extras, {"caption": "护眼", "tokens": list(range(100))})) == [
        CAPTIONS[0],
        "护眼",
        *CAPTIONS[2:],
    ]
    assert read(tmp_path, split, text().rstrip("\n")) == CAPTIONS
    for end in ("\r\n", "\r", "\n\n", "\n \t\n\n"):
        assert read(tmp_path, split, text().replace("\n", end)) == CAPTIONS
    assert read(tmp_path, split, json.dumps(RECORDS[0]) + "\n" + text().split("\n", 1)[1]) == CAPTIONS  # \u escapes
    assert read(tmp_path, split, text().replace('"box": 1', '  "box"\t:1 ')) == CAPTIONS


def test_key_written_with_escapes(split: Split, tmp_path: Path) -> None:
    """A quick look for the bytes of a key must not refuse what JSON allows."""
    assert read(tmp_path, split, text().replace('"caption"', '"\\u0063aption"', 1)) == CAPTIONS


def test_captions_that_look_like_keys(split: Split, tmp_path: Path) -> None:
    """The quick look for repeated keys must not take a caption for a key."""
    assert read(tmp_path, split, text({"caption": "caption"}, {"caption": '"box"'}))[:2] == ["caption", '"box"']


def test_empty_captions_are_allowed(split: Split, tmp_path: Path) -> None:
    assert read(tmp_path, split, text(*[{"caption": caption} for caption in ("", " ", "\u3000")]))[:4] == [
        "",
        "",
        "",
        CAPTIONS[3],
    ]


@pytest.mark.parametrize("pack", PACKERS.values())
def test_stdin(split: Split, monkeypatch: pytest.MonkeyPatch, pack: Callable[[bytes], bytes]) -> None:
    """Packed or not: there is no suffix that could tell."""
    stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO(pack(text().encode()))))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert read_predictions(Path("-"), split) == CAPTIONS


def test_compression_is_told_by_content(split: Split, tmp_path: Path) -> None:
    """Files are renamed, and browsers unpack or keep packed as they like; pzstd writes several frames."""
    assert read(tmp_path, split, gzip.compress(text().encode())) == CAPTIONS
    half = text().encode().index(b"\n", 100) + 1
    skipped = b"\x50\x2a\x4d\x18\x04\x00\x00\x00size"  # what pzstd puts in front of each frame
    frames = [skipped + zstd(part) for part in (text().encode()[:half], text().encode()[half:])]
    for content in (frames[0][len(skipped) :] + frames[1], b"".join(frames)):
        assert read(tmp_path, split, content) == CAPTIONS


def test_gzip_with_a_name_and_padding(split: Split, tmp_path: Path) -> None:
    """What gzip, tar and tapes put around the data."""
    packed = gzip.compress(text().encode())
    named = packed[:3] + b"\x0c" + packed[4:10] + b"\x04\x00abcd" + b"preds.jsonl\0" + packed[10:]
    assert read(tmp_path, split, named + bytes(1000)) == CAPTIONS


def test_references_are_not_needed(tmp_path: Path) -> None:
    """The hidden test split: predictions can be checked where captions cannot be read."""
    row: AnnotationRow = {
        "image_id": "a", "width": 9, "height": 9, "title": "", "attributes": "", "category": "",
        "boxes": [[0, 0, 1, 1]], "captions": None, "masked_boxes": [],
    }  # fmt: skip
    with SplitWriter(tmp_path, "test") as writer:
        writer.append(row)
    write_description(tmp_path, name="hidden", synthetic=True, splits={"test": writer.summary()})
    split = open_directory(tmp_path)["test"]
    write_predictions(tmp_path / "preds.jsonl", split, ["好"])
    assert read_predictions(tmp_path / "preds.jsonl", split) == ["好"]


#: Lines that a reader of many lines at once could take for others, as changes of the first lines of a file.
TRICKY = {
    "nothing": (),
    "braces and colons in captions": ({"caption": "{a}"}, {"caption": "a: b"}),
    "more keys": ({"score": 1.5, "seen": [1, 2]}, {"why": {"box": 3}}),
    "two objects on a line": (text().splitlines()[0] + "," + text().splitlines()[1], '{"image_id": "x', '", "box": 2}'),
    "an object on two lines": ('{"image_id": "lamp", "box": [', '{"a": 1}], "caption": "b"}'),
    "a text on two lines": ('{"image_id": "lamp", "box": 0, "caption": "a', '{b"}'),
    "an array": ("[1, 2]", "{}"),
    "a comma at the end": (text().splitlines()[0] + ",",),
    "blanks at the end": (text().splitlines()[0] + " \t",),
    "a key twice": ('{"image_id": "lamp", "box": 0, "caption": "a", "caption": "b"}',),
    "a key twice, spelt in two ways": ('{"image_id": "lamp", "box": 1, "b\\u006fx": 0, "caption": "b"}',),
    "a missing key": ('{"image_id": "lamp", "box": 0}',),
    "a box twice": ({}, {"box": 0}),
    "true is no index": ({"box": True},),
    "a box as text": ({"box": "0"},),
    "a box of the next image": ({"box": 2},),
    "a box of the image before": ({}, {}, {"box": -1}),
    "a huge box": ({"box": 2**70},),
    "a fraction": ({"box": 0.0},),
    "no text": ({"caption": 3}, {"caption": None}),
    "white space": ({"caption": " a"}, {"caption": "a "}, {"caption": "\u3000"}, {"caption": "a b"}),
    "control characters": ({"caption": "a\u0007"}, {"caption": "a\nb"}),
    "invisible": ({"caption": "a\u200bb"},),
    "long": ({"caption": "好" * 1001},),
    "empty": ({"caption": ""},),
    "an unknown image": ({"image_id": "lamp2"}, {"image_id": ["lamp"]}, {"image_id": 7}),
}


@pytest.mark.parametrize("changes", TRICKY.values(), ids=TRICKY)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"])
def test_many_lines_at_once_are_read_like_one_by_one(
    tmp_path: Path, split: Split, changes: tuple[Any, ...], end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line that is refused alone, and taken among others; other captions, line numbers or problems."""
    path = tmp_path / "preds.jsonl"
    path.write_bytes(text(*changes).replace("\n", end).encode())

    def outcome() -> list[Any]:
        check = PredictionCheck(path, split)
        lines = list(check.lines())
        return [lines, check.captions, check.problems.sentences(), check.problems.repairs()]

    together = outcome()
    monkeypatch.setattr(PredictionCheck, "_accept_all", lambda *_: False)
    assert together == outcome()


def test_good_lines_are_read_many_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading one line after the other, which takes several times as long."""
    split = tiny_split(tmp_path)
    monkeypatch.setattr(PredictionCheck, "_accept", None)
    assert read(tmp_path, split, text()) == CAPTIONS
