"""What is told of scores on references that are not public, so that nobody can work the references out.

A score to full precision tells whether one caption of a hundred thousand is right; so does the score of a few boxes.
"""

from collections.abc import Mapping
from typing import Any

#: Decimal places of a score.
DECIMALS = 2
#: Boxes that a slice has at least.
FEWEST_BOXES = 100

_TOLD = ("format", "data", "versions", "metrics", "scores", "intervals")

NOTE = (
    "the data set is not marked as public: references, pictures, product info and scores of single images and small "
    "slices are withheld, and scores are rounded"
)


def rounded(value: Any) -> Any:
    """A score, or scores in lists and mappings, as far as they are told."""
    if isinstance(value, Mapping):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(inner) for inner in value]
    return round(value, DECIMALS) if isinstance(value, float) else value


def place_of(difference: str) -> str:
    """Where a receipt differs from its recomputation (`receipt.first_difference`), without the number that is right."""
    return f"{difference.partition(': ')[0]} differs"


def told(receipt: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a receipt that is told: rounded scores and intervals, and slices of enough boxes."""
    slices = {
        by: {name: part for name, part in parts.items() if part["boxes"] >= FEWEST_BOXES}
        for by, parts in receipt.get("slices", {}).items()
    }
    kept = {key: value for key, value in receipt.items() if key in _TOLD}
    return dict(rounded(kept | {"slices": {by: parts for by, parts in slices.items() if parts}}))
