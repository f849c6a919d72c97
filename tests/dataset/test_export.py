"""Exports for other tools: complete, read back with the same boxes and texts, and without what is to be hidden."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image

from benchmark.dataset import export as module
from benchmark.dataset.collect.annotations import read_annotations
from benchmark.dataset.collect.annotations.collected import IGNORED
from benchmark.dataset.collect.manifest import read_manifest
from benchmark.dataset.description import write_description
from benchmark.dataset.export import export
from benchmark.dataset.store import Split, SplitWriter, open_directory
from benchmark.errors import InputError
from benchmark.pictures import read_picture


@pytest.fixture(scope="module")
def some(splits: dict[str, Split]) -> dict[str, Split]:
    """Val and test of a small build of mini, with pictures: 24 images."""
    return {name: splits[name] for name in ("val", "test")}


def parquet(out: Path, name: str) -> pa.Table:
    return pa.concat_tables([pq.read_table(path) for path in sorted((out / "data").glob(f"{name}-*.parquet"))])


def real(directory: Path, splits: dict[str, Split]) -> dict[str, Split]:
    """The same rows and pictures as a data set that nobody has generated, and nobody has published."""
    summaries = {}
    for name, split in splits.items():
        with SplitWriter(directory, name) as writer:
            for row in split.rows():
                row.pop("roles")
                writer.append(row)
        summaries[name] = writer.summary()
    (directory / "images").symlink_to(next(iter(splits.values())).picture_folder)
    write_description(directory, name="own | <b>", synthetic=False, splits=summaries)
    return open_directory(directory)


def test_parquet_comes_back_whole(some: dict[str, Split], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A column in another order than its pictures, rows lost where a file ends, pictures encoded anew."""
    pictures = sum(some["val"].image_path(image_id).stat().st_size for image_id in some["val"].image_ids)
    monkeypatch.setattr(module, "_FILE_BYTES", pictures // 3)
    monkeypatch.setattr(module, "_GROUP", 2)
    export(some, tmp_path / "out", "hf")
    names = sorted(path.name for path in (tmp_path / "out" / "data").glob("val-*"))
    assert names[0].startswith("val-00000-of-0000")
    assert len(names) == int(names[0][-13:-8]) >= 3
    for name, split in some.items():
        table = parquet(tmp_path / "out", name)
        for found, row in zip(table.to_pylist(), split.rows(), strict=True):
            picture = found.pop("image")
            assert found == row
            assert picture["path"] == f"{row['image_id']}.png"
            assert picture["bytes"] == split.image_path(row["image_id"]).read_bytes()


def test_the_features_are_those_that_the_library_reads(some: dict[str, Split], tmp_path: Path) -> None:
    """A picture column that opens as a struct of bytes. Expected values are from the library's documentation."""
    export(some, tmp_path / "out", "hf")
    schema = pq.read_schema(tmp_path / "out" / "data" / "val-00000-of-00001.parquet")
    features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    assert list(features) == schema.names
    assert features["image"] == {"_type": "Image"}
    assert features["captions"] == {"feature": {"dtype": "string", "_type": "Value"}, "_type": "Sequence"}
    assert schema.field("image").type == pa.struct({"bytes": pa.binary(), "path": pa.string()})


def test_the_card_lists_each_file_and_says_what_is_synthetic(some: dict[str, Split], tmp_path: Path) -> None:
    """A generator's pictures on a hub, taken for real ones; a name that breaks the head of the card."""
    export(some, tmp_path / "mini", "hf")
    head, text = (tmp_path / "mini" / "README.md").read_text(encoding="utf-8").split("---\n")[1:3]
    about = yaml.safe_load(head)
    files = about["configs"][0]["data_files"]
    assert [entry["split"] for entry in files] == ["val", "test"]
    assert all(len(list((tmp_path / "mini").glob(entry["path"]))) == 1 for entry in files)
    assert "SYNTHETIC" in text
    assert "synthetic" in about["tags"]
    export(real(tmp_path / "data", some), tmp_path / "own", "hf")
    head, text = (tmp_path / "own" / "README.md").read_text(encoding="utf-8").split("---\n", 2)[1:3]
    assert yaml.safe_load(head)["pretty_name"] == "own | <b>"
    assert yaml.safe_load(head)["license"] == "unknown"
    assert "# own &#124; &#60;b&#62;" in text
    assert "not marked as public" in text
    assert "TO ANSWER" in text
    assert "SYNTHETIC" not in text


@pytest.mark.parametrize("form", ["coco", "csv"])
def test_our_own_importers_read_it_back(some: dict[str, Split], tmp_path: Path, form: str) -> None:
    """Ratios taken for pixels, widths for corners, a caption on the box of another; masked texts that are lost."""
    export(some, tmp_path / "out", form)
    for name, split in some.items():
        if form == "coco":
            path, reader = tmp_path / "out" / "annotations" / f"{name}.json", "coco"
        else:
            path, reader = tmp_path / "out" / "boxes" / f"{name}.csv", "table"
        lines, drops = read_annotations(path, reader)
        assert not drops
        assert list(lines) == [f"{image_id}.png" for image_id in split.image_ids]
        for row in split.rows():
            found = lines[f"{row['image_id']}.png"].lines
            captioned = [line for line in found if line.text != IGNORED]
            assert [line.text for line in captioned] == row["captions"]
            sides = np.array([row["width"], row["height"]] * 2)
            for some_lines, boxes in ((captioned, row["boxes"]), (found, row["masked_boxes"])):
                got = sorted(line.corners[0] + line.corners[2] for line in some_lines)
                assert np.allclose(got, sorted((np.array(boxes) * sides).tolist()), atol=2e-3)
            assert read_picture(tmp_path / "out" / "images" / f"{row['image_id']}.png").size == tuple(sides[:2])


def test_the_table_of_products_is_a_manifest(some: dict[str, Split], tmp_path: Path) -> None:
    """Titles and attributes lost on the way out and in again."""
    export(some, tmp_path / "out", "csv")
    found, drops = read_manifest(None, tmp_path / "out" / "products.csv", tell=lambda sentence: None)
    assert not drops
    known = {row["image_id"]: row for split in some.values() for row in split.rows()}
    assert {p.image_id for p in found} == set(known)
    for each in found:
        row = known[each.image_id]
        assert (each.title, each.attributes, each.category) == (row["title"], row["attributes"], row["category"])
    assert "SYNTHETIC" in (tmp_path / "out" / "SYNTHETIC.txt").read_text()


@pytest.mark.parametrize("form", ["hf", "coco", "csv"])
def test_hidden_captions_are_nowhere(some: dict[str, Split], tmp_path: Path, form: str) -> None:
    """Captions left out of the annotations, and readable in the pictures; or in the roles' column."""
    export(some, tmp_path / "out", form, without_captions=["test"])
    split = some["test"]
    secret = {caption.encode() for caption in split.captions} - {
        text.encode() for text in "".join(split.titles + split.attributes + split.categories).split("，")
    }
    told = " ".join(split.titles + split.attributes + split.categories)
    secret = {caption for caption in secret if caption.decode() not in told}
    assert secret
    if form == "hf":
        table = parquet(tmp_path / "out", "test")
        assert "roles" not in table.column_names
        assert table["captions"].null_count == len(table)
        pictures = {p["path"]: Image.open(io.BytesIO(p["bytes"])) for p in table["image"].to_pylist()}
        assert parquet(tmp_path / "out", "val")["captions"].null_count == 0
    else:
        path = "annotations/test.json" if form == "coco" else "boxes/test.csv"
        content = (tmp_path / "out" / path).read_bytes()
        assert not [caption for caption in secret if caption in content]
        pictures = {f"{i}.png": Image.open(tmp_path / "out" / "images" / f"{i}.png") for i in split.image_ids}
    for row in split.rows():
        pixels = np.asarray(pictures[f"{row['image_id']}.png"])
        for x1, y1, x2, y2 in row["masked_boxes"]:
            part = pixels[int(y1 * row["height"]) : int(y2 * row["height"]) + 1]
            assert not part[:, int(x1 * row["width"]) : int(x2 * row["width"]) + 1].any()


def test_without_pictures_none_is_drawn(some: dict[str, Split], tmp_path: Path) -> None:
    """Minutes of drawing for somebody who wants the texts."""
    for form in ("hf", "coco", "csv"):
        export(some, tmp_path / form, form, pictures=False)
        assert not list((tmp_path / form).rglob("*.png"))
    assert "image" not in parquet(tmp_path / "hf", "val").column_names


def test_nothing_is_replaced_and_nothing_half_written(some: dict[str, Split], tmp_path: Path) -> None:
    """An export over somebody's folder, into the data set itself, or half of one."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(InputError, match="not empty") as raised:
        export(some, tmp_path / "full", "xml", without_captions=["dev"])
    assert len(raised.value.problems) == 3
    with pytest.raises(InputError, match="lies in the input folder"):
        export(some, some["val"].directory / "out", "csv")
    own = real(tmp_path / "data", some)
    (tmp_path / "data" / "images").unlink()
    (tmp_path / "data" / "images").mkdir()
    export(own, tmp_path / "texts", "hf")
    for image_id in own["val"].image_ids[1:]:
        (tmp_path / "data" / "images" / f"{image_id}.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match="1 of its 12 pictures are missing"):
        export(own, tmp_path / "out", "hf")
    (tmp_path / "data" / "images" / f"{own['val'].image_ids[0]}.png").write_bytes(b"no picture")
    for form in ("hf", "coco"):
        with pytest.raises(InputError, match="no picture that can be read"):
            export(own, tmp_path / "out", form)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "full", "texts"]


def test_command_line(some: dict[str, Split], tmp_path: Path) -> None:
    """The verb, its notes, and what cannot be done in one sentence."""
    data = str(some["val"].directory)
    command = [sys.executable, "-m", "benchmark.dataset", "export", data, "--out", str(tmp_path / "out")]
    done = subprocess.run(
        [*command, "--format", "coco", "--without-pictures"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"wrote {tmp_path / 'out'}" in done.stdout
    again = subprocess.run([*command, "--format", "xml"], capture_output=True, text=True, check=False)
    assert again.returncode == 2
    assert again.stderr.count("error:") == 2


@pytest.mark.slow
def test_datasets_opens_it(some: dict[str, Split], tmp_path: Path) -> None:
    """The library opens the folder by its card, with pictures as pictures."""
    pytest.importorskip("datasets", reason="needs Hugging Face's `datasets`")
    export(some, tmp_path / "out", "hf", without_captions=["test"])
    code = (
        "import datasets, json, sys; found = datasets.load_dataset(sys.argv[1]); row = found['val'][0]; "
        "print(json.dumps([list(found), str(type(row['image'])), row['image'].size, row['captions'], row['boxes'], "
        "found['test'][0]['captions'], len(found['test'])]))"
    )
    env = os.environ | {"HF_HOME": str(tmp_path / "cache"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "out")], capture_output=True, text=True, check=False, env=env
    )
    assert done.returncode == 0, done.stderr[-2000:]
    names, kind, size, captions, boxes, hidden, n = json.loads(done.stdout.splitlines()[-1])
    row = next(iter(some["val"].rows()))
    assert names == ["val", "test"]
    assert "PIL" in kind
    assert (size, captions, boxes) == ([row["width"], row["height"]], row["captions"], row["boxes"])
    assert (hidden, n) == (None, 12)
