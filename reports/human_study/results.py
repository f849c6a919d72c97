"""Table 4 from the raters' votes: win rates, statistics of each rater, correlation of metrics with votes."""

import numpy as np

from benchmark import paper
from benchmark.agreement import krippendorff_alpha
from benchmark.grid import SYNTHETIC_NOTE, Cell, Grid, number, signed, span
from benchmark.metrics.length_fit import spearman
from benchmark.preferences.measures import majority
from benchmark.preferences.tables import strength_grid
from benchmark.scoring.significance import interval, resampled_sums
from reports.human_study.answers import Ratings, votes_of
from reports.human_study.study import QUESTIONS, Key


def _rates(sums: np.ndarray) -> np.ndarray:
    """Per cent of A, B, indistinguishable, and B - A, shape (..., 4), from summed outcomes, shape (..., 3)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = 100 * sums / sums.sum(axis=-1, keepdims=True)
    return np.concatenate([rates, rates[..., 1:2] - rates[..., :1]], axis=-1)


def tables(key: Key, ratings: Ratings) -> list[Grid]:
    """Table 4, strengths, statistics of each rater, and the correlation of metrics with votes, as grids."""
    a, b = key.systems
    who = f"{'ARTIFICIAL RATERS' if ratings.artificial else 'raters'}: {len(ratings.raters)}"
    where = f"{key.data['name']}, {key.data['split']}: {len(key.images)} images, {who}"
    wins = [f"{a} wins (%)", f"{b} wins (%)", "indistinguishable (%)"]
    grid = Grid(
        f"human evaluation (Table 4), {where}", ["", *wins, "delta", "95 % interval", "images", "Krippendorff's alpha"]
    )
    for question, votes in ratings.votes.items():
        outcomes = majority(votes)
        rates = _rates(outcomes.sum(axis=0)).tolist()
        low, high = (ends.tolist() for ends in interval(_rates(resampled_sums(outcomes))))
        grid.add(
            question,
            *(Cell(rates[i], "{:.1f}", interval=(low[i], high[i])) for i in range(3)),
            signed(rates[3], 1),
            span(low[3], high[3], "{:+.1f}"),
            int(outcomes.sum()),
            number(krippendorff_alpha(votes), 3),
        )
    grid.notes = [
        *(
            ["ARTIFICIAL RATERS: random answers, made to try the study; they say nothing about the systems"]
            if ratings.artificial
            else []
        ),
        "majority of the raters on each image; without one, the image counts as indistinguishable",
        f"delta: {b} minus {a}; intervals: 95 %, bootstrap over images",
        "the paper (base, full; 5 workers, 400 images; its two shares add up to 100, and it does not say where "
        "indistinguishable images went): "
        + "; ".join(f"{question} {base}, {full}" for question, (base, full) in paper.preferences().items()),
        *([SYNTHETIC_NOTE] if key.data["synthetic"] else []),
    ]
    return [
        grid,
        strength_grid(votes_of(key, ratings)),
        _raters_grid(key, ratings),
        *([_metrics_grid(key, ratings)] if key.metrics else []),
    ]


def _raters_grid(key: Key, ratings: Ratings) -> Grid:
    columns = ["rater", *(f"{question} answered" for question in QUESTIONS), "left chosen (%)"]
    grid = Grid("artificial raters" if ratings.artificial else "raters", columns)
    partial = []
    for k, rater in enumerate(ratings.raters):
        votes = np.stack([ratings.votes[question][k] for question in QUESTIONS])
        given = (~np.isnan(votes)).sum(axis=1)
        left = votes * np.where(key.raters[rater], 1, -1)
        chosen = int((np.abs(votes) == 1).sum())
        share = 100 * float((left == 1).sum()) / chosen if chosen else None
        grid.add(rater, *(f"{n} of {len(key.images)}" for n in given), number(share, 1))
        if given.min() < len(key.images):
            partial.append(rater)
    absent = [rater for rater in key.raters if rater not in ratings.raters]
    grid.notes = [
        "left chosen: share of left among the answers left or right; far from 50, a rater prefers a side, not a system",
        *([f"unfinished, used as far as answered: {', '.join(partial)}"] if partial else []),
        *([f"no answers from {', '.join(absent)}"] if absent else []),
        *(f"{path} repeats another file and was left out" for path in ratings.dropped),
    ]
    return grid


def _metrics_grid(key: Key, ratings: Ratings) -> Grid:
    """Spearman's correlation over images between each metric's difference, B minus A, and the mean vote."""
    who = "artificial raters" if ratings.artificial else "raters"
    grid = Grid(f"metrics and {who}: Spearman over images of B minus A", ["metric", *QUESTIONS])
    for name, values in key.metrics.items():
        cells = []
        for votes in ratings.votes.values():
            difference = np.array([np.nan if value is None else value for value in values])
            count = (~np.isnan(votes)).sum(axis=0)
            known = (count > 0) & ~np.isnan(difference)
            mean = np.nansum(votes[:, known], axis=0) / count[known]
            cells.append(number(spearman(difference[known], mean) if known.any() else None, 3))
        grid.add(name, *cells)
    grid.notes = [f"B is {key.systems[1]}; metrics of single images, with the document frequencies of the whole split"]
    return grid
