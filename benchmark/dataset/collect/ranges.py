"""Many ranges of numbers at once, in pieces of bounded size: what the searches for equal images are made of."""

from collections.abc import Iterator

import numpy as np

#: About how many candidates a search looks at together; its memory is proportional to it.
BATCH = 1 << 18


def ranges(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The numbers of all ranges, one range after the other: `starts[0]`, `starts[0] + 1`, ...

    Args:
        starts: first number of each range.
        lengths: how many numbers each range has; may be 0.
    """
    before = np.cumsum(lengths) - lengths
    return np.arange(int(np.sum(lengths))) + np.repeat(starts - before, lengths)


def slices(sizes: np.ndarray, limit: int = BATCH) -> Iterator[slice]:
    """Cut a row of things into slices whose sizes add up to at most `limit`; a bigger thing is a slice of its own."""
    ends = np.cumsum(sizes)
    start = 0
    while start < len(sizes):
        before = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + limit, side="right")))
        yield slice(start, stop)
        start = stop
