"""Export data sets for other tools: Parquet files with pictures as Hugging Face's `datasets` opens them, COCO, and CSV.

Invariants:
* an export appears complete or not at all, and replaces nothing;
* a split whose captions are left out has them neither in its annotations nor in its pictures: every text is blacked
  out, and the pictures are encoded again, so that no metadata of theirs remains;
* whatever a generator made is called SYNTHETIC wherever the form has a place for words;
* `collect.annotations` reads the COCO and CSV files back, with the same boxes and texts.
"""

import io
import json
import math
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import InputError
from ..files import check_outputs, folder_when_complete
from ..grid import Grid, count, csv_text, markdown_text
from .hidden import hidden_picture, hidden_row
from .mini import is_mini
from .schema import AnnotationRow
from .store import Split

_T = TypeVar("_T")

#: Bytes of pictures in one Parquet file, and images in one group of its rows.
_FILE_BYTES = 500_000_000
_GROUP = 100

#: Decimals of pixels.
_DECIMALS = 3

_CATEGORIES = [{"id": 1, "name": "caption"}, {"id": 2, "name": "text without a caption"}]


@dataclass(frozen=True)
class _Source:
    """A split as it is exported."""

    split: Split
    hidden: bool
    pictures: bool

    def rows(self) -> Iterator[AnnotationRow]:
        """Its rows, without captions and roles where these are hidden."""
        for row in self.split.rows():
            yield hidden_row(row) if self.hidden else row

    def picture(self, row: AnnotationRow) -> bytes:
        """The picture of a row, as a file."""
        if not self.hidden:
            from ..pictures import picture_size

            path = self.split.image_path(row["image_id"])
            picture_size(path)
            return path.read_bytes()
        file = io.BytesIO()
        hidden_picture(self.split, row).save(file, "PNG")
        return file.getvalue()


def export(
    splits: Mapping[str, Split],
    out: Path,
    form: str,
    *,
    without_captions: Collection[str] = (),
    pictures: bool = True,
) -> None:
    """Write a data set in another form.

    Args:
        splits: splits of a data set by name, as `open_dataset` returns them.
        out: folder to write; it must not exist, or be empty.
        form: one of `FORMS`.
        without_captions: splits whose captions are left out; their texts are blacked out in the pictures.
        pictures: whether to write the pictures, if the data set has them.

    Raises:
        InputError: if the form or a split is not known, `out` holds something, or some pictures are missing.
    """
    problems = []
    if form not in FORMS:
        problems.append(f"form {form!r:.80} is not known, expected one of {', '.join(FORMS)}")
    unknown = [name for name in without_captions if name not in splits]
    problems += [f"no split {name!r:.80}, expected one of {', '.join(splits)}" for name in unknown]
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        problems.append(f"{out} exists and is not empty, so it is not replaced; take another name")
    if problems:
        raise InputError(*problems)
    check_outputs({"--out": out}, [split.directory for split in splits.values()])
    sources = [
        _Source(split, name in without_captions or not split.has_references, pictures and _has_pictures(split))
        for name, split in splits.items()
    ]
    with folder_when_complete(out) as folder:
        FORMS[form](sources, folder)


def _has_pictures(split: Split) -> bool:
    """Whether a split has its pictures.

    Raises:
        InputError: if it has some of them.
    """
    missing = [image_id for image_id in split.image_ids if not split.image_path(image_id).is_file()]
    if missing and len(missing) < split.n_images:
        raise InputError(
            f"split {split.name!r}: {len(missing):,} of its {split.n_images:,} pictures are missing, such as "
            f"{split.image_path(missing[0])}; add them, or export without pictures"
        )
    return not missing


def _groups(rows: Iterator[_T], size: int) -> Iterator[list[_T]]:
    """The rows, some at a time."""
    while group := list(islice(rows, size)):
        yield group


# Parquet files that `datasets` opens.


def _write_parquet(sources: list[_Source], folder: Path) -> None:
    names = {source.split.name: source.split.name.replace("-", "_") for source in sources}  # as the library has them
    if len(set(names.values())) < len(names):
        raise InputError(f"splits {', '.join(names)}: '-' becomes '_' in this form, and two names are the same then")
    (folder / "data").mkdir()
    for source in sources:
        schema = _schema(source)
        n = source.split.n_images
        paths = [source.split.image_path(image_id) for image_id in source.split.image_ids] if source.pictures else []
        in_file = math.ceil(n / max(1, math.ceil(sum(path.stat().st_size for path in paths) / _FILE_BYTES)))
        files = math.ceil(n / in_file)
        rows = source.rows()
        for k in range(files):
            path = folder / "data" / f"{names[source.split.name]}-{k:05}-of-{files:05}.parquet"
            # Pages of pictures need no dictionary, no statistics, and no compression but their own.
            with pq.ParquetWriter(path, schema, use_dictionary=["category"], write_statistics=False) as writer:
                for group in _groups(islice(rows, in_file), _GROUP):
                    writer.write_table(pa.Table.from_pylist([_with_picture(source, row) for row in group], schema))
    (folder / "README.md").write_text(_card(sources, names), encoding="utf-8")


def _with_picture(source: _Source, row: AnnotationRow) -> dict[str, Any]:
    picture = {"bytes": source.picture(row), "path": f"{row['image_id']}.png"} if source.pictures else None
    return {"image": picture, **row}


def _schema(source: _Source) -> pa.Schema:
    """Columns of a split, with what `datasets` needs to know of them in the metadata."""
    text = {"dtype": "string", "_type": "Value"}
    texts = {"feature": text, "_type": "Sequence"}
    number = {"dtype": "float64", "_type": "Value"}
    boxes = {"feature": {"feature": number, "_type": "Sequence"}, "_type": "Sequence"}
    box_lists = pa.list_(pa.list_(pa.float64()))
    columns: dict[str, tuple[pa.DataType, Any]] = {
        "image": (pa.struct({"bytes": pa.binary(), "path": pa.string()}), {"_type": "Image"}),
        "image_id": (pa.string(), text),
        "width": (pa.int32(), {"dtype": "int32", "_type": "Value"}),
        "height": (pa.int32(), {"dtype": "int32", "_type": "Value"}),
        "title": (pa.string(), text),
        "attributes": (pa.string(), text),
        "category": (pa.string(), text),
        "boxes": (box_lists, boxes),
        "captions": (pa.list_(pa.string()), texts),
        "masked_boxes": (box_lists, boxes),
        "roles": (pa.list_(pa.string()), texts),
    }
    if not source.pictures:
        del columns["image"]
    if source.hidden or source.split.roles is None:
        del columns["roles"]
    return features_schema(columns)


def features_schema(columns: Mapping[str, tuple[pa.DataType, Any]]) -> pa.Schema:
    """A schema of Parquet files that `datasets` opens, from the type and the feature of each column."""
    features = {name: feature for name, (_, feature) in columns.items()}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    return pa.schema([(name, kind) for name, (kind, _) in columns.items()], metadata=metadata)


def _card(sources: list[_Source], names: Mapping[str, str]) -> str:
    """The card of the data set, whose head tells `datasets` which files belong to which split."""
    first = sources[0].split
    tags = ["captioning-on-image", *(["synthetic"] if first.synthetic else [])]
    head = [
        "---",
        f"pretty_name: {json.dumps(first.dataset, ensure_ascii=False)}",
        f"license: {license_of(first)}",
        "task_categories:",
        "- image-to-text",
        "tags:",
        *(f"- {tag}" for tag in tags),
        "configs:",
        "- config_name: default",
        "  data_files:",
    ]
    for name in names.values():
        head += [f"  - split: {json.dumps(name)}", f'    path: "data/{name}-[0-9]*.parquet"']
    grid = Grid("", ["split", "images", "boxes", "captions", "pictures", "fingerprint"])
    for source in sources:
        split = source.split
        shown = "none" if not source.pictures else "texts blacked out" if source.hidden else "with their texts"
        captions = "left out" if source.hidden else "with captions"
        grid.add(
            split.name, count(split.n_images), count(split.n_boxes), captions, shown, split.fingerprint.hexdigest()
        )
    table = grid.markdown().removeprefix("****\n\n")
    body = ["---", "", f"# {markdown_text(first.dataset)}", "", *data_words(first), "", table, "", *_COLUMNS]
    return "\n".join([*head, *body]) + "\n"


def license_of(split: Split) -> str:
    """The licence of a data set, as a card names it."""
    ours = split.synthetic and is_mini(split.dataset)
    return "apache-2.0" if ours else "unknown"


def data_words(split: Split) -> list[str]:
    """What a card says of a data set, in sentences."""
    if split.synthetic:
        return [
            "**This data set is SYNTHETIC: a generator made its words and pictures. Scores on it must never be "
            "compared with scores on real data.**"
        ]
    public = (
        "It is marked as public."
        if split.public
        else ("**It is not marked as public: whoever holds it must ask those who made it before passing it on.**")
    )
    return [f"Boxes and captions on product pictures. {public}", "", "Source and licence of the pictures: TO ANSWER."]


_COLUMNS = [
    "`boxes` are `[x1, y1, x2, y2]` as ratios of the picture's width and height; `captions` run in parallel.",
    "`masked_boxes` are those of every text in the picture, also without a caption: a model must not see them, so",
    "black them out before it reads the picture.",
]


# COCO.


def _write_coco(sources: list[_Source], folder: Path) -> None:
    (folder / "annotations").mkdir()
    for source in sources:
        with (folder / "annotations" / f"{source.split.name}.json").open("wb") as file:
            about = {
                "description": f"{source.split.dataset}, split {source.split.name}",
                "synthetic": source.split.synthetic,
                "captions": not source.hidden,
            }
            file.write(b'{"info":' + orjson.dumps(about) + b',"licenses":[],')
            file.write(b'"categories":' + orjson.dumps(_CATEGORIES) + b',\n"images":[\n')
            _write_items(file, (_coco_image(i, row) for i, row in enumerate(source.rows(), 1)))
            file.write(b'\n],\n"annotations":[\n')
            _write_items(file, _coco_annotations(source))
            file.write(b"\n]}\n")
    _write_pictures(sources, folder)


def _write_items(file: BinaryIO, items: Iterator[dict[str, Any]]) -> None:
    for i, item in enumerate(items):
        file.write((b",\n" if i else b"") + orjson.dumps(item))


def _coco_image(number: int, row: AnnotationRow) -> dict[str, Any]:
    kept = {name: row[name] for name in ("image_id", "width", "height", "title", "attributes", "category")}
    return {"id": number, "file_name": f"{row['image_id']}.png", **kept}


def _coco_annotations(source: _Source) -> Iterator[dict[str, Any]]:
    number = 0
    for image, row in enumerate(source.rows(), 1):
        for box in _boxes(row):
            number += 1
            left, top, right, bottom = box.pixels
            sides = [left, top, round(right - left, _DECIMALS), round(bottom - top, _DECIMALS)]
            yield {
                "id": number,
                "image_id": image,
                "category_id": 2 if box.index is None else 1,
                "bbox": sides,
                "area": round(sides[2] * sides[3], _DECIMALS),
                "iscrowd": 0,
                **({} if box.caption is None else {"caption": box.caption}),
                **({} if box.role is None else {"role": box.role}),
            }


@dataclass(frozen=True)
class _Box:
    """A box in pixels; `index` is that among the boxes of its image, None for one that is masked only."""

    index: int | None
    pixels: tuple[float, float, float, float]
    caption: str | None = None
    role: str | None = None


def _boxes(row: AnnotationRow) -> Iterator[_Box]:
    """All boxes of a row: those with a caption, then those that are masked only."""
    sides = (row["width"], row["height"]) * 2

    def pixels(box: list[float]) -> tuple[float, float, float, float]:
        x1, y1, x2, y2 = (round(ratio * side, _DECIMALS) for ratio, side in zip(box, sides, strict=True))
        return x1, y1, x2, y2

    captions, roles = row.get("captions"), row.get("roles")
    for i, box in enumerate(row["boxes"]):
        yield _Box(i, pixels(box), captions[i] if captions else None, roles[i] if roles else None)
    captioned = {tuple(box) for box in row["boxes"]}
    for box in row["masked_boxes"]:
        if tuple(box) not in captioned:
            yield _Box(None, pixels(box))


def _write_pictures(sources: list[_Source], folder: Path) -> None:
    """Put the pictures into `images/`."""
    for source in sources:
        if not source.pictures:
            continue
        (folder / "images").mkdir(exist_ok=True)
        for row in source.rows():
            target = folder / "images" / f"{row['image_id']}.png"
            if os.path.lexists(target):
                raise InputError(f"image {row['image_id']} is in two splits; export them one by one")
            target.write_bytes(source.picture(row))  # no link, since other tools may change their pictures in place


# CSV.

_TABLE = ["path", "image_id", "split", "width", "height", "title", "attributes", "category"]
_BOX_TABLE = ["image", "box", "x1", "y1", "x2", "y2", "text", "role"]


def _write_csv(sources: list[_Source], folder: Path) -> None:
    (folder / "boxes").mkdir()
    with (folder / "products.csv").open("w", encoding="utf-8", newline="") as file:
        _write_rows(file.write, _TABLE, (_table_row(source, row) for source in sources for row in source.rows()))
    for source in sources:
        with (folder / "boxes" / f"{source.split.name}.csv").open("w", encoding="utf-8", newline="") as file:
            _write_rows(file.write, _BOX_TABLE, _box_rows(source))
    _write_pictures(sources, folder)
    if sources[0].split.synthetic:
        words = "\n".join(data_words(sources[0].split)).replace("*", "")
        (folder / "SYNTHETIC.txt").write_text(words + "\n", encoding="utf-8")


def _table_row(source: _Source, row: AnnotationRow) -> list[object]:
    known = [row["width"], row["height"], row["title"], row["attributes"], row["category"]]
    return [f"images/{row['image_id']}.png", row["image_id"], source.split.name, *known]


def _box_rows(source: _Source) -> Iterator[list[object]]:
    for row in source.rows():
        for box in _boxes(row):
            yield [f"{row['image_id']}.png", box.index, *box.pixels, box.caption, box.role]


def _write_rows(write: Callable[[str], object], columns: list[str], rows: Iterator[list[object]]) -> None:
    write(csv_text(columns, []))
    for some in _groups(rows, 10_000):
        write(csv_text(columns, some).partition("\n")[2])


#: Form -> function that writes it into an empty folder.
FORMS: dict[str, Callable[[list[_Source], Path], None]] = {
    "hf": _write_parquet,
    "coco": _write_coco,
    "csv": _write_csv,
}
