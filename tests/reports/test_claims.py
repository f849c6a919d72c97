"""Verdicts on systems whose true difference is known."""

import math
from itertools import pairwise
from pathlib import Path

import pytest
from made_split import made_split
from made_systems import measured, spoilt, system

from benchmark.dataset.store import Split
from benchmark.scoring.ties import Gap
from reports.experiments import TableRow
from reports.tables.claims import Claim, claims_grid, findings, judge, resolved_effect


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Split:
    return made_split(tmp_path_factory.mktemp("made"), n_boxes=1500)[0]


ABOVE = Claim("a is above b", ("a",), ("b",))
SAME = Claim("a is as good as b", ("a",), ("b",), kind="same")
NOT_ABOVE = Claim("a is not above b", ("a",), ("b",), kind="not above")


def verdicts(split: Split, a: float, b: float) -> list[str]:
    """Verdicts on the three kinds of claims, when the systems get the given shares of captions wrong."""
    rows = [system("a", split, a, (1, 2)), system("b", split, b, (3, 4))]
    return [finding.verdict for finding in findings([ABOVE, SAME, NOT_ABOVE], rows)]


def test_known_differences(split: Split) -> None:
    """A system twice as good, one twice as bad, and one like the other up to chance."""
    assert verdicts(split, 0.2, 0.6) == ["holds", "does not hold", "does not hold"]
    assert verdicts(split, 0.6, 0.2) == ["does not hold", "does not hold", "holds"]
    assert verdicts(split, 0.4, 0.4)[0] == "undecided"


def test_equal_systems_are_the_same(split: Split) -> None:
    """No difference at all is never an effect, and always sameness."""
    captions = [spoilt(split, 0.3, 1)]
    found = findings([ABOVE, SAME, NOT_ABOVE], [measured("a", split, captions), measured("b", split, captions)])
    assert [finding.verdict for finding in found] == ["undecided", "holds", "holds"]
    assert all(finding.effect == finding.low == finding.high == 0 for finding in found)


def test_effects_are_differences_of_scores(split: Split) -> None:
    """The effect, from the scores themselves; the interval holds it."""
    a, b = system("a", split, 0.2, (1, 2)), system("b", split, 0.5, (3, 4))
    finding = findings([Claim("", ("a",), ("b",), ("Exact",))], [a, b])[0]
    assert math.isclose(finding.effect, a.score("Exact")[0] - b.score("Exact")[0])
    assert finding.low < finding.effect < finding.high
    deviations = [row.score("Exact")[1] for row in (a, b)]
    assert math.isclose(finding.seed_error, math.sqrt(deviations[0] ** 2 / 2 + deviations[1] ** 2 / 2))


def test_a_spread_over_seeds_as_large_as_the_effect_is_undecided(split: Split) -> None:
    """Images alone would call it certain: one lucky seed of two."""
    a = measured("a", split, [spoilt(split, 0.1, 1), spoilt(split, 0.6, 2)])
    b = measured("b", split, [spoilt(split, 0.4, 3), spoilt(split, 0.6, 4)])
    finding = findings([ABOVE], [a, b])[0]
    assert finding.p < 0.05
    assert finding.verdict == "undecided"


def test_a_claim_about_many_is_told_for_the_worst_pair(split: Split) -> None:
    """One exception must not drown among many that fit; rows that are not there are left out."""
    claim = Claim("all above", ("a", "b"), ("c", "d", "missing"))
    rows = [system(name, split, share) for name, share in zip("abcd", (0.1, 0.5, 0.7, 0.3), strict=True)]
    finding = findings([claim], rows)[0]
    assert (finding.first, finding.second, finding.verdict) == ("b", "d", "does not hold")
    assert findings([claim], rows[:2]) == []
    assert findings([Claim("", ("missing",), ("a",))], rows) == []


@pytest.mark.parametrize(
    ("kind", "low", "high", "p", "verdict"),
    [
        ("above", 1, 3, 0.01, "holds"),
        ("above", -3, -1, 0.01, "does not hold"),
        ("above", -1, 3, 0.2, "undecided"),
        ("same", -1, 1, 0.9, "holds"),
        ("same", 0.5, 1.5, 0.01, "holds"),  # certain, and too small to matter
        ("same", -1, 3, 0.3, "undecided"),
        ("same", 3, 5, 0.01, "does not hold"),
        ("same", -5, -3, 0.01, "does not hold"),
        ("not above", -9, -3, 0.01, "holds"),
        ("not above", -9, 1, 0.2, "holds"),
        ("not above", 1, 5, 0.01, "undecided"),
        ("not above", 3, 5, 0.01, "does not hold"),
    ],
)
def test_rules(kind: str, low: float, high: float, p: float, verdict: str) -> None:
    """The rules as written down, with a margin of 2."""
    gap = Gap((low + high) / 2, low, high, p, p, math.nan, differ=p < 0.05)
    assert judge(kind, gap, 2) == verdict


@pytest.mark.parametrize(
    ("kind", "effect", "seed_error", "verdict"),
    [
        ("same", 0.0, 0.4, "holds"),
        ("same", 0.0, 1.5, "undecided"),
        ("same", 4.0, 0.4, "does not hold"),
        ("same", 4.0, 1.5, "undecided"),
        ("not above", -4.0, 1.5, "holds"),
        ("not above", -4.0, 4.0, "undecided"),
        ("not above", 4.0, 0.4, "does not hold"),
    ],
)
def test_no_difference_is_claimed_across_seeds_too(kind: str, effect: float, seed_error: float, verdict: str) -> None:
    """Two systems called alike since the images are many, where the next seeds would part them; margin 2."""
    gap = Gap(effect, effect - 1, effect + 1, 0.5, 0.5, seed_error, differ=False)
    assert judge(kind, gap, 2) == verdict


@pytest.mark.parametrize(("seed_error", "resolves"), [(math.nan, 2.8), (0.75, 3.5)])
def test_the_effect_that_a_design_resolves(seed_error: float, resolves: float) -> None:
    """'Undecided' with no word on what could have been seen; 2.8 standard errors: 80 % power at 5 % (z tables)."""
    gap = Gap(0.3, 0.3 - 1.96, 0.3 + 1.96, 0.5, 0.5, seed_error, differ=False)
    assert resolved_effect(gap) == pytest.approx(resolves)


def test_grid(split: Split) -> None:
    """Rows without training (human captions) have no spread over seeds and must not spoil the verdict."""
    human = measured(TableRow("human", "human", blind="references"), split, [split.captions])
    found = findings([Claim("best", ("human",), ("a",))], [human, system("a", split, 0.5, (1, 2, 3))])
    grid = claims_grid({"test": found}, "claims", ["SYNTHETIC DATA"])
    assert grid.texts()[0][0] == "best"
    assert grid.texts()[0][-1] == "holds"
    assert "SYNTHETIC DATA" in grid.notes
    assert all(a != b for a, b in pairwise(grid.columns))


def test_the_same_bits(split: Split, tmp_path: Path) -> None:
    """A claims table that differs between two machines, or two days."""
    grids = [
        claims_grid({"test": findings([ABOVE], [system("a", split, 0.3), system("b", split, 0.4)])}, "", []).texts()
    ]
    grids.append(
        claims_grid({"test": findings([ABOVE], [system("a", split, 0.3), system("b", split, 0.4)])}, "", []).texts()
    )
    assert grids[0] == grids[1]
