"""Reads and checks the answer files of raters, and simulates those of artificial raters.

Invariants:
* everything in a rater's file is untrusted; the problems of all files are reported at once;
* answers of artificial raters are marked in the file and in every table, and never mixed with those of people.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.errors import InputError
from benchmark.files import replace_when_complete
from benchmark.preferences.sample import digest, shuffled
from benchmark.preferences.votes import PLACES, By, Vote, Votes
from reports.human_study.study import CHOICES, FORMAT, QUESTIONS, Key


@dataclass(frozen=True)
class Ratings:
    """Votes of all raters on system A and system B, whichever side each was shown on.

    Attributes:
        raters: names of the raters whose files were used.
        artificial: whether the raters are artificial.
        votes: votes on each question, shape (raters, images): 1 if B is better, -1 if A is, 0 if they are
            indistinguishable, NaN if not answered.
        dropped: files left out because they repeat another.
    """

    raters: list[str]
    artificial: bool
    votes: dict[str, np.ndarray]
    dropped: list[Path]


def read_answers(key: Key, paths: Sequence[Path]) -> Ratings:
    """Read the raters' files; unfinished files are used, and identical files of one rater count once.

    Raises:
        InputError: with all problems of all files.
    """
    problems: list[str] = []
    of_rater: dict[str, tuple[Path, dict[str, Any]]] = {}
    dropped: list[Path] = []
    for path in paths:
        try:
            content = json.loads(path.read_bytes())
        except OSError as error:
            problems.append(f"{path}: {error.strerror}")
            continue
        except (ValueError, RecursionError) as error:
            problems.append(f"{path}: not JSON ({error}); expected the file that a rater's page exports")
            continue
        if wrong := _problems(key, content):
            problems += [f"{path}: {problem}" for problem in wrong]
            continue
        first, other = of_rater.setdefault(content["rater"], (path, content))
        if other is content:
            continue
        if other == content:
            dropped.append(path)
        else:
            problems.append(f"{path}: answers of {content['rater']} differ from those in {first}; give one of the two")
    kinds = {content["artificial"] for _, content in of_rater.values()}
    if len(kinds) > 1:
        artificial = ", ".join(str(path) for path, content in of_rater.values() if content["artificial"])
        problems.append(
            f"answers of people and of artificial raters ({artificial}) are never mixed; collect them apart"
        )
    if problems:
        raise InputError(*problems)
    raters = sorted(of_rater, key=list(key.raters).index)
    votes = {q: np.array([_votes(key, of_rater[r][1], q) for r in raters]) for q in QUESTIONS}
    return Ratings(raters, True in kinds, votes, dropped)


def _problems(key: Key, content: Any) -> list[str]:
    """Problems of a rater's file."""
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        return [f"format is not {FORMAT!r}; expected the file that a rater's page exports"]
    problems = []
    if content.get("study") != key.study:
        problems.append(
            f"study: got {content.get('study')!r:.80}, expected {key.study!r}; the file belongs to another study"
        )
    if not isinstance(rater := content.get("rater"), str) or rater not in key.raters:
        problems.append(f"rater: got {rater!r:.80}, expected one of {', '.join(key.raters)}")
    if not isinstance(content.get("artificial"), bool):
        problems.append(f"artificial: got {content.get('artificial')!r:.80}, expected true or false")
    answers = content.get("answers")
    if not isinstance(answers, dict):
        return [*problems, f"answers: got {answers!r:.80}, expected an object: item -> question -> choice"]
    if content.get("study") == key.study:
        known = set(key.items)
        problems += [f"answers: no item {item!r:.80} in this study" for item in answers if item not in known]
    for item, given in answers.items():
        if not isinstance(given, dict):
            problems.append(f"item {item!r:.80}: got {given!r:.80}, expected an object: question -> choice")
            continue
        for question, choice in given.items():
            if question not in QUESTIONS:
                problems.append(
                    f"item {item!r:.80}: no question {question!r:.80}; expected one of {', '.join(QUESTIONS)}"
                )
            elif not isinstance(choice, str) or choice not in CHOICES:
                problems.append(
                    f"item {item!r:.80}, {question}: got {choice!r:.80}, expected one of {', '.join(CHOICES)}"
                )
    return problems


def _votes(key: Key, content: dict[str, Any], question: str) -> list[float]:
    """One rater's votes on one question, one per image."""
    answers = content["answers"]
    on_the_left = {"left": 1.0, "same": 0.0, "right": -1.0}
    return [
        on_the_left.get(answers.get(item, {}).get(question), np.nan) * (1 if b_left else -1)
        for item, b_left in zip(key.items, key.raters[content["rater"]], strict=True)
    ]


def votes_of(key: Key, ratings: Ratings) -> Votes:
    """The votes in the form that those of a model have, too: with systems by name, and the left one first."""
    votes = []
    for k, rater in enumerate(ratings.raters):
        for i, image_id in enumerate(key.images):
            b_left = bool(key.raters[rater][i])
            left, right = reversed(key.systems) if b_left else key.systems
            signed = {question: given[k, i] * (-1 if b_left else 1) for question, given in ratings.votes.items()}
            better = {question: PLACES[int(value) + 1] for question, value in signed.items() if not np.isnan(value)}
            if better:
                votes.append(Vote(image_id, rater, left, right, better))
    by: By = "artificial raters" if ratings.artificial else "people"
    return Votes(key.data["name"], key.data["split"], key.data["synthetic"], by, votes, {})


def simulate(key: Key, folder: Path, *, agree: float, win: float, same: float, seed: int = 1) -> list[Path]:
    """Write the answer files of artificial raters.

    Each question has true answers of its own: B is better on the share `win` of the images, neither on the share
    `same`, A on the rest (rounded to whole images). Each rater gives the true answer with probability `agree`, else one
    of the other two at random.

    Args:
        key: key of the study.
        folder: folder for the files.
        agree: probability of the true answer, from 0 to 1.
        win: share of images on which B is truly better, from 0 to 1.
        same: share of images on which neither is better, from 0 to 1.
        seed: random seed of the true answers and of the raters.

    Returns:
        Paths of the files written.
    """
    n, paths = len(key.images), []
    truth: dict[tuple[str, str], int] = {}
    for question in QUESTIONS:
        for place, item in enumerate(shuffled(key.items, "truth", seed, question)):
            truth[item, question] = 1 if place < round(win * n) else 0 if place < round((win + same) * n) else -1
    for rater, sides in key.raters.items():
        answers: dict[str, dict[str, str]] = {}
        for item, b_left in zip(key.items, sides, strict=True):
            for question in QUESTIONS:
                vote = truth[item, question]
                draw = int(digest("answer", seed, rater, item, question)[:16], 16) / 2**64
                if draw >= agree:
                    others = [value for value in (-1, 0, 1) if value != vote]
                    vote = others[(draw - agree) * 2 >= 1 - agree]
                choice = "same" if vote == 0 else "left" if (vote == 1) == bool(b_left) else "right"
                answers.setdefault(item, {})[question] = choice
        content = {"format": FORMAT, "study": key.study, "rater": rater, "artificial": True, "answers": answers}
        paths.append(folder / f"artificial-{rater}.json")
        with replace_when_complete(paths[-1]) as partial:
            partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return paths
