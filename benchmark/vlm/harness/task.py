"""What is written for a harness: requests one by one, with what a score needs to know of each."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..request import CaptionRequest, Turn, Writer, known


@dataclass(frozen=True)
class HarnessTask:
    """Requests for a harness.

    Attributes:
        name: name of the task.
        writer: writer of the requests.
        asked: the requests.
        reply_tokens: longest reply.
    """

    name: str
    writer: Writer
    asked: list[CaptionRequest]
    reply_tokens: int

    @property
    def system(self) -> str:
        """The instruction that comes before every question."""
        return self.writer.prompt.texts["system"]

    @property
    def scored(self) -> bool:
        """Whether there are references."""
        return self.writer.split.has_references

    def turns(self) -> Iterator[tuple[CaptionRequest, Turn]]:
        """Each request with its question; one picture is held at a time."""
        for asked in self.asked:
            yield asked, self.writer.turn(asked)

    def known(self, asked: CaptionRequest) -> dict[str, Any]:
        """What a score of a request is made of."""
        return known(self.writer.split, asked)
