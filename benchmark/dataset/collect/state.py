"""What a collection keeps in its working folder beside readings and decisions, for `explain` and for a review.

`collection.json` says how it was made; `captions.parquet` has one row for each product with the captions that are left.

Invariant: both are checked when they are read, and `collection.json` is written last.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import NoneType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ...errors import DamagedError, InputError
from ...files import replace_when_complete
from ..schema import is_split_name
from .records import Candidate, Listing, Record
from .rules import Rules, from_dict

FILE, CAPTIONS, FORMAT = "collection.json", "captions.parquet", "caponimage-collection/2"
_MAX_FILE = 1 << 20  # bytes of collection.json
_ROWS = 4096  # rows of a row group

_CAPTION = pa.struct(
    [
        pa.field("line", pa.int32()),
        pa.field("text", pa.string()),
        pa.field("box", pa.list_(pa.float64(), 4)),
        pa.field("score", pa.float64()),
        pa.field("second", pa.string()),
        pa.field("likelihood", pa.float64()),
    ]
)
_PRODUCT = ("image_id", "path", "title", "attributes", "category", "source", "licence")
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in _PRODUCT),
        ("sha256", pa.string()),
        ("split", pa.string()),  # null: dropped before any review
        ("read", pa.list_(_CAPTION)),  # as they were before any review
        ("kept", pa.list_(_CAPTION)),  # as the data set has them
    ]
)


@dataclass(frozen=True)
class Collection:
    """How a collection was made.

    Attributes:
        asked: what `collect` was asked for, as `run.CollectRun.asked` gives it.
        signature: everything that decided what is in the data set.
    """

    asked: Mapping[str, Any]
    signature: Mapping[str, Any]

    @property
    def rules(self) -> Rules:
        """The rules."""
        return from_dict(self.asked["rules"])

    @property
    def engine(self) -> str:
        """Name of the engine that read the pictures."""
        return str(self.asked["engine"])

    @property
    def second(self) -> str:
        """Name of the engine of the second reading; empty if there was none."""
        return str(self.asked["second"])

    @property
    def annotations(self) -> str:
        """Form and file of the annotations that stood in for reading, such as "coco:labels.json"; or empty."""
        return str(self.asked["annotations"])


@dataclass(frozen=True)
class Kept:
    """A product with what became of it.

    Attributes:
        product: its row of the manifest.
        sha256: SHA-256 of its picture's bytes, in hexadecimal; empty if it has none.
        split: the split that it was put in; None if it went before.
        read: its captions before any review.
        captions: the captions that the data set has of it.
    """

    product: Listing
    sha256: str
    split: str | None
    read: tuple[Candidate, ...]
    captions: tuple[Candidate, ...]


def write_state(
    folder: Path,
    collection: Collection,
    products: Sequence[Listing],
    digests: Mapping[str, str],
    read: Mapping[str, Sequence[Record]],
    splits: Mapping[str, Sequence[Record]],
) -> None:
    """Write both files.

    Args:
        folder: the working folder.
        collection: how the collection was made.
        products: the whole manifest.
        digests: image id -> SHA-256 of the picture's bytes.
        read: split -> its records before any review.
        splits: split -> its records as the data set has them.
    """
    before = {record.image_id: (name, record) for name, records in read.items() for record in records}
    after = {record.image_id: record for records in splits.values() for record in records}
    with (
        replace_when_complete(folder / CAPTIONS) as partial,
        pq.ParquetWriter(partial, SCHEMA, compression="zstd") as writer,
    ):
        for start in range(0, max(1, len(products)), _ROWS):
            rows = []
            for product in products[start : start + _ROWS]:
                split, record = before.get(product.image_id, (None, None))
                kept = after.get(product.image_id)
                rows.append(
                    {
                        **{name: str(getattr(product, name)) for name in _PRODUCT},
                        "sha256": digests.get(product.image_id, ""),
                        "split": split,
                        "read": [_row(caption) for caption in record.captions] if record else [],
                        "kept": [_row(caption) for caption in kept.captions] if kept else [],
                    }
                )
            writer.write_table(pa.Table.from_pylist(rows, schema=SCHEMA))
    content = {"format": FORMAT, **asdict(collection)}
    with replace_when_complete(folder / FILE) as partial:
        partial.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _row(caption: Candidate) -> dict[str, Any]:
    return {field.name: getattr(caption, field.name) for field in _CAPTION} | {"box": list(caption.box)}


#: What `Collection.asked` has to say, each with what it may be.
_ASKED: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("out", "annotations", "engine", "second", "name", "seed"), (str,)),
    **dict.fromkeys(("pictures", "table"), (str, NoneType)),
    "side": (int,),
    "rules": (dict,),
    "shares": (dict,),
}


def read_collection(folder: Path) -> Collection:
    """How the collection in a working folder was made.

    Raises:
        InputError: if there is none.
        DamagedError: if the file is none of ours.
    """
    path = folder / FILE
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(_MAX_FILE))
        if content.pop("format") != FORMAT:
            raise ValueError("another format")
        asked = content["asked"]
        wrong = [name for name, kinds in _ASKED.items() if type(asked[name]) not in kinds]
        wrong += [f"split {name!r:.60}" for name in asked["shares"] if not is_split_name(name)]
        wrong += [f"share of {name}" for name, share in asked["shares"].items() if type(share) not in (int, float)]
        if wrong or not isinstance(content["signature"], dict):
            raise ValueError(f"{(wrong or ['signature'])[0]} is not as collect writes it")
        from_dict(asked["rules"])
        return Collection({name: asked[name] for name in _ASKED}, content["signature"])
    except OSError as error:
        raise InputError(f"{folder}: no working folder of a collection ({error.strerror}); run collect first") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, InputError) as error:
        raise DamagedError(f"{path}: not that of a collection ({error!s:.160}); run collect again") from None


def read_kept(folder: Path, image_id: str) -> Kept | None:
    """One product of a collection, with what became of it; None if there is no product with this id.

    Raises:
        DamagedError: if the file is damaged.
    """
    table = _table(folder)
    found = _products(folder, table.filter(pc.equal(table["image_id"], image_id)).slice(0, 1))
    return found[0] if found else None


def splits_of(folder: Path) -> list[str]:
    """Names of the splits that have images, sorted.

    Raises:
        InputError: if there is no collection.
        DamagedError: if its files are damaged.
    """
    read_collection(folder)
    return sorted(name for name in pc.unique(_table(folder, ["split"])["split"]).to_pylist() if name is not None)


def read_captions(folder: Path, splits: Sequence[str]) -> list[Kept]:
    """The products of some splits, with what became of them, in the order of the manifest.

    Raises:
        InputError: if there is no collection.
        DamagedError: if its files are damaged.
    """
    read_collection(folder)
    table = _table(folder)
    return _products(folder, table.filter(pc.is_in(table["split"], pa.array(list(splits), pa.string()))))


def read_questions(folder: Path) -> Iterator[tuple[str, str, int, str]]:
    """Image id, SHA-256, line and text of each caption before any review, a few images at a time.

    Raises:
        DamagedError: if the file is damaged.
    """
    for rows in _table(folder, ["image_id", "sha256", "read"]).to_batches(max_chunksize=_ROWS):
        for row in rows.to_pylist():
            try:
                yield from ((row["image_id"], row["sha256"], each["line"], each["text"]) for each in row["read"])
            except (TypeError, KeyError):
                raise DamagedError(f"{folder / CAPTIONS}: not as collect writes it; run collect again") from None


def _table(folder: Path, columns: Sequence[str] = SCHEMA.names) -> pa.Table:
    path = folder / CAPTIONS
    try:
        return pq.read_table(path, schema=SCHEMA, columns=list(columns))
    except (OSError, pa.ArrowException, ValueError) as error:
        raise DamagedError(f"{path}: {str(error).splitlines()[0]:.160}; run collect again") from None


def _products(folder: Path, table: pa.Table) -> list[Kept]:
    try:
        return [_kept(row) for row in table.to_pylist()]
    except (TypeError, ValueError, KeyError):
        raise DamagedError(f"{folder / CAPTIONS}: holds rows that collect never writes; run collect again") from None


def _kept(row: Mapping[str, Any]) -> Kept:
    product = Listing(**{name: row[name] for name in _PRODUCT if name != "path"}, path=Path(row["path"]))
    read, kept = (
        tuple(Candidate(**{**caption, "box": tuple(caption["box"])}) for caption in row[name])
        for name in ("read", "kept")
    )
    return Kept(product, row["sha256"], row["split"], read, kept)
