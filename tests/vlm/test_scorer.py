"""Inspect's metrics: the bits of `benchmark.score`, also while a run goes on."""

import math
import random

import pytest
from captions import caption

pytest.importorskip("inspect_ai", reason="needs the extra vlm")

from inspect_ai.scorer import SampleScore, Score

from benchmark.dataset.store import Split
from benchmark.metrics import METRICS
from benchmark.scoring.evaluation import evaluate
from benchmark.vlm.scorer import CORPUS_METRICS, failures, scores_of


def scores(split: Split, captions: list[str], unit: str) -> list[SampleScore]:
    found = []
    for image in range(split.n_images):
        first, end = split.offsets[image : image + 2].tolist()
        pieces = [range(first, end)] if unit == "image" else [range(box, box + 1) for box in range(first, end)]
        for boxes in pieces:
            about = {
                "image": image,
                "boxes": [box - first for box in boxes],
                "references": [split.captions[box] for box in boxes],
                "aspect_ratios": [float(split.aspect_ratios[box]) for box in boxes],
                "captions": [captions[box] for box in boxes],
            }
            found.append(SampleScore(score=Score(value=1.0, metadata=about)))
    random.Random(1).shuffle(found)  # as they are finished
    return found


@pytest.mark.parametrize("unit", ["image", "box"])
def test_the_bits_are_those_of_the_command(splits: dict[str, Split], unit: str) -> None:
    """A score in Inspect's log that differs from the one of the prediction file made of it."""
    split, draw = splits["test"], random.Random(2)
    captions = [draw.choice([reference, caption(draw)]) for reference in split.captions]
    expected = evaluate(split, captions).scores
    replies = scores(split, captions, unit)
    assert {each.name for each in METRICS} == set(expected)
    assert scores_of(replies) == expected
    ranked = sorted(METRICS, key=lambda each: each.name != "CIDEr")
    assert [build()(replies) for build in CORPUS_METRICS] == [expected[each.name] for each in ranked]


def test_a_box_without_a_caption_counts_as_empty(splits: dict[str, Split]) -> None:
    """Failures that are left out of the corpus, so that a model which answers the easy boxes alone wins."""
    split = splits["test"]
    replies = scores(split, split.captions, "image")
    for reply in replies[:3]:
        assert reply.score.metadata
        reply.score.metadata["captions"] = None
    lost = {(reply.score.metadata or {})["image"] for reply in replies[:3]}
    captions = ["" if image in lost else text for image, text in zip(split.image_of_box, split.captions, strict=True)]
    assert scores_of(replies) == evaluate(split, captions).scores
    assert failures()(replies) == pytest.approx(100 * captions.count("") / split.n_boxes)


def test_small_and_odd_corpora_raise_nothing(splits: dict[str, Split]) -> None:
    """A run that dies after its last request is paid, since a metric was called live with one sample, or none."""
    split = splits["test"]
    replies = scores(split, [""] * split.n_boxes, "box")
    hidden = SampleScore(score=Score(value=0.0, metadata={"image": 0, "boxes": [0], "captions": None}))
    for corpus in ([], replies[:1], replies[:2], [hidden], [SampleScore(score=Score(value=0.0))]):
        values = [build()(corpus) for build in (*CORPUS_METRICS, failures)]
        assert all(isinstance(value, float) for value in values)
    assert math.isnan(CORPUS_METRICS[0]()([hidden]))
