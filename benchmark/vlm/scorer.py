"""Inspect's scorer of captions, and one metric for each metric of this benchmark, by the one path that scores files.

Surprising facts of Inspect that this module works around:
* a metric must say `list[SampleScore]` of its argument, or it is called in an older way, after all requests are paid;
* a metric with parameters is shown under its name and a number, so each of ours is a function with a name of its own;
* metrics are called while a run goes on, with one sample at first: no metric may fail on a small corpus.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from inspect_ai.model import ModelOutput
from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, metric, scorer
from inspect_ai.solver import TaskState

from ..metrics import HEADLINE, METRICS
from .corpus import corpus_scores, failure_share
from .reply import Failure, UnusableReplyError, read_reply


def read_output(output: ModelOutput, boxes: Sequence[int]) -> list[str]:
    """Read the caption of each box in a model's output.

    Raises:
        UnusableReplyError: if there is none for each box.
    """
    if output.empty:
        raise UnusableReplyError(Failure.no_reply)
    return read_reply(output.completion, boxes, stop_reason=output.stop_reason)


def _about(scores: Sequence[SampleScore]) -> list[Mapping[str, Any]]:
    return [score.score.metadata or {} for score in scores]


def scores_of(scores: Sequence[SampleScore]) -> dict[str, float]:
    """All metrics of the captions of some requests, see `corpus_scores`."""
    return corpus_scores(_about(scores))


def _metric(name: str, key: str) -> Callable[[], Metric]:
    """Inspect's form of a metric of the registry."""

    def build() -> Metric:
        def compute(scores: list[SampleScore]) -> float:
            return scores_of(scores).get(name, float("nan"))

        return compute

    return metric(name=key)(build)


#: A metric of Inspect for each metric of the registry, the one that ranks systems first.
CORPUS_METRICS = tuple(_metric(each.name, each.key) for each in sorted(METRICS, key=lambda m: m.name != HEADLINE))


@metric(name="failures")
def failures() -> Metric:
    """The share of boxes that have no caption, in percent."""

    def compute(scores: list[SampleScore]) -> float:
        return failure_share(_about(scores))

    return compute


@scorer(metrics=[*(build() for build in CORPUS_METRICS), failures()], name="captions")
def captions_scorer() -> Scorer:
    """Score the captions of a request; what counts is the corpus, so a single score says only whether there are any."""

    async def score(state: TaskState, target: Target) -> Score:
        about = {name: state.metadata.get(name) for name in ("image", "boxes", "references", "aspect_ratios")}
        try:
            captions = read_output(state.output, state.metadata["boxes"])
        except UnusableReplyError as error:
            return Score(value=0.0, reason=error.failure.value, metadata={**about, "captions": None})
        return Score(value=1.0, answer="\n".join(captions), metadata={**about, "captions": captions})

    return score
