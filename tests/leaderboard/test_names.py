"""Names of systems that pass for other names, ranks, scores or rows of the board."""

from datetime import date
from pathlib import Path

import pytest
from board_entries import add_entry
from made_entries import failures

pytest.importorskip("pydantic")
pytest.importorskip("yaml")

from benchmark.dataset.store import Split
from benchmark.leaderboard.accepted import read_hashes
from benchmark.leaderboard.check import Checker
from benchmark.leaderboard.entries import HASH_LIST, list_entry
from benchmark.leaderboard.gather import gather
from benchmark.leaderboard.names import folded, refused, remarks

FINE = [
    *(
        "full (scaled down)",
        "M2 w/o TAtt (scaled down)",
        "3D-Cap",
        "M4C+",
        "β-VAE",
        "Qwen2.5-VL 7B",
        "U-Net++",
        "C#",
        "Length-aware M2",
    ),
    *(
        "温和模型",
        "图文GPT-2",
        "通义千问 2.5（微调）",
        "キャプション2",
        "캡션 모델",
        "Модель",
        "Café",
        "第二代模型",
        "CIDEr-optimised",
    ),
    *("LXMERT v2 Exact-match", "BLEU-4 reward", "Model 10", "2-stage captioner", "Top-down attention"),
]


@pytest.mark.parametrize("name", FINE)
def test_honest_names_are_fine(name: str) -> None:
    """A Chinese name, a version or a plus sign that is refused."""
    assert (refused(name), remarks(name)) == ([], [])


def test_honest_names_look_different() -> None:
    """Two names that are taken for one."""
    assert len({folded(name) for name in FINE}) == len(FINE)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        *((name, "mixes") for name in ("Fu11 Моdel", "Cοntext", "fuІl", "Տystem", "Ꭺbc", "模型Мodel")),
        *((name, "look like Latin ones") for name in ("М2 w/o TAtt", "Full Сору", "Α2 net")),
        *(
            (name, "letter or digit")
            for name in ("+ copying", "- x", "—", "=cmd()", "@a", "* best", "…", "└ w/o copying")
        ),
        *((name, "letter or digit") for name in ("＝1+1", "１２", "1", "42.0", "·x", "'=1", "(a)")),
        *(
            (name, "rank")
            for name in (
                "1. Best",
                "2) M",
                "3: x",
                "No. 1: X",
                "1st",
                "2nd place",
                "Rank 1",
                "第一名",
                "１．模型",
                "№1",
            )
        ),
        *(
            (name, "score")
            for name in ("CIDEr 99", "M2 (CIDEr=99.9)", "BLEU-4: 45", "B@4 30.1", "99.5 CIDEr", "exact 97 %")
        ),
        *((name, "row that the board adds") for name in ("human", "Human", "hum\u0430n".replace("\u0430", "a\u0301"))),
        *(
            (name, "row that the board adds")
            for name in ("Title-Copy", "most frequent caption", "ｎearest training box")
        ),
        *((f"M{c}odel", "invisible") for c in "\u200b\u200d\u00ad\ufe0f\u2060"),
    ],
)
def test_names_that_pass_for_something_else(name: str, said: str) -> None:
    """A name that reads as a rank, a score, a variant of the row above, or as the references."""
    assert any(said in reason for reason in refused(name)), refused(name)


@pytest.mark.parametrize(
    "name",
    ["M2 w/ TAtt", "Full", "Up–Down w/o tatt", "X (reproduced)", "<b>x</b>", "x `y`", "$x$", "[a](b)", "a www.b.org"],
)
def test_names_that_a_reviewer_is_told_of(name: str) -> None:
    """A name of the paper, a badge or markup that nobody was told of."""
    assert remarks(name)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Сору", "Copy"),  # all of it Cyrillic
        ("full (scaled down)", "FULL  scaled-down"),
        ("Ｍ２", "M2"),
        ("𝐌𝟐", "M2"),
        ("ᴍodel", "Model"),
        ("Modèl", "Model"),
        ("Model l0", "Model 1O"),
        ("AI-Cap", "Al Cap"),
        ("M\u20602", "M2"),
        ("Model\u3000A", "Model A"),
        ("ΜΙΝΙ", "MINI"),
        ("Cap‐On", "Cap-On"),
    ],
)
def test_names_that_look_alike(a: str, b: str) -> None:
    """Letters of other scripts, widths, styles, accents, digits or blanks that make a second name of one."""
    assert folded(a) == folded(b)


def test_a_name_that_is_taken(tmp_path: Path, splits: dict[str, Split]) -> None:
    """An entry that takes the name of a known one, whatever date it has; an original refused for its copy."""
    submissions = tmp_path / "submissions"
    original = add_entry(submissions, splits, "Model l0", 0.5)
    twin = add_entry(submissions, splits, "Model 1O", 0.7)
    checker = Checker(splits)
    assert failures(checker, twin).keys() ^ failures(checker, original).keys() == {"label"}  # one of them was first
    read_hashes(submissions / HASH_LIST).accept(list_entry(original))
    checker = Checker(splits, read_hashes(submissions / HASH_LIST))
    assert "label" not in failures(checker, original)
    assert f"looks like 'Model l0' of {original.name}" in failures(checker, twin)["label"]
    board = gather(submissions, splits)
    assert [entry.name for entry in board.entries] == [original.name]
    assert Checker(splits, merged=frozenset({twin.name})).check(twin).failures == []


def test_a_new_version_keeps_its_name(tmp_path: Path, splits: dict[str, Split]) -> None:
    """Authors who may not hand in a better training of their system."""
    add_entry(tmp_path, splits, "Model", 0.5)
    newer = add_entry(tmp_path, splits, "Model", 0.7, date=date(2027, 2, 8))
    report = Checker(splits).check(newer)
    assert report.failures == []
    assert any("is this entry a new version of it?" in note for note in report.notes)
    assert "attempts is 1, but there are 2 entries of this system" in report.notes
    other = add_entry(tmp_path, splits, "Model", 0.9, date=date(2027, 2, 9), contact="b@example.org")
    assert "looks like 'Model'" in failures(Checker(splits), other)["label"]
