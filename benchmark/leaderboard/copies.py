"""Captions of an entry that stand elsewhere: in another entry, or in the references.

Invariant: captions are compared as tokens (white space dropped), by 64-bit hashes of this process, so a hundred
entries fit into memory.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ..dataset.store import Split
from ..errors import InputError
from ..metrics.tokens import characters
from ..predictions import read_predictions
from .entries import neighbours

#: Share of equal captions from which two prediction files count as one.
NEAR_DUPLICATE = 0.99
#: Share of captions equal to their reference from which they look leaked; people reach far less.
LEAKED = 0.95


def hashed(captions: Sequence[str]) -> np.ndarray:
    """A hash of each caption's tokens; int64, shape (len(captions),)."""
    return np.array([hash(characters(caption)) for caption in captions], dtype=np.int64)


def equal_share(captions: np.ndarray, others: np.ndarray) -> float:
    """Share of boxes with the same tokens, of two results of `hashed`."""
    return float(np.mean(captions == others))


class Neighbours:
    """Test predictions of entries beside others, read once."""

    def __init__(self, test: Split) -> None:
        self._test = test
        self._read: dict[Path, np.ndarray | None] = {}

    def of(self, entry: Path, beside: Path) -> Iterator[tuple[str, np.ndarray]]:
        """Name and `hashed` captions of each valid test file of the other entries in a folder.

        Args:
            entry: whose neighbours are asked for.
            beside: the folder of all entries.
        """
        for name, path in neighbours(beside, entry):
            if path not in self._read:
                try:
                    self._read[path] = hashed(read_predictions(path, self._test))
                except InputError:
                    self._read[path] = None  # its own failure
            captions = self._read[path]
            if captions is not None:
                yield name, captions
