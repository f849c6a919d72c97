"""CapOnImage: benchmark harness of captioning on image: scores, significance tests, data sets, leaderboard.

The command lines (`python -m benchmark` lists them) and this small API share one scoring path::

    import benchmark

    evaluation = benchmark.evaluate(predictions=[["温和不刺激", "好用"]], references=[["温和不刺激", "实用"]])
    evaluation.scores["CIDEr"], evaluation.intervals()["CIDEr"]

    benchmark.evaluate_file("preds.jsonl", data="mini", split="test").scores

Importing this package loads nothing heavy: no torch, no pyarrow, no numpy.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

__all__ = ["__version__", "evaluate", "evaluate_by_id", "evaluate_file", "open_split"]


def evaluate(*, predictions: Sequence[Sequence[str]], references: Sequence[Sequence[str]]) -> "Evaluation":
    """Score captions that are already in memory.

    Args:
        predictions: for each image, one caption per box.
        references: reference captions of the same boxes, nested in the same way.

    Returns:
        `.scores` (table scale), `.intervals()`, `.segments()`; no length fitness, which needs the boxes.

    Raises:
        TypeError: if one is anything else, such as a flat list of captions; it names image and box. For dicts by image
            id there is `evaluate_by_id`.
        ValueError: if predictions and references differ in their images or boxes, or there is no box at all.
    """
    from .metrics.corpus import check_list

    for name, images in (("predictions", predictions), ("references", references)):
        by_id = " (for dicts by image id, call evaluate_by_id)" if isinstance(images, Mapping) else ""
        check_list(images, name, f"a list with the captions of each image: [['...', '...'], ['...']]{by_id}")
    if len(predictions) != len(references):
        raise ValueError(f"got predictions for {len(predictions)} images, references for {len(references)}")
    return _evaluate(range(len(references)), predictions, references)


def evaluate_by_id(
    *, predictions: Mapping[Any, Sequence[str]], references: Mapping[Any, Sequence[str]]
) -> "Evaluation":
    """Score captions that are already in memory, in dicts by image id, as pycocoevalcap takes them.

    Every box has one reference. Captions of the same id belong together, whatever the order of the dicts.

    Args:
        predictions: image id -> one caption per box.
        references: image id -> reference captions of the same boxes.

    Returns:
        The same as `evaluate`.

    Raises:
        TypeError: if one is no dict, or a value no list of captions; it names image and box.
        ValueError: if an image has only predictions or only references, or their numbers differ; it names the image.
    """
    from .metrics.corpus import got

    for name, images in (("predictions", predictions), ("references", references)):
        if not isinstance(images, Mapping):
            raise TypeError(f"{name}: {got(images)}, expected a dict, image id -> list with one caption per box")
    unpaired = {
        "no predictions": [i for i in references if i not in predictions],
        "no references": [i for i in predictions if i not in references],
    }
    said = [f"{what} for {len(ids)} of the images, such as {ids[0]!r}" for what, ids in unpaired.items() if ids]
    if said:
        raise ValueError("; ".join(said))
    ids = list(references)
    return _evaluate(ids, [predictions[i] for i in ids], [references[i] for i in ids])


def _evaluate(
    ids: Sequence[Any], predictions: Sequence[Sequence[str]], references: Sequence[Sequence[str]]
) -> "Evaluation":
    """Score the captions of images, which are named by `ids` in messages."""
    from itertools import chain

    import numpy as np

    from .metrics.corpus import Corpus, check_list
    from .scoring.evaluation import Evaluation

    for i, predicted, expected in zip(ids, predictions, references, strict=True):
        check_list(predicted, f"predictions: image {i}")
        check_list(expected, f"references: image {i}")
        if len(predicted) != len(expected):
            raise ValueError(
                f"image {i} has {len(predicted)} predictions for {len(expected)} boxes; every box has one reference"
            )
    boxes = [len(image) for image in references]
    if not boxes or 0 in boxes:
        raise ValueError("every image needs at least one box, and there must be an image")
    flat = {"predictions": list(chain(*predictions)), "references": list(chain(*references))}
    return Evaluation(Corpus.from_captions(**flat, offsets=np.cumsum([0, *boxes]), ids=ids))


def evaluate_file(predictions: str | Path, *, data: str | Path | None = None, split: str = "test") -> "Evaluation":
    """Score a prediction file, as `python -m benchmark.score` does.

    Args:
        predictions: prediction file (JSON Lines, also .gz or .zst).
        data: data set folder or "mini"; default: the environment variable CAPONIMAGE_DATA, else mini.
        split: name of the split, "val" or "test".

    Raises:
        TypeError: if an argument is of another type, such as captions instead of a file.
        benchmark.errors.InputError: listing every problem of the file.
    """
    from .metrics.corpus import got
    from .predictions import read_predictions
    from .scoring.evaluation import evaluate as evaluate_split

    if not isinstance(predictions, str | Path):
        raise TypeError(f"predictions: {got(predictions)}, expected the path of a file; `evaluate` takes captions")
    opened = open_split(data, split)
    return evaluate_split(opened, read_predictions(Path(predictions), opened))


def open_split(data: str | Path | None, split: str) -> "Split":
    """Open one split of a data set; see `benchmark.dataset.open_split`."""
    from . import dataset

    return dataset.open_split(data, split)
