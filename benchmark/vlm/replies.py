"""The captions that the replies of a run give, and the failures among them, whichever harness has asked."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

from .reply import Failure
from .session import Prices

#: Form of the file that says how predictions came about.
FORMAT = "caponimage-vlm/1"


@dataclass
class Replies(ABC):
    """What the replies of a run give.

    Attributes:
        captions: one for each box of the split; None if it has none.
        failures: reason for each request without captions, and its boxes by index in the split.
        errors: what the engine said of requests without a reply.
        asked: boxes of the split that were asked for.
        images: number of images that were asked for.
        tokens_in, tokens_out: tokens of all attempts that led to these replies, also of unusable ones and earlier runs.
        seconds: time that the last attempts took, added up over requests that ran at once.
    """

    captions: list[str | None]
    failures: dict[str, tuple[Failure, list[int]]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)
    images: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0

    @property
    @abstractmethod
    def about(self) -> dict[str, Any]:
        """What is known of the run: model, date, prompt, parameters."""

    @property
    def unanswered(self) -> list[int]:
        """Boxes that were asked for and have no caption."""
        return [box for box in self.asked if self.captions[box] is None]

    def failed_boxes(self) -> dict[str, list[int]]:
        """Boxes without a caption by their index in the split, by reason, the commonest first."""
        found: dict[str, list[int]] = {}
        for failure, boxes in self.failures.values():
            found.setdefault(failure.value, []).extend(boxes)
        return {reason: sorted(found[reason]) for reason in sorted(found, key=lambda one: -len(found[one]))}

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
        failed = self.failed_boxes()
        priced = prices != Prices() and self.tokens_in + self.tokens_out > 0  # some servers tell no tokens
        return {
            "format": FORMAT,
            **self.about,
            "images": self.images,
            "boxes": len(self.asked),
            "unanswered": len(self.unanswered),
            "failures": {reason: len(boxes) for reason, boxes in failed.items()},
            "unanswered_boxes": failed,
            "seconds": round(self.seconds, 3),
            "tokens": {"in": self.tokens_in, "out": self.tokens_out},
            "prices_per_million": {"in": prices.into, "out": prices.out} if priced else None,
            "price": prices.of(self.tokens_in, self.tokens_out) if priced else None,
        }
