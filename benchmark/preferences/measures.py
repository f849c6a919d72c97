"""What votes say beside strengths: wins, preference for a place, majorities, and agreement of a model with people."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from ..agreement import krippendorff_alpha
from ..errors import InputError
from .votes import Vote, Votes

#: Numbers of the table of wins, image by image.
_MOST_CELLS = 50_000_000

#: An image with two systems on it, these in alphabetical order, so that all votes on them have one sign.
Unit = tuple[str, str, str]


def majority(votes: np.ndarray) -> np.ndarray:
    """Majority vote on each image.

    Args:
        votes: votes on systems A and B, shape (raters, images): 1 if B is better, -1 if A is, 0 if they are
            indistinguishable, NaN if not answered.

    Returns:
        Outcomes, shape (images, 3): 1 in the column of the outcome (A wins, B wins, indistinguishable), zeros where
        nobody voted. A system wins if it has more votes than each of the other two answers; all else is
        indistinguishable.
    """
    a, b, same = ((votes == value).sum(axis=0) for value in (-1, 1, 0))
    a_wins, b_wins = a > np.maximum(b, same), b > np.maximum(a, same)
    voted = a + b + same > 0
    return np.stack([a_wins, b_wins, voted & ~a_wins & ~b_wins], axis=1).astype(np.float64)


def wins(votes: Votes, axis: str) -> np.ndarray:
    """For each image, how often the system of the row was preferred to that of the column; a tie is half a win."""
    if len(votes.images) * len(votes.systems) ** 2 > _MOST_CELLS:
        raise InputError(f"votes on {len(votes.images):,} images and {len(votes.systems)} systems are too many at once")
    image = {name: i for i, name in enumerate(votes.images)}
    system = {name: i for i, name in enumerate(votes.systems)}
    count = np.zeros((len(image), len(system), len(system)))
    for vote in votes.votes:
        if (value := vote.value(axis)) is not None:
            at, first, second = image[vote.image_id], system[vote.first], system[vote.second]
            count[at, second, first] += (1 + value) / 2
            count[at, first, second] += (1 - value) / 2
    return count


@dataclass(frozen=True)
class PlaceBias:
    """Whether votes go to a place, whoever is there; equal captionings, which nobody was asked about, do not count.

    Attributes:
        decided: votes for one of the two systems.
        first: share of them for the first place; None if there are none.
        both_orders: comparisons that one rater was asked in both orders.
        agreeing: share of them in which both orders have the same outcome; None if there are none.
    """

    decided: int
    first: float | None
    both_orders: int
    agreeing: float | None


def place_bias(votes: Votes, axis: str) -> PlaceBias:
    """Measure the preference for a place."""
    values = [value for vote in votes.votes if vote.asked and (value := vote.value(axis))]
    orders: dict[tuple[str, Unit], dict[bool, float]] = defaultdict(dict)
    for vote in votes.votes:
        if vote.asked and (value := vote.value(axis)) is not None:
            unit, sign = _unit(vote)
            orders[vote.rater, unit][sign > 0] = sign * value
    both = [set(outcomes.values()) for outcomes in orders.values() if len(outcomes) == 2]
    return PlaceBias(
        len(values),
        sum(value < 0 for value in values) / len(values) if values else None,
        len(both),
        sum(len(outcomes) == 1 for outcomes in both) / len(both) if both else None,
    )


@dataclass(frozen=True)
class HumanAgreement:
    """How far a judge agrees with people, over images and pairs of systems on which both have voted.

    Attributes:
        units: number of these.
        equal: share in which the judge's vote is that of the majority of people; None if there are none.
        alpha: Krippendorff's alpha of judge and majority; NaN if it is not defined.
        among_people: Krippendorff's alpha of the people alone, which tells what can be expected.
    """

    units: int
    equal: float | None
    alpha: float
    among_people: float


def human_agreement(judge: Votes, people: Votes, axis: str) -> HumanAgreement:
    """Compare the votes of a judge with those of people, on what either was asked about.

    The judge's vote on two systems is the outcome in which both orders agree; if they do not, it is a tie.
    """
    judged, voted = _by_unit(judge, axis), _by_unit(people, axis)
    units = [unit for unit in judged if unit in voted]
    if not units:
        return HumanAgreement(0, None, np.nan, np.nan)
    raters = sorted({vote.rater for vote in people.votes})
    ratings = np.full((len(raters), len(units)), np.nan)
    place = {rater: i for i, rater in enumerate(raters)}
    for i, unit in enumerate(units):
        for rater, values in voted[unit].items():
            ratings[place[rater], i] = _settled(values)
    by_people = majority(ratings) @ [-1, 1, 0]
    by_judge = np.array([_settled([v for values in judged[unit].values() for v in values]) for unit in units])
    equal = float((by_judge == by_people).mean())
    return HumanAgreement(
        len(units), equal, krippendorff_alpha(np.stack([by_judge, by_people])), krippendorff_alpha(ratings)
    )


def _unit(vote: Vote) -> tuple[Unit, int]:
    """The image and the systems of a vote, and the sign of a vote for the second place in their order."""
    a, b = sorted((vote.first, vote.second))
    return (vote.image_id, a, b), 1 if vote.second == b else -1


def _by_unit(votes: Votes, axis: str) -> dict[Unit, dict[str, list[float]]]:
    found: dict[Unit, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for vote in votes.votes:
        if vote.asked and (value := vote.value(axis)) is not None:
            unit, sign = _unit(vote)
            found[unit][vote.rater].append(sign * value)
    return found


def _settled(values: list[float]) -> float:
    """The value that all have; a tie if they differ."""
    return values[0] if len(set(values)) == 1 else 0.0
