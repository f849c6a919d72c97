"""Bradley-Terry strengths against published ones and closed forms."""

import math

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs the extra vlm")

from benchmark.preferences.bradley_terry import bradley_terry, strengths

#: Baseball, American League, 1987 (Agresti, "Categorical Data Analysis", 2002, table 10.10): wins of the row over the
#: column, and the strengths that BradleyTerry2 (Turner and Firth, 2012) prints for them, with Baltimore at zero.
TEAMS = ("Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore")
WINS = np.array(
    [
        [0, 7, 9, 7, 7, 9, 11],
        [6, 0, 7, 5, 11, 9, 9],
        [4, 6, 0, 7, 7, 8, 12],
        [6, 8, 6, 0, 6, 7, 10],
        [6, 2, 6, 7, 0, 7, 12],
        [4, 4, 5, 6, 6, 0, 6],
        [2, 4, 1, 3, 1, 7, 0],
    ],
    dtype=float,
)
PRINTED = [1.5814, 1.4364, 1.2945, 1.2476, 1.1077, 0.6839, 0.0]


def test_published_strengths() -> None:
    """Another model, a sign or a penalty in the regression."""
    [found] = bradley_terry(WINS[None])
    assert found.mean() == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(found - found[-1], PRINTED, atol=6e-5)


def test_tables_share_nothing() -> None:
    """A resample that pulls at the strengths of another one, since all are fitted in one regression."""
    tables = np.random.default_rng(1).integers(1, 50, (30, 5, 5)) * (1.0 - np.eye(5))
    together = bradley_terry(tables)
    for alone, fitted in zip(tables, together, strict=True):
        np.testing.assert_allclose(fitted, bradley_terry(alone[None])[0], atol=1e-5)


@pytest.mark.parametrize(("wins", "losses", "ties"), [(300, 100, 0), (60, 20, 40), (10, 0, 0), (0, 0, 7)])
def test_two_systems_have_a_closed_form(wins: int, losses: int, ties: int) -> None:
    """Ties that are lost or count twice, and an infinite strength of a system that never lost."""
    images = np.zeros((wins + losses + ties, 2, 2))
    images[:wins, 0, 1] = 1
    images[wins : wins + losses, 1, 0] = 1
    images[wins + losses :, [0, 1], [1, 0]] = 0.5
    found = strengths(images)
    expected = math.log((wins + ties / 2 + 0.5) / (losses + ties / 2 + 0.5))
    assert found.value[0] - found.value[1] == pytest.approx(expected, abs=1e-5)
    assert np.isfinite([found.low, found.high]).all()
    assert (found.low <= found.value + 1e-6).all()
    assert (found.value <= found.high + 1e-6).all()


def test_intervals_are_clustered_by_image() -> None:
    """Votes of one image taken for independent ones: ten equal votes on each image would look ten times as sure."""
    generator = np.random.default_rng(3)
    one = np.zeros((200, 2, 2))
    for image, better in zip(one, generator.random(200) < 0.6, strict=True):
        image[int(not better), int(better)] = 1
    once, tenfold = strengths(one), strengths(10 * one)
    width = once.high[0] - once.low[0]
    # Half the standard error of log odds, 2 * 1.96 times.
    assert width == pytest.approx(1.96 / math.sqrt(200 * 0.6 * 0.4), rel=0.15)
    assert tenfold.high[0] - tenfold.low[0] == pytest.approx(width, rel=0.05)


def test_strengths_need_comparisons_that_connect_all() -> None:
    """Numbers for two groups of systems that were never compared with each other."""
    apart = np.zeros((5, 4, 4))
    apart[:, 0, 1] = apart[:, 2, 3] = 1
    assert np.isnan(strengths(apart).value).all()
    apart[:, 1, 2] = 1
    assert np.isfinite(strengths(apart).value).all()
    assert np.isnan(strengths(np.zeros((3, 2, 2))).value).all()
    assert len(strengths(np.zeros((0, 0, 0))).value) == 0
