"""The numbers printed in the paper (Tables 1 to 4, A5 and A6), read from `paper.json`, and the size of its data.

Every cell was copied as printed. `inconsistencies` in that file lists where the paper contradicts itself;
`docs/paper_vs_code.md` explains it.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

#: Our name of a metric -> its name in the paper, which reports no other metrics.
COLUMNS = {
    "BLEU-1": "B@1",
    "BLEU-4": "B@4",
    "METEOR": "METEOR",
    "CIDEr": "CIDEr",
    "Div@1": "D@1",
    "Div@2": "D@2",
}

#: What Table 2 shows, for tables that quote it.
TABLE2_SOURCE = (
    "Gao et al. (2022), CapOnImage: Context-driven Dense-Captioning on Image, Table 2: means of 5 runs on "
    "CapOnImage2M, as printed"
)

#: Training images of CapOnImage2M, and captions of an image (section 3).
TRAINING_IMAGES, CAPTIONS_PER_IMAGE = 2_060_000, 4.8

_SPLITS = {"val": "validation", "test": "test"}


@cache
def numbers() -> dict[str, Any]:
    """The content of `paper.json`."""
    return json.loads((Path(__file__).parent / "paper.json").read_text(encoding="utf-8"))


def value(table: str, row: str | None, split: str, metric: str) -> float | None:
    """One number of Table 2, 3 or A5, in the paper's scale; None where the paper prints nothing.

    Args:
        table: name of the table: "table2", "table3" or "tablea5".
        row: key of the row: its `id` in Table 2, its number in Table 3, its label in Table A5; None for a row
            that the paper does not have.
        split: name of the split, "val" or "test".
        metric: our name of the metric.

    Raises:
        KeyError: if the table has no such row.
    """
    column = COLUMNS.get(metric)
    content = numbers().get(table.replace("tablea", "tableA"))
    if row is None or column is None or content is None:
        return None
    for entry in content.get("rows", []):
        if row in (entry.get("id"), entry.get("label"), str(entry.get("row"))):
            cells = entry.get(_SPLITS[split], entry if content.get("split") == _SPLITS[split] else {})
            return cells.get(column)
    raise KeyError(f"{table} of the paper has no row {row!r}")


def table2_rows() -> list[tuple[str, dict[str, dict[str, float | None]]]]:
    """Table 2 as printed: the label of each row, and its numbers by split and by our name of the metric."""
    return [
        (
            row.get("name", row["label"]),
            {split: {name: row[_SPLITS[split]].get(COLUMNS[name]) for name in COLUMNS} for split in _SPLITS},
        )
        for row in numbers()["table2"]["rows"]
    ]


def copying(order: int) -> float:
    """BLEU-`order` of Table A6 (product info against captions of the full model, test split), from 0 to 1."""
    return float(numbers()["tableA6"][f"BLEU{order}"])


def preferences() -> dict[str, tuple[float, float]]:
    """Table 4: question -> percentages of 400 images on which the baseline and the full model won."""
    return {question: (base, full) for question, (base, full, _) in numbers()["table4"]["rows"].items()}
