"""From the replies that another harness has written to captions of a split."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...dataset.store import Split
from ...errors import InputError
from ..replies import Replies
from ..reply import Failure, UnusableReplyError
from .answers import read_answer
from .folder import requests_of
from .readers import HarnessReply, read_answers

#: Problems that are listed.
_MOST = 20


@dataclass
class ImportedReplies(Replies):
    """What the replies of another harness give.

    Attributes:
        folder: what the folder of the harness says of its requests.
        extra: what the command was told of the run.
    """

    folder: Mapping[str, Any] = field(kw_only=True)
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def about(self) -> dict[str, Any]:
        """What the folder says, and the command was told."""
        known = {name: value for name, value in self.folder.items() if name not in ("format", "name")}
        return {"model": "", **self.extra, **known, "parameters": {}}


def read_imported(path: Path, about: Mapping[str, Any], split: Split) -> ImportedReplies:
    """Read the replies of a file, and the captions in them.

    Args:
        path: file of a harness.
        about: what the folder of the harness says of its requests, see `folder.read_about`.
        split: split that was asked about.

    Raises:
        InputError: if the file cannot be read, or its replies are not those to the requests.
    """
    requests = requests_of(about, split)
    named = about["name"] in str(path.absolute())
    replies = ImportedReplies([None] * split.n_boxes, folder=requests.about)
    answers: dict[str, HarnessReply] = {}
    problems = []
    for answer in read_answers(path):
        if isinstance(answer.key, int) and not named:  # numbers are the same for all requests that anyone makes
            raise InputError(
                f"{path}: the requests are known by their numbers alone, and neither the file nor a folder of it is "
                f"named {about['name']}, as the harness names it; is this the reply to other requests?"
            )
        request = _request(answer, requests.ids)
        if request is None or request not in requests.boxes:
            problems.append(f"{answer.place}: got a reply to {answer.key!r:.60}, which {about['name']} does not ask")
        elif request in answers and answers[request].text != answer.text:
            problems.append(f"{answer.place}: another reply to {request}; the first is at {answers[request].place}")
        else:
            answers.setdefault(request, answer)
        if len(problems) > _MOST:
            break
    if problems:
        raise InputError(*problems[:_MOST], *(["and more of these"] if len(problems) > _MOST else []))
    for request in requests.ids:
        _take(request, answers.get(request), requests.boxes[request], requests.numbers[request], replies)
    replies.asked.sort()
    replies.images = len({int(split.image_of_box[box]) for box in replies.asked})
    return replies


def _request(answer: HarnessReply, ids: list[str]) -> str | None:
    """The request that an answer is for; harnesses know it by its id, or by its number."""
    if isinstance(answer.key, str):
        return answer.key
    return ids[answer.key] if 0 <= answer.key < len(ids) else None


def _take(request: str, answer: HarnessReply | None, boxes: list[int], numbers: list[int], replies: Replies) -> None:
    replies.asked += boxes
    try:
        if answer is None:
            raise UnusableReplyError(Failure.not_asked)
        replies.tokens_in += answer.tokens_in
        replies.tokens_out += answer.tokens_out
        captions = read_answer(answer.text, numbers, stop_reason=answer.stop_reason)
    except UnusableReplyError as error:
        replies.failures[request] = (error.failure, boxes)
        if error.failure is Failure.no_reply and answer and answer.text:
            replies.errors[request] = " ".join(answer.text.split())[:200]
        return
    for box, text in zip(boxes, captions, strict=True):
        replies.captions[box] = text
