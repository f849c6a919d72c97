"""Votes: one form for people and models, hostile files, and what is measured on them."""

import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

pytest.importorskip("sklearn", reason="needs the extra vlm")

from benchmark.errors import InputError
from benchmark.preferences.measures import human_agreement, place_bias, wins
from benchmark.preferences.tables import ARTIFICIAL, NOT_A_SCORE, vote_grids
from benchmark.preferences.votes import AXES, Vote, Votes, read_votes, write_votes
from reports.human_study.answers import read_answers, simulate, votes_of
from reports.human_study.study import Key


def made(votes: list[Vote], by: Any = "model") -> Votes:
    return Votes("made", "test", True, by, votes, {})


def vote(image: str, first: str, second: str, place: str, rater: str = "m") -> Vote:
    return Vote(image, rater, first, second, dict.fromkeys(AXES, place))


def test_votes_come_back_as_written(tmp_path: Path) -> None:
    """A vote that changes sides on its way through a file."""
    votes = made([vote("i1", "a", "b", "first"), Vote("i2", "m", "b", "a", {"relevance": "same"}, asked=False)])
    write_votes(tmp_path / "votes.jsonl", votes)
    assert read_votes(tmp_path / "votes.jsonl") == votes
    assert votes.votes[0].value("relevance") == -1
    assert votes.votes[1].value("diversity") is None
    assert votes.systems == ["a", "b"]


def test_people_and_models_share_the_form(tmp_path: Path) -> None:
    """The left and the right side taken for systems A and B when a study becomes votes."""
    key = Key(
        "0123",
        ("base", "full"),
        {"name": "made", "split": "test", "synthetic": True, "seed": 1},
        [f"image{i}" for i in range(100)],
        [f"item{i}" for i in range(100)],
        {f"rater-{r + 1}": [(i + r) % 2 for i in range(100)] for r in range(3)},
    )
    ratings = read_answers(key, simulate(key, tmp_path, agree=1, win=0.7, same=0.1))
    write_votes(tmp_path / "human.jsonl", votes_of(key, ratings))
    votes = read_votes(tmp_path / "human.jsonl")
    assert votes.by == "artificial raters"
    base, full = (votes.systems.index(name) for name in key.systems)
    total = wins(votes, "relevance").sum(axis=0)
    assert (total[full, base], total[base, full]) == (3 * 75, 3 * 25)
    agreement = human_agreement(votes, votes, "relevance")
    assert (agreement.units, agreement.equal, agreement.among_people) == (100, 1.0, 1.0)
    assert ARTIFICIAL in vote_grids(votes)[0].notes


HEAD = {"format": "caponimage-votes/1", "data": "d", "split": "test", "synthetic": True, "by": "people"}
LINE = {"image_id": "i", "rater": "r", "first": "a", "second": "b", "better": {"relevance": "first"}}


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["{"], ["1: not JSON"]),
        ([HEAD | {"format": "x"}], ["1: format: got 'x'"]),
        ([HEAD | {"by": "a judge", "more": 1, "synthetic": 1}], ["by: got 'a judge'", "'more': unknown", "synthetic"]),
        ([HEAD, LINE | {"first": "b"}], ["2: first and second are both 'b'"]),
        ([HEAD, LINE | {"better": {"beauty": "first", "diversity": "up"}}], ["'beauty'", "diversity: got 'up'"]),
        (
            [HEAD, LINE | {"better": {"diversity": ["first"]}, "rater": 5, "asked": "yes"}],
            ["diversity", "rater", "asked"],
        ),
        ([HEAD, LINE, LINE | {"better": None}, "[1]", '{"a": 1, "a": 2}'], ["3: better", "4: got [1]", "5: not JSON"]),
        ([HEAD, LINE | {"rater": "r" * 501}, "x" * (1 << 17)], ["2: rater", "3: got a line of 131,072 bytes"]),
        ([HEAD, *[{}] * 50], ["more problems follow"]),
        ([HEAD, *[LINE | {"first": f"s{i}"} for i in range(50)]], ["got 51 systems, expected at most 40"]),
        ([HEAD, "[" * 60_000], ["2: not JSON"]),
    ],
)
def test_wrong_files_are_refused_with_all_problems(tmp_path: Path, lines: list[Any], words: list[str]) -> None:
    """A traceback, or one problem a run."""
    path = tmp_path / "votes.jsonl"
    path.write_text("\n".join(x if isinstance(x, str) else json.dumps(x) for x in lines), encoding="utf-8")
    with pytest.raises(InputError) as refused:
        read_votes(path)
    said = "\n".join(refused.value.problems)
    assert all(word in said for word in words), said
    assert len(refused.value.problems) <= 21


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    """A traceback for a file that is not there, or holds nothing."""
    (tmp_path / "empty").touch()
    for name in ("none", "empty", "."):
        with pytest.raises(InputError, match="expected a file of votes"):
            read_votes(tmp_path / name)


def test_preference_for_a_place_by_hand() -> None:
    """Ties taken for votes, or one order without the other for a comparison in both."""
    votes = [
        *(vote("i1", "a", "b", "first"), vote("i1", "b", "a", "second")),  # a, a
        *(vote("i2", "a", "b", "first"), vote("i2", "b", "a", "first")),  # a, b
        *(vote("i3", "a", "b", "same"), vote("i3", "b", "a", "same")),
        *(vote("i4", "a", "b", "same"), vote("i4", "b", "a", "first")),
        vote("i5", "a", "b", "first"),
        Vote("i6", "m", "a", "b", {"relevance": "same"}, asked=False),
        Vote("i6", "m", "b", "a", {"relevance": "same"}, asked=False),
    ]
    found = place_bias(made(votes), "relevance")
    assert (found.decided, found.first, found.both_orders, found.agreeing) == (6, 5 / 6, 4, 0.5)


def test_agreement_by_hand() -> None:
    """A judge who contradicts itself credited with a choice; names in another order taken for other systems."""
    judge = made(
        [
            *(vote("i1", "a", "b", "first"), vote("i1", "b", "a", "second")),  # a
            *(vote("i2", "a", "b", "first"), vote("i2", "b", "a", "first")),  # a tie
            vote("i3", "a", "b", "second"),  # b
        ]
    )
    people = made(
        [
            *(vote("i1", "b", "a", "second", rater) for rater in ("r1", "r2")),
            *(vote("i2", "b", "a", "first", rater) for rater in ("r1", "r2")),
            *(vote("i3", "b", "a", "first", rater) for rater in ("r1", "r2")),
            vote("i4", "b", "a", "first", "r1"),
        ],
        "people",
    )
    found = human_agreement(judge, people, "relevance")
    assert (found.units, found.equal, found.among_people) == (3, pytest.approx(2 / 3), 1.0)
    # Krippendorff by hand: six values a a, 0 b, b b; 1 - 5 * 2 / (2 * (2 * 3 + 2 * 1 + 3 * 1)).
    assert found.alpha == pytest.approx(1 - 5 * 2 / 22)
    nothing = human_agreement(judge, made([vote("i1", "a", "c", "first")], "people"), "relevance")
    assert nothing.units == 0
    assert math.isnan(nothing.alpha)


def test_tables_fit_a_terminal_and_say_what_they_are() -> None:
    """A judge's numbers that pass for a score; a table that breaks its lines at 80 columns."""
    names = ("reference-model", "base")
    votes = made([vote(f"i{i}", *names[:: 1 - 2 * (i % 2)], ("first", "same", "second")[i % 3]) for i in range(30)])
    grids = vote_grids(votes, votes)
    assert NOT_A_SCORE in grids[0].notes
    for grid in grids:
        terminal = Console(width=80, force_terminal=True, no_color=True, file=io.StringIO())
        grid.show(terminal)
        shown = terminal.file.getvalue()  # type: ignore[attr-defined]
        assert shown.count("criterion") == 1  # a table that is too wide goes on in a second one
        assert "reference-model" in shown or grid is not grids[0]
    assert np.isfinite([cell.number or 0 for row in grids[0].rows for cell in row.cells]).all()
    assert vote_grids(made([]))[0].rows == []
