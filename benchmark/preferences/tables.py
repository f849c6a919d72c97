"""Tables of votes, and the same as JSON: strengths, preference for a place, agreement with people."""

from typing import Any

import numpy as np

from ..grid import SYNTHETIC_NOTE, Grid, count, number, percent, signed, span
from ..scoring.receipt import plain
from .bradley_terry import Strengths, strengths
from .measures import HumanAgreement, PlaceBias, human_agreement, place_bias, wins
from .votes import AXES, Votes

NOT_A_SCORE = "judged by a model: cannot be recomputed from predictions, and is part of no score and no leaderboard"
ARTIFICIAL = "artificial raters: random answers, made to try a study; they say nothing about the systems"


def vote_grids(votes: Votes, people: Votes | None = None) -> list[Grid]:
    """All tables of some votes.

    Args:
        votes: the votes of a judge or of people.
        people: votes of people to compare a judge's with.
    """
    grids = [strength_grid(votes), _place_grid(votes)]
    if people is not None:
        grids.append(_agreement_grid(votes, people))
    return grids


def votes_json(votes: Votes, people: Votes | None = None) -> dict[str, Any]:
    """What the tables say, in full precision."""
    axes: dict[str, Any] = {}
    for axis in AXES:
        table = wins(votes, axis)
        fitted = strengths(table)
        axes[axis] = {
            "strengths": {
                name: {"value": fitted.value[i], "low": fitted.low[i], "high": fitted.high[i]}
                for i, name in enumerate(votes.systems)
            },
            "wins": {
                name: dict(zip(votes.systems, table.sum(axis=0)[i].tolist(), strict=True))
                for i, name in enumerate(votes.systems)
            },
            "place": vars(place_bias(votes, axis)),
            **({"people": vars(human_agreement(votes, people, axis))} if people is not None else {}),
        }
    about = {"data": votes.data, "split": votes.split, "synthetic": votes.synthetic, "by": votes.by}
    notes = {"note": NOT_A_SCORE} if votes.by == "model" else {}
    return plain({**about, **notes, "judge": dict(votes.judge), "images": len(votes.images), "axes": axes})


def strength_grid(votes: Votes) -> Grid:
    """Bradley-Terry strengths of all systems on each criterion, the strongest first."""
    counted = f"{len(votes.images):,} images, {len(votes.votes):,} votes"
    title = f"Bradley-Terry strengths, {votes.data}, {votes.split}: {counted}, by {_who(votes)}"
    grid = Grid(title, ["criterion", "system", "strength", "95 % interval", "wins (%)", "ties (%)"])
    undefined = False
    for axis in AXES:
        fitted: Strengths = strengths(wins(votes, axis))
        undefined |= bool(np.isnan(fitted.value).any())
        for i in np.argsort(-fitted.value, kind="stable").tolist():
            won, tied, lost = _outcomes(votes, axis, votes.systems[i])
            given = won + tied + lost
            grid.add(
                axis,
                votes.systems[i],
                signed(fitted.value[i]),
                span(fitted.low[i], fitted.high[i], "{:+.2f}"),
                percent(won / given if given else None),
                percent(tied / given if given else None),
            )
    grid.notes = [
        *([NOT_A_SCORE] if votes.by == "model" else [ARTIFICIAL] if votes.by == "artificial raters" else []),
        "strengths are log odds with mean zero, a tie is half a win, half a win either way is added to each pair; "
        "intervals: 95 %, bootstrap over images",
        *(["no strengths where comparisons do not connect all systems"] if undefined else []),
        *([SYNTHETIC_NOTE] if votes.synthetic else []),
    ]
    return grid


def _who(votes: Votes) -> str:
    raters = sorted({vote.rater for vote in votes.votes})
    if votes.by == "model":
        return f"the model {', '.join(raters)}"
    return f"{'raters' if votes.by == 'people' else votes.by}: {len(raters)}"


def _outcomes(votes: Votes, axis: str, system: str) -> tuple[int, int, int]:
    """Votes for a system, ties, and votes against it."""
    sides = [(vote.value(axis), vote.second == system) for vote in votes.votes if system in (vote.first, vote.second)]
    signed = [value if second else -value for value, second in sides if value is not None]
    return signed.count(1), signed.count(0), signed.count(-1)


def _place_grid(votes: Votes) -> Grid:
    grid = Grid(
        "preference for a place", ["criterion", "first place (%)", "decided", "orders agree (%)", "in both orders"]
    )
    for axis in AXES:
        bias: PlaceBias = place_bias(votes, axis)
        grid.add(axis, percent(bias.first), count(bias.decided), percent(bias.agreeing), count(bias.both_orders))
    equal = sum(not vote.asked for vote in votes.votes)
    grid.notes = [
        "first place: share among votes for one of the two; far from 50, the place was judged and not the captions",
        *([f"{equal:,} votes are ties of equal captions, which nobody was asked about: left out"] if equal else []),
    ]
    return grid


def _agreement_grid(votes: Votes, people: Votes) -> Grid:
    whose = "artificial raters" if people.by == "artificial raters" else "people"
    grid = Grid(f"agreement with {whose}", ["criterion", "equal (%)", "alpha", f"alpha of {whose}", "compared"])
    compared = 0
    for axis in AXES:
        found: HumanAgreement = human_agreement(votes, people, axis)
        compared += found.units
        grid.add(axis, percent(found.equal), number(found.alpha, 3), number(found.among_people, 3), count(found.units))
    grid.notes = [
        f"equal: share of images and pairs with the vote of the majority of {whose}, orders that disagree as a tie",
        f"alpha: Krippendorff's, of judge and majority; alpha of {whose}: among themselves",
        *([ARTIFICIAL] if people.by == "artificial raters" else []),
        *([] if compared else ["no image and pair of systems in common; are the systems named alike? NAME=FILE"]),
    ]
    return grid
