"""Finds unusual scores for a reviewer to look at before an entry is accepted; `copies` finds what is copied.

Unusually high scores and captions that do not vary are notes, never failures: each can have an honest cause, and a
fixed rule would show how to stay below it. A score counts as higher than another only if their 95 % intervals do not
overlap, so that small splits cause no false alarm, and if it is higher by more than honest systems differ (see each
constant).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..dataset.mini import REACHABLE_EXACT

#: Relative difference in CIDEr from which test above val, or one seed above all others, is noted. Among the 26 runs
#: in submissions/ test is at most 4.6 % above val; in the paper's Table 2 it is always lower.
GAP = 0.10
#: Relative difference in CIDEr from which a score above the best accepted entry is noted. In the paper's Table 2 the
#: best model is 20 % above the best baseline.
STEP = 0.25
#: Share of boxes with one and the same caption from which it is noted. The most frequent reference of mini is in less
#: than 1 % of the boxes.
SAME_CAPTION = 0.20

Receipts = Mapping[tuple[int, str], Mapping[str, Any]]


def jumps(receipts: Receipts, best: tuple[str, float] | None) -> Iterator[str]:
    """Yield notes on unusually high scores of an entry.

    Args:
        receipts: recomputed receipts by (seed, split).
        best: name and test CIDEr of the best other accepted entry; None if there is none.
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
        if receipt["data"]["synthetic"] and low > REACHABLE_EXACT:
            yield (
                f"seed {seed}: exact match is above {REACHABLE_EXACT} %, more than the data set's generator lets "
                "anyone reach; were references seen?"
            )
        low, _ = receipt["intervals"]["CIDEr"]
        if best and low > best[1] > 0 and (excess := receipt["scores"]["CIDEr"] / best[1] - 1) > STEP:
            yield f"seed {seed}: CIDEr on test is {excess:.0%} above the best accepted entry, {best[0]}"


def below(receipts: Receipts, without_model: Mapping[str, float]) -> Iterator[str]:
    """Yield a note for each seed that is not better than a system without a model.

    Args:
        receipts: recomputed receipts by (seed, split).
        without_model: test CIDEr of each system without a model, by name.
    """
    for (seed, split), receipt in sorted(receipts.items()):
        low, _ = receipt["intervals"]["CIDEr"]
        better = [name for name, score in without_model.items() if score >= low]
        if split == "test" and better:
            yield f"seed {seed}: CIDEr on test is not above that of {', '.join(better)}, which needs no model"


def sameness(seed: int, captions: np.ndarray) -> Iterator[str]:
    """Yield a note if a large share of the boxes has the same caption.

    Args:
        seed: seed of the predictions.
        captions: `copies.caption_hashes` of the test captions.
    """
    share = np.unique(captions, return_counts=True)[1].max() / len(captions)
    if share > SAME_CAPTION:
        yield f"seed {seed}: {share:.0%} of the test boxes have the same caption"


def _excess(receipt: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> float:
    """Relative difference in CIDEr from the best of others; 0 unless its interval is above all of theirs."""
    low, _ = receipt["intervals"]["CIDEr"]
    if low <= max(other["intervals"]["CIDEr"][1] for other in others):
        return 0.0
    best = max(other["scores"]["CIDEr"] for other in others)
    return float(receipt["scores"]["CIDEr"] / best - 1) if best > 0 else 1.0
