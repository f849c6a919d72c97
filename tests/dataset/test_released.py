"""From released files to an opened data set: what is found, what is refused, what is reported, and at what cost."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from released_files import BOXES, EXTRA_BOX, SIZES, SPLITS, small_records, small_release, write_large, write_release

from benchmark.dataset import open_dataset, open_split
from benchmark.dataset.released.annotations import Options, import_released
from benchmark.errors import InputError


def cases(out: Path) -> list[dict[str, Any]]:
    """The import report."""
    return [json.loads(line) for line in (out / "import_report.jsonl").read_text(encoding="utf-8").splitlines()]


def run_cli(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmark.dataset", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("pixels", [False, True])
def test_small_release_arrives_whole(tmp_path: Path, pixels: bool) -> None:
    """Order of the lists, boxes as ratios whatever the form, captions verbatim, sizes of the pictures, masked boxes."""
    released = small_release(tmp_path, pixels=pixels)
    out = tmp_path / "out"
    imported = import_released(released.annotations, released.names, out, Options(images=released.images))
    assert imported.box_form == ("pixels" if pixels else "ratios")
    assert not imported.report.counts
    for name, split in open_dataset(out).items():
        assert split.image_ids == SPLITS[name]
        assert split.captions == [caption for i in SPLITS[name] for _, caption in BOXES[i]]
        assert split.sizes.tolist() == [list(SIZES[i]) for i in SPLITS[name]]
        assert split.titles == [f"沐芷新款{i}|材质棉" for i in SPLITS[name]]
        assert set(split.attributes) == set(split.categories) == {""}
        expected = [
            [x1 / SIZES[i][0], y1 / SIZES[i][1], x2 / SIZES[i][0], y2 / SIZES[i][1]]
            for i in SPLITS[name]
            for (x1, y1, x2, y2), _ in BOXES[i]
        ]
        np.testing.assert_array_equal(split.boxes, expected)
        for row in split.rows():
            width, height = SIZES[row["image_id"]]
            extra = [EXTRA_BOX[0] / width, EXTRA_BOX[1] / height, EXTRA_BOX[2] / width, EXTRA_BOX[3] / height]
            assert row["masked_boxes"] == [extra, *row["boxes"]]
            assert split.image(row["image_id"]).size == (width, height)


def test_pixels_and_ratios_give_the_same_fingerprint(tmp_path: Path) -> None:
    """Two people who hold the two forms of one data set hold the same data set."""
    fingerprints = []
    for pixels in (False, True):
        released = small_release(tmp_path / str(pixels), pixels=pixels)
        out = tmp_path / f"out{pixels}"
        import_released(released.annotations, released.names, out, Options(images=released.images))
        fingerprints.append({name: s.fingerprint.hexdigest() for name, s in open_dataset(out).items()})
    assert fingerprints[0] == fingerprints[1]


def test_order_of_the_annotations_does_not_matter(tmp_path: Path) -> None:
    """The released order is that of the list; a re-saved JSON has another."""
    fingerprints = set()
    for name, change in (("a", dict), ("b", lambda r: dict(reversed(r.items())))):
        released = write_release(tmp_path / name, change(small_records()), SPLITS)
        import_released(released.annotations, released.names, tmp_path / name / "out")
        fingerprints.add(open_split(tmp_path / name / "out", "test").fingerprint.hexdigest())
    assert len(fingerprints) == 1


def test_info_is_split_once(tmp_path: Path) -> None:
    released = write_release(tmp_path, {"a": small_records()["lamp"] | {"info": "灯|护眼|白"}}, {"test": ["a"]})
    import_released(released.annotations, released.names, tmp_path / "out", Options(info_separator="|"))
    split = open_split(tmp_path / "out", "test")
    assert (split.titles, split.attributes) == (["灯"], ["护眼|白"])


def test_category_is_taken_when_there_is_one(tmp_path: Path) -> None:
    released = write_release(tmp_path, {"a": small_records()["lamp"] | {"category": "台灯"}}, {"test": ["a"]})
    import_released(released.annotations, released.names, tmp_path / "out")
    assert open_split(tmp_path / "out", "test").categories == ["台灯"]


def broken(**changes: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda record: record | changes


@pytest.mark.parametrize(
    ("change", "outcome", "reason", "captions"),
    [
        (
            lambda r: ["not", "an", "object"],
            "image dropped",
            "record is not a JSON object in UTF-8; JSON has no NaN",
            None,
        ),
        (broken(info=float("nan")), "image dropped", "record is not a JSON object in UTF-8; JSON has no NaN", None),
        (broken(ocr_locs="0_0_1_1"), "image dropped", "ocr_locs is not a list", None),
        (broken(ocr_txts=["护眼"]), "image dropped", "ocr_locs and ocr_txts differ in length", None),
        (broken(ocr_txts="护眼"), "image dropped", "ocr_locs and ocr_txts differ in length", None),
        (
            broken(ocr_txts=None),
            "image dropped",
            "no ocr_txts, though other records of the split have them",
            None,
        ),
        (broken(ocr_locs=[], ocr_txts=[]), "image dropped", "no box left", None),
        (
            broken(ocr_txts=[" \u3000\n", "不频闪"]),
            "box dropped",
            "caption is empty after removing white space",
            ["不频闪"],
        ),
        (broken(ocr_txts=[7, "不频闪"]), "box dropped", "caption is not a string", ["不频闪"]),
        (broken(ocr_locs=["0_0_1", "0_0_1_1"]), "box dropped", "box is not four numbers", ["不频闪"]),
        (broken(ocr_locs=["0_0_nan_1", "0_0_1_1"]), "box dropped", "box is not four numbers", ["不频闪"]),
        (broken(ocr_locs=[[0, 0, 1, 1], "0_0_1_1"]), "box dropped", "box is not four numbers", ["不频闪"]),
        (broken(ocr_locs=["0.5_0_0.5_1", "0_0_1_1"]), "box dropped", "x2 <= x1 or y2 <= y1", ["不频闪"]),
        (broken(ocr_locs=["0_0.9_1_0.1", "0_0_1_1"]), "box dropped", "x2 <= x1 or y2 <= y1", ["不频闪"]),
        (broken(ocr_locs=["-0.2_0_1_1", "0_0_1_1"]), "box dropped", "box reaches outside the image", ["不频闪"]),
        (broken(ocr_locs=["9_9_70_30", "0_0_1_1"]), "kept", "boxes look like pixels in a file of ratios", ["不频闪"]),
        (broken(all_locs=["oops"]), "masked box dropped", "box is not four numbers", ["护眼", "不频闪"]),
        (
            broken(all_locs=3),
            "kept",
            "all_locs is not a list; masked boxes are those of ocr_locs",
            ["护眼", "不频闪"],
        ),
        (broken(info=["灯"]), "kept", "info is not a string; left empty", ["护眼", "不频闪"]),
    ],
)
def test_every_unusable_thing_is_reported(
    tmp_path: Path, change: Callable[[dict[str, Any]], Any], outcome: str, reason: str, captions: list[str] | None
) -> None:
    """One bad record costs no more than itself, or its box, and is listed with its id and its reason."""
    records = small_records()
    records["lamp"] = change(records["lamp"])
    released = write_release(tmp_path, records, SPLITS)
    imported = import_released(released.annotations, released.names, tmp_path / "out")
    split = open_split(tmp_path / "out", "test")
    assert split.image_ids == [i for i in SPLITS["test"] if i != "lamp" or captions]
    if captions:
        assert split.captions[: split.offsets[1]] == captions
    assert imported.report.counts[outcome, reason] == 1
    assert [(c["image_id"], c["split"]) for c in cases(tmp_path / "out") if c["reason"] == reason] == [("lamp", "test")]


def test_rounding_past_the_edge_is_clipped(tmp_path: Path) -> None:
    """0.3 % past the edge is a rounded coordinate, not another box."""
    records = {"a": {"info": "", "ocr_locs": ["-0.003_0_1.003_0.5"], "ocr_txts": ["护眼"]}}
    released = write_release(tmp_path, records, {"test": ["a"]})
    imported = import_released(released.annotations, released.names, tmp_path / "out")
    assert open_split(tmp_path / "out", "test").boxes.tolist() == [[0, 0, 1, 0.5]]
    assert imported.box_form == "ratios"
    assert not imported.report.counts


def test_kept_box_that_all_locs_lacks_is_masked_too(tmp_path: Path) -> None:
    """Masking has to hide every text, else the caption can be read off the picture."""
    records = {
        "a": {"all_locs": ["0_0_1_0.5"], "ocr_locs": ["0_0_1_0.50", "0_0.5_1_1"], "ocr_txts": ["护眼", "白"]},
        "b": {"ocr_locs": ["0_0_1_1"], "ocr_txts": ["护眼"]},
    }
    released = write_release(tmp_path, records, {"test": ["a", "b"]})
    import_released(released.annotations, released.names, tmp_path / "out")
    rows = list(open_split(tmp_path / "out", "test").rows())
    assert [row["masked_boxes"] for row in rows] == [[[0, 0, 1, 0.5], [0, 0.5, 1, 1]], [[0, 0, 1, 1]]]


def test_form_is_decided_by_the_majority(tmp_path: Path) -> None:
    """One stray coordinate must not turn a file of ratios into pixels, nor the other way round; both are reported."""
    for pixels in (False, True):
        records = small_records(pixels=pixels)
        records["lamp"] = small_records(pixels=not pixels)["lamp"]
        released = write_release(tmp_path / str(pixels), records, SPLITS, SIZES)
        out = tmp_path / f"out{pixels}"
        imported = import_released(released.annotations, released.names, out, Options(images=released.images))
        assert imported.box_form == ("pixels" if pixels else "ratios")
        assert open_split(out, "test").image_ids == ["7_shoe", "a_0.5_b"]
        wanted = f"boxes look like {'ratios' if pixels else 'pixels'} in a file of {imported.box_form}"
        assert [c["image_id"] for c in cases(out) if c["reason"] == wanted] == ["lamp"]


def test_pixels_need_pictures(tmp_path: Path) -> None:
    released = small_release(tmp_path, pixels=True)
    with pytest.raises(InputError, match=r"in pixels.*--images"):
        import_released(released.annotations, released.names, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_pixels_of_larger_pictures_are_noticed(tmp_path: Path) -> None:
    """Boxes found on the original, pictures made smaller since: every other box would be wrong, silently."""
    released = write_release(tmp_path, small_records(pixels=True), SPLITS, SIZES | {"7_shoe": (256, 128)})
    imported = import_released(released.annotations, released.names, tmp_path / "out", Options(images=released.images))
    assert any("original size" in warning for warning in imported.warnings)


@pytest.mark.parametrize("content", [None, b"no picture"])
def test_missing_picture(tmp_path: Path, content: bytes | None) -> None:
    """With ratios the row stays, with the assumed size; with pixels it cannot. Reported both times."""
    for pixels in (False, True):
        released = small_release(tmp_path / str(pixels), pixels=pixels)
        (released.images / "lamp.png").unlink()
        if content:
            (released.images / "lamp.png").write_bytes(content)
        out = tmp_path / f"out{pixels}"
        options = Options(images=released.images, size=(300, 200))
        import_released(released.annotations, released.names, out, options)
        split = open_split(out, "test")
        assert ("lamp" in split.index) != pixels
        if not pixels:
            assert split.sizes[split.index["lamp"]].tolist() == [300, 200]
        [case] = cases(out)
        assert (case["image_id"], case["outcome"]) == ("lamp", "image dropped" if pixels else "kept")
        assert ("cannot be read" if content else "is missing") in case["reason"]


def test_annotations_only_say_so(tmp_path: Path) -> None:
    """Aspect ratios of boxes rest on an assumption then; the user and dataset.json are told."""
    released = small_release(tmp_path)
    imported = import_released(released.annotations, released.names, tmp_path / "out")
    assert any("256 x 256" in warning for warning in imported.warnings)
    assert json.loads((tmp_path / "out" / "dataset.json").read_text())["imported"]["image_sizes"] == "assumed 256 x 256"
    with pytest.raises(InputError, match="annotations only"):
        open_split(tmp_path / "out", "test").image("lamp")


def test_hidden_references(tmp_path: Path) -> None:
    """A test set handed out without captions imports as such; a record with captions in it is the exception."""
    records = {i: {k: v for k, v in r.items() if k != "ocr_txts"} for i, r in small_records().items()}
    records["cup-1"] = small_records()["cup-1"]
    released = write_release(tmp_path, records, SPLITS)
    imported = import_released(released.annotations, released.names, tmp_path / "out")
    splits = open_dataset(tmp_path / "out")
    assert [imported.splits[name]["references"] for name in ("test", "val")] == [False, True]
    assert splits["test"].n_boxes == 8
    with pytest.raises(InputError, match="hidden"):
        _ = splits["test"].captions
    assert splits["val"].captions == ["316不锈钢", "24小时保温"]


def test_lists_with_trouble(tmp_path: Path) -> None:
    """Hostile ids, ids twice, in two lists, without a record; and records that no list names, counted."""
    lists = {"train": ["cup-1", "lamp"], "test": ["../x", "lamp", "lamp", "gone", "a\x00b", "/etc/passwd", ".."]}
    hostile = {"../x": small_records()["lamp"], "/etc/passwd": small_records()["lamp"]}
    released = write_release(tmp_path, small_records() | hostile, lists)
    import_released(released.annotations, released.names, tmp_path / "out")
    splits = open_dataset(tmp_path / "out")
    assert {name: split.image_ids for name, split in splits.items()} == {"test": ["lamp"], "train": ["cup-1"]}
    found = [
        (c.get("split"), c["reason"].split(":")[0], c.get("image_id"), c.get("count")) for c in cases(tmp_path / "out")
    ]
    unsafe = "image id is not safe as a file name"
    assert found == [
        ("test", unsafe, "../x", None),
        ("test", "image id is twice in the list; the first stays", "lamp", None),
        ("test", unsafe, "a?b", None),
        ("test", unsafe, "/etc/passwd", None),
        ("test", unsafe, "..", None),
        ("train", "image id is in two splits; it stays in the first of test, val, others", "lamp", None),
        (None, "annotation in no split", None, 4),
        ("test", "image id is not in the annotations", "gone", None),
    ]


def test_id_twice_in_the_annotations(tmp_path: Path) -> None:
    """The last one counts, as for `json.load`, with which everybody else reads the file; and it is reported."""
    first, last = small_records()["lamp"], small_records()["cup-1"]
    text = f'{{"a": {json.dumps(first)}, "a": {json.dumps(last)}}}'
    released = write_release(tmp_path, text, {"test": ["a"]})
    import_released(released.annotations, released.names, tmp_path / "out")
    assert open_split(tmp_path / "out", "test").captions == json.loads(text)["a"]["ocr_txts"]
    assert ["twice in the annotations" in case["reason"] for case in cases(tmp_path / "out")] == [True]


def test_broken_utf8_costs_one_record(tmp_path: Path) -> None:
    text = json.dumps(small_records(), ensure_ascii=False).encode().replace("护眼".encode(), b"\xff\xfe")
    released = write_release(tmp_path, text, SPLITS)
    import_released(released.annotations, released.names, tmp_path / "out")
    assert open_split(tmp_path / "out", "test").image_ids == ["7_shoe", "a_0.5_b"]
    assert [case["reason"] for case in cases(tmp_path / "out")] == [
        "record is not a JSON object in UTF-8; JSON has no NaN"
    ]


def test_nothing_is_left_of_a_failed_import(tmp_path: Path) -> None:
    """A truncated file is refused whole; no folder that looks like a data set stays behind."""
    text = json.dumps(small_records()).encode()
    released = write_release(tmp_path / "in", text[:-40], SPLITS)
    with pytest.raises(InputError, match="truncated"):
        import_released(released.annotations, released.names, tmp_path / "data" / "out")
    assert list((tmp_path / "data").iterdir()) == []


def test_split_that_stays_empty_is_refused_with_the_reasons(tmp_path: Path) -> None:
    """A list of another data set must not give an empty split that scores 0."""
    released = write_release(tmp_path / "in", small_records(), {"test": ["x", "y"]})
    with pytest.raises(InputError, match=r"'test': no image.*2 x image dropped: image id is not in the annotations"):
        import_released(released.annotations, released.names, tmp_path / "data" / "out")
    assert list((tmp_path / "data").iterdir()) == []


def test_names_that_need_pickle_are_refused(tmp_path: Path) -> None:
    """Reading a pickled list runs whatever code it holds."""
    released = small_release(tmp_path)

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "trapped"),)

    np.save(released.names["test"], np.array([Trap()], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"astype\(str\)"):
        import_released(released.annotations, released.names, tmp_path / "out")
    assert not (tmp_path / "trapped").exists()


def npy(header: str, content: bytes = b"") -> bytes:
    """A .npy file with any header."""
    return b"\x93NUMPY\x02\x00" + len(header).to_bytes(4, "little") + header.encode() + content


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.array([1, 2]), "type int64"),
        (np.zeros(2, [("a", "U4"), ("b", "i4")]), "type \\[\\('a', '<U4'\\)"),
        (np.zeros(2, [("a", "O")]), "Python objects"),
        (np.array(["a"])[0], r"shape \(\)"),
        (np.array([1.5]), "type float64"),
        (npy("{'descr': '<U0', 'fortran_order': False, 'shape': (1000000000000,)}"), "expected a list of 1 to"),
        (npy("{'descr': '|S0', 'fortran_order': False, 'shape': (4,)}"), "expected a list of 1 to"),
        (npy("{'descr': '|S0', 'fortran_order': True, 'shape': (-1,)}", b"abcd"), "expected a list of 1 to"),
        (npy("{'descr': '<U1', 'fortran_order': False, 'shape': (2**70,)}"), "cannot be read"),
        (npy("{'descr': '<U1', 'fortran_order': False, 'shape': (-1,)}", b"abcd"), "expected a list of 1 to"),
        (npy("{'descr': '<U1', 'fortran_order': False, 'shape': (1e3,)}", b"abcd"), "cannot be read"),
        (npy("{'descr': 7, 'fortran_order': False, 'shape': (1,)}", b"abcd"), "cannot be read"),
        (npy("{'descr': '<U1', 'fortran_order': False, 'shape': (1,)}", b"\xff\xff\xff\xff"), "cannot be read"),
        (npy("(" * 9000 + ")" * 9000), "cannot be read"),
        (npy("[" * 9000), "cannot be read"),
        (npy("{'descr': '<U1', 'fortran_order': False, 'shape': (1,), 'x': "), "cannot be read"),
        (npy(" " * 5_000_000), "cannot be read"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\x7f{", "cannot be read"),
        (b"\x93NUMPY", "cannot be read"),
        (b"\x93NUMPY\x09\x09", "cannot be read"),
        (np.array([["a"], ["b"]]), r"shape \(2, 1\)"),
        (np.array([], dtype=str), r"shape \(0,\)"),
        (b"lamp\n7_shoe\n", "not a numpy .npy file"),
        (b"", "not a numpy .npy file"),
        (b"\x93NUMPY\x01\x00v\x00{'descr': '<U9', 'fortran_order': False, 'shape': (9999999999,), }", "cannot be read"),
    ],
)
def test_names_of_another_kind_are_refused(tmp_path: Path, array: Any, words: str) -> None:
    """Also a header that claims ten billion ids: it must not reserve memory for them."""
    released = small_release(tmp_path)
    if isinstance(array, bytes):
        released.names["test"].write_bytes(array)
    else:
        np.save(released.names["test"], array)
    with pytest.raises(InputError, match=words):
        import_released(released.annotations, released.names, tmp_path / "out")


def test_names_as_bytes(tmp_path: Path) -> None:
    released = small_release(tmp_path)
    np.save(released.names["test"], np.array([b"lamp"]))
    import_released(released.annotations, released.names, tmp_path / "out")
    assert open_split(tmp_path / "out", "test").image_ids == ["lamp"]


def test_pictures_are_linked_or_copied(tmp_path: Path) -> None:
    """One link to their folder, or each picture of the splits; the data set opens the same picture either way."""
    released = small_release(tmp_path)
    (released.images / "other.png").write_bytes(b"in no split")
    for copy in (False, True):
        out = tmp_path / f"out{copy}"
        import_released(released.annotations, released.names, out, Options(released.images, copy_images=copy))
        assert (out / "images").is_symlink() != copy
        assert (out / "images" / "other.png").exists() != copy
        assert open_split(out, "test").image("lamp").size == SIZES["lamp"]


def test_overwrite(tmp_path: Path) -> None:
    """Another folder's content is never lost by a typing error: only a data set can be replaced, and not its source."""
    released = small_release(tmp_path / "in")
    out = tmp_path / "out"
    import_released(released.annotations, released.names, out)
    with pytest.raises(InputError, match="--overwrite"):
        import_released(released.annotations, released.names, out)
    import_released(released.annotations, {"val": released.names["val"]}, out, overwrite=True)
    assert list(open_dataset(out)) == ["val"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "out"]
    with pytest.raises(InputError, match="no data set"):
        import_released(released.annotations, released.names, tmp_path / "in", overwrite=True)
    released.annotations.rename(out / "moved.json")
    with pytest.raises(InputError, match="holds the input"):
        import_released(out / "moved.json", released.names, out, overwrite=True)
    assert (out / "moved.json").exists()


def test_command_line(tmp_path: Path) -> None:
    """The verb, its table of cases, its warnings, and `fingerprint` afterwards."""
    records = small_records()
    records["lamp"]["ocr_locs"][0] = "0.9_0_0.1_1[red]"
    released = write_release(tmp_path, records, SPLITS, SIZES)
    lists = [argument for name, path in released.names.items() for argument in ("--names", f"{name}={path}")]
    files = ("--annotations", released.annotations, *lists, "--images", released.images, "--out", tmp_path / "out")
    done = run_cli("import-released", *files)
    assert done.returncode == 0, done.stderr
    for words in ("box is not four numbers", "lamp box 0: 0.9_0_0.1_1[red]", "are ratios", "test: 3 images, 7 boxes"):
        assert words in done.stdout
    assert "test has 3 images; the paper's has 20,000" in " ".join(done.stderr.split())
    fingerprint = run_cli("fingerprint", tmp_path / "out")
    assert fingerprint.returncode == 0
    assert open_split(tmp_path / "out", "test").fingerprint.hexdigest() in fingerprint.stdout
    assert "unpinned" in fingerprint.stdout
    (tmp_path / "out" / "test.parquet").write_bytes((tmp_path / "out" / "val.parquet").read_bytes())
    changed = run_cli("fingerprint", tmp_path / "out")
    assert changed.returncode == 2
    assert "was changed" in " ".join(changed.stderr.split())


def test_command_line_names_all_problems_at_once(tmp_path: Path) -> None:
    done = run_cli(
        *("import-released", "--annotations", "a.json", "--out", tmp_path / "out", "--size", "0x5"),
        *("--names", "../x=t.npy", "--names", "test=t.npy", "--names", "test=u.npy", "--info-separator", ""),
    )
    assert done.returncode == 2
    assert done.stderr.count("error:") == 4
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_half_a_million_records(tmp_path: Path) -> None:
    """The train split has 2.06 million: memory must not grow with the file."""
    released = write_large(tmp_path, 500_000)
    script = (
        "import resource, sys; from pathlib import Path; "
        "from benchmark.dataset.released.annotations import import_released; "
        "import_released(Path(sys.argv[1]), {'test': Path(sys.argv[2])}, Path(sys.argv[3])); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    command = [sys.executable, "-c", script, released.annotations, released.names["test"], tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 1.5 * 1024**2, f"peak {int(done.stdout) / 1024:.0f} MiB"
    assert open_split(tmp_path / "out", "test").n_images == 500_000
