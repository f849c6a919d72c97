"""The captions that the replies of a run give, and the failures among them, whichever harness has asked."""

from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from .reply import Failure
from .session import Prices


@dataclass
class Replies(ABC):
    """What the replies of a run give.

    Attributes:
        captions: one for each box of the split; None if it has none.
        failures: reason for each request without captions, and its boxes by index in the split.
        errors: what the engine said of requests without a reply.
        asked: boxes of the split that were asked for.
        tokens_in, tokens_out: tokens of all attempts that led to these replies, also of unusable ones and earlier runs.
    """

    captions: list[str | None]
    failures: dict[str, tuple[Failure, list[int]]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)
    tokens_in: int = 0
    tokens_out: int = 0

    @property
    @abstractmethod
    def about(self) -> dict[str, Any]:
        """What is known of the run: model, date, prompt, parameters."""

    @property
    def unanswered(self) -> list[int]:
        """Boxes that were asked for and have no caption."""
        return [box for box in self.asked if self.captions[box] is None]

    def failed_boxes(self) -> dict[str, int]:
        """Number of boxes without a caption, by reason."""
        count: Counter[str] = Counter()
        for failure, boxes in self.failures.values():
            count[failure.value] += len(boxes)
        return dict(count.most_common())

    def unanswered_lines(self, most: int = 20) -> list[str]:
        """A line for each request without captions, and the number of those that are not shown."""
        lines = [
            f"{request}: {len(boxes)} boxes, {failure.value}"
            + (f" ({error})" if (error := self.errors.get(request)) else "")
            for request, (failure, boxes) in self.failures.items()
        ]
        return lines[:most] + ([f"and {len(lines) - most:,} more requests"] if len(lines) > most else [])

    def describe(self, prices: Prices) -> dict[str, Any]:
        """What a reader of the predictions must know of how they came about."""
        priced = prices != Prices()
        return {
            "format": "caponimage-vlm/1",
            **self.about,
            "boxes": len(self.asked),
            "unanswered": len(self.unanswered),
            "failures": self.failed_boxes(),
            "tokens": {"in": self.tokens_in, "out": self.tokens_out},
            "prices_per_million": {"in": prices.into, "out": prices.out} if priced else None,
            "price": prices.of(self.tokens_in, self.tokens_out) if priced else None,
        }
