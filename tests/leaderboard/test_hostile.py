"""What strangers may hand in to break, slow or deceive: each thing is refused or shown harmless, in bounded memory."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from made_entries import METADATA, failures, made_entry
from markdown_it import MarkdownIt

pytest.importorskip("pydantic")
pytest.importorskip("yaml")

import yaml

from benchmark.dataset.store import Split
from benchmark.errors import InputError
from benchmark.leaderboard.check import MAX_MEAN_LENGTH, Checker
from benchmark.leaderboard.comment import MARKER, MAX_BYTES, comment
from benchmark.leaderboard.entries import MAX_ENTRIES, all_entries, list_entry, readme
from benchmark.leaderboard.metadata import Metadata, as_yaml, read_metadata
from benchmark.leaderboard.result import result, shown
from benchmark.metrics import meteor
from benchmark.predictions import write_predictions

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(1)>[a](javascript:b) ![c](http://d) @e | `f` <!-- g"


@pytest.fixture(scope="module")
def checker(splits: dict[str, Split]) -> Checker:
    return Checker(splits)


def text_fields() -> list[str]:
    """Every field of the metadata that takes free text."""
    good = Metadata.model_validate(yaml.safe_load(METADATA))
    fields = []
    for name in Metadata.model_fields:
        for value in ("<b>x</b>", ["<b>x</b>"]):
            try:
                Metadata.model_validate(
                    {**good.model_dump(), name: value, "uses_external_data": name == "external_data"}
                )
                fields += [name] * (name != "uses_external_data")
            except ValueError:
                continue
    return fields


@pytest.mark.parametrize("name", text_fields())
def test_script_in_every_text_field(tmp_path: Path, name: str) -> None:
    """Markup in one field that nobody thought of, which acts on the entry's page."""
    text: Any = SCRIPT[:60] if name == "name" else SCRIPT
    values = yaml.safe_load(METADATA)
    values |= {name: [text] if name in ("authors", "pretrained_from") else text}
    values["uses_external_data"] = name == "external_data"
    path = tmp_path / "metadata.yaml"
    path.write_text(yaml.safe_dump(values))
    metadata = read_metadata(path)
    lines = readme(metadata).split("\n")
    page = "\n".join(line for line in lines if not line.startswith("    "))  # code is shown as it is
    assert "alert" in readme(metadata)
    assert not any(acting in page for acting in ("<script", "<img", "<!--", "](", " @e", " `f`", "g |b"))
    path.write_text(as_yaml(metadata))
    assert read_metadata(path) == metadata


def test_every_text_field_was_tried() -> None:
    """The test above, passing because it tries nothing."""
    assert {"name", "authors", "organisation", "license", "hardware", "decoding", "training_command"} < set(
        text_fields()
    )


@pytest.mark.parametrize(
    "value",
    [
        "9" * 100_000,
        "1e999",
        "-1e999",
        "1e400000000",
        "NaN",
        "Infinity",
        "[" * 500 + "]" * 500,
        '"' + "x" * 10**6 + '"',
    ],
)
def test_enormous_values_in_receipts(checker: Checker, entry: Path, value: str) -> None:
    """A number of a million digits, or one that is none, where a score should be."""
    path = entry / "seed1/scores.test.json"
    receipt = json.loads(path.read_text())
    receipt["scores"]["CIDEr"] = "HERE"
    path.write_text(json.dumps(receipt).replace('"HERE"', value))
    found = failures(checker, entry)
    assert found.keys() == {"receipts"}
    assert "the check failed" not in found["receipts"]
    assert len(found["receipts"]) < 2000


def test_receipt_that_is_not_utf8(checker: Checker, entry: Path) -> None:
    """Bytes that are no text."""
    (entry / "seed1/scores.test.json").write_bytes(b"\xff\xfe{}")
    assert "not a receipt" in failures(checker, entry)["receipts"]


@pytest.mark.parametrize(
    "line",
    [
        '{{"image_id": "{id}", "box": {box}, "caption": "x", "extra": ' + "[" * 5000 + "]" * 5000 + "}}",
        '{{"image_id": "{id}", "box": 1e400, "caption": "x"}}',
        '{{"image_id": "{id}", "box": ' + "9" * 5000 + ', "caption": "x"}}',
        '{{"image_id": "{id}", "box": {box}, "caption": {{"$ref": "#"}}}}',
        '{{"image_id": "../../etc/passwd", "box": {box}, "caption": "x"}}',
        '{{"image_id": "{id}", "box": {box}, "caption": "\\u202e<script>"}}',
        '{{"image_id": "{id}", "box": {box}, "caption": "\\u0000"}}',
    ],
)
def test_odd_lines_of_predictions(checker: Checker, entry: Path, splits: dict[str, Split], line: str) -> None:
    """Depth, numbers and characters that crash a reader, or reach the terminal of who checks."""
    split = splits["test"]
    ids = [split.image_ids[i] for i in split.image_of_box.tolist()]
    boxes = (range(split.n_boxes) - split.offsets[split.image_of_box]).tolist()
    lines = [line.format(id=image, box=box) for image, box in zip(ids, boxes, strict=True)]
    (entry / "seed1/preds.test.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    report = checker.check(entry)
    assert {name for name, _ in report.failures} <= {"predictions", "receipts"}
    assert report.failures
    assert not any("the check failed" in problem for _, problem in report.failures)
    assert shown(report).replace("\n", "").isprintable()


def test_millions_of_boxes(checker: Checker, entry: Path, splits: dict[str, Split]) -> None:
    """Three million lines in a file of a few kilobytes, all of which are read, or kept."""
    line = json.dumps({"image_id": splits["test"].image_ids[0], "box": 0, "caption": "x"}).encode() + b"\n"
    with gzip.open(entry / "seed1/preds.test.jsonl.gz", "wb") as file:
        for _ in range(30):
            file.write(line * 100_000)
    assert "reading stopped" in failures(checker, entry)["predictions"]


def test_captions_that_make_meteor_search(
    checker: Checker, entry: Path, splits: dict[str, Split], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few captions of hundreds of characters among short ones: the work is bounded by the sum of their characters."""
    searched = []
    align = meteor.align
    monkeypatch.setattr("benchmark.metrics.meteor.align", lambda p, r: searched.append(len(p)) or align(p, r))
    split = splits["test"]
    length = 400
    few = int(MAX_MEAN_LENGTH * split.n_boxes / length)
    assert few > 1
    for longer, passes in ((few, True), (few + 1, False)):
        searched.clear()
        captions = [(c * length)[: length if i < longer else 1] for i, c in enumerate(split.captions)]
        captions = [c[: length - split.n_boxes // few] if len(c) > 1 else c for c in captions] if passes else captions
        write_predictions(entry / "seed1/preds.test.jsonl.gz", split, captions)
        assert ("predictions" not in failures(checker, entry)) is passes
        assert bool(searched) is passes
        assert sum(searched) <= MAX_MEAN_LENGTH * split.n_boxes * 2  # test, and val as it was


@pytest.mark.parametrize("name", ["a\nb", "\x1b]0;x\x07", "<script>", "..", "...", "-rf", "ａ", "a\u202eb", "x" * 200])
def test_odd_names_of_entries(checker: Checker, entry: Path, name: str) -> None:
    """A folder's name that acts in a terminal, on a page or in a path."""
    odd = entry.rename(entry.with_name(name)) if name != ".." else entry / ".."
    report = checker.check(odd)
    assert any("expected <YYYYMMDD>_<system>" in problem for _, problem in report.failures)
    assert shown(report).replace("\n", "").isprintable()


def test_a_name_that_is_no_text(checker: Checker, entry: Path) -> None:
    """Bytes in a file name that are not UTF-8, which cannot be printed."""
    try:
        (Path(str(entry)) / b"\xff".decode("utf-8", "surrogateescape")).write_text("x")
    except OSError:
        pytest.skip("the file system takes no such name")
    report = checker.check(entry)
    shown(report).encode()
    result([report], []).decode()
    assert [name for name, _ in report.failures] == ["files"]


@pytest.mark.parametrize("kind", ["link", "dangling link", "file", "fifo", ".git", ".submit.x.partial"])
def test_what_stands_beside_entries(checker: Checker, entry: Path, kind: str) -> None:
    """Things in submissions/ that are no entry, passed over in silence."""
    odd = entry.with_name("odd")
    if "link" in kind:
        odd.symlink_to(entry if kind == "link" else "nowhere")
    elif kind == "file":
        odd.write_text("x")
    elif kind == "fifo":
        os.mkfifo(odd)
    else:
        odd = entry.with_name(kind)
        odd.mkdir()
    assert all_entries(entry.parent) == sorted([odd, entry])
    assert checker.check(odd).failures


def test_crowds_and_links_for_the_folder_of_entries(tmp_path: Path) -> None:
    """A million folders, or a link to the whole disk."""
    (tmp_path / "many").mkdir()
    for i in range(MAX_ENTRIES + 1):
        (tmp_path / f"many/{i}").mkdir()
    (tmp_path / "link").symlink_to("/")
    for name in ("many", "link", "nowhere"):
        with pytest.raises(InputError):
            all_entries(tmp_path / name)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the kernel does not tell the peak of a process")
def test_hard_work_fits_into_memory(tmp_path: Path, splits: dict[str, Split]) -> None:
    """Bombs of every kind at once, in a process that may not grow."""
    entry = made_entry(tmp_path, splits)
    bomb = gzip.compress(b" " * (256 << 20))
    for place in ("preds.test.jsonl.gz", "preds.val.jsonl.gz"):
        (entry / "seed1" / place).write_bytes(bomb)
    (entry / "seed1/scores.test.json").write_text("[" * (8 << 20))
    (entry / "metadata.yaml").write_text("a: &a [x]\n" + "".join(f"b{i}: [{'*a, ' * 50}]\n" for i in range(200)))
    # The kernel's own count of this process: what a parent sees of a child begins with the parent's memory.
    script = (
        "import atexit, runpy, sys; status = lambda: open('/proc/self/status').read(); "
        "atexit.register(lambda: print(status().split('VmHWM:')[1].split()[0], file=sys.stderr)); "
        "sys.argv[0] = 'check'; runpy.run_module('benchmark.leaderboard', run_name='__main__')"
    )
    command = [sys.executable, "-c", script, "check", str(entry), "--data", str(splits["test"].directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    peak = int(done.stderr)  # in KiB, and nothing else was said
    assert 10_000 < peak < 1 << 20  # a gigabyte


def checked(splits: dict[str, Split], entry: Path) -> dict[str, Any]:
    """What `check --json` writes."""
    return dict(json.loads(result([Checker(splits).check(entry)], ["a problem"])))


def test_script_in_the_result_does_not_act_in_the_comment(
    splits: dict[str, Split], entry: Path, tmp_path: Path
) -> None:
    """Markup, mentions and closing words in the artefact that act in a comment with the project's name under it."""
    about = checked(splits, entry)
    about["problems"] = [f"{SCRIPT}\n```\n\n# big\n@everyone https://evil.example\r```\u2028```\v~~~"]
    about["entries"][0]["name"] = SCRIPT
    about["entries"][0]["failures"] = [["```", "```"]]
    about["entries"][0]["notes"] = about["entries"][0]["warnings"] = [SCRIPT]
    path = tmp_path / "result.json"
    path.write_text(json.dumps(about))
    tokens = MarkdownIt("commonmark").enable("table").parse(comment(path, entry.parent))
    code = "".join(token.content for token in tokens if token.type == "fence")
    assert code.count("alert(1)") == 2 * (1 + 1 + 1 + 1)
    rest = [token for token in tokens if token.type != "fence"]
    assert not any(acting in token.content for token in rest for acting in ("alert", "@e", "evil", "onerror"))
    assert [token.content.strip() for token in rest if token.type == "html_block"] == [MARKER]
    assert {token.type for token in tokens} <= {
        *("fence", "html_block", "inline", "heading_open", "heading_close", "paragraph_open", "paragraph_close"),
        *(f"{part}_{end}" for part in ("table", "thead", "tbody", "tr", "th", "td") for end in ("open", "close")),
    }


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[" * 100_000,
        b"{}",
        b'{"format": "caponimage-check/2", "passed": true, "problems": [], "entries": [], "more": 1}',
        b'{"format": "caponimage-check/2", "passed": true, "problems": ["' + b"x" * 30_000 + b'"], "entries": []}',
        b'{"format": "caponimage-check/2", "passed": true, "problems": [], "entries": [{"name": "x"}]}',
        b" " * (MAX_BYTES + 1),
        b"\xff",
    ],
)
def test_what_is_no_result(tmp_path: Path, content: bytes) -> None:
    """An artefact of another form, which brings the workflow that can write to an end nobody foresaw."""
    (tmp_path / "result.json").write_bytes(content)
    with pytest.raises(InputError) as refusal:
        comment(tmp_path / "result.json", tmp_path)
    assert all(len(problem) < 1000 for problem in refusal.value.problems)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1e300])
def test_numbers_in_the_result(splits: dict[str, Split], entry: Path, tmp_path: Path, number: float) -> None:
    """Scores that break a table."""
    about = checked(splits, entry)
    about["entries"][0]["scores"]["test"]["CIDEr"] = [number]
    (tmp_path / "result.json").write_text(json.dumps(about))
    with pytest.raises(InputError):
        comment(tmp_path / "result.json", entry.parent)


def test_the_comment_is_never_too_long(splits: dict[str, Split], entry: Path, tmp_path: Path) -> None:
    """A comment that GitHub refuses, so that nobody sees the failures."""
    about = checked(splits, entry)
    about["entries"] = [{**about["entries"][0], "failures": [["files", "<" * 1000]] * 100}] * 20
    (tmp_path / "result.json").write_text(json.dumps(about))
    assert len(comment(tmp_path / "result.json", entry.parent)) < 65_000


def test_list_entry_opens_nothing(entry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A listing that reads the files it lists."""
    monkeypatch.setattr("builtins.open", lambda *_: 1 / 0)
    monkeypatch.setattr("io.open", lambda *_: 1 / 0)
    assert list_entry(entry).files.keys() >= {"metadata.yaml"}
