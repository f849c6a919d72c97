"""Data sets on disk: what is damaged or broken is refused in words, what other programs save without loss is read."""

import io
import json
import math
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from benchmark import dataset, evaluate_file
from benchmark.dataset import canvas_folder, open_dataset, rows
from benchmark.dataset.describe import yardsticks_table
from benchmark.dataset.description import write_description
from benchmark.dataset.mini import NAME
from benchmark.dataset.mini import build as build_module
from benchmark.dataset.schema import ROLES, SCHEMA, batch_is_fine, row_problems
from benchmark.dataset.store import Split, SplitWriter, open_directory
from benchmark.errors import DamagedError, InputError
from benchmark.predictions import write_predictions

Rows = list[dict[str, Any]]


@pytest.fixture
def data(directory: Path, tmp_path: Path) -> Path:
    """A copy of a small data set, without its pictures."""
    shutil.copytree(directory, tmp_path / "data", ignore=lambda _, names: {"images"} & set(names))
    return tmp_path / "data"


@pytest.fixture
def unstated(data: Path) -> Path:
    """The same, but `dataset.json` states nothing of the rows, so that they alone are judged."""
    edit_description(data, lambda about: about.update(splits={"test": {}}))
    return data


def edit_description(data: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Change `dataset.json`, which states no digest of itself then."""
    path = data / "dataset.json"
    about = json.loads(path.read_text(encoding="utf-8"))
    del about["check"]
    edit(about)
    path.write_text(json.dumps(about), encoding="utf-8")


@contextmanager
def edited_rows(data: Path) -> Iterator[Rows]:
    """Rows of the test split to change; they are written unchecked."""
    table = pq.read_table(data / "test.parquet")
    found = table.to_pylist()
    yield found
    pq.write_table(pa.Table.from_pylist(found, schema=table.schema), data / "test.parquet")


def everything(data: Path) -> list[Any]:
    return [
        (name, split.dataset, split.synthetic, split.fingerprint.hexdigest(), split.captions, list(split.rows()))
        for name, split in open_directory(data).items()
    ]


@pytest.mark.parametrize("name", ["test.parquet", "val.parquet", "train.parquet", "dataset.json"])
def test_no_flipped_bit_changes_anything_silently(data: Path, name: str) -> None:
    """275 of 1,500 flipped bits changed scores without a word."""
    path = data / name
    content, sound = path.read_bytes(), everything(data)
    random = Random(name)
    refused = 0
    for _ in range(60):
        flipped = bytearray(content)
        flipped[random.randrange(len(content))] ^= 1 << random.randrange(8)
        path.write_bytes(flipped)
        try:
            found = everything(data)
        except InputError:
            refused += 1
        else:
            assert found == sound
    assert refused > 40


@pytest.mark.parametrize("cut", [0, 3, 100, 3000, -1])
def test_a_cut_file_is_damaged_in_words(data: Path, cut: int) -> None:
    """A traceback of the library that names no file."""
    path = data / "test.parquet"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DamagedError, match=r"test\.parquet.*Parquet file") as raised:
        _ = open_directory(data)["test"].captions
    assert len(raised.value.problems) == 1


def test_the_rows_of_another_split_are_refused(data: Path) -> None:
    """They were scored; only `fingerprint` told it."""
    shutil.copy(data / "val.parquet", data / "test.parquet")
    with pytest.raises(DamagedError, match="was changed or damaged after it was written: its boxes are"):
        _ = open_directory(data)["test"].boxes
    assert open_directory(data)["val"].n_boxes


def test_roles_are_checked_though_no_part_of_the_fingerprint(data: Path) -> None:
    with edited_rows(data) as found:
        found[0]["roles"][0] = "other"
    with pytest.raises(DamagedError, match="its roles are"):
        _ = open_directory(data)["test"].roles


def test_an_older_data_set_without_digests_is_read(data: Path) -> None:
    def forget(about: dict[str, Any]) -> None:
        for split in about["splits"].values():
            del split["roles"], split["pictures"]

    sound = everything(data)
    edit_description(data, forget)
    assert everything(data) == sound


# Saved again by other programs.


def _large(one: pa.DataType) -> pa.DataType:
    if pa.types.is_string(one):
        return pa.large_string()
    if pa.types.is_fixed_size_list(one):
        return pa.list_(_large(one.value_type))  # as pandas and polars write boxes
    if pa.types.is_list(one):
        return pa.large_list(_large(one.value_type))
    return pa.int64() if pa.types.is_integer(one) else one


def _typed(table: pa.Table, change: Callable[[pa.DataType], pa.DataType]) -> pa.Table:
    schema = pa.schema([(field.name, change(field.type)) for field in table.schema])
    return pa.Table.from_pylist(table.to_pylist(), schema=schema)


SAVED: dict[str, Callable[[pa.Table, Path], Any]] = {
    "large types": lambda table, path: pq.write_table(_typed(table, _large), path),
    "no types": lambda table, path: pq.write_table(table, path, store_schema=False),
    "plain": lambda table, path: pq.write_table(table, path, use_dictionary=False, compression="snappy"),
    "many groups": lambda table, path: pq.write_table(table, path, row_group_size=5, dictionary_pagesize_limit=50),
    "categories": lambda table, path: pq.write_table(
        table.set_column(3, "title", table["title"].dictionary_encode()), path, row_group_size=7
    ),
    "other order": lambda table, path: pq.write_table(table.select(table.column_names[::-1]), path),
    "more columns": lambda table, path: pq.write_table(table.append_column("index", [range(len(table))]), path),
}


@pytest.mark.parametrize("how", SAVED)
def test_a_lossless_copy_of_another_program_is_read(data: Path, how: str) -> None:
    """The fingerprint does not depend on the file format, but reading did: TypeError for pandas' strings."""
    sound = everything(data)
    SAVED[how](pq.read_table(data / "test.parquet"), data / "test.parquet")
    assert everything(data) == sound


def test_rounded_boxes_are_not_the_same(data: Path) -> None:
    """float32 is read, but it is other data."""
    table = pq.read_table(data / "test.parquet")
    narrow = pa.list_(pa.list_(pa.float32(), 4))
    pq.write_table(_typed(table, lambda one: narrow if "double" in str(one) else one), data / "test.parquet")
    with pytest.raises(DamagedError, match="its fingerprint is"):
        _ = open_directory(data)["test"].boxes
    edit_description(data, lambda about: about.update(splits={"test": {}}))
    assert open_directory(data)["test"].boxes.dtype == np.float64


# Rows.


def _set(column: str, value: Any) -> Callable[[Rows], None]:
    return lambda found: found[3].update({column: value})


def _box(name: str, place: int, value: float) -> Callable[[Rows], None]:
    return lambda found: found[3][name][0].__setitem__(place, value)


BAD_ROWS: dict[str, tuple[Callable[[Rows], None], str]] = {
    "nan": (_box("boxes", 0, math.nan), "image ID: box 0 is"),
    "infinite": (_box("boxes", 2, math.inf), "image ID: box 0 is"),
    "outside": (_box("boxes", 3, 1.01), "image ID: box 0 is"),
    "inverted": (_box("boxes", 0, 1), "image ID: box 0 is"),
    "masked": (_box("masked_boxes", 1, -0.1), "image ID: masked box 0 is"),
    "no title": (_set("title", None), "image ID: title is not text"),
    "no boxes": (_set("boxes", []), "image ID: no boxes"),
    "null boxes": (_set("boxes", None), "image ID: got None for its boxes"),
    "null caption": (lambda found: found[3]["captions"].__setitem__(0, None), "image ID: caption 0 is not text"),
    "captions": (lambda found: found[3]["captions"].pop(), r"image ID: \d captions for \d boxes"),
    "roles": (lambda found: found[3]["roles"].pop(), r"image ID: \d roles for \d boxes"),
    "hidden": (_set("captions", None), "1 of 12 images have no captions"),
    "null roles": (_set("roles", None), "1 of 12 images have no roles"),
    "long": (_set("title", "好" * 30_000), "image ID: title is longer than 65,536 bytes"),
    "size": (_set("width", 0), "image ID: image size is 0 x 256"),
    "null size": (_set("height", None), "image ID: image size is"),
    "twice": (lambda found: found[4].update(image_id=found[3]["image_id"]), "image 'ID': this image id occurs 2 times"),
    **{
        f"id {name!r}": (_set("image_id", name), "row 3: image id .* cannot be the name of a file")
        for name in ("", "../x", "/etc/passwd", "a/b", "a\\b", "a\0b", "con", "NUL.png", "a..b", ".hidden", None)
    },
}


@pytest.mark.parametrize("kind", BAD_ROWS)
def test_bad_rows_are_refused_with_their_image(unstated: Path, kind: str) -> None:
    """NaN and inverted boxes were scored and crashed `show`; nulls were tracebacks; ids reached outside the folder."""
    break_rows, words = BAD_ROWS[kind]
    with edited_rows(unstated) as found:
        image_id = found[3]["image_id"]
        break_rows(found)
    with pytest.raises(InputError, match=words.replace("ID", image_id)) as raised:
        _ = open_directory(unstated)["test"].titles
    assert all(str(unstated / "test.parquet: ") in problem for problem in raised.value.problems)


def test_all_problems_come_at_once_and_not_too_many(unstated: Path) -> None:
    with edited_rows(unstated) as found:
        for row in found:
            row["title"] = None
            row["boxes"][0][0] = math.nan
            row["boxes"][1][0] = 2
    with pytest.raises(InputError) as raised:
        _ = open_directory(unstated)["test"].n_boxes
    assert len(raised.value.problems) == 21
    assert "16 more problems" in raised.value.problems[-1]


def test_the_fast_check_of_a_batch_agrees_with_that_of_its_rows(data: Path) -> None:
    """A rule in one of the two alone would let bad rows in, or refuse good ones without a reason."""
    sound = pq.read_table(data / "test.parquet").to_pylist()
    random = Random(0)
    values: dict[str, list[Any]] = {
        "image_id": ["a", "a.b", "a..b", "", "con", "con1", "nul.x", "x" * 128, "x" * 129, "é", "a\n", "a b", None],
        "width": [1, 0, -1, 2**31 - 1, None],
        "title": ["", "好", "x" * 65_536, "x" * 65_537, None],
        "boxes": [[], [[0, 0, 1, 1]], [[0, 0, 0, 1]], [[0, 0, 1, math.nan]], [[-1e-9, 0, 1, 1]], None],
        "masked_boxes": [[], [[0, 0, 1, 1]], [[0, 0, 1, 1 + 1e-9]], [[0, math.inf, 1, 1]], None],
        "captions": [[], ["a"], [None], ["x" * 65_537], ["a", "b"]],
        "roles": [[], ["a"], [None]],
    }
    outcomes = set()
    for _ in range(500):
        row = dict(sound[0])
        row.update(boxes=row["boxes"][:1], captions=row["captions"][:1], roles=row["roles"][:1])
        for name in random.sample(list(values), random.choice([0, 1, 1, 2])):
            row[name] = random.choice(values[name])
        schema = pa.schema([*SCHEMA, ROLES])
        fine = batch_is_fine(pa.RecordBatch.from_pylist([row], schema=schema))
        outcomes.add(fine)
        assert fine == (row_problems(row) == []), (row_problems(row), row["image_id"])
    assert outcomes == {True, False}


# Columns.


@pytest.mark.parametrize("name", SCHEMA.names)
def test_a_missing_or_foreign_column_is_named(unstated: Path, name: str) -> None:
    """KeyError, and nothing that tells which file or column."""
    path = unstated / "test.parquet"
    table = pq.read_table(path)
    place = table.column_names.index(name)
    pq.write_table(table.drop_columns([name]), path)
    with pytest.raises(InputError, match=f"it has no column '{name}'; its columns are"):
        _ = open_directory(unstated)["test"].n_images
    for strange in (
        pa.array([b"\xff"] * len(table)),
        pa.array([{"a": 1}] * len(table)),
        pa.array([[True]] * len(table)),
    ):
        pq.write_table(table.set_column(place, name, strange), path)
        with pytest.raises(InputError, match=f"its column '{name}' is .*, expected"):
            _ = open_directory(unstated)["test"].n_images


def test_text_that_is_no_utf_8_is_refused(unstated: Path) -> None:
    """A UnicodeDecodeError in the middle of a command."""
    table = pq.read_table(unstated / "test.parquet")
    ends = np.arange(0, 2 * len(table) + 1, 2, dtype=np.int32)
    broken = pa.StringArray.from_buffers(
        len(table), pa.py_buffer(ends.tobytes()), pa.py_buffer(b"\xff\xfe" * len(table))
    )
    pq.write_table(table.set_column(3, "title", broken), unstated / "test.parquet")
    with pytest.raises(DamagedError, match=r"test\.parquet"):
        _ = open_directory(unstated)["test"].captions


def test_no_rows(unstated: Path) -> None:
    pq.write_table(pq.read_table(unstated / "test.parquet").slice(0, 0), unstated / "test.parquet")
    with pytest.raises(InputError, match="it has no rows"):
        _ = open_directory(unstated)["test"].n_images


def test_a_small_file_does_not_fill_the_memory(unstated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of 100 KB with two million rows took 2 GB; so would one text that is repeated, or a list of one box."""
    monkeypatch.setattr(rows, "_SPARE", 1 << 20)
    path = unstated / "test.parquet"
    table = pq.read_table(path)
    many = table.slice(0, 1).take(pa.array(np.zeros(50_000, np.int32)))
    pq.write_table(many, path, compression="zstd")
    with pytest.raises(InputError, match=r"unpack to more than .* made to fill the memory"):
        _ = open_directory(unstated)["test"].n_boxes
    repeated = many.slice(0, 1000).set_column(0, "image_id", pa.array([f"i{i}" for i in range(1000)]))
    text = pa.DictionaryArray.from_arrays(pa.array(np.zeros(1000, np.int32)), ["x" * 60_000])
    pq.write_table(repeated.set_column(3, "title", text), path, compression="zstd")
    with pytest.raises(InputError, match="unpack to more than"):
        _ = open_directory(unstated)["test"].titles


# dataset.json.

BAD_DESCRIPTIONS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "no splits": (lambda about: about.pop("splits"), "splits is None, expected an object"),
    "list": (lambda about: about.update(splits=["test"]), r"splits is \['test'\], expected an object"),
    "empty": (lambda about: about.update(splits={}), "splits is {}, expected an object with 1 to 100 splits"),
    "no name": (lambda about: about.pop("name"), "name is None, expected 1 to 100 printable characters"),
    "long name": (lambda about: about.update(name="x" * 101), "expected 1 to 100 printable characters"),
    "path as name": (lambda about: about.update(name="../x"), "no / and no"),
    "half a character": (lambda about: about.update(name="\ud800"), "expected 1 to 100 printable characters"),
    "synthetic": (lambda about: about.update(synthetic="no"), "synthetic is 'no', expected true or false"),
    "split": (lambda about: about["splits"].update(test=3), "split 'test' is 3, expected an object"),
    "count": (lambda about: about["splits"]["test"].update(images=-1), "images of split 'test' is -1"),
    "digest": (lambda about: about["splits"]["test"].update(fingerprint="x"), "fingerprint of split 'test' is 'x'"),
    "other count": (lambda about: about["splits"]["test"].update(boxes=1), r"its boxes are \d+, dataset.json says 1"),
    "format": (lambda about: about.update(format="x/2"), "format is not"),
    **{
        f"split {name!r}": (
            lambda about, name=name: about["splits"].update({name: about["splits"]["test"]}),  # type: ignore[misc]
            "cannot be the name of a file",
        )
        for name in ("../test", "/test", "a\\b", "a\0", "con", "", "x" * 65)
    },
}


@pytest.mark.parametrize("kind", BAD_DESCRIPTIONS)
def test_a_bad_description_is_refused_in_words(data: Path, kind: str) -> None:
    """KeyError: 'splits'."""
    change, words = BAD_DESCRIPTIONS[kind]
    edit_description(data, change)
    with pytest.raises(DamagedError, match=words):
        _ = open_directory(data)["test"].captions


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe", b'{"a":' * 100_000, b" " * (2 << 20)])
def test_what_is_no_description_is_refused_in_words(data: Path, content: bytes) -> None:
    (data / "dataset.json").write_bytes(content)
    with pytest.raises(DamagedError, match=r"dataset\.json"):
        open_directory(data)


def test_a_description_that_could_not_be_read_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be the name of a file"):
        write_description(tmp_path, name="x", synthetic=True, splits={"a/b": {}})
    assert list(tmp_path.iterdir()) == []


def test_a_writer_refuses_rows_of_anything(data: Path, tmp_path: Path) -> None:
    """The references of an export are a JSON file, in which a row may be anything: TypeError, and half a file."""
    row = next(open_directory(data)["test"].rows())
    for name, value in (
        ("title", None),
        ("boxes", [[1, 2, 3]]),
        ("image_id", 5),
        ("captions", ["\ud800"]),
        ("width", "x"),
    ):
        with (
            pytest.raises(InputError, match=r"new\.parquet: (image|row)"),
            SplitWriter(tmp_path / "out", "new") as writer,
        ):
            writer.append({**row, name: value})  # type: ignore[misc]
    assert list((tmp_path / "out").iterdir()) == []


# Large files.


def test_a_large_file_is_checked_once(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening two million images again takes no second pass, but other rows under the same name do."""
    passes = []
    check = rows.RowFile._pass
    monkeypatch.setattr(rows, "REMEMBERED", 0)
    monkeypatch.setattr(rows.RowFile, "_pass", lambda file: (passes.append(file), check(file))[1])
    sound = [everything(data) for _ in range(2)]
    assert sound[0] == sound[1]
    assert len(passes) == 3
    kept = sorted((Path(os.environ["CAPONIMAGE_CACHE"]) / "rows").iterdir())
    for path in kept:
        path.write_bytes(path.read_bytes()[:40])
    assert everything(data) == sound[0]
    assert len(passes) == 6
    edit_description(data, lambda about: about.update(splits={"test": {}}))
    with edited_rows(data) as found:
        found[0]["title"] = "other"
    assert open_directory(data)["test"].titles[0] == "other"
    assert len(passes) == 7


@pytest.mark.parametrize("group", [3, 5, 40])
def test_some_rows_are_those_of_all(group: int, unstated: Path) -> None:
    """Rows left out or read twice where a group of rows ends."""
    table = pq.read_table(unstated / "test.parquet")
    pq.write_table(table, unstated / "test.parquet", row_group_size=group)
    split = open_directory(unstated)["test"]
    everything = list(split.rows())
    for first in range(13):
        for end in range(first, 13):
            assert list(split.rows(2, range(first, end))) == everything[first:end]


# The embedded data set in the cache.


def _cut(cache: Path) -> None:
    os.truncate(cache / "test.parquet", 3000)


def _forget_splits(cache: Path) -> None:
    (cache / "dataset.json").write_text(f'{{"format":"caponimage-dataset/1","name":"{NAME}"}}', encoding="utf-8")


DAMAGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "cut": (_cut, "no Parquet file that can be read"),
    "empty": (lambda cache: (cache / "val.parquet").write_bytes(b""), "is empty, expected a Parquet file"),
    "no file": (lambda cache: (cache / "train.parquet").unlink(), "is missing"),
    "no splits": (_forget_splits, "splits is None"),
    "other rows": (lambda cache: shutil.copy(cache / "val.parquet", cache / "test.parquet"), "was changed or damaged"),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_embedded_data_set_is_built_anew(
    kind: str,
    embedded: dict[str, Split],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A traceback on every start, from a file that nobody knows of."""
    sound = next(iter(embedded.values())).directory
    shutil.copytree(sound, tmp_path / NAME)
    monkeypatch.setenv("CAPONIMAGE_CACHE", str(tmp_path))
    monkeypatch.setattr(dataset, "_build_mini", lambda folder: shutil.copytree(sound, folder, dirs_exist_ok=True))
    damage, words = DAMAGES[kind]
    damage(tmp_path / NAME)
    assert open_dataset("mini")["test"].captions == embedded["test"].captions
    assert words in capsys.readouterr().err
    assert open_dataset("mini")["val"].captions == embedded["val"].captions
    assert capsys.readouterr().err == ""


@pytest.fixture
def drawn(embedded: dict[str, Split], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A cache that holds mini without pictures; the list names each split whose pictures are drawn, as empty sheets."""
    shutil.copytree(next(iter(embedded.values())).directory, tmp_path / NAME)
    monkeypatch.setenv("CAPONIMAGE_CACHE", str(tmp_path))
    splits: list[str] = []

    def draw(images: Path, sizes: dict[str, int] | None = None, only: str = "", *, texts: bool = True) -> None:
        splits.append(only if texts else f"canvases of {only}")
        for image_id in embedded[only].image_ids:
            Image.new("RGB", (8, 8)).save(images / f"{image_id}.png")

    monkeypatch.setattr(build_module, "draw_pictures", draw)
    return splits


def test_scoring_the_embedded_data_set_draws_nothing(drawn: list[str], tmp_path: Path) -> None:
    """The first score took three minutes of a core, for 8,000 pictures that it never opened."""
    split = open_dataset("mini")["test"]
    write_predictions(tmp_path / "preds.jsonl", split, split.captions)
    assert evaluate_file(tmp_path / "preds.jsonl", data="mini").scores["Exact"] == 100
    assert drawn == []
    assert sorted(path.name for path in tmp_path.iterdir()) == [NAME, "preds.jsonl"]


def test_pictures_of_the_embedded_data_set_are_drawn_when_needed_and_again_when_lost(
    drawn: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A training that stops at a picture which somebody deleted, or pictures that are drawn in every process anew."""
    split = open_dataset("mini")["val"]
    assert split.image("val-000000").size == (8, 8)
    assert pickle.loads(pickle.dumps(replace(split))).pictures_state() == split.pictures_state()
    assert drawn == ["val"]
    places = list((tmp_path / f"{NAME}-pictures").rglob("*.png"))
    assert len(places) == split.n_images
    places[0].unlink()
    places[1].write_bytes(b"")
    assert open_dataset("mini")["val"].image_path("val-000999").is_file()
    assert "lacks 2 of its pictures; making it anew" in capsys.readouterr().err
    assert drawn == ["val", "val"]
    assert len(list((tmp_path / f"{NAME}-pictures").rglob("*.png"))) == split.n_images
    assert canvas_folder(split) == tmp_path / f"{NAME}-canvases" / "val"
    assert drawn[2:] == ["canvases of val"]


def test_yardsticks_are_of_mini_alone(splits: dict[str, Split], data: Path) -> None:
    """Other data with roles got those of mini, or a ValueError for the name of its split."""
    assert yardsticks_table(splits, 1)
    edit_description(data, lambda about: about.update(name="other"))
    assert yardsticks_table(open_directory(data), 1) is None


# Commands.


def call(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False, timeout=120)


def test_show_writes_no_input_and_streams(directory: Path, tmp_path: Path) -> None:
    """`--out` over a picture of the data set destroyed it, with exit code 0."""
    shutil.copytree(directory, tmp_path / "data")
    image_id = open_directory(tmp_path / "data")["test"].image_ids[0]
    picture = tmp_path / "data" / "images" / f"{image_id}.png"
    content = picture.read_bytes()
    refused = call("benchmark.dataset", "show", tmp_path / "data", "--image", image_id, "--out", picture)
    assert refused.returncode == 2
    assert b"lies in the input folder" in refused.stderr
    assert picture.read_bytes() == content
    shown = call("benchmark.dataset", "show", tmp_path / "data", "--out", "-")
    assert shown.returncode == 0
    assert Image.open(io.BytesIO(shown.stdout)).format == "PNG"


def test_commands_refuse_a_broken_data_set_in_one_sentence(unstated: Path, tmp_path: Path) -> None:
    with edited_rows(unstated) as found:
        found[0]["boxes"][0][1] = math.nan
    predictions = tmp_path / "p.jsonl"
    predictions.write_text("{}\n")
    for command in (
        ("benchmark.score", predictions, "--data", unstated),
        ("benchmark.dataset", "show", unstated, "--out", tmp_path / "x"),
        ("benchmark.dataset", "fingerprint", unstated),
    ):
        done = call(*command)
        assert done.returncode == 2, done.stderr
        assert b"test.parquet: image" in done.stderr
        assert b"Traceback" not in done.stderr
    assert not (tmp_path / "x").exists()
