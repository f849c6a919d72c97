"""Ranks and ties against planted systems: equal ones, different ones, and ones in between."""

from pathlib import Path

import numpy as np
import pytest
from made_split import made_split

from benchmark.leaderboard.board import rank
from benchmark.leaderboard.statistics_cache import Statistics
from benchmark.scoring.evaluation import Evaluation, System, compare, evaluate
from benchmark.scoring.receipt import make_receipt
from benchmark.scoring.ties import Comparison, seed_error

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


class Planted:
    """One seed of a system, of which nothing but CIDEr is known."""

    names = ("CIDEr",)

    def __init__(self, sums: np.ndarray, boxes: np.ndarray = BOXES) -> None:
        self.image_statistics = np.stack([sums, boxes], axis=1)
        self.scores = {"CIDEr": float(sums.sum() / boxes.sum() * 100)}

    def aggregate(self, sums: np.ndarray) -> np.ndarray:
        return np.asarray(sums[..., :1] / sums[..., 1:] * 100)


def comparison(sums: list[np.ndarray], names: list[str] | None = None) -> Comparison:
    names = names or [f"system {i}" for i in range(len(sums))]
    return Comparison([System(name, [Planted(s)]) for name, s in zip(names, sums, strict=True)], "CIDEr")


def test_clearly_different_systems_have_ranks_of_their_own() -> None:
    """A board on which everything ties."""
    places = rank(planted(300, 700, 500))
    assert [(p.system, p.group, p.range) for p in places] == [(1, 1, "1"), (2, 2, "2"), (0, 3, "3")]


def test_equal_systems_tie() -> None:
    """A rank order read into noise."""
    places = rank(planted(500, 500, 500, 500))
    assert {(p.group, p.range) for p in places} == {(1, "1-4")}


def test_ties_are_not_transitive_and_ranks_show_it() -> None:
    """A system in the middle that is said to be worse than the first of a group with which it ties."""
    found = planted(515, 500, 485, exact=True)
    first, middle, last = rank(found)
    assert found.better(first.system, last.system)
    assert not found.better(first.system, middle.system)
    assert not found.better(middle.system, last.system)
    assert [(p.group, p.range) for p in (first, middle, last)] == [(1, "1-2"), (1, "1-3"), (2, "2-3")]


def test_false_alarms_stay_below_five_per_cent_over_all_pairs() -> None:
    """Ten equal systems have 45 pairs: tested one by one, two of them would differ on every board."""
    boards = [planted(*[500] * 10, seed=seed) for seed in range(40)]
    alarms = sum(max(place.group for place in rank(board)) > 1 for board in boards)
    alone = sum(min(b.gap(i, j).p for i in range(10) for j in range(i)) < 0.05 for b in boards)
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
    named = [[(c.systems[p.system].name, p.group, p.range) for p in rank(c)] for c in (one, other)]
    assert named[0] == named[1]
    assert one.p_values[0, 3] == 1


def test_part_of_the_board_keeps_the_tests_of_the_whole() -> None:
    """Two entries that tie on the board and differ in their division."""
    whole = planted(700, 500, 505, 300, exact=True)
    assert [(p.system, p.range) for p in rank(whole, [3, 2, 1])] == [(2, "1-2"), (1, "1-2"), (3, "3")]
    assert rank(whole, [0])[0].range == "1"
    assert rank(whole, []) == []


def test_one_system_and_none() -> None:
    """A new board."""
    assert rank(comparison([np.ones(N_IMAGES)]))[0].range == "1"
    assert rank(comparison([])) == []


@pytest.fixture(scope="module")
def evaluations(tmp_path_factory: pytest.TempPathFactory) -> list[Evaluation]:
    split, captions = made_split(tmp_path_factory.mktemp("made"))
    return [evaluate(split, captions), evaluate(split, captions[::-1]), evaluate(split, ["温和"] * split.n_boxes)]


def test_interval_and_difference_equal_those_of_score_and_compare(
    evaluations: list[Evaluation], tmp_path: Path
) -> None:
    """A board with statistics of its own: intervals are those of the receipt, differences those of `compare`."""
    split, _ = made_split(tmp_path)
    cached = [Statistics.of(split, evaluation) for evaluation in evaluations]
    alone = Comparison([System(name, [one]) for name, one in zip("abc", cached, strict=True)], "CIDEr")
    for i, evaluation in enumerate(evaluations):
        assert list(alone.interval(i)) == make_receipt(split, evaluation)["intervals"]["CIDEr"]

    there = compare(System("a", evaluations[:2]), System("b", evaluations[2:]))
    at = evaluations[0].names.index("CIDEr")
    here = Comparison([System("a", cached[:2]), System("b", cached[2:])], "CIDEr").gap(0, 1)
    assert here.value == pytest.approx(there.value[at], abs=1e-9)
    assert (here.low, here.high) == pytest.approx((there.low[at], there.high[at]), abs=1e-4)
    assert here.p == there.p_bootstrap[at]


def test_a_spread_over_seeds_ties_what_images_alone_would_part() -> None:
    """A lucky seed that wins the board; and an entry that would gain by hiding its other seeds."""
    random = np.random.default_rng(2)
    hardness = random.normal(10, 1, N_IMAGES)

    def seeds(*means: float) -> list[Planted]:
        return [Planted(hardness + mean) for mean in means]

    steady, unsteady = System("steady", seeds(3, 3.01, 2.99)), System("unsteady", seeds(6, 3, 5))
    one_lucky, untrained = System("lucky", seeds(6)), System("copy", seeds(1), trained=False)
    found = Comparison([steady, unsteady, one_lucky, untrained], "CIDEr")
    assert found.p_values[0, 1] < 0.05
    assert not found.differ(0, 1)
    assert found.differ(0, 3)
    deviations = [system.score("CIDEr")[1] for system in (steady, unsteady)]
    assert seed_error(steady, unsteady, "CIDEr") == pytest.approx(np.sqrt(sum(d**2 / 3 for d in deviations)))
    assert seed_error(unsteady, one_lucky, "CIDEr") == pytest.approx(deviations[1] * np.sqrt(1 / 3 + 1))
    assert seed_error(steady, untrained, "CIDEr") == pytest.approx(deviations[0] / np.sqrt(3))
    assert np.isnan(seed_error(one_lucky, one_lucky, "CIDEr"))
    assert seed_error(untrained, untrained, "CIDEr") == 0
