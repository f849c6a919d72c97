"""What people are asked about a collection: the captions as they were read, the riskiest images first.

Invariants:
* questions are those of the captions before any review, so a second reviewer is asked what the first one was;
* equal captions of one line are one question, since a reviewer could not tell them apart.
"""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ....errors import InputError
from ..records import Box, Candidate, Listing
from ..splits import TRAIN
from ..state import read_captions, splits_of


@dataclass(frozen=True)
class Question:
    """A caption that a reviewer is asked about.

    Attributes:
        line: index of its line in the reading.
        read: its text, normalised, as it was read.
        box: its box in pixels of the picture as read, without the engine's margin.
        confidence: the engine's confidence.
        second: what the second engine read in its place; None if there was no second reading.
        likelihood: score of the language model, higher is better; None if there was none.
        risk: from 0, nothing speaks against it, to 1.
    """

    line: int
    read: str
    box: Box
    confidence: float
    second: str | None
    likelihood: float | None
    risk: float


@dataclass(frozen=True)
class Asked:
    """An image with the questions about it.

    Attributes:
        product: its row of the manifest.
        sha256: SHA-256 of its picture's bytes, in hexadecimal.
        split: the split that it is in.
        questions: one for each different caption of each line, in reading order.
    """

    product: Listing
    sha256: str
    split: str
    questions: tuple[Question, ...]

    @property
    def risk(self) -> float:
        """Risk of its riskiest caption."""
        return max((question.risk for question in self.questions), default=0.0)


def questions(work: Path, splits: Sequence[str] | None = None) -> list[Asked]:
    """Everything that can be asked about some splits of a collection, the riskiest images first.

    The risk of a caption is 1 if the second engine read something else; else it is the larger one of two shares, both
    below 1: of captions that the language model finds more likely, and of those that were read with more confidence.

    Args:
        work: the working folder.
        splits: names of the splits; None: all but train.

    Raises:
        InputError: if there is no collection, no such split in it, or nothing to ask.
        DamagedError: if its files are damaged.
    """
    present = splits_of(work)
    if splits is None:
        splits = [name for name in present if name != TRAIN]
    if unknown := [name for name in splits if name not in present]:
        raise InputError(
            *(f"no image in split {name!r:.60}; expected one of {', '.join(present) or 'none'}" for name in unknown)
        )
    chosen = read_captions(work, splits)
    if not chosen:
        raise InputError(
            "no image is in another split than train, so there is nothing to review; name it: --split train"
        )
    captions = [caption for image in chosen for caption in image.read]
    unlikely = _shares([caption.likelihood for caption in captions])
    unsure = _shares([caption.score for caption in captions])
    risks = iter([_risk(*each) for each in zip(captions, unlikely, unsure, strict=True)])
    asked = []
    for image in chosen:
        different: dict[tuple[int, str], Question] = {}
        for caption in image.read:
            question = Question(
                caption.line,
                caption.text,
                caption.box,
                caption.score,
                caption.second,
                caption.likelihood,
                next(risks),
            )
            different.setdefault((caption.line, caption.text), question)
        asked.append(Asked(image.product, image.sha256, image.split or "", tuple(different.values())))
    return sorted(asked, key=lambda image: (-image.risk, image.product.image_id))


def only(asked: Iterable[Asked], wanted: Container[tuple[str, str, int, str]]) -> list[Asked]:
    """The questions about some captions, given by what answers are about; images without any are left out."""
    left = []
    for image in asked:
        kept = tuple(q for q in image.questions if (image.product.image_id, image.sha256, q.line, q.read) in wanted)
        left += [replace(image, questions=kept)] if kept else []
    return left


def _shares(values: Sequence[float | None]) -> list[float]:
    """For each value the share of all that are higher; 0 where there is none."""
    known = np.sort([value for value in values if value is not None])
    return [
        0.0 if value is None else 1 - float(np.searchsorted(known, value, side="right")) / len(known)
        for value in values
    ]


def _risk(caption: Candidate, unlikely: float, unsure: float) -> float:
    differs = caption.second is not None and caption.second != caption.text
    return 1.0 if differs else max(unlikely, unsure)
