"""Captions of an entry that stand elsewhere, and what a reviewer should look at before accepting it.

Copies of another entry, or of the references, are failures; see `check`. Scores that jump and captions that do not vary
are notes, never failures: each has honest causes, and a rule that refuses would teach how to stay below it. A score
counts as above another only when their 95 % intervals are apart, so that small splits raise no alarm, and when it is
above by more than honest systems are (see each constant).

Invariant: captions are compared as tokens (white space dropped), by 64-bit hashes of this process, so a hundred
entries fit into memory.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..dataset.mini import UNEXPLAINED
from ..dataset.store import Split
from ..errors import InputError
from ..metrics.tokens import characters
from ..predictions import read_predictions
from .entries import neighbours

#: Share of equal captions from which two prediction files count as one.
NEAR_DUPLICATE = 0.99
#: Share of captions equal to their reference from which they look leaked; people reach far less.
LEAKED = 0.95


def hashed(captions: Sequence[str]) -> np.ndarray:
    """A hash of each caption's tokens; int64, shape (len(captions),)."""
    return np.array([hash(characters(caption)) for caption in captions], dtype=np.int64)


def equal_share(captions: np.ndarray, others: np.ndarray) -> float:
    """Share of boxes with the same tokens, of two results of `hashed`."""
    return float(np.mean(captions == others))


class Neighbours:
    """Test predictions of entries beside others, read once."""

    def __init__(self, test: Split) -> None:
        self._test = test
        self._read: dict[Path, np.ndarray | None] = {}

    def of(self, entry: Path, beside: Path) -> Iterator[tuple[str, np.ndarray]]:
        """Name and `hashed` captions of each valid test file of the other entries in a folder.

        Args:
            entry: whose neighbours are asked for.
            beside: the folder of all entries.
        """
        for name, path in neighbours(beside, entry):
            if path not in self._read:
                try:
                    self._read[path] = hashed(read_predictions(path, self._test))
                except InputError:
                    self._read[path] = None  # its own failure
            captions = self._read[path]
            if captions is not None:
                yield name, captions


#: Test above val, or one seed above all others. Of 11 systems stored in reports/results/mini, the one furthest above
#: its val has 6.3 % more CIDEr on test; in the paper's Table 2, every system has less.
GAP = 0.10
#: Above the best accepted entry. From the best baseline of the paper's Table 2 to its best model it is 20 %.
STEP = 0.25
#: Share of boxes with one caption; of mini's references, the most frequent one stands in fewer than 1 % of the boxes.
SAME_CAPTION = 0.20

Receipts = Mapping[tuple[int, str], Mapping[str, Any]]


def jumps(receipts: Receipts, best: tuple[str, float] | None) -> Iterator[str]:
    """Notes on the scores of an entry.

    Args:
        receipts: recomputed ones by (seed, split).
        best: name and test CIDEr of the best other entry that was accepted, if there is one.
    """
    test = {seed: receipt for (seed, split), receipt in sorted(receipts.items()) if split == "test"}
    for seed, receipt in test.items():
        val = receipts.get((seed, "val"))
        if val and (excess := _excess(receipt, [val])) > GAP:
            yield f"seed {seed}: CIDEr on test is {excess:.0%} above val; were test captions seen, or test tuned on?"
        others = [other for number, other in test.items() if number != seed]
        if others and (excess := _excess(receipt, others)) > GAP:
            yield f"seed {seed}: CIDEr is {excess:.0%} above the next best seed; is it the same system?"
        low, _ = receipt["intervals"]["Exact"]
        reachable = 100 * (1 - UNEXPLAINED)
        if receipt["data"]["synthetic"] and low > reachable:
            yield (
                f"seed {seed}: exact match is above {reachable:g} %, more than the data set's generator lets anyone "
                "reach; were references seen?"
            )
        low, _ = receipt["intervals"]["CIDEr"]
        if best and low > best[1] > 0 and (excess := receipt["scores"]["CIDEr"] / best[1] - 1) > STEP:
            yield f"seed {seed}: CIDEr on test is {excess:.0%} above the best accepted entry, {best[0]}"


def sameness(seed: int, captions: np.ndarray) -> Iterator[str]:
    """A note if one caption stands in a large share of the boxes.

    Args:
        seed: of the predictions.
        captions: `hashed` of the test captions.
    """
    share = np.unique(captions, return_counts=True)[1].max() / len(captions)
    if share > SAME_CAPTION:
        yield f"seed {seed}: one caption stands in {share:.0%} of the test boxes"


def _excess(receipt: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> float:
    """By how much CIDEr is above the best of others, as a share of it; 0 unless its interval is above all of theirs."""
    low, _ = receipt["intervals"]["CIDEr"]
    if low <= max(other["intervals"]["CIDEr"][1] for other in others):
        return 0.0
    best = max(other["scores"]["CIDEr"] for other in others)
    return float(receipt["scores"]["CIDEr"] / best - 1) if best > 0 else 1.0
