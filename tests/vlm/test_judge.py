"""A judge's requests are blind and in both orders, its replies are read or counted as failures, and votes are whole."""

import json
import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("inspect_ai", reason="needs the extra vlm")

from vlm.fault_server import TRANSPORT
from vlm.judge_server import JudgeServer, shown

from benchmark.dataset.store import Split
from benchmark.errors import InputError
from benchmark.predictions import write_predictions
from benchmark.preferences.bradley_terry import strengths
from benchmark.preferences.measures import place_bias, wins
from benchmark.preferences.tables import NOT_A_SCORE
from benchmark.preferences.votes import AXES, Vote, Votes, read_votes, write_votes
from benchmark.vlm import __main__ as commands
from benchmark.vlm.judge import JudgeWriter, draw_up, read_judge_prompt, read_verdict
from benchmark.vlm.judge_command import judge_command, votes_command
from benchmark.vlm.reply import Failure, UnusableReplyError

#: First characters of the captions of three systems, with their quality; names that must reach nobody.
QUALITY = {"甲": 0.0, "乙": 1.0, "丙": 2.0}
NAMES = {"甲": "zzbase", "乙": "zzmiddle", "丙": "zzfull"}


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENDPOINT_API_KEY", "none")
    monkeypatch.setenv("INSPECT_CACHE_DIR", os.devnull)  # put back after each test


@pytest.fixture(scope="module")
def files(splits: dict[str, Split], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Predictions of three systems, whose captions differ from image to image."""
    split, folder = splits["test"], tmp_path_factory.mktemp("systems")
    found = {}
    for first, name in NAMES.items():
        found[first] = folder / f"{name}.jsonl"
        write_predictions(found[first], split, [f"{first}款第{i}句" for i in range(split.n_boxes)])
    return found


def judged(
    server: JudgeServer, split: Split, files: dict[str, Path], which: str, out: Path, **options: object
) -> Votes:
    given = {"data": str(split.directory), "base_url": server.url, "images": 12, "connections": 4, **options}
    judge_command([str(files[first]) for first in which], "fault", out, **given)  # type: ignore[arg-type]
    return read_votes(out)


def test_two_systems(splits: dict[str, Split], files: dict[str, Path], tmp_path: Path) -> None:
    """Votes of the wrong sign, a system that wins by its place, or strengths that are not those of the votes."""
    with JudgeServer(QUALITY) as server:
        votes = judged(server, splits["test"], files, "甲丙", tmp_path / "votes.jsonl")
        won, lost = server.wins["丙", "甲"], server.wins["甲", "丙"]
    assert (won + lost, len(server.bodies)) == (24, 24)
    assert votes.systems == ["zzbase", "zzfull"]
    fitted = strengths(wins(votes, "relevance"))
    assert fitted.value[1] - fitted.value[0] == pytest.approx(math.log((won + 0.5) / (lost + 0.5)), abs=1e-5)
    assert fitted.value[1] - fitted.value[0] == pytest.approx(math.log(won / lost), abs=0.2)
    assert fitted.low[1] < fitted.value[1] < fitted.high[1]
    bias = place_bias(votes, "relevance")
    assert (bias.first, bias.agreeing, bias.both_orders) == (0.5, 1.0, 12)
    judge = votes.judge
    assert (judge["prompt"], judge["model"], judge["requests"]) == ("judge/zh/drawn", "openai-api/endpoint/fault", 24)
    assert judge["prompt_hash"] == read_judge_prompt("zh").hash


def test_requests_are_blind_and_in_both_orders(
    splits: dict[str, Split], files: dict[str, Path], tmp_path: Path
) -> None:
    """A judge who knows the systems by name, or sees one of them first every time."""
    split = splits["test"]
    with JudgeServer(QUALITY) as server:
        votes = judged(server, split, files, "甲乙丙", tmp_path / "votes.jsonl", images=5)
    assert len(server.bodies) == len(votes.votes) == 5 * 3 * 2
    for body in server.bodies:
        sent = json.dumps(body, ensure_ascii=False)
        assert not any(word in sent for word in (*NAMES.values(), "jsonl", str(tmp_path), str(split.directory)))
        pictures = [part for part in body["messages"][-1]["content"] if part["type"] == "image_url"]
        assert len(pictures) == 2
    orders = [tuple(captions["1"] for captions in shown(body)) for body in server.bodies]
    assert len(set(orders)) == 30
    assert {(b, a) for a, b in orders} == set(orders)
    order = np.argsort(strengths(wins(votes, "informativeness")).value)
    assert votes.systems[int(order[-1])] in ("zzmiddle", "zzfull")


def test_a_judge_of_places(
    splits: dict[str, Split], files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A judge who always takes the first one, told as a difference between systems and not as what it is."""
    with JudgeServer(QUALITY, always="A") as server:
        votes = judged(server, splits["test"], files, "甲丙", tmp_path / "votes.jsonl")
    fitted = strengths(wins(votes, "diversity"))
    assert np.abs(fitted.value).max() < 1e-6
    bias = place_bias(votes, "diversity")
    assert (bias.first, bias.agreeing, bias.decided) == (1.0, 0.0, 24)
    said = capsys.readouterr().out
    assert NOT_A_SCORE in said
    assert "100.0" in said


def test_nothing_is_asked_twice_and_failures_are_no_votes(
    splits: dict[str, Split], files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A cut or refused reply that becomes a vote; a run that is paid again from the start; a budget overdrawn."""
    split, out = splits["test"], tmp_path / "votes.jsonl"
    faults = dict.fromkeys(("cut off", "refusal", "prose", "empty"), 0.1) | dict.fromkeys(TRANSPORT[:3], 0.05)
    with JudgeServer(QUALITY, shares={**faults, "think": 0.1, "fenced": 0.1}) as server:
        with pytest.raises(InputError, match="have no verdict") as refused:
            judged(server, split, files, "甲丙", out, max_tokens=5000, connections=1)
        assert any("not asked" in problem for problem in refused.value.problems)
        assert len(server.bodies) < 20
        assert not out.exists()
        votes = judged(server, split, files, "甲丙", out, allow_missing=True)
        failed = sum(votes.judge["failures"].values())
        assert failed > 0
        assert len(votes.votes) == 24 - failed
        assert set(votes.judge["failures"]) <= {"truncated", "refused", "unparsable", "empty"}
        for _ in range(12):
            if failed:
                votes = judged(server, split, files, "甲丙", out, allow_missing=True)
                failed = sum(votes.judge["failures"].values())
        assert len(votes.votes) == len(server.answered) == 24
        assert server.again == []
        asked = len(server.bodies)
        assert (
            judged(server, split, files, "甲丙", tmp_path / "again.jsonl", work=tmp_path / "votes.jsonl.vlm") == votes
        )
        assert len(server.bodies) == asked
    assert "replies were there already" in capsys.readouterr().err


def test_equal_captions_are_ties_without_a_request(
    splits: dict[str, Split], files: dict[str, Path], tmp_path: Path
) -> None:
    """Money for the question which of two equal captionings is better, or a bias that this measures."""
    with JudgeServer(QUALITY) as server:
        given = {"data": str(splits["test"].directory), "base_url": server.url, "images": 3}
        same = [f"one={files['甲']}", f"other={files['甲']}", f"third={files['乙']}"]
        judge_command(same, "fault", tmp_path / "votes.jsonl", **given)  # type: ignore[arg-type]
    assert len(server.bodies) == 3 * 2
    votes = read_votes(tmp_path / "votes.jsonl")
    assert len(votes.votes) == 3 * 6
    assert sum(not vote.asked for vote in votes.votes) == 3 * 2
    assert place_bias(votes, "relevance").both_orders == 3 * 2
    one, other, _ = strengths(wins(votes, "relevance")).value
    assert one == pytest.approx(other, abs=1e-6)


def test_no_text_of_the_picture_is_shown(splits: dict[str, Split]) -> None:
    """The references, which stand on the original picture, shown to the judge."""
    split = splits["test"]
    systems = {"a": [""] * split.n_boxes, "b": ["好"] * split.n_boxes}
    pairings, ballots = draw_up(split, systems, 4, 1)
    assert len(pairings) == len(ballots) == 8
    hidden = replace(split)
    hidden.__dict__["captions"] = ["绝密"] * split.n_boxes
    drawn = JudgeWriter(hidden, read_judge_prompt("zh"))
    masked = JudgeWriter(split, read_judge_prompt("en", "masked"))
    for pairing in pairings:
        [row] = split.rows(only=range(pairing.image, pairing.image + 1))
        blank = [part for part in drawn.parts(pairing) if not isinstance(part, str)][0 if pairing.first[0] == "" else 1]
        for x1, y1, x2, y2 in row["boxes"]:  # the middle of a box, since pictures are enlarged
            x, y = int((x1 + x2) / 2 * blank.width), int((y1 + y2) / 2 * blank.height)
            assert blank.getpixel((x, y)) == (0, 0, 0)
        assert not any("绝密" in part for part in drawn.parts(pairing) if isinstance(part, str))
        assert len([part for part in masked.parts(pairing) if not isinstance(part, str)]) == 1


@pytest.mark.parametrize(
    ("reply", "places"),
    [
        ('{"relevance": "A", "diversity": "tie", "informativeness": "B"}', ["first", "same", "second"]),
        ('<think>{"relevance": "B"}</think>{"relevance": " a ", "diversity": "平", "informativeness": "文案B"}', None),
        ('{"relevance": "B", "diversity": "B", "informativeness": "B"}\n'
         '改：{"relevance": "A", "diversity": "same", "informativeness": "b", "why": "x"}', None),
    ],
)  # fmt: skip
def test_verdicts(reply: str, places: list[str] | None) -> None:
    """A verdict that is lost for a fence, a thought or a word, or a draft taken for the verdict."""
    assert list(read_verdict(reply).values()) == (places or ["first", "same", "second"])


@pytest.mark.parametrize(
    ("reply", "stop", "failure"),
    [
        ('{"relevance": "A", "diversity": "A", "informativeness": "A"}', "max_tokens", Failure.truncated),
        ('{"relevance": "A", "diversity": "A"}', "stop", Failure.unparsable),
        ('{"relevance": "A", "diversity": "A", "informativeness": "A | B | tie"}', "stop", Failure.unparsable),
        ('{"relevance": "A", "relevance": "B", "diversity": "A", "informativeness": "A"}', "stop", Failure.unparsable),
        ('{"relevance": 1, "diversity": null, "informativeness": ["A"]}', "stop", Failure.unparsable),
        ("A 更好", "stop", Failure.unparsable),
        ("抱歉，我无法为您比较。", "stop", Failure.refused),
        ("", "stop", Failure.empty),
    ],
)
def test_what_is_no_verdict(reply: str, stop: str, failure: Failure) -> None:
    """Half an answer, or one that says both, counted as a vote."""
    with pytest.raises(UnusableReplyError) as refused:
        read_verdict(reply, stop_reason=stop)
    assert refused.value.failure is failure


@pytest.mark.parametrize(
    ("which", "options", "words"),
    [
        ("甲甲", {}, "two systems are named 'zzbase'"),
        ("甲", {}, "got 1 system"),
        ("甲乙", {"images": 13}, "expected at most 12"),
        ("甲乙", {"picture": "none"}, "expected drawn or masked"),
        ("甲乙", {"prompt": "none"}, "expected one of en, zh"),
        ("甲乙", {"human": Path("none.jsonl")}, "expected a file of votes"),
    ],
)
def test_what_cannot_be_judged_is_refused_before_a_request(
    splits: dict[str, Split], files: dict[str, Path], tmp_path: Path, which: str, options: dict[str, object], words: str
) -> None:
    """A run that is half paid when its options turn out to be wrong."""
    with JudgeServer(QUALITY) as server:
        with pytest.raises(InputError, match=words):
            judged(server, splits["test"], files, which, tmp_path / "votes.jsonl", **options)
        assert server.bodies == []


def test_a_plan_asks_for_nothing(
    splits: dict[str, Split], files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bill that nobody was told of."""
    out = tmp_path / "votes.jsonl"
    given = {"data": str(splits["test"].directory), "images": 3, "price": "in=1,out=2", "dry_run": True}
    judge_command([str(files["甲"]), str(files["乙"])], "openai/none", out, **given)  # type: ignore[arg-type]
    said = capsys.readouterr().err
    assert "6 requests for 6 votes on 3 images" in said
    assert "price about" in said
    assert list(tmp_path.iterdir()) == []


def test_with_people(
    splits: dict[str, Split], files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A judge's votes that nobody can compare with those of people, or a log of votes taken for one of captions."""
    out = tmp_path / "votes.jsonl"
    with JudgeServer(QUALITY) as server:
        votes = judged(server, splits["test"], files, "甲丙", out)
    people = [Vote(v.image_id, r, v.first, v.second, v.better) for r in ("r1", "r2") for v in votes.votes[::2]]
    write_votes(tmp_path / "human.jsonl", Votes(votes.data, votes.split, votes.synthetic, "people", people, {}))
    capsys.readouterr()
    votes_command(out, tmp_path / "human.jsonl", as_json=True)
    said = json.loads(capsys.readouterr().out)
    assert said["note"] == NOT_A_SCORE
    assert said["axes"]["relevance"]["people"] == {"units": 12, "equal": 1.0, "alpha": 1.0, "among_people": 1.0}
    assert list(said["axes"]) == list(AXES)
    with pytest.raises(InputError, match="expected votes of people"):
        votes_command(out, out)
    write_votes(tmp_path / "other.jsonl", Votes(votes.data, "val", votes.synthetic, "people", people, {}))
    with pytest.raises(InputError, match="votes on val"):
        votes_command(out, tmp_path / "other.jsonl")
    [log] = (tmp_path / "votes.jsonl.vlm/logs").glob("*.eval")
    with pytest.raises(InputError, match="expected caponimage/caption"):
        commands.export_command(log, tmp_path / "preds.jsonl", str(splits["test"].directory))
