"""What lmms-eval calls while it runs a task of this benchmark; the folder's `utils.py` takes the functions from here.

A request that failed is no reply: lmms-eval puts its error message in the reply's place and scores it. Here its boxes
count as empty captions, and the share of such boxes stands beside the scores.
"""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from PIL import Image

from ...metrics import METRICS
from ..corpus import corpus_scores, failure_share
from ..reply import Failure, UnusableReplyError
from .answers import read_answer


def doc_to_visual(doc: Mapping[str, Any]) -> list[Image.Image]:
    """The picture of a request, if there is one."""
    picture = doc.get("picture")
    if picture is None:
        return []
    if isinstance(picture, dict):  # where `datasets` was told not to decode it
        picture = Image.open(io.BytesIO(picture["bytes"]), formats=["PNG"])
    return [picture.convert("RGB")]


def doc_to_text(doc: Mapping[str, Any], lmms_eval_specific_kwargs: object = None) -> str:
    """Instruction and question as one text, for models that take a picture and a text."""
    return f"{doc['system']}\n\n{doc['question']}"


def doc_to_messages(doc: Mapping[str, Any], lmms_eval_specific_kwargs: object = None) -> list[dict[str, Any]]:
    """The messages of a request, for models that chat."""
    parts: list[dict[str, Any]] = [{"type": "image", "url": picture} for picture in doc_to_visual(doc)]
    return [
        {"role": "system", "content": [{"type": "text", "text": doc["system"]}]},
        {"role": "user", "content": [*parts, {"type": "text", "text": doc["question"]}]},
    ]


def doc_to_target(doc: Mapping[str, Any]) -> str:
    """The reference captions by the number of their box, for the log."""
    if not doc.get("references"):
        return ""
    numbered = {str(box + 1): text for box, text in zip(doc["boxes"], doc["references"], strict=True)}
    return json.dumps(numbered, ensure_ascii=False)


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """Read a reply; every metric gets the same item, since all are functions of the whole corpus.

    The samples that lmms-eval writes hold the items alone, so the id of the request is in them.
    """
    item = {name: doc.get(name) for name in ("request", "image", "boxes", "references", "aspect_ratios")}
    try:
        item |= {"captions": read_answer(results[0] if results else None, doc["boxes"]), "failure": None}
    except UnusableReplyError as error:
        item |= {"captions": None, "failure": error.failure.value}
    return dict.fromkeys(AGGREGATIONS if item["references"] else COUNTS, item)


def _score(name: str, items: Sequence[Mapping[str, Any]]) -> float:
    return corpus_scores(items).get(name, float("nan"))


def failures(items: Sequence[Mapping[str, Any]]) -> float:
    """The share of boxes that have no caption, in percent."""
    return failure_share(items)


def failed_requests(items: Sequence[Mapping[str, Any]]) -> float:
    """The share of boxes whose request got no reply at all, in percent."""
    lost = Failure.no_reply.value
    return failure_share([{**item, "captions": item["failure"] != lost} for item in items])


#: Function of all items by the name of a metric in lmms-eval: what is known without references, and everything.
COUNTS: dict[str, Callable[[Sequence[Mapping[str, Any]]], float]] = {
    "failures": failures,
    "failed_requests": failed_requests,
}
AGGREGATIONS = {**{metric.key: partial(_score, metric.name) for metric in METRICS}, **COUNTS}
