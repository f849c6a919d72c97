"""Parquet files of requests, as `datasets` opens them."""

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ...dataset.export import features_schema

#: Rows that are held at a time.
_GROUP = 50

_STRING = {"dtype": "string", "_type": "Value"}
_INT = {"dtype": "int32", "_type": "Value"}

#: Columns: the type in the file, and what `datasets` calls it.
TEXT = (pa.string(), _STRING)
NUMBER = (pa.int32(), _INT)
TEXTS = (pa.list_(pa.string()), {"feature": _STRING, "_type": "Sequence"})
NUMBERS = (pa.list_(pa.int32()), {"feature": _INT, "_type": "Sequence"})
RATIOS = (pa.list_(pa.float64()), {"feature": {"dtype": "float64", "_type": "Value"}, "_type": "Sequence"})
PICTURE = (pa.struct({"bytes": pa.binary(), "path": pa.string()}), {"_type": "Image"})


def write_rows(path: Path, columns: Mapping[str, tuple[pa.DataType, Any]], rows: Iterator[dict[str, Any]]) -> None:
    """Write a Parquet file."""
    schema = features_schema(columns)
    with pq.ParquetWriter(path, schema, use_dictionary=["system"], write_statistics=False) as writer:
        while group := list(islice(rows, _GROUP)):
            writer.write_table(pa.Table.from_pylist(group, schema))
