"""Schema of annotation rows (one image with its text boxes each), and the checks that a row must pass.

Invariants of every row in a data set (checked on writing and before anything is read, see `row_problems`):
* boxes are [x1, y1, x2, y2] as ratios of the image's width and height, 0 <= x1 < x2 <= 1, 0 <= y1 < y2 <= 1;
* captions and boxes run in parallel; a split has captions for every image or for none (hidden references);
* image ids are unique, short, and safe as file names on every system;
* nothing is null but the captions of all images; texts are valid and at most `MAX_TEXT` bytes long.
"""

import re
from collections.abc import Mapping
from typing import Any, TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

#: Splits that systems are scored on; the third one, train, is for training.
EVALUATED_SPLITS = ("val", "test")

BOXES = pa.list_(pa.list_(pa.float64(), 4))

SCHEMA = pa.schema(
    [
        ("image_id", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("title", pa.string()),
        ("attributes", pa.string()),
        ("category", pa.string()),
        ("boxes", BOXES),
        ("captions", pa.list_(pa.string())),
        ("masked_boxes", BOXES),
    ]
)

#: Column of synthetic data only: the role of each box, which is what the generator meant it to say ("brand", "scene",
#: ...). It is not part of the fingerprint.
ROLES = pa.field("roles", pa.list_(pa.string()))

#: Longest text in a row, in bytes of UTF-8.
MAX_TEXT = 65_536

#: What `is_data_set_name` expects, in words.
DATA_SET_NAME = "1 to 100 printable characters, no / and no \\"

#: Columns that may be null, but in all rows or none.
OPTIONAL = {"captions", ROLES.name}

_IMAGE_ID = r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,127}"
_SPLIT = r"[A-Za-z0-9][A-Za-z0-9_\-]{0,63}"

#: What can be no file name: another folder's, and names of devices on Windows.
_UNSAFE = r"\.\.|^(?i:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)"


class AnnotationRow(TypedDict, total=False):
    """One image of a split, as `SplitWriter.append` takes it and `Split.rows` yields it."""

    image_id: str
    width: int  # pixels of the stored image
    height: int
    title: str
    attributes: str
    category: str
    boxes: list[list[float]]  # [x1, y1, x2, y2] in [0, 1]
    captions: list[str] | None  # None where references are hidden
    masked_boxes: list[list[float]]  # every text box of the image, also those without a caption
    roles: list[str]  # synthetic data only


def is_image_id(text: Any) -> bool:
    """Whether a value can be the id of an image, and so the name of a file."""
    return isinstance(text, str) and bool(re.fullmatch(_IMAGE_ID, text)) and not re.search(_UNSAFE, text)


def is_split_name(text: Any) -> bool:
    """Whether a value can be the name of a split, and so the name of a file."""
    return isinstance(text, str) and bool(re.fullmatch(_SPLIT, text)) and not re.search(_UNSAFE, text)


def is_data_set_name(text: Any) -> bool:
    """Whether a value can be the name of a data set, which tables and messages show."""
    return isinstance(text, str) and 1 <= len(text) <= 100 and text.isprintable() and not re.search(r"[/\\]", text)


def row_place(row: Mapping[str, Any], number: int) -> str:
    """What to call a row in a message: its image, or its number where the id is none, which may hold anything."""
    return f"image {row['image_id']}" if is_image_id(row.get("image_id")) else f"row {number}"


def row_problems(row: Mapping[str, Any]) -> list[str]:
    """List every reason to refuse a row, whose values may be anything; empty if the row is fine."""
    problems = []
    if not is_image_id(row.get("image_id")):
        problems.append(
            f"image id {row.get('image_id')!r:.80} cannot be the name of a file: it is not 1 to 128 letters, digits, "
            "'_', '-' or single '.', or is the name of a device on Windows"
        )
    width, height = (row.get(side) for side in ("width", "height"))
    if not all(isinstance(side, int) and 1 <= side < 2**31 for side in (width, height)):
        problems.append(f"image size is {width!r:.40} x {height!r:.40}, expected at least 1 x 1")
    for name in ("title", "attributes", "category"):
        if problem := text_problem(row.get(name)):
            problems.append(f"{name} is {problem}: {row.get(name)!r:.40}")
    boxes, masked = (row.get(name) for name in ("boxes", "masked_boxes"))
    if isinstance(boxes, list | tuple) and not boxes:
        problems.append("no boxes")
    for name, found in (("box", boxes), ("masked box", masked)):
        if not isinstance(found, list | tuple):
            problems.append(f"got {found!r:.40} for its {name}es, expected a list")
            continue
        for i, box in enumerate(found):
            if not _is_box(box):
                problems.append(f"{name} {i} is {box!r:.120}, expected 0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1")
    for name in ("captions", "roles"):
        texts = row.get(name)
        if texts is None:  # hidden, and data without roles
            continue
        if not isinstance(texts, list | tuple):
            problems.append(f"got {texts!r:.40} for its {name}, expected a list")
        elif isinstance(boxes, list | tuple) and len(texts) != len(boxes):
            problems.append(f"{len(texts)} {name} for {len(boxes)} boxes")
        else:
            found = [(i, text, text_problem(text)) for i, text in enumerate(texts)]
            problems += [f"{name[:-1]} {i} is {problem}: {text!r:.40}" for i, text, problem in found if problem]
    return problems


def _is_box(box: Any) -> bool:
    if not isinstance(box, list | tuple) or len(box) != 4 or not all(isinstance(value, int | float) for value in box):
        return False
    x1, y1, x2, y2 = box
    return 0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1


def text_problem(text: Any) -> str:
    """Reason to refuse a text, which may be anything; "" if it is fine."""
    if not isinstance(text, str):
        return "not text"
    try:
        return f"longer than {MAX_TEXT:,} bytes" if len(text.encode()) > MAX_TEXT else ""
    except UnicodeEncodeError:
        return "with half a character (a lone surrogate)"


def batch_is_fine(batch: pa.RecordBatch) -> bool:
    """Whether `row_problems` finds nothing in any row of a batch in the types of the schema; fast."""
    if any(_has_nulls(batch.column(name), hidden=name in OPTIONAL) for name in batch.schema.names):
        return False
    ids = batch.column("image_id")
    if not pc.all(pc.match_substring_regex(ids, f"^(?:{_IMAGE_ID})$")).as_py():
        return False
    if pc.any(pc.match_substring_regex(ids, _UNSAFE)).as_py():
        return False
    counts = numbers(batch.column("boxes").value_lengths())
    sides = [numbers(batch.column(side)) for side in ("width", "height")]
    if any(column.min(initial=1) < 1 for column in (counts, *sides)):
        return False
    for name in ("boxes", "masked_boxes"):
        corners = numbers(batch.column(name).flatten().flatten()).reshape(-1, 4)
        low, high = corners[:, :2], corners[:, 2:]
        if not ((low >= 0) & (low < high) & (high <= 1)).all():  # false for NaN, too
            return False
    for name in OPTIONAL & set(batch.schema.names):
        column = batch.column(name)
        if not column.null_count and not np.array_equal(numbers(column.value_lengths()), counts):
            return False
    texts = [_leaves(batch.column(name)) for name in batch.schema.names]
    lengths = [numbers(pc.binary_length(text)) for text in texts if pa.types.is_string(text.type)]
    return all(column.max(initial=0) <= MAX_TEXT for column in lengths)


def numbers(column: pa.Array) -> np.ndarray:
    """The values of a column of numbers without nulls, not copied.

    Unlike `np.asarray` and `to_numpy`, this does not look for pandas, whose import takes longer than to read a split.
    """
    return np.from_dlpack(column)


def _leaves(column: pa.Array) -> pa.Array:
    while pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type):
        column = column.flatten()
    return column


def _has_nulls(column: pa.Array, *, hidden: bool) -> bool:
    """Whether something is null in a column, at any level; if it may be hidden, all of its lists may be."""
    if hidden and column.null_count == len(column):
        return False
    while pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type):
        if column.null_count:
            return True
        column = column.flatten()
    return bool(column.null_count)
