"""Files of votes, one form for people and models: a line that says who voted on what, then one line for each vote.

    {"format": "caponimage-votes/1", "data": "mini-2", "split": "test", "synthetic": true, "by": "people"}
    {"image_id": "i7", "rater": "rater-1", "first": "base", "second": "full", "better": {"relevance": "second"}}

Invariants:
* a vote names both systems and the place at which each was shown, so that a preference for a place can be measured;
* a file of votes is untrusted: its size is bounded, and what is wrong with it is said all at once.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import combinations, islice
from pathlib import Path
from typing import Any, Literal, get_args

from ..errors import InputError
from ..files import replace_when_complete
from ..strict_json import each_key_once

FORMAT = "caponimage-votes/1"

#: The paper's three criteria; it neither prints the wording of its questions nor asks for an overall winner.
AXES = {
    "relevance": "Whose captions fit the product and their places on the picture better?",
    "diversity": "Whose captions repeat each other less?",
    "informativeness": "Whose captions tell more about the product?",
}

#: Who has voted: people, the artificial raters that try a study, or a model.
By = Literal["people", "artificial raters", "model"]

#: The one who is better: the system at the first place, the one at the second, or neither.
PLACES = ("first", "same", "second")

_MOST_BYTES, _MOST_VOTES, _MOST_SYSTEMS = 1 << 28, 1_000_000, 40
_LONGEST_LINE, _LONGEST_NAME = 1 << 16, 500
_MOST_PROBLEMS = 20


@dataclass(frozen=True)
class Vote:
    """What one rater says of two captionings of an image.

    Attributes:
        image_id: id of the image.
        rater: name of the rater.
        first, second: systems at the first place (the left one) and at the second.
        better: for each criterion that was answered, one of `PLACES`.
        asked: False where both captionings are equal, so that nobody had to be asked.
    """

    image_id: str
    rater: str
    first: str
    second: str
    better: Mapping[str, str]
    asked: bool = True

    def value(self, axis: str) -> float | None:
        """1 if the second system is better, -1 if the first one is, 0 if neither is; None if not answered."""
        place = self.better.get(axis)
        return None if place is None else float(PLACES.index(place) - 1)


@dataclass(frozen=True)
class Votes:
    """The votes of a file.

    Attributes:
        data, split: names of the data set and its split.
        synthetic: whether the data set is synthetic.
        by: who voted.
        votes: the votes.
        judge: what is to be known of the model that voted, and of how it was asked; empty for people.
    """

    data: str
    split: str
    synthetic: bool
    by: By
    votes: list[Vote]
    judge: Mapping[str, Any]

    @cached_property
    def systems(self) -> list[str]:
        """Names of the systems, in the order of their first votes."""
        return list(dict.fromkeys(name for vote in self.votes for name in (vote.first, vote.second)))

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """All pairs of systems."""
        return list(combinations(self.systems, 2))

    @cached_property
    def images(self) -> list[str]:
        """Ids of the images, in the order of their first votes."""
        return list(dict.fromkeys(vote.image_id for vote in self.votes))


def write_votes(path: Path, votes: Votes) -> None:
    """Write a file of votes."""
    about = {key: value for key, value in vars(votes).items() if key in ("data", "split", "synthetic", "by", "judge")}
    with replace_when_complete(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as file:
        for line in ({"format": FORMAT, **about}, *map(asdict, votes.votes)):
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def read_votes(path: Path) -> Votes:
    """Read a file of votes.

    Raises:
        InputError: with all that is wrong with it, as far as it fits on a screen.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; expected a file of votes") from None
    lines = content.splitlines()
    if len(content) > _MOST_BYTES or len(lines) > _MOST_VOTES + 1:
        raise InputError(f"{path}: larger than {_MOST_BYTES >> 20} MiB or {_MOST_VOTES:,} votes; expected fewer votes")
    head, problem = _object(lines[0] if lines else b"")
    problems = [problem] if problem else _head_problems(head)
    if problems:
        raise InputError(*(f"{path}:1: {problem}" for problem in problems))
    votes: list[Vote] = []
    for number, line in enumerate(islice(lines, 1, None), 2):
        record, problem = _object(line)
        found = [problem] if problem else _vote_problems(record)
        problems += [f"{path}:{number}: {problem}" for problem in found]
        if len(problems) > _MOST_PROBLEMS:
            problems[_MOST_PROBLEMS:] = [f"{path}: more problems follow"]
            break
        if not problems:
            votes.append(Vote(**record))
    read = Votes(votes=votes, **{key: head.get(key, {}) for key in _HEAD})
    if len(read.systems) > _MOST_SYSTEMS:
        problems.append(f"{path}: got {len(read.systems)} systems, expected at most {_MOST_SYSTEMS}")
    if problems:
        raise InputError(*problems)
    return read


_HEAD: dict[str, type] = {"data": str, "split": str, "synthetic": bool, "by": str, "judge": dict}


def _object(line: bytes) -> tuple[dict[str, Any], str]:
    """The JSON object of a line, and what is wrong with it."""
    if len(line) > _LONGEST_LINE:
        return {}, f"got a line of {len(line):,} bytes, expected at most {_LONGEST_LINE:,}"
    try:
        value = json.loads(line, object_pairs_hook=each_key_once)
    except (ValueError, RecursionError) as error:
        return {}, f"not JSON ({error!s:.80}); expected a file of votes"
    return (value, "") if isinstance(value, dict) else ({}, f"got {value!r:.80}, expected an object")


def _head_problems(head: dict[str, Any]) -> list[str]:
    if head.get("format") != FORMAT:
        return [f"format: got {head.get('format')!r:.80}, expected {FORMAT!r}"]
    found = [f"{key!r:.80}: unknown; expected {', '.join(_HEAD)}" for key in head if key not in (*_HEAD, "format")]
    for key, kind in _HEAD.items():
        if not isinstance(head.get(key, {}), kind):
            found.append(f"{key}: got {head.get(key)!r:.80}, expected {_KINDS[kind]}")
    if isinstance(head.get("by"), str) and head["by"] not in get_args(By):
        found.append(f"by: got {head['by']!r:.80}, expected one of {', '.join(get_args(By))}")
    return found


_KINDS = {str: "a text", bool: "true or false", dict: "an object"}


def _vote_problems(record: dict[str, Any]) -> list[str]:
    names = ("image_id", "rater", "first", "second")
    found = [f"{key!r:.80}: unknown" for key in record if key not in (*names, "better", "asked")]
    for name in names:
        if not isinstance(given := record.get(name), str) or not 0 < len(given) <= _LONGEST_NAME:
            found.append(f"{name}: got {given!r:.80}, expected a name of up to {_LONGEST_NAME} characters")
    if not found and record["first"] == record["second"]:
        found.append(f"first and second are both {record['first']!r:.80}, expected two systems")
    if not isinstance(record.get("asked", True), bool):
        found.append(f"asked: got {record['asked']!r:.80}, expected true or false")
    better = record.get("better")
    if not isinstance(better, dict):
        return [*found, f"better: got {better!r:.80}, expected an object: criterion -> place"]
    for axis, place in better.items():
        if axis not in AXES:
            found.append(f"better: no criterion {axis!r:.80}; expected some of {', '.join(AXES)}")
        elif place not in PLACES:
            found.append(f"better: {axis}: got {place!r:.80}, expected one of {', '.join(PLACES)}")
    return found
