"""From the released prediction JSON, with its quirks, to a prediction file and to scores."""

import gzip
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from released_files import BOXES, SPLITS, released_predictions, small_release

from benchmark.dataset import open_split
from benchmark.dataset.released.annotations import Options, import_released
from benchmark.dataset.released.report import ImportReport
from benchmark.dataset.store import Split
from benchmark.errors import InputError
from benchmark.predictions import read_predictions
from benchmark.predictions.released import import_predictions

#: What a model said, box by box; the second image has the two boxes in the same place.
SAID = {
    "lamp": ["护眼", "百搭"],
    "a_0.5_b": ["保湿", "温和", "温和"],
    "7_shoe": ["轻便透气", "", "一脚蹬"],
}
EXPECTED = [caption for image_id in SPLITS["test"] for caption in SAID[image_id]]


@pytest.fixture(scope="module", params=[False, True], ids=["ratios", "pixels"])
def split(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Split:
    """The small data set, imported from either form."""
    directory = tmp_path_factory.mktemp("small")
    released = small_release(directory / "in", pixels=request.param)
    import_released(released.annotations, released.names, directory / "out", Options(images=released.images))
    return open_split(directory / "out", "test")


def imported(split: Split, directory: Path, content: Any) -> tuple[list[str], ImportReport]:
    """The captions of the imported file, and the report."""
    path, out = directory / "preds.json", directory / "preds.jsonl"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    report = import_predictions(path, split, out)
    return read_predictions(out, split), report


def reasons(report: ImportReport) -> dict[str, int]:
    return {reason: count for (_, reason), count in report.counts.items()}


SAME_PLACE = "boxes in the same place; their captions are taken in the order of the run"
REPEATED = "predicted again with the same caption"


@pytest.mark.parametrize("pixels", [False, True])
@pytest.mark.parametrize("ranks", [1, 2, 3, 5, 8])
def test_captions_arrive_at_their_boxes(split: Split, tmp_path: Path, ranks: int, pixels: bool) -> None:
    """Any form, any number of GPUs: padding is dropped and counted, boxes in the same place keep their order."""
    captions, report = imported(split, tmp_path, released_predictions(SAID, pixels=pixels, ranks=ranks))
    assert captions == EXPECTED
    padding = -len(EXPECTED) % ranks
    assert reasons(report) == {SAME_PLACE: 1} | ({REPEATED: padding} if padding else {})
    cases = [json.loads(line) for line in (tmp_path / "preds.jsonl.import_report.jsonl").read_text().splitlines()]
    assert sum(case.get("count", 1) for case in cases) == report.counts.total()
    assert {"preds.json", "preds.jsonl", "preds.jsonl.import_report.jsonl"} == {p.name for p in tmp_path.iterdir()}


def test_order_of_boxes_in_the_same_place_with_padding_among_them(split: Split, tmp_path: Path) -> None:
    """The run starts with the two boxes in one place, so they are what the sampler repeats: repeats must come last."""
    order = ["a_0.5_b", "lamp", "7_shoe"]
    for ranks in (3, 5, 7):  # 1, 2 and 6 items repeated
        run = released_predictions({image_id: SAID[image_id] for image_id in order}, ranks=ranks)
        captions, report = imported(split, tmp_path, run)
        assert captions == EXPECTED
        assert reasons(report)[REPEATED] == -len(EXPECTED) % ranks


def test_import_without_a_case_leaves_no_report(split: Split, tmp_path: Path) -> None:
    captions, report = imported(split, tmp_path, released_predictions(SAID | {"a_0.5_b": ["保湿"] * 3}))
    assert not report.counts
    assert captions[5:] == ["保湿"] * 3
    assert {p.name for p in tmp_path.iterdir()} == {"preds.json", "preds.jsonl"}


def test_one_caption_for_two_boxes_in_the_same_place(split: Split, tmp_path: Path) -> None:
    """A run made unique by name: the released scorer gives both boxes the last caption of the name, and so do we."""
    run = released_predictions(SAID)
    assert isinstance(run, dict)
    unique = dict(zip(run["names"], run["captions"], strict=True))
    captions, report = imported(split, tmp_path, {"names": list(unique), "captions": list(unique.values())})
    assert captions == [*EXPECTED[:5], "温和", "温和", "温和"]
    [(reason, count)] = reasons(report).items()
    assert (reason.partition(";")[0], count) == ("fewer captions than boxes in the same place", 1)


def change(**lists: Callable[[list[Any]], list[Any]]) -> dict[str, Any]:
    run = released_predictions(SAID)
    assert isinstance(run, dict)
    return run | {key: edit(run[key]) for key, edit in lists.items()}


@pytest.mark.parametrize(
    ("names", "captions", "reason", "image_id"),
    [
        (["lamp_0.25_0.25_0.5_0.5"], ["护眼"], REPEATED, "lamp"),
        (["lamp_0.25_0.25_0.5_0.5"], ["晚"], "predicted again with another caption; the first counts", "lamp"),
        (["cup-1_0_0_1_0.25"], ["保温"], "no such image in the split", "cup-1"),
        (["lamp_0_0_1_1"], ["x"], "the image has no box there", "lamp"),
        (["lamp_1_1_0_0"], ["x"], "the image has no box there", "lamp"),
        (["lamp"], ["x"], "name is not <id>_<x1>_<y1>_<x2>_<y2>", None),
        (["lamp_a_b_c_d"], ["x"], "name is not <id>_<x1>_<y1>_<x2>_<y2>", None),
        (["lamp_0_0_nan_1"], ["x"], "name is not <id>_<x1>_<y1>_<x2>_<y2>", None),
        ([["lamp"]], ["x"], "name is not <id>_<x1>_<y1>_<x2>_<y2>", None),
        (["lamp_0.25_0.25_0.5_0.5"], [7], "caption is not a string", "lamp"),
        (["lamp_0.25_0.25_0.5_0.5"], ["x" * 1001], "caption has more than 1,000 characters", "lamp"),
    ],
)
def test_what_has_no_place_is_counted(
    split: Split, tmp_path: Path, names: list[Any], captions: list[Any], reason: str, image_id: str | None
) -> None:
    """Nothing is lost silently: the import goes on, and the case is on record."""
    run = change(names=lambda old: old + names, captions=lambda old: old + captions)
    found, report = imported(split, tmp_path, run)
    assert found == EXPECTED
    assert reasons(report)[reason] == 1
    cases = [json.loads(line) for line in (tmp_path / "preds.jsonl.import_report.jsonl").read_text().splitlines()]
    assert [case.get("image_id") for case in cases if case["reason"] == reason] == [image_id]


def test_control_characters_become_blanks(split: Split, tmp_path: Path) -> None:
    found, report = imported(split, tmp_path, change(captions=lambda old: ["护\n眼", *old[1:]]))
    assert found == ["护 眼", *EXPECTED[1:]]
    assert reasons(report)["control characters in the caption, made blanks"] == 1


@pytest.mark.parametrize("bad", [None, 7, "x" * 1001])
def test_bad_caption_of_the_first_of_two_boxes_in_the_same_place(split: Split, tmp_path: Path, bad: Any) -> None:
    """Left out, it would hand the second box's caption to the first."""
    run = change(captions=lambda old: [*old[:2], bad, *old[3:]])
    with pytest.raises(InputError) as refusal:
        imported(split, tmp_path, run)
    assert "no prediction for 1 of 8 boxes" in refusal.value.problems[0]
    assert "a_0.5_b (box 0)" in refusal.value.problems[0]


def test_missing_boxes_are_refused_with_the_reasons(split: Split, tmp_path: Path) -> None:
    """A file that scoring would refuse is not written; nor is a report of an import that did not take place."""
    run = change(names=lambda old: ["lamp_0_0_1_1", *old[1:-1]], captions=lambda old: old[:-1])
    with pytest.raises(InputError) as refusal:
        imported(split, tmp_path, run)
    first, *others = refusal.value.problems
    assert "no prediction for 2 of 8 boxes (images without any: 0)" in first
    assert "1 x caption dropped: the image has no box there" in others
    assert {p.name for p in tmp_path.iterdir()} == {"preds.json"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", r"not JSON .*expected \{\"names\""),
        (b"\xff\xfe", "not JSON"),
        (b"{" * 2000, "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"image_id": "lamp", "box": 0, "caption": ""}\n{"image_id": "lamp", "box": 1, "caption": ""}', "already"),
        (b"image_id,box,caption\n", "looks like CSV"),
        (b"null", "got None"),
        (b"{}", r"got \{\}"),
        (b'{"names": {}, "captions": []}', "got .*names"),
        (b'{"names": ["a_0_0_1_1"], "captions": []}', "1 names and 0 captions"),
        (b'[{"names": [], "captions": []}, []]', r"object 1: got \[\]"),
        (json.dumps([{"image_id": 1, "caption": "x"}] * 300).encode(), "and 297 more objects"),
        (b'{"names": [], "captions": []}', "no prediction for 8 of 8"),
        (b"[]", "no prediction for 8 of 8"),
        (gzip.compress(b'{"names": []}')[:-9], "truncated"),
        (gzip.compress(b" " * 50_000_000), "more than .* bytes"),
    ],
)
def test_files_of_another_kind(split: Split, tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        imported(split, tmp_path, content)
    assert {p.name for p in tmp_path.iterdir()} == {"preds.json"}


@pytest.mark.parametrize("key", ["captions", "\\u0063aptions", "names"])
def test_repeated_keys_are_refused(split: Split, tmp_path: Path, key: str) -> None:
    """Two lists of captions, of which readers take the first or the last."""
    run = json.dumps(released_predictions(SAID))
    with pytest.raises(InputError, match="a key twice in one object"):
        imported(split, tmp_path, f'{run[:-1]}, "{key}": []}}'.replace('"names": []', run[1:-1]).encode())


def test_many_ranks_cost_no_more_than_few(split: Split, tmp_path: Path) -> None:
    """Thousands of ranks beside a long one took their product: 20 seconds for a file of a megabyte."""
    ranks = [{"names": [""], "captions": [""]}] * 15_000 + [{"names": [""] * 40_000, "captions": [""] * 40_000}]
    start = time.perf_counter()
    with pytest.raises(InputError, match="no prediction for 8 of 8 boxes"):
        imported(split, tmp_path, ranks)
    assert time.perf_counter() - start < 10


def test_command_line_to_scores(split: Split, tmp_path: Path) -> None:
    """The whole way of somebody who holds the released files and the released code's output."""
    path, out = tmp_path / "preds.json.gz", tmp_path / "preds.jsonl"
    path.write_bytes(gzip.compress(json.dumps(released_predictions(SAID, ranks=3), ensure_ascii=False).encode()))
    command = [sys.executable, "-m", "benchmark.dataset", "import-predictions", path, "--data", split.directory]
    done = subprocess.run([*command, "--split", "test", "-o", out], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"wrote {out}: 8 captions of caponimage2m/test" in " ".join(done.stdout.split())
    assert "a_0.5_b box 0" in done.stdout
    refused = subprocess.run([*command, "--split", "val", "-o", out], capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr

    from benchmark import evaluate_file

    scores = evaluate_file(out, data=split.directory, split="test").scores
    references = [caption for image_id in SPLITS["test"] for _, caption in BOXES[image_id]]
    equal = sum(a.replace(" ", "") == b.replace(" ", "") for a, b in zip(EXPECTED, references, strict=True))
    assert scores["Exact"] == pytest.approx(100 * equal / 8)
