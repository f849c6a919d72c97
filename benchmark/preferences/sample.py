"""Draws that are the same on every machine, so that people and a model can be asked about the same images."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any


def digest(*what: Any) -> str:
    """SHA-256 of JSON values, 64 hex digits: a random draw that is the same on every machine."""
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()


def shuffled(names: Iterable[str], *what: Any) -> list[str]:
    """Names in a random order that depends on `what` alone."""
    return sorted(names, key=lambda name: digest(*what, name))


def sampled(image_ids: Sequence[str], images: int, seed: int) -> list[str]:
    """Images that are drawn for votes; they depend on the data set and the seed, not on the systems."""
    return shuffled(image_ids, "sample", seed)[:images]
