"""Ranks and ties against planted systems: equal ones, different ones, and ones in between."""

from pathlib import Path

import numpy as np
import pytest
from made_split import made_split

from benchmark.leaderboard.ranking import Comparison
from benchmark.scoring.evaluation import Evaluation, evaluate
from benchmark.scoring.receipt import make_receipt
from benchmark.scoring.systems import System, compare

N_IMAGES = 400
BOXES = np.full(N_IMAGES, 2)


def planted(*quality: float, seed: int = 0, exact: bool = False) -> Comparison:
    """Systems whose true CIDEr is given, or also the one on these images, which are equally hard for all."""
    random = np.random.default_rng(seed)
    hardness = random.normal(0, 0.5, N_IMAGES)
    noise = random.normal(0, 1, (len(quality), N_IMAGES))  # a difference has a standard error of 7.1
    if exact:
        noise -= noise.mean(axis=1, keepdims=True)
    return comparison([2 * (q / 100 + hardness + n) for q, n in zip(quality, noise, strict=True)])


def comparison(sums: list[np.ndarray], names: list[str] | None = None) -> Comparison:
    scores = [float(s.sum() / BOXES.sum() * 100) for s in sums]
    return Comparison([[s] for s in sums], BOXES, scores, names or [f"system {i}" for i in range(len(sums))])


def test_clearly_different_systems_have_ranks_of_their_own() -> None:
    """A board on which everything ties."""
    places = planted(300, 700, 500).rank()
    assert [(p.system, p.group, p.range) for p in places] == [(1, 1, "1"), (2, 2, "2"), (0, 3, "3")]


def test_equal_systems_tie() -> None:
    """A rank order read into noise."""
    places = planted(500, 500, 500, 500).rank()
    assert {(p.group, p.range) for p in places} == {(1, "1-4")}


def test_ties_are_not_transitive_and_ranks_show_it() -> None:
    """A system in the middle that is said to be worse than the first of a group with which it ties."""
    found = planted(515, 500, 485, exact=True)
    first, middle, last = found.rank()
    assert found.better(first.system, last.system)
    assert not found.better(first.system, middle.system)
    assert not found.better(middle.system, last.system)
    assert [(p.group, p.range) for p in (first, middle, last)] == [(1, "1-2"), (1, "1-3"), (2, "2-3")]


def test_false_alarms_stay_below_five_per_cent_over_all_pairs() -> None:
    """Ten equal systems have 45 pairs: tested one by one, two of them would differ on every board."""
    boards = [planted(*[500] * 10, seed=seed) for seed in range(40)]
    alarms = sum(max(place.group for place in board.rank()) > 1 for board in boards)
    alone = sum(min(b.difference(i, j).p for i in range(10) for j in range(i)) < 0.05 for b in boards)
    assert alarms <= 6, "40 boards at 5 %: two are expected, more than six happen once in 300 times"
    assert alone > 20


@pytest.mark.parametrize("order", [[2, 0, 3, 1], [3, 2, 1, 0]])
def test_order_of_systems_changes_no_bit(order: list[int]) -> None:
    """A board that depends on the file system's order; with two identical systems in it."""
    random = np.random.default_rng(1)
    sums = [np.clip(random.normal(mean, 3, N_IMAGES), 0, 20) for mean in (9, 9.6, 12)]
    sums.append(sums[0].copy())
    names = ["a", "b", "c", "d"]
    one, other = comparison(sums, names), comparison([sums[i] for i in order], [names[i] for i in order])
    assert np.array_equal(one.p_values[np.ix_(order, order)], other.p_values)
    assert np.array_equal(one.p_values, one.p_values.T)
    named = [[(c.names[p.system], p.group, p.range) for p in c.rank()] for c in (one, other)]
    assert named[0] == named[1]
    assert one.p_values[0, 3] == 1


def test_part_of_the_board_keeps_the_tests_of_the_whole() -> None:
    """Two entries that tie on the board and differ in their division."""
    whole = planted(700, 500, 505, 300, exact=True)
    assert [(p.system, p.range) for p in whole.rank([3, 2, 1])] == [(2, "1-2"), (1, "1-2"), (3, "3")]
    assert whole.rank([0])[0].range == "1"
    assert whole.rank([]) == []


def test_one_system_and_none() -> None:
    """A new board."""
    assert comparison([np.ones(N_IMAGES)]).rank()[0].range == "1"
    assert comparison([]).rank() == []


@pytest.fixture(scope="module")
def evaluations(tmp_path_factory: pytest.TempPathFactory) -> list[Evaluation]:
    split, captions = made_split(tmp_path_factory.mktemp("made"))
    return [evaluate(split, captions), evaluate(split, captions[::-1]), evaluate(split, ["温和"] * split.n_boxes)]


def test_interval_and_difference_equal_those_of_score_and_compare(
    evaluations: list[Evaluation], tmp_path: Path
) -> None:
    """A board with statistics of its own: intervals are those of the receipt, differences those of `compare`."""
    split, _ = made_split(tmp_path)
    sums = [
        e.corpus.sum_by_image(next(p.statistics for p in e.parts if p.names == ("CIDEr",)))[:, 0] for e in evaluations
    ]
    boxes = np.diff(split.offsets)
    cider = [e.scores["CIDEr"] for e in evaluations]
    seeds = Comparison([[sums[0], sums[1]], [sums[2]]], boxes, [(cider[0] + cider[1]) / 2, cider[2]], ["a", "b"])
    alone = Comparison([[s] for s in sums], boxes, cider, ["a", "b", "c"])
    for i, evaluation in enumerate(evaluations):
        assert list(alone.interval(i)) == make_receipt(split, evaluation)["intervals"]["CIDEr"]

    there = compare(System("a", evaluations[:2]), System("b", evaluations[2:]))
    at = evaluations[0].names.index("CIDEr")
    here = seeds.difference(0, 1)
    assert here.value == pytest.approx(there.value[at], abs=1e-9)
    assert (here.low, here.high) == pytest.approx((there.low[at], there.high[at]), abs=1e-4)
    assert here.p == there.p_bootstrap[at]
