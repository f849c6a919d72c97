"""The judge's task for Inspect, and the votes in its log."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inspect_ai import Task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.log import EvalLog, read_eval_log
from inspect_ai.model import (
    ChatMessage,
    ChatMessageSystem,
    ChatMessageUser,
    ContentImage,
    ContentText,
    GenerateConfig,
    ModelOutput,
    ResponseSchema,
)
from inspect_ai.util import JSONSchema

from ..dataset.store import Split
from ..preferences.votes import AXES, PLACES, Vote, Votes
from ..scoring.receipt import captions_digest
from ..version import __version__
from .judge import ANSWERS, Ballot, JudgeWriter, Pairing, png, read_verdict
from .logs import describe_run, samples, why
from .reply import Failure, UnusableReplyError
from .request import Turn
from .session import Prices
from .task import asking


def judge_task(writer: JudgeWriter, pairings: Sequence[Pairing], *, keep: bool) -> Task:
    """A task that asks the judge for its verdict on each pairing.

    Args:
        writer: writes the requests.
        pairings: what is asked.
        keep: whether replies are kept in Inspect's cache.
    """
    known = {pairing.id: pairing for pairing in pairings}
    prompt = writer.prompt
    return Task(
        name="judge",
        dataset=MemoryDataset([Sample(id=one.id, input=one.id, metadata={}) for one in pairings], name="pairings"),
        solver=asking(
            lambda state: judge_messages(writer, known[str(state.sample_id)]),
            lambda state, output: read_output(output),
            lambda state: verdict_schema() if prompt.structured else None,
            keep=keep,
        ),
        config=GenerateConfig(temperature=0.0, top_p=1.0),
        fail_on_error=False,
        metadata={"caponimage": __version__, "prompt": prompt.id, "prompt_hash": prompt.hash},
    )


def judge_messages(writer: JudgeWriter, pairing: Pairing) -> list[ChatMessage]:
    """The messages of a request."""
    content: list[ContentText | ContentImage] = [
        ContentText(text=part)
        if isinstance(part, str)
        else ContentImage(image=Turn("", png(part)).picture_url, detail="high")
        for part in writer.parts(pairing)
    ]
    return [ChatMessageSystem(content=writer.prompt.texts["system"]), ChatMessageUser(content=[*content])]


def verdict_schema() -> ResponseSchema:
    """The schema of a reply."""
    answer = JSONSchema(type="string", enum=list(ANSWERS))
    schema = JSONSchema(
        type="object", properties=dict.fromkeys(AXES, answer), required=list(AXES), additionalProperties=False
    )
    return ResponseSchema(name="verdict", json_schema=schema, strict=True)


def read_output(output: ModelOutput) -> dict[str, str]:
    """Read the verdict in a model's output.

    Raises:
        UnusableReplyError: if there is none.
    """
    if output.empty:
        raise UnusableReplyError(Failure.no_reply)
    return read_verdict(output.completion, stop_reason=output.stop_reason)


@dataclass
class Verdicts:
    """What the replies of a log say.

    Attributes:
        header: what the log says of the run.
        better: for each request with a verdict, the better place on each criterion.
        failures: for each request without one, why, and what the engine said of it.
        tokens_in, tokens_out: tokens of all attempts that led to these replies, also of unusable ones and earlier runs.
    """

    header: EvalLog
    better: dict[str, dict[str, str]]
    failures: dict[str, tuple[Failure, str]]
    tokens_in: int = 0
    tokens_out: int = 0

    def votes(self, ballots: Sequence[Ballot]) -> list[Vote]:
        """The votes that are there; a request without a verdict gives none."""
        rater = str(self.header.eval.model)
        same = dict.fromkeys(AXES, PLACES[1])
        found = []
        for ballot in ballots:
            better = same if ballot.pairing is None else self.better.get(ballot.pairing)
            if better is not None:
                asked = ballot.pairing is not None
                found.append(Vote(ballot.image_id, rater, ballot.first, ballot.second, better, asked))
        return found


def read_verdicts(log: Path) -> Verdicts:
    """Read all replies of a judge's log."""
    verdicts = Verdicts(read_eval_log(str(log), header_only=True), {}, {})
    for sample in samples(log):
        used = sample.metadata.get("tokens", {})
        verdicts.tokens_in += used.get("in", 0)
        verdicts.tokens_out += used.get("out", 0)
        try:
            verdicts.better[str(sample.id)] = read_output(sample.output)
        except UnusableReplyError as error:
            verdicts.failures[str(sample.id)] = why(sample, error)
    return verdicts


def votes_from(
    verdicts: Verdicts,
    split: Split,
    systems: Mapping[str, Sequence[str]],
    ballots: Sequence[Ballot],
    prices: Prices,
    drawn: Mapping[str, Any],
) -> Votes:
    """The votes of a run, with all that a reader must know of them.

    Args:
        verdicts: the judge's verdicts.
        split: split of the captions.
        systems: captions of each system.
        ballots: the votes that were to be had.
        prices: prices of tokens.
        drawn: how images were drawn.
    """
    priced = prices != Prices()
    about = {
        **describe_run(verdicts.header),
        **drawn,
        "fingerprint": split.fingerprint.hexdigest(),
        "systems": {name: captions_digest(captions) for name, captions in systems.items()},
        "requests": len(verdicts.better) + len(verdicts.failures),
        "failures": dict(Counter(failure.value for failure, _ in verdicts.failures.values()).most_common()),
        "tokens": {"in": verdicts.tokens_in, "out": verdicts.tokens_out},
        "prices_per_million": {"in": prices.into, "out": prices.out} if priced else None,
        "price": prices.of(verdicts.tokens_in, verdicts.tokens_out) if priced else None,
    }
    return Votes(split.dataset, split.name, split.synthetic, "model", verdicts.votes(ballots), about)
