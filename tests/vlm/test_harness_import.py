"""Replies of other harnesses: the same captions whatever the file, and no caption from a file that is wrong."""

import json
import shutil
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from vlm.harness_files import (
    asked_in,
    evalscope_predictions,
    evalscope_reviews,
    lmms_samples,
    replies_to,
    vlmevalkit_table,
    write_jsonl,
)

from benchmark.dataset.store import Split
from benchmark.errors import InputError
from benchmark.predictions import read_predictions
from benchmark.vlm.__main__ import metadata_command
from benchmark.vlm.harness import readers
from benchmark.vlm.harness.command import import_command
from benchmark.vlm.harness.folder import read_about, requests_of
from benchmark.vlm.prompt import Settings
from benchmark.vlm.request import CaptionRequest

FILES: dict[str, Callable[[Path, list[CaptionRequest], list[str]], None]] = {
    "samples.jsonl": lmms_samples,
    "predictions.jsonl": evalscope_predictions,
    "reviews.jsonl": evalscope_reviews,
    "m.tsv": vlmevalkit_table,
    "m.xlsx": vlmevalkit_table,
}


def imported(split: Split, file: Path, task: Path, out: Path, **options: Any) -> None:
    """Import a file that lies where a harness puts it: in a folder with the name of its task."""
    with suppress(InputError, OSError):
        place = file.parent / read_about(task)["name"]
        place.mkdir(exist_ok=True)
        file = Path(shutil.copy(file, place))
    import_command(file, task, out, str(split.directory), **options)


@pytest.mark.parametrize("settings", [Settings(), Settings(unit="box")], ids=["image", "box"])
@pytest.mark.parametrize("name", FILES)
def test_the_same_replies_give_the_same_captions(
    splits: dict[str, Split], tmp_path: Path, name: str, settings: Settings
) -> None:
    """Captions of another box, since a harness counts from 1, or wrote replies in the order in which they came."""
    if name.endswith("xlsx"):
        pytest.importorskip("openpyxl", reason="needs the extra vlm")
    split, out = splits["test"], tmp_path / "preds.jsonl"
    _, asked = asked_in(splits, "evalscope", tmp_path / "task", settings)
    captions = [f"文案{box}" for box in range(split.n_boxes)]
    FILES[name](tmp_path / name, asked, [f"<think>1</think>{reply}" for reply in replies_to(asked, captions, split)])
    imported(split, tmp_path / name, tmp_path / "task", out, model="m")
    assert read_predictions(out, split) == captions
    about = json.loads((tmp_path / "preds.jsonl.about.json").read_text(encoding="utf-8"))
    metadata_command([out], tmp_path / "metadata.yaml")
    assert f'prompt: "{about["prompt"]}' in (tmp_path / "metadata.yaml").read_text(encoding="utf-8")
    assert (about["model"], about["unit"], about["harness"]) == ("m", settings.unit, "evalscope")
    assert about["tokens"]["in"] == (0 if name in ("reviews.jsonl", "m.tsv", "m.xlsx") else 5 * len(asked))


@pytest.mark.parametrize("name", ["samples.jsonl", "predictions.jsonl", "m.tsv"])
def test_boxes_without_an_answer_are_listed(splits: dict[str, Split], tmp_path: Path, name: str) -> None:
    """Error messages and halves of replies among the captions, or a run of half the requests that looks whole."""
    split, out = splits["test"], tmp_path / "preds.jsonl"
    _, asked = asked_in(splits, "lmms-eval", tmp_path / "task")
    replies = replies_to(asked, ["好用"] * split.n_boxes, split)
    replies[0] = "[LMMS_EVAL_REQUEST_FAILED after 3 retries] out of memory"
    replies[1] = "Failed to obtain answer via API."
    replies[2] = ""
    replies[3] = replies[3][:-4]
    FILES[name](tmp_path / name, asked[:-1], replies[:-1])
    with pytest.raises(InputError, match="have no caption") as refused:
        imported(split, tmp_path / name, tmp_path / "task", out)
    said = "\n".join(refused.value.problems)
    assert all(word in said for word in ("out of memory", "no reply", "empty", "unparsable", "not asked"))
    assert not out.exists()
    imported(split, tmp_path / name, tmp_path / "task", out, allow_missing=True)
    captions = read_predictions(out, split)
    lost = [captions[box] == "" for box in range(split.n_boxes)]
    assert lost == [image in (0, 1, 2, 3, len(asked) - 1) for image in split.image_of_box]


def test_a_reply_that_was_cut_is_none(splits: dict[str, Split], tmp_path: Path) -> None:
    """Captions of a reply that was cut off or filtered, where the harness says so."""
    split = splits["test"]
    _, asked = asked_in(splits, "evalscope", tmp_path / "task")
    evalscope_predictions(tmp_path / "p.jsonl", asked, replies_to(asked, ["好用"] * split.n_boxes, split))
    lines = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text(encoding="utf-8").splitlines()]
    lines[0]["model_output"]["choices"][0]["stop_reason"] = "max_tokens"
    lines[1]["model_output"] = None
    lines[2]["model_output"]["choices"][0]["message"]["content"] = [
        {"type": "reasoning", "reasoning": "……"},
        {"type": "text", "text": lines[2]["model_output"]["choices"][0]["message"]["content"]},
    ]
    write_jsonl(tmp_path / "p.jsonl", lines)
    with pytest.raises(InputError) as refused:
        imported(split, tmp_path / "p.jsonl", tmp_path / "task", tmp_path / "preds.jsonl")
    assert len(refused.value.problems) == 3
    assert "truncated" in "\n".join(refused.value.problems)


def test_replies_of_another_run_are_refused(splits: dict[str, Split], tmp_path: Path) -> None:
    """Captions of other images, boxes or data, which would fit by their number alone."""
    split = splits["test"]
    _, asked = asked_in(splits, "lmms-eval", tmp_path / "task")
    replies = replies_to(asked, ["好用"] * split.n_boxes, split)
    lmms_samples(tmp_path / "s.jsonl", [replace(asked[0], id="val-000000"), *asked[1:]], replies)
    with pytest.raises(InputError, match="does not ask"):
        imported(split, tmp_path / "s.jsonl", tmp_path / "task", tmp_path / "preds.jsonl")
    lmms_samples(tmp_path / "s.jsonl", [asked[1], *asked[1:]], replies)
    with pytest.raises(InputError, match="another reply to test-000001"):
        imported(split, tmp_path / "s.jsonl", tmp_path / "task", tmp_path / "preds.jsonl")
    vlmevalkit_table(tmp_path / "m.tsv", asked, replies)
    with pytest.raises(InputError, match="known by their numbers alone"):
        import_command(tmp_path / "m.tsv", tmp_path / "task", tmp_path / "preds.jsonl", str(split.directory))
    vlmevalkit_table(tmp_path / "m.tsv", asked, [*replies, "多出"])
    with pytest.raises(InputError, match="does not ask"):
        imported(split, tmp_path / "m.tsv", tmp_path / "task", tmp_path / "preds.jsonl")
    about = read_about(tmp_path / "task")
    with pytest.raises(InputError, match="of other data"):
        requests_of(about, splits["val"])
    for requests in (["nobody"], ["test-000000#99"], ["test-000000#0", "test-000000"], [7], [["test-000000"]]):
        with pytest.raises(InputError, match="none of the split"):
            requests_of({**about, "requests": requests}, split)


def test_a_part_is_no_packed_file(splits: dict[str, Split], tmp_path: Path) -> None:
    """A part of the predictions under the name of a packed file, which no program could unpack."""
    split = splits["test"]
    _, asked = asked_in(splits, "lmms-eval", tmp_path / "task")
    lmms_samples(tmp_path / "s.jsonl", asked, replies_to(asked, ["好用"] * split.n_boxes, split))
    about = read_about(tmp_path / "task")
    some = {**about, "requests": about["requests"][:2]}
    (tmp_path / "task" / "caponimage.json").write_text(json.dumps(some), encoding="utf-8")
    lmms_samples(tmp_path / "s.jsonl", asked[:2], replies_to(asked, ["好用"] * split.n_boxes, split)[:2])
    with pytest.raises(InputError, match="not packed"):
        imported(split, tmp_path / "s.jsonl", tmp_path / "task", tmp_path / "preds.jsonl.gz")
    imported(split, tmp_path / "s.jsonl", tmp_path / "task", tmp_path / "preds.jsonl")
    assert len((tmp_path / "preds.jsonl").read_text(encoding="utf-8").splitlines()) == int(split.offsets[2])


BAD_LINES = [
    b"", b"[]", b"null", b"1", b'{"index": 0}', b"\xff\xfe", b"{" * 100_000, b'{"filtered_resps": [], "doc_id": 0}',
    b'{"filtered_resps": 5, "doc_id": 0}', b'{"filtered_resps": "x", "doc_id": 1e300}',
    b'{"filtered_resps": "x", "doc_id": "0x"}', b'{"filtered_resps": "x", "doc_id": 0, "token_counts": 7}',
    b'{"filtered_resps": "x", "doc_id": 0, "failures": "x"}', b'{"index": 0, "model_output": 5}',
    b'{"index": 0, "model_output": {"choices": [{}]}}', b'{"index": -1, "model_output": null}',
    b'{"index": true, "model_output": {"choices": [{"message": {"content": [5]}}]}}',
]  # fmt: skip


@pytest.mark.parametrize("line", BAD_LINES)
def test_lines_may_hold_anything(splits: dict[str, Split], tmp_path: Path, line: bytes) -> None:
    """A traceback, or a caption, for a line that no harness writes."""
    asked_in(splits, "lmms-eval", tmp_path / "task")
    (tmp_path / "s.jsonl").write_bytes(line + b"\n")
    with pytest.raises(InputError):
        imported(splits["test"], tmp_path / "s.jsonl", tmp_path / "task", tmp_path / "preds.jsonl")
    assert not (tmp_path / "preds.jsonl").exists()


@pytest.mark.parametrize("name", ["m.xlsx", "m.tsv", "run.eval", "m.pkl", "none.jsonl", ""])
def test_files_may_be_anything(splits: dict[str, Split], tmp_path: Path, name: str) -> None:
    """A traceback for a file that is cut off, or a pickle that is opened."""
    pytest.importorskip("inspect_ai", reason="needs the extra vlm")
    asked_in(splits, "lmms-eval", tmp_path / "task")
    if name and name != "none.jsonl":
        (tmp_path / name).write_bytes(b"PK\x03\x04 no zip")
    if name.endswith("xlsx"):
        pytest.importorskip("openpyxl", reason="needs the extra vlm")
    with pytest.raises(InputError):
        imported(splits["test"], tmp_path / name, tmp_path / "task", tmp_path / "preds.jsonl")


def test_workbooks_are_bounded(splits: dict[str, Split], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A workbook of some kilobytes that unpacks to the whole memory, or says that it has a billion rows."""
    pytest.importorskip("openpyxl", reason="needs the extra vlm")
    _, asked = asked_in(splits, "lmms-eval", tmp_path / "task")
    good = tmp_path / "good.xlsx"
    vlmevalkit_table(good, asked, ["x"] * len(asked))
    sheet = "xl/worksheets/sheet1.xml"

    def changed(*changes: tuple[bytes, bytes]) -> Path:
        path = tmp_path / "m.xlsx"
        with zipfile.ZipFile(good) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
            for name in source.namelist():
                content = source.read(name)
                for old, new in changes if name == sheet else ():
                    assert old in content
                    content = content.replace(old, new)
                target.writestr(name, content)
        return path

    monkeypatch.setattr(readers, "_UNPACKED", 1 << 20)
    entities = b"".join(b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 100) for i in range(6))
    bomb = b'<!DOCTYPE x [<!ENTITY a "%s">%s]><worksheet' % (b"a" * 1000, entities)
    for changes, words in (
        ([(b"<worksheet", bomb), (b"<v>0</v>", b"<v>&g;</v>")], "not a workbook"),
        ([(b"<sheetData>", b"<sheetData>" + b" " * (2 << 20))], "expected at most"),
        ([(b'r="13"', b'r="1000000000"'), (b'"A13"', b'"A1000000000"')], "have no caption"),
        ([(b"</sheetData>", b"")], "not a workbook"),
    ):
        with pytest.raises(InputError, match=words):
            imported(splits["test"], changed(*changes), tmp_path / "task", tmp_path / "preds.jsonl")
    assert not (tmp_path / "preds.jsonl").exists()


@pytest.mark.parametrize("content", ["", "[]", '{"format": "caponimage-harness/1"}', '{"format": 1}', "[" * 5000])
def test_a_folder_of_something_else_is_refused(splits: dict[str, Split], tmp_path: Path, content: str) -> None:
    """Replies that are read with the requests of an unknown file."""
    (tmp_path / "caponimage.json").write_text(content, encoding="utf-8")
    for place in (tmp_path, tmp_path / "none"):
        with pytest.raises(InputError, match=r"caponimage\.json|--task"):
            read_about(place)
