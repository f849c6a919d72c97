"""CapOnImage: benchmark harness of captioning on image: scores, significance tests, data sets, leaderboard.

The command lines (`python -m benchmark` lists them) and this small API share one scoring path::

    import benchmark

    evaluation = benchmark.evaluate(predictions=[["温和不刺激", "好用"]], references=[["温和不刺激", "实用"]])
    evaluation.scores["CIDEr"], evaluation.intervals()["CIDEr"]

    benchmark.evaluate_file("preds.jsonl", data="mini", split="test").scores

Importing this package loads nothing heavy: no torch, no pyarrow, no numpy.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .dataset.store import Split
    from .scoring.evaluation import Evaluation

#: In a checkout this folder is `benchmark`; installed, it is `caponimage`. If one process imported both, each would
#: have its own classes, and an error raised by one would not be caught by the other.
IS_CAPONIMAGE = True
_other = sys.modules.get({"benchmark": "caponimage", "caponimage": "benchmark"}.get(__name__, ""))
if _other is not None and getattr(_other, "IS_CAPONIMAGE", False):
    raise ImportError(f"this process has imported the package as {_other.__name__}; do not import it as {__name__} too")

from .version import __version__  # noqa: E402  # first the check above

__all__ = ["__version__", "evaluate", "evaluate_file", "open_split"]


def evaluate(*, predictions: Sequence[Sequence[str]], references: Sequence[Sequence[str]]) -> "Evaluation":
    """Score captions that are already in memory.

    Args:
        predictions: for each image, one caption per box.
        references: reference captions of the same boxes, nested in the same way.

    Returns:
        `.scores` (table scale), `.intervals()`, `.segments()`; no length fitness, which needs the boxes.

    Raises:
        ValueError: if predictions and references differ in their images or boxes, or there is no box at all.
    """
    from itertools import chain

    import numpy as np

    from .metrics.corpus import Corpus
    from .scoring.evaluation import Evaluation

    boxes, others = [len(image) for image in references], [len(image) for image in predictions]
    if boxes != others:
        first = next((i for i, (a, b) in enumerate(zip(boxes, others, strict=False)) if a != b), None)
        where = f"image {first} has {others[first]} predictions for {boxes[first]} boxes" if first is not None else ""
        raise ValueError(where or f"got predictions for {len(others)} images, references for {len(boxes)}")
    if not boxes or 0 in boxes:
        raise ValueError("every image needs at least one box, and there must be an image")
    offsets = np.cumsum([0, *boxes])
    flat = {"predictions": list(chain(*predictions)), "references": list(chain(*references))}
    return Evaluation(Corpus.from_captions(**flat, offsets=offsets))


def evaluate_file(predictions: str | Path, *, data: str | Path | None = None, split: str = "test") -> "Evaluation":
    """Score a prediction file, as `python -m benchmark.score` does.

    Args:
        predictions: prediction file (JSON Lines, also .gz or .zst).
        data: data set folder or "mini"; default: the environment variable CAPONIMAGE_DATA, else mini.
        split: name of the split, "val" or "test".

    Raises:
        benchmark.errors.InputError: listing every problem of the file.
    """
    from .predictions import read_predictions
    from .scoring.evaluation import evaluate as evaluate_split

    opened = open_split(data, split)
    return evaluate_split(opened, read_predictions(Path(predictions), opened))


def open_split(data: str | Path | None, split: str) -> "Split":
    """Open one split of a data set; see `benchmark.dataset.open_split`."""
    from . import dataset

    return dataset.open_split(data, split)
