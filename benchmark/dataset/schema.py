"""Schema of annotation rows (one image with its text boxes each), and the checks that a row must pass.

Invariants of every row in a data set (checked on writing, see `row_problems`):
* boxes are [x1, y1, x2, y2] as ratios of the image's width and height, 0 <= x1 < x2 <= 1, 0 <= y1 < y2 <= 1;
* captions and boxes run in parallel; a split has captions for every image or for none (hidden references);
* image ids are unique, short, and safe as file names.
"""

import re
from typing import Any, TypedDict

import pyarrow as pa

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

IMAGE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,127}")


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


def row_problems(row: AnnotationRow) -> list[str]:
    """List every reason to refuse a row; empty if the row is fine."""
    problems = []
    image_id: Any = row["image_id"]
    if not isinstance(image_id, str) or not IMAGE_ID.fullmatch(image_id) or ".." in image_id:
        problems.append(f"image id {image_id!r:.80} is not 1 to 128 letters, digits, '_', '-' or single '.'")
    if row["width"] < 1 or row["height"] < 1:
        problems.append(f"image size is {row['width']} x {row['height']}, expected at least 1 x 1")
    if not row["boxes"]:
        problems.append("no boxes")
    for name, boxes in (("box", row["boxes"]), ("masked box", row["masked_boxes"])):
        for i, (x1, y1, x2, y2) in enumerate(boxes):
            if not (0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1):
                problems.append(f"{name} {i} is {[x1, y1, x2, y2]}, expected 0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1")
    captions = row.get("captions")
    if captions is not None and len(captions) != len(row["boxes"]):
        problems.append(f"{len(captions)} captions for {len(row['boxes'])} boxes")
    return problems
