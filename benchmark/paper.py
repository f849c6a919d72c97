"""The paper's numbers, as printed: `paper.json`, copied cell by cell from its Tables 1 to 4, A5 and A6.

Where the paper contradicts itself, `inconsistencies` in that file says how; `docs/paper_vs_code.md` tells readers.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

#: Our name of a metric -> the paper's. What is missing here the paper does not report.
COLUMNS = {
    "BLEU-1": "B@1",
    "BLEU-4": "B@4",
    "METEOR": "METEOR",
    "CIDEr": "CIDEr",
    "Div@1": "D@1",
    "Div@2": "D@2",
}

_SPLITS = {"val": "validation", "test": "test"}


@cache
def numbers() -> dict[str, Any]:
    """The whole file."""
    return json.loads((Path(__file__).parent / "paper.json").read_text(encoding="utf-8"))


def value(table: str, row: str | None, split: str, metric: str) -> float | None:
    """A cell of Table 2, 3 or A5, in the paper's scale; None where the paper prints nothing.

    Args:
        table: "table2", "table3" or "tablea5".
        row: key of the row: its `id` in Table 2, its number in Table 3, its label in Table A5; None: not in the paper.
        split: "val" or "test".
        metric: our name of it.
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


def copying(order: int) -> float:
    """BLEU-`order` of Table A6, between product info and the captions of the full model, on test, from 0 to 1."""
    return float(numbers()["tableA6"][f"BLEU{order}"])


def preferences() -> dict[str, tuple[float, float]]:
    """Table 4: question -> per cent of 400 images on which the baseline won, and on which the full model did."""
    return {question: (base, full) for question, (base, full, _) in numbers()["table4"]["rows"].items()}
