"""From the captions of requests to scores, by the one path that scores files: what every harness calls.

It loads no harness. Metrics may be called while a run goes on, so nothing here fails on a small corpus, or none.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..metrics.corpus import Corpus
from ..scoring.evaluation import Evaluation

#: The scores of the last captions: each metric of a harness is a call of its own, with the same ones.
_last: tuple[object, dict[str, float]] = ((), {})


def corpus_scores(replies: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """All metrics of the captions of some requests, in table scale; boxes without a caption count as empty captions.

    The images may be some of a split, and boxes some of an image: what is scored is what is there.

    Args:
        replies: what `request.known` tells of each request, and its `captions`, or None.
    """
    global _last
    boxes: dict[tuple[int, int], tuple[str, str, float]] = {}
    for about in replies:
        captions = about.get("captions") or [""] * len(about.get("boxes", ()))
        if about.get("references"):
            rest = zip(captions, about["references"], about["aspect_ratios"], strict=True)
            boxes |= {(about["image"], box): of for box, of in zip(about["boxes"], rest, strict=True)}
    key = tuple(sorted(boxes.items()))
    if not key:
        return {}
    if _last[0] != key:
        images = np.array([image for (image, _), _ in key])
        offsets = np.flatnonzero(np.diff(images, prepend=-1, append=images[-1] + 1))
        predictions, references, aspect_ratios = zip(*(of for _, of in key), strict=True)
        corpus = Corpus.from_captions(predictions=predictions, references=references, offsets=offsets)
        _last = (key, Evaluation(corpus, np.array(aspect_ratios)).scores)
    return _last[1]


def failure_share(replies: Sequence[Mapping[str, Any]]) -> float:
    """The share of boxes that have no caption, in percent."""
    boxes = sum(len(one.get("boxes", ())) for one in replies)
    return 100 * sum(len(one.get("boxes", ())) for one in replies if not one.get("captions")) / max(1, boxes)
