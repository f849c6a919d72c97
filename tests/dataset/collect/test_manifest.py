"""From folders and tables of any quality to products with ids: what is taken, repaired or dropped, and why."""

import csv
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmark.dataset.collect import manifest, tables
from benchmark.dataset.collect.manifest import joined, read_manifest
from benchmark.dataset.collect.records import Drop, Listing
from benchmark.dataset.schema import is_image_id
from benchmark.errors import InputError

Read = Callable[..., tuple[list[Listing], list[Drop]]]


def pictures(folder: Path, *names: str) -> Path:
    """Files that are told apart by their bytes; the manifest decodes none."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(f"picture {name}".encode())
    return folder


def table(path: Path, rows: list[dict[str, Any]]) -> Path:
    """A table in the form of its suffix."""
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return path


def read(folder: Path | None, products: Path | None = None) -> tuple[list[Listing], list[Drop], list[str]]:
    told: list[str] = []
    found, drops = read_manifest(folder, products, tell=told.append)
    assert [product.image_id for product in found] == sorted({product.image_id for product in found})
    assert all(is_image_id(product.image_id) and product.path.is_file() for product in found)
    assert all(drop.stage == "manifest" and drop.reason and drop.text for drop in drops)
    return found, drops, told


def reasons(drops: list[Drop]) -> list[str]:
    return sorted(drop.reason for drop in drops)


def test_a_folder_alone(tmp_path: Path) -> None:
    """Names that are no ids, or not alone, get digests of the bytes; nothing is lost, hidden or other files aside."""
    folder = pictures(
        tmp_path, "b.jpg", "a.PNG", "商品 1.webp", "x/1.jpg", "y/1.jpg", "list.txt", ".hidden.jpg", ".x/z.jpg"
    )
    found, drops, told = read(folder)
    assert not drops
    assert [p.image_id for p in found if not p.image_id.startswith("sha256-")] == ["a", "b", "x--1", "y--1"]
    assert len(found) == 5
    assert all(product.title == "" for product in found)
    assert any("pictures without a title: 5" in sentence for sentence in told)
    assert any("no pictures, left out: 2" in sentence for sentence in told)
    assert read(folder)[0] == found


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(
    st.lists(
        st.lists(st.text("ab-.", min_size=1, max_size=4), min_size=1, max_size=3), min_size=2, max_size=5, unique_by=str
    )
)
def test_a_new_picture_changes_no_id(tmp_path_factory: pytest.TempPathFactory, places: list[list[str]]) -> None:
    """A picture added in another folder, with any name, moved an older one to another id, and so to another split."""
    folder = tmp_path_factory.mktemp("shop")
    before: dict[Path, str] = {}
    for place in places:
        path = folder.joinpath("x", *(f"f{part}" for part in place[:-1]), f"p{place[-1]}.jpg")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(str(path).encode())
        now = {product.path: product.image_id for product in read(folder)[0]}
        assert before.items() <= now.items()
        before = now
    assert len(before) == len(places)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_a_table_in_every_form(tmp_path: Path, suffix: str) -> None:
    """The same rows mean the same in each form."""
    folder = pictures(tmp_path / "pictures", "a.jpg", "deep/b.jpg")
    rows = [
        {"path": "deep/b.jpg", "Title": " 保温杯 ", "attributes": "容量:500毫升", "category": "杯", "licence": "own"},
        {"path": "a.jpg", "Title": "台灯", "attributes": "", "category": "", "licence": ""},
    ]
    made = table(tmp_path / f"products{suffix}", rows)
    if suffix == ".tsv":
        made.write_text(made.read_text(encoding="utf-8").replace(",", "\t"), encoding="utf-8-sig")
    found, drops, told = read(folder, made)
    assert not drops
    assert not told
    assert found == [
        Listing("a", folder.resolve() / "a.jpg", "台灯"),
        Listing("deep--b", folder.resolve() / "deep" / "b.jpg", "保温杯", "容量:500毫升", "杯", licence="own"),
    ]
    assert read(None, table(folder / f"here{suffix}", [{"path": "a.jpg"}]))[0][0].image_id == "a"


def test_every_row_and_picture_is_accounted_for(tmp_path: Path) -> None:
    """A path out of the folder was opened; an id used twice overwrote a picture; a row vanished without a reason."""
    folder = pictures(tmp_path / "in", *(f"{c}.jpg" for c in "abcdefg"), "unlisted.png")
    (tmp_path / "outside.jpg").write_bytes(b"secret")
    (folder / "link.jpg").symlink_to(tmp_path / "outside.jpg")
    (folder / "loop.jpg").symlink_to(folder / "loop.jpg")
    (folder / "folder.jpg").mkdir()
    os.mkfifo(folder / "pipe.jpg")
    rows = [
        {"path": "a.jpg", "image_id": "one", "title": "x"},
        {"path": "b.jpg", "image_id": "one", "title": "x"},
        {"path": "a.jpg", "image_id": "two", "title": "x"},
        {"path": "c.jpg", "image_id": "sub/shop 3", "title": "x"},
        {"path": "d.jpg", "image_id": "../../d", "title": ""},
        {"path": "missing.jpg", "image_id": "", "title": "x"},
        {"path": "../outside.jpg", "image_id": "", "title": "x"},
        {"path": str(tmp_path / "outside.jpg"), "image_id": "", "title": "x"},
        {"path": str(folder / "e.jpg"), "image_id": "", "title": "x"},
        {"path": "link.jpg", "image_id": "", "title": "x"},
        {"path": "loop.jpg", "image_id": "", "title": "x"},
        {"path": "folder.jpg", "image_id": "", "title": "x"},
        {"path": "pipe.jpg", "image_id": "", "title": "x"},
        {"path": "a\0b.jpg", "image_id": "", "title": "x"},
        {"path": "x" * 5000, "image_id": "", "title": "x"},
        {"path": "https://shop/f.jpg", "image_id": "", "title": "x"},
        {"path": "", "image_id": "f", "title": "x"},
        {"path": "", "image_id": "nobody", "title": "x"},
        {"path": "", "image_id": "", "title": "x"},
    ]
    found, drops, told = read(folder, table(tmp_path / "products.jsonl", rows))
    assert [product.image_id for product in found] == ["d", "e", "f", "one", "sub-shop-3"]
    listed = [drop for drop in drops if "products.jsonl:" in drop.text]
    assert len(found) + len(listed) == len(rows)
    places = {int(drop.text.split("products.jsonl:")[1].split(":")[0]): drop.reason for drop in listed}
    assert places == {
        2: "image id is used twice",
        3: "picture is in an earlier row, too",
        6: "no such file",
        7: "path has '..' in it",
        8: "path leads out of the folder of the pictures",
        10: "path leads out of the folder of the pictures",
        11: "path cannot be opened",
        12: "path is no file",
        13: "path is no file",
        14: "path cannot be opened",
        15: "path cannot be opened",
        16: "path is a web address; download the pictures first, such as with img2dataset",
        18: "no picture has this name",
        19: "row has neither a path nor an image id",
    }
    unlisted = {drop.image_id for drop in drops if drop.reason == "picture is not in the table"}
    assert unlisted == {"g.jpg", "unlisted.png"}
    assert any("rows without a title: 1" in sentence for sentence in told)
    assert any("image ids that cannot be names of files, changed: 2" in sentence for sentence in told)


def test_ids_do_not_depend_on_the_order_of_the_rows(tmp_path: Path) -> None:
    """A new export of the shop's database, in another order, would give pictures other ids and splits."""
    folder = pictures(tmp_path, *(f"{folder}/{i}.jpg" for folder in "ab" for i in range(5)), "c/7.jpg")
    rows = [{"path": str(path.relative_to(folder))} for path in sorted(folder.rglob("*.jpg"))]
    rows[0]["image_id"] = "7"  # as the name of another picture
    one = read(None, table(tmp_path / "one.jsonl", rows))[0]
    assert read(None, table(tmp_path / "two.jsonl", rows[::-1]))[0] == one
    assert len(one) == 11


def test_unknown_columns_and_bad_values_are_told(tmp_path: Path) -> None:
    """A misspelt `titel` gave a data set without titles, silently."""
    pictures(tmp_path, "a.jpg", "b.jpg")
    rows = [{"path": "a.jpg", "titel": "x", "title": ["no"]}, {"path": "b.jpg", "titel": "y", "title": "长" * 30_000}]
    found, _, told = read(None, table(tmp_path / "p.jsonl", rows))
    assert [product.title for product in found] == ["", ""]
    assert any("column 'titel', which is not known, left out: 2, first at" in sentence for sentence in told)
    assert any("title is longer than 65,536 bytes, left empty: 1" in sentence for sentence in told)
    assert any("title is not text, left empty: 1" in sentence for sentence in told)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("材质:棉 颜色:红", "材质:棉 颜色:红"),
        ({"材质": "棉", "件": 2, "空": None}, "材质:棉 件:2 空:"),
        ([("材质", "棉"), ("颜色", "红")], "材质:棉 颜色:红"),
        ([{"name": "材质", "value": "棉"}], "材质:棉"),
        (["材质:棉", "", "颜色:红"], "材质:棉 颜色:红"),
        ('{"材质": "棉"}', "材质:棉"),
        ("[新款] 棉", "[新款] 棉"),
        (None, None),
        ({"a": {"b": "c"}}, {"a": {"b": "c"}}),
    ],
)
def test_attributes_are_joined(value: Any, text: Any) -> None:
    """Names and values in whatever shape the shop's database has them."""
    assert joined(value) in (text, list(text.items()) if isinstance(text, dict) else text)


def test_the_output_of_img2dataset(tmp_path: Path) -> None:
    """Its own columns are no surprise; what it could not download is a drop with its status."""
    pictures(tmp_path, "00000/000000000.jpg", "00000/000000002.jpg", "00001/000010000.png")
    columns = {"error_message": None, "width": 2, "height": 2, "exif": "{}", "sha256": "x", "original_width": 2}
    shards = {
        "00000": [(0, "success"), (1, "failed_to_download"), (2, "success"), (3, "success")],
        "00001": [(10000, "success")],
    }
    for shard, keys in shards.items():
        rows = [
            {"url": f"https://shop/{key}", "caption": f"杯{key}", "key": f"{key:09}", "status": status, **columns}
            for key, status in keys
        ]
        table(tmp_path / f"{shard}.parquet", rows)
    found, drops, told = read(tmp_path)
    assert found == read(None, tmp_path)[0]
    assert [(p.image_id, p.title, p.source) for p in found] == [
        ("000000000", "杯0", "https://shop/0"),
        ("000000002", "杯2", "https://shop/2"),
        ("000010000", "杯10000", "https://shop/10000"),
    ]
    assert reasons(drops) == ["no such file", "status is not 'success'"]
    assert not told


def test_large_pictures_are_not_digested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terabyte of zeros, which takes no disk, held the program up for hours."""
    monkeypatch.setattr(manifest, "MAX_BYTES", 100)
    (tmp_path / "商品.jpg").write_bytes(b"x" * 101)
    found, drops, _ = read(tmp_path)
    assert not found
    assert (drops[0].reason, drops[0].number, drops[0].threshold) == ("picture has too many bytes", 101, 100)


BAD = {
    "a.csv": ("path,title\n1.jpg,杯\n".encode("gb18030"), r"a\.csv:2: not UTF-8"),
    "b.csv": (b'path,title\n1.jpg,"x\n2.jpg,y\n', r"b\.csv:2: not CSV .*quote not closed"),
    "c.csv": (b"\n \n", r"c\.csv: empty"),
    "d.csv": (b"path,path\n", r"two columns are named 'path'"),
    "e.parquet": (b"PAR1 no PAR1", r"e\.parquet: no Parquet file"),
    "f.txt": (b"1.jpg", r"f\.txt: no table that is known by its name"),
    "g.jsonl": (b"[" * 5_000_000, r"g\.jsonl:1: a line of more than"),
    "h.csv": (b"path\n" + b'"a\n",' * 1_000_000, r"h\.csv:\d+: a row of more than"),
    "i.csv": (b",".join(b"c%d" % i for i in range(2000)), r"2,000 columns"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_is_no_table_is_refused_with_its_line(tmp_path: Path, name: str) -> None:
    """UnicodeDecodeError, _csv.Error or ArrowInvalid, and no hint what to do."""
    content, words = BAD[name]
    pictures(tmp_path, "1.jpg")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=words):
        read(tmp_path, tmp_path / name)


def test_single_bad_rows_are_drops(tmp_path: Path) -> None:
    """One bad line in a million must not lose the others."""
    pictures(tmp_path, "1.jpg", "2.jpg")
    (tmp_path / "p.jsonl").write_bytes(b'{"path":"1.jpg"}\n{"path"\n[1]\n\n' + b"[" * 100_000 + b'\n{"path":"2.jpg"}\n')
    found, drops, _ = read(None, tmp_path / "p.jsonl")
    assert len(found) == 2
    assert [drop.text.rpartition(":")[2] for drop in drops] == ["2", "3", "5"]
    (tmp_path / "p.csv").write_text("\npath;title\n1.jpg;a;b\n2.jpg\n", encoding="utf-8")
    found, drops, _ = read(None, tmp_path / "p.csv")
    assert [product.image_id for product in found] == ["2"]
    assert drops[0].text.endswith("p.csv:3")
    assert reasons(drops) == ["row has 3 cells for 2 columns"]


def test_a_small_file_does_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Parquet file of some KB that holds one text a million times over."""
    monkeypatch.setattr(tables, "_SPARE", 1 << 20)
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 100_000, pa.int32()), ["x" * 60_000])
    pq.write_table(pa.table({"title": text}), tmp_path / "p.parquet")
    with pytest.raises(InputError, match="made to fill the memory"):
        read(None, tmp_path / "p.parquet")


def test_nothing_given_and_nothing_there(tmp_path: Path) -> None:
    for arguments in ((None, None), (tmp_path / "no", None), (None, tmp_path / "no.csv")):
        with pytest.raises(InputError, match="no"):
            read_manifest(*arguments)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.dictionaries(
            st.sampled_from(["path", "file", "image_id", "title", "attributes", "category", "key", "status", "other"]),
            ANYTHING | st.sampled_from(["a.jpg", "b.jpg", "a", "b", "success"]),
        ),
        max_size=6,
    )
)
def test_no_row_of_anything_makes_a_traceback(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    """Whatever JSON can hold: sums close, and no exception but InputError."""
    folder = pictures(tmp_path / "in", "a.jpg", "b.jpg")
    (tmp_path / "p.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    found, drops, _ = read(folder, tmp_path / "p.jsonl")
    assert len(found) + sum(drop.reason != "picture is not in the table" for drop in drops) == len(rows)


@pytest.mark.skipif(os.name != "posix", reason="other systems have no such names")
def test_names_that_are_not_utf8_and_a_shops_own_status(tmp_path: Path) -> None:
    """A traceback after hours of reading on a name from a Chinese zip file; a column that drops every row."""
    pictures(tmp_path, "a.png", "b.png")
    try:
        (tmp_path / "b.png").rename(tmp_path / os.fsdecode("红鞋".encode("gbk") + b".png"))
    except OSError:
        pytest.skip("this file system has no such names")
    found, drops, _ = read(tmp_path, None)
    assert [p.image_id for p in found] == ["a"]
    assert reasons(drops) == ["name is not UTF-8; rename it"]
    drops[0].text.encode()
    drops[0].image_id.encode()
    rows = [{"path": "a.png", "title": "杯", "status": "在售"}]
    table(tmp_path / "products.csv", rows)
    found, drops, told = read(tmp_path, tmp_path / "products.csv")
    assert [p.image_id for p in found] == ["a"]
    assert any("status" in line for line in told)
