"""What a collection keeps in its working folder beside readings and decisions, for `explain` and for a review.

`collection.json` says how it was made; `captions.parquet` has one row for each product with the captions that are left.

Invariant: both are checked when they are read, and `collection.json` is written last.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ...errors import DamagedError, InputError
from ...files import replace_when_complete
from .records import Candidate, Listing, Record

FILE, CAPTIONS, FORMAT = "collection.json", "captions.parquet", "caponimage-collection/1"
_MAX_FILE = 1 << 20  # bytes of collection.json

SCHEMA = pa.schema(
    [
        ("image_id", pa.string()),
        ("path", pa.string()),
        ("title", pa.string()),
        ("attributes", pa.string()),
        ("category", pa.string()),
        ("source", pa.string()),
        ("licence", pa.string()),
        ("sha256", pa.string()),
        ("split", pa.string()),  # null: dropped
        ("lines", pa.list_(pa.int32())),
        ("texts", pa.list_(pa.string())),
        ("boxes", pa.list_(pa.list_(pa.float64(), 4))),
    ]
)


@dataclass(frozen=True)
class Collection:
    """How a collection was made.

    Attributes:
        engine, second: names of the engines; `second` is empty if there was none, and both are with annotations.
        annotations: form and file of the annotations that stood in for reading, such as "coco:labels.json"; or empty.
        signature: everything that decided what is in the data set.
    """

    engine: str
    second: str
    annotations: str
    signature: Mapping[str, Any]


@dataclass(frozen=True)
class Kept:
    """A product with what became of it: the split and captions it has in the data set; None and none if it went."""

    product: Listing
    sha256: str
    split: str | None
    captions: tuple[Candidate, ...]


def write_state(
    folder: Path,
    collection: Collection,
    products: Sequence[Listing],
    digests: Mapping[str, str],
    splits: Mapping[str, Sequence[Record]],
) -> None:
    """Write both files.

    Args:
        folder: the working folder.
        collection: how the collection was made.
        products: the whole manifest.
        digests: image id -> SHA-256 of the picture's bytes.
        splits: split -> its records.
    """
    kept = {record.image_id: (name, record) for name, records in splits.items() for record in records}
    rows = []
    for product in products:
        split, record = kept.get(product.image_id, (None, None))
        captions = record.captions if record else ()
        rows.append(
            {
                **{name: getattr(product, name) for name in SCHEMA.names[:7]},
                "path": str(product.path),
                "sha256": digests.get(product.image_id, ""),
                "split": split,
                "lines": [caption.line for caption in captions],
                "texts": [caption.text for caption in captions],
                "boxes": [list(caption.box) for caption in captions],
            }
        )
    with replace_when_complete(folder / CAPTIONS) as partial:
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), partial, compression="zstd")
    content = {"format": FORMAT, **vars(collection), "signature": dict(collection.signature)}
    with replace_when_complete(folder / FILE) as partial:
        partial.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


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
        return Collection(**content)
    except OSError as error:
        raise InputError(f"{folder}: no working folder of a collection ({error.strerror}); run collect first") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedError(f"{path}: not that of a collection ({error!s:.160}); run collect again") from None


def read_kept(folder: Path, image_id: str) -> Kept:
    """One product of a collection, with what became of it.

    Raises:
        InputError: if there is no such image.
        DamagedError: if the file is damaged.
    """
    path = folder / CAPTIONS
    try:
        table = pq.read_table(path, schema=SCHEMA)
        (row,) = table.filter(pc.equal(table["image_id"], image_id)).to_pylist() or (None,)
    except (OSError, pa.ArrowException, ValueError) as error:
        raise DamagedError(f"{path}: {str(error).splitlines()[0]:.160}; run collect again") from None
    if row is None:
        raise InputError(f"no image {image_id!r:.80} in the collection; its {table.num_rows:,} ids stand in {path}")
    product = Listing(**{name: row[name] for name in SCHEMA.names[:7] if name != "path"}, path=Path(row["path"]))
    candidates = zip(row["lines"], row["texts"], row["boxes"], strict=True)
    captions = tuple(Candidate(line, text, tuple(box)) for line, text, box in candidates)
    return Kept(product, row["sha256"], row["split"], captions)
