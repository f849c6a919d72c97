"""The task for Inspect: `inspect eval caponimage/caption --model PROVIDER/MODEL -T split=val`.

Invariants:
* pictures are made when a request is sent, so a split of any size takes the memory of the requests in flight;
* replies are kept in Inspect's cache only if the task was told so (`keep`), and no unusable one is final there: it
  stays as one attempt, and the next run reads past it and asks again. A better parser finds it there, too.
"""

import json
from collections.abc import Callable
from itertools import count

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.event import ModelEvent
from inspect_ai.log import transcript
from inspect_ai.model import (
    CachePolicy,
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageUser,
    ContentImage,
    ContentText,
    GenerateConfig,
    ModelOutput,
    ResponseSchema,
    get_model,
)
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.util import JSONSchema

from ..dataset import open_dataset, open_split
from ..dataset.store import Split
from .prompt import read_prompt, settings_from
from .reply import Failure, UnusableReplyError
from .request import CaptionRequest, Turn, Writer, about_requests, known, requests
from .scorer import captions_scorer, failures, read_output
from .session import NotAskedError, current

#: Raised when the same settings would send or read something else.
VERSION = 1

#: Longest reply in tokens: a model that thinks needs thousands, and a reply that is cut is lost.
REPLY_TOKENS = 4096


@task
def caption(
    data: str | None = None,
    split: str = "test",
    images: int | None = None,
    prompt: str = "zh",
    unit: str = "image",
    coordinates: str = "thousand+marks",
    length: bool = True,
    neighbours: bool = False,
    without: str = "",
    shots: int = 0,
    seed: int = 1,
    structured: bool = False,
    keep: bool = False,
) -> Task:
    """Caption the boxes of a split.

    Args:
        data: data set folder, or mini. Default: the environment variable CAPONIMAGE_DATA, else mini.
        split: name of the split.
        images: number of images, the first ones of the split; by default all.
        prompt: name of a prompt that comes with this package, or a TOML file.
        unit: image or box, see `prompt.Settings` for this and the following.
        coordinates: how places are told.
        length: whether the length that a box holds is told.
        neighbours: whether a request for one box tells the other boxes.
        without: inputs that are left out, joined by commas.
        shots: number of examples from the train split.
        seed: seed of these.
        structured: whether replies are bound to a JSON schema.
        keep: whether replies are kept in Inspect's cache, and those that are there are not asked for again.
    """
    given = {
        "unit": unit, "coordinates": coordinates, "length": length, "neighbours": neighbours, "without": without,
        "shots": shots, "seed": seed, "structured": structured,
    }  # fmt: skip
    opened = open_split(data, split)
    writer = Writer(opened, read_prompt(str(prompt), settings_from(given)), open_dataset(data).get("train"))
    samples = [_sample(opened, asked) for asked in requests(opened, writer.prompt, images)]
    return Task(
        dataset=MemoryDataset(samples, name=f"{opened.dataset}-{opened.name}"),
        solver=asking(
            lambda state: messages(writer, _asked(state)),
            lambda state, output: read_output(output, state.metadata["boxes"]),
            lambda state: response_schema(_asked(state)) if writer.prompt.settings.structured else None,
            keep=keep,
        ),
        scorer=captions_scorer(),
        metrics=None if opened.has_references else [failures()],
        config=GenerateConfig(temperature=0.0, top_p=1.0, max_tokens=REPLY_TOKENS),
        fail_on_error=False,
        score_on_error=True,
        version=VERSION,
        metadata=about_requests(writer),
    )


def _sample(split: Split, asked: CaptionRequest) -> Sample:
    metadata = known(split, asked)
    target = "\n".join(metadata.get("references", ()))
    return Sample(id=asked.id, input=asked.id, target=target, metadata=metadata)


def _asked(state: TaskState) -> CaptionRequest:
    about = state.metadata
    return CaptionRequest(str(state.sample_id), about["image"], about["image_id"], tuple(about["boxes"]))


def asking(
    write: Callable[[TaskState], list[ChatMessage]],
    read: Callable[[TaskState, ModelOutput], object],
    schema: Callable[[TaskState], ResponseSchema | None] = lambda state: None,
    *,
    keep: bool,
) -> Solver:
    """A solver that asks once for each sample.

    Args:
        write: function that writes the messages of a sample, called when they are sent.
        read: function that reads the output for a sample, and raises `UnusableReplyError` if it cannot be used.
        schema: function that gives the schema of a reply, if there is one.
        keep: whether replies are kept, and usable ones that are there are not asked for again.
    """

    @solver(name="ask")
    def build() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            session = current.get()
            failure: Failure | None = None
            try:
                state.messages = write(state)
                state.output = await _reply(state, read, schema(state), keep=keep)
                state.messages.append(state.output.message)
                read(state, state.output)
            except UnusableReplyError as error:
                failure = error.failure
            except Exception as error:
                failure = Failure.not_asked if isinstance(error, NotAskedError) else Failure.no_reply
                raise
            finally:
                if session:
                    session.finished(failure)
            return state

        return solve

    return build()


async def _reply(
    state: TaskState, read: Callable[[TaskState, ModelOutput], object], schema: ResponseSchema | None, *, keep: bool
) -> ModelOutput:
    """The first usable reply that is kept, or else a new one; the tokens of all attempts are noted in the sample."""
    used = state.metadata["tokens"] = {"in": 0, "out": 0}
    arguments = get_model().model_args  # which the cache does not look at, though they change replies
    given = {"arguments": json.dumps(arguments, sort_keys=True, default=str)} if arguments else {}
    for attempt in count():
        policy = CachePolicy(expiry=None, scopes={"attempt": str(attempt), **given}) if keep else False
        config = GenerateConfig(response_schema=schema)
        output = await get_model().generate(state.messages, config=config, cache=policy)
        kept = _was_kept()
        tokens_in, tokens_out = tokens(output)
        used["in"] += tokens_in
        used["out"] += tokens_out
        if kept:
            try:
                read(state, output)
            except UnusableReplyError:
                continue
        if session := current.get():
            session.answered(tokens_in, tokens_out, kept=kept)
        if output.empty:
            raise UnusableReplyError(Failure.no_reply)
        return output
    raise AssertionError  # the loop has no end of its own


def tokens(output: ModelOutput) -> tuple[int, int]:
    """Tokens that went in, read from a provider's own cache or not, and those that came out, thoughts included."""
    used = output.usage
    return (used.total_tokens - used.output_tokens, used.output_tokens) if used else (0, 0)


def _was_kept() -> bool:
    """Whether the last reply came from the cache."""
    calls = (event for event in reversed(transcript().events) if isinstance(event, ModelEvent))
    return next((call.cache == "read" for call in calls), False)


def messages(writer: Writer, asked: CaptionRequest) -> list[ChatMessage]:
    """The messages of a request: instruction, examples, question."""
    sent: list[ChatMessage] = [ChatMessageSystem(content=writer.prompt.texts["system"])]
    for question, answer in writer.examples:
        sent += [_user(question), ChatMessageAssistant(content=answer.text)]
    return [*sent, _user(writer.turn(asked))]


def _user(turn: Turn) -> ChatMessage:
    if turn.picture is None:
        return ChatMessageUser(content=turn.text)
    return ChatMessageUser(content=[ContentImage(image=turn.picture_url, detail="high"), ContentText(text=turn.text)])


def response_schema(asked: CaptionRequest) -> ResponseSchema:
    """The schema of a reply: an object with one text for the number of each box."""
    names = [str(box + 1) for box in asked.boxes]
    text = JSONSchema(type="string")
    schema = JSONSchema(
        type="object", properties=dict.fromkeys(names, text), required=names, additionalProperties=False
    )
    return ResponseSchema(name="captions", json_schema=schema, strict=True)
