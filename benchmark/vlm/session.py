"""One run in progress: what it may spend, how far it is, and when it must stop asking.

Invariant: a request is admitted when it is sent, so what is kept needs no budget. Those in flight are counted at what
requests cost on average, so a budget is overdrawn by no more than the difference between these and the average.
"""

import math
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Self

from rich import progress as bars

from ..cli import note, stderr
from .reply import Failure

#: Seconds between two lines about progress where there is no terminal.
_QUIET = 30.0

#: Failed requests after which a run without a single reply stops: the key, the model's name or the address is wrong.
_HOPELESS = 20


class NotAskedError(Exception):
    """A request that was not sent, since the run had to stop asking."""

    def __init__(self, why: str) -> None:
        super().__init__(f"not asked: {why}")


@dataclass(frozen=True)
class Prices:
    """Price of a million tokens, in any one currency."""

    into: float = 0.0
    out: float = 0.0

    def of(self, tokens_in: float, tokens_out: float) -> float:
        """Price of some tokens."""
        return (tokens_in * self.into + tokens_out * self.out) / 1e6


@dataclass
class Session:
    """A run in progress.

    Attributes:
        total: requests of the run.
        estimate: tokens in and out of a request, as planned; replies correct it.
        prices: price of tokens.
        max_cost, max_tokens: what this run may spend.
        kept: requests whose reply was there already.
        replies: requests that were answered in this run.
        failures: requests without captions, by reason.
        tokens_in, tokens_out: tokens of the replies of this run.
        estimated: replies of which the server told no tokens, so that those of the plan are counted.
    """

    total: int
    estimate: tuple[float, float]
    prices: Prices = field(default_factory=Prices)
    max_cost: float = math.inf
    max_tokens: float = math.inf
    kept: int = 0
    replies: int = 0
    failures: Counter[Failure] = field(default_factory=Counter)
    tokens_in: int = 0
    tokens_out: int = 0
    estimated: int = 0
    _done: int = 0
    _flying: int = 0
    _stopped: str = ""
    _began: float = field(default_factory=time.monotonic)
    _told: float = field(default_factory=time.monotonic)
    _bars: bars.Progress | None = None
    _task: bars.TaskID | None = None

    def __enter__(self) -> Self:
        if stderr.is_terminal:
            self._bars = bars.Progress(
                bars.TextColumn("asking"),
                bars.BarColumn(),
                bars.MofNCompleteColumn(),
                bars.TextColumn("{task.fields[told]}"),
                bars.TimeRemainingColumn(),
                console=stderr,
            )
            self._task = self._bars.add_task("", total=self.total, told="")
            self._bars.start()
        self._token = current.set(self)
        return self

    def __exit__(self, *error: object) -> None:
        current.reset(self._token)
        if self._bars:
            self._bars.stop()
        elif self.total:
            note(self.line())

    @property
    def spent(self) -> float:
        """Price of the replies of this run."""
        return self.prices.of(self.tokens_in, self.tokens_out)

    @contextmanager
    def flight(self) -> Iterator[None]:
        """Let a request be sent, and count it until its answer is there.

        Raises:
            NotAskedError: if the budget would be overdrawn, or nothing but errors came back so far.
        """
        tokens_in, tokens_out = self.estimate
        if self.replies:
            tokens_in, tokens_out = self.tokens_in / self.replies, self.tokens_out / self.replies
        ahead = self._flying + 1
        if self.tokens_in + self.tokens_out + ahead * (tokens_in + tokens_out) > self.max_tokens:
            self._stopped = f"the budget of {self.max_tokens:,.0f} tokens is used up"
        elif self.spent + ahead * self.prices.of(tokens_in, tokens_out) > self.max_cost:
            self._stopped = f"the budget of {self.max_cost:g} is used up"
        elif not self.replies and self.failures[Failure.no_reply] >= _HOPELESS:
            self._stopped = f"the first {_HOPELESS} requests all failed"
        if self._stopped:
            raise NotAskedError(self._stopped)
        self._flying += 1
        try:
            yield
        finally:
            self._flying -= 1

    def answered(self, tokens_in: int, tokens_out: int, *, kept: bool) -> None:
        """Count a reply, usable or not."""
        if kept:
            self.kept += 1
        else:
            self.replies += 1
            if not tokens_in + tokens_out:  # the server does not tell, so the budget goes by the plan
                tokens_in, tokens_out = map(round, self.estimate)
                self.estimated += 1
            self.tokens_in += tokens_in
            self.tokens_out += tokens_out

    def finished(self, failure: Failure | None) -> None:
        """Count a request that has ended, and show how far the run is."""
        if failure:
            self.failures[failure] += 1
        self._step()

    def _step(self) -> None:
        self._done += 1
        if self._bars and self._task is not None:
            failed = f"{sum(self.failures.values()):,} failed" if self.failures else ""
            self._bars.update(self._task, completed=self._done, told=failed)
        elif time.monotonic() - self._told >= _QUIET:
            self._told = time.monotonic()
            note(self.line())

    def line(self) -> str:
        """How far the run is, in a line."""
        parts = [f"asked {self._done:,} of {self.total:,} requests"]
        if self.kept:
            parts.append(f"{self.kept:,} replies were there already")
        parts += [f"{n:,} {failure.value}" for failure, n in self.failures.most_common()]
        guessed = ", some by the plan, since the server does not tell" if self.estimated else ""
        parts.append(f"{self.tokens_in + self.tokens_out:,} tokens{guessed}")
        if self.spent:
            parts.append(f"price {self.spent:.4g}")
        fresh, left = self._done - self.kept, self.total - self._done
        if fresh > 0 and left:
            parts.append(f"about {_duration((time.monotonic() - self._began) / fresh * left)} left")
        return ", ".join(parts)

    @property
    def stopped(self) -> str:
        """Why the run has stopped asking; empty if it has not."""
        return self._stopped


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} seconds"
    return f"{minutes} minutes" if minutes < 120 else f"{minutes / 60:.1f} hours"


#: The run that this process is making; None where Inspect was started by its own command.
current: ContextVar[Session | None] = ContextVar("current", default=None)
