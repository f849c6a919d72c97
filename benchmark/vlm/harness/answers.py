"""Replies as other harnesses hand them on: the reader of captions, after what was no reply is set aside."""

from collections.abc import Sequence

from ..reply import Failure, UnusableReplyError, read_reply

#: How texts begin that harnesses write in the place of a reply which they did not get.
NO_REPLY = (
    "[LMMS_EVAL_REQUEST_FAILED",
    "[LMMS_EVAL_BUDGET_EXCEEDED",
    "Failed to obtain answer",  # VLMEvalKit
)


def read_answer(text: str | None, boxes: Sequence[int], *, stop_reason: str = "stop") -> list[str]:
    """Read the caption of each box in a reply.

    Raises:
        UnusableReplyError: if there is none for each box.
    """
    if text is None or text.lstrip().startswith(NO_REPLY):
        raise UnusableReplyError(Failure.no_reply)
    return read_reply(text, boxes, stop_reason=stop_reason)
