"""Draw from simple distributions with `Random.random` alone, whose sequence Python guarantees across versions."""

import math
from collections.abc import Collection, Iterable, Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


def pick(random: Random, items: Iterable[T], shares: Collection[float]) -> T:
    """Draw one of the items, of which there is at least one, with the probability of its share; one share for each."""
    point = random.random() * math.fsum(shares)
    for item, share in zip(items, shares, strict=True):  # noqa: B007
        point -= share
        if point < 0:
            break
    return item


def choose(random: Random, items: Sequence[T]) -> T:
    """Draw an item, all being equally likely."""
    return items[int(random.random() * len(items))]


def between(random: Random, low: float, high: float) -> float:
    """Draw uniformly from [low, high)."""
    return low + random.random() * (high - low)


def peaked(random: Random, low: float, mode: float, high: float) -> float:
    """Draw from the triangular distribution on [low, high] with its peak at `mode`."""
    u, peak = random.random(), (mode - low) / (high - low)
    if u < peak:
        return low + math.sqrt(u * (high - low) * (mode - low))
    return high - math.sqrt((1 - u) * (high - low) * (high - mode))
