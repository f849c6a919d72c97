"""The board from entries on disk: the harness's scores, every row in its place, nothing believed or computed twice."""

import csv
import io
import json
import os
import re
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from random import Random

import pytest

pytest.importorskip("pydantic")
pytest.importorskip("yaml")

from board_entries import add_entry
from metric_versions import set_versions

from benchmark import submit
from benchmark.dataset.store import Split
from benchmark.errors import InputError
from benchmark.leaderboard import board as board_module
from benchmark.leaderboard import statistics_cache
from benchmark.leaderboard.__main__ import build
from benchmark.leaderboard.accepted import read_hashes
from benchmark.leaderboard.board import Board
from benchmark.leaderboard.entries import HASH_LIST, list_entry
from benchmark.leaderboard.gather import gather
from benchmark.leaderboard.site import write_board
from benchmark.leaderboard.statistics_cache import StatisticsCache
from benchmark.leaderboard.tables import board_csv, history_grid, markdown, neighbours_grid, slices_csv
from benchmark.predictions import read_predictions
from benchmark.scoring import receipt as receipt_module
from benchmark.scoring.evaluation import evaluate
from benchmark.scoring.significance import mean_and_deviation

HOSTILE = "x =1|!A0 <script>alert(1)</script> [x](javascript:0)"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, splits: dict[str, Split]) -> Path:
    """Four entries: two seeds, external data, a hostile name, trained on test."""
    folder = tmp_path_factory.mktemp("entries") / "submissions"
    add_entry(folder, splits, "Good", 0.8, seeds=[1, 2])
    add_entry(folder, splits, "Open", 0.5, uses_external_data=True, external_data="LAION-5B")
    add_entry(folder, splits, HOSTILE, 0.2)
    add_entry(folder, splits, "Peeked", 0.7, trained_on_val_or_test=True)
    return folder


@pytest.fixture
def submissions(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "submissions"))


@pytest.fixture(scope="module")
def board(made: Path, splits: dict[str, Split]) -> Board:
    return gather(made, splits)


def names(board: Board) -> set[str]:
    return {entry.name for entry in board.entries}


def test_scores_are_bit_identical_to_the_harness(board: Board, made: Path, splits: dict[str, Split]) -> None:
    """A board that scores by itself, or mixes up seeds or splits."""
    good = next(entry for entry in board.entries if entry.label == "Good")
    for split, opened in splits.items():
        if split == "train":
            continue
        files = [made / good.name / f"seed{seed}/preds.{split}.jsonl.gz" for seed in (1, 2)]
        seeds = [evaluate(opened, read_predictions(file, opened)) for file in files]
        for metric in ("CIDEr", "BLEU-4", "METEOR", "Div@1", "Length error"):
            assert good.score(split, metric) == mean_and_deviation([seed.scores[metric] for seed in seeds])
        parts = [seed.slice_scores(opened)["position"] for seed in seeds]
        for part in parts[0]:
            mean = (parts[0][part]["CIDEr"] + parts[1][part]["CIDEr"]) / 2
            assert good.slice_score(split, "position", part) == pytest.approx(mean, abs=1e-12)


def test_rows_for_scale_divisions_and_what_is_not_ranked(board: Board) -> None:
    """A board without blind or human rows, or one that ranks a system trained on test."""
    assert [system.name for system in board.reference_rows] == [
        "human",
        "nearest training box",
        "title copy",
        "most frequent caption",
    ]
    assert board.reference_rows[0].score("test", "Exact")[0] == 100
    assert [system.label for _, system in board.ranked("test", "open")] == ["Open"]
    assert {system.label for _, system in board.ranked("val", "closed")} == {"Good", HOSTILE}
    [peeked] = board.refused
    assert "trained on val or test" in peeked.reasons[0]


def test_prompted_systems_stand_apart(made: Path, splits: dict[str, Split], tmp_path: Path) -> None:
    """Trained and prompted systems in one list without a word, or failures and prices that nobody sees."""
    folder = Path(shutil.copytree(made, tmp_path / "submissions"))
    about = {"uses_external_data": True, "external_data": "the web", "prompt": "zh/image (0123)", "n_params": None}
    about |= {"provider": "own server", "unanswered_boxes": 0, "cost_per_1000_images": 1.25}
    add_entry(folder, splits, "Asked", 0.6, **about)
    board = gather(folder, splits)
    assert [system.label for _, system in board.ranked("test", "prompted")] == ["Asked"]
    assert "Asked" not in [system.label for _, system in board.ranked("test", "trained")]
    text = markdown(board)
    assert "test, prompted systems" in text
    assert "0.00 % | 1.25" in text
    assert "open, prompted" in text
    rows = list(csv.DictReader(io.StringIO(board_csv(board))))
    asked = next(row for row in rows if row["label"] == "Asked")
    good = next(row for row in rows if row["label"] == "Good")
    assert (asked["prompt"], asked["cost_per_1000_images"], asked["parameters"]) == ("zh/image (0123)", "1.25", "")
    assert (good["prompt"], good["status"], good["seeds"]) == ("", "self-scored", "2")
    write_board(board, tmp_path / "board", types=None)
    assert "Asked" in (tmp_path / "board" / "test-prompted.html").read_text(encoding="utf-8")


def test_only_what_is_new_is_scored(
    submissions: Path, splits: dict[str, Split], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rebuild that takes ten minutes for one new entry; or a cache that answers for other captions."""
    scored: list[int] = []

    def counting(split: Split, captions: list[str]) -> object:
        scored.append(1)
        return evaluate(split, captions)

    monkeypatch.setattr(statistics_cache, "evaluate", counting)
    cache = StatisticsCache(tmp_path / "cache")
    first = gather(submissions, splits, cache)
    files = 2 * (2 + 1 + 1 + 1 + len(first.reference_rows))
    assert len(scored) == files
    assert markdown(gather(submissions, splits, cache)) == markdown(first)
    assert len(scored) == files
    add_entry(submissions, splits, "New", 0.6)
    assert names(gather(submissions, splits, cache)) == names(first) | {"20270131_new"}
    assert len(scored) == files + 2


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 half", "another"])
def test_damaged_cache_is_as_good_as_none(splits: dict[str, Split], tmp_path: Path, damage: bytes | str) -> None:
    """A board that dies of, or believes, a file cut off by a full disk or put in another's place."""
    cache, split = StatisticsCache(tmp_path / "cache"), splits["test"]
    made = [cache.made(word, split, lambda turn=turn: split.captions[turn:] + split.captions[:turn])  # type: ignore[misc]
            for turn, word in enumerate("ab")]  # fmt: skip
    files = sorted((tmp_path / "cache").iterdir())
    contents = [file.read_bytes() for file in files]
    for file, other in zip(files, reversed(contents), strict=True):
        file.write_bytes(damage if isinstance(damage, bytes) else other)
    assert cache.get("a", split) is None
    assert cache.made("a", split, lambda: split.captions).receipt == made[0].receipt
    assert cache.get("b", split) is None


def test_no_bit_of_the_cache_is_believed_unchecked(splits: dict[str, Split], tmp_path: Path) -> None:
    """A bit that has flipped on the disk, and with it a score on the board."""
    cache, split = StatisticsCache(tmp_path / "cache"), splits["test"]
    made = cache.made("a", split, lambda: split.captions)
    [file] = (tmp_path / "cache").iterdir()
    content = file.read_bytes()
    random = Random(0)
    for place in [*range(80), *random.sample(range(len(content)), 300)]:
        flipped = bytearray(content)
        flipped[place] ^= 1 << random.randrange(8)
        file.write_bytes(flipped)
        assert cache.get("a", split) is None
    file.write_bytes(content)
    found = cache.get("a", split)
    assert found is not None
    assert (found.receipt, found.kept, found.hashes.tolist()) == (made.receipt, 1.0, made.hashes.tolist())


@pytest.mark.parametrize("place", ["a file", "no home"])
def test_a_cache_that_cannot_be_written(
    submissions: Path, splits: dict[str, Split], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """A board that needs to write into a folder which belongs to somebody else, or into a home that is not there."""
    before = markdown(gather(submissions, splits))
    if place == "a file":
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("CAPONIMAGE_CACHE", str(tmp_path / "file"))
    else:
        monkeypatch.delenv("CAPONIMAGE_CACHE")
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    said: list[str] = []
    assert markdown(gather(submissions, splits, log=said.append)) == before
    assert "are not kept, since" in said[-1]


def test_failing_entries_are_listed_and_stop_nothing(submissions: Path, splits: dict[str, Split]) -> None:
    """One bad folder that takes the board down, or gets ranked by what it claims."""
    (tampered,) = submissions.glob("*_good")
    receipt = json.loads((tampered / "seed1/scores.test.json").read_text())
    receipt["scores"]["CIDEr"] = 999.0
    (tampered / "seed1/scores.test.json").write_text(json.dumps(receipt))
    (submissions / "20270131_empty").mkdir()
    (submissions / "20270131_open/seed1/preds.val.jsonl.gz").write_bytes(b"nothing")
    (submissions / "20270131_link").symlink_to("/etc")
    found = gather(submissions, splits)
    assert {entry.label for entry in found.entries} == {HOSTILE}
    reasons = {one.name: " ".join(one.reasons) for one in found.refused}
    assert "scores.CIDEr" in reasons["20270131_good"]
    assert "metadata.yaml" in reasons["20270131_empty"]
    assert "preds.val" in reasons["20270131_open"]
    assert "got a link" in reasons["20270131_link"]
    assert str(submissions.parent) not in markdown(found)
    assert next(one for one in found.refused if one.name == "20270131_good").claimed["test"] > 500
    assert "999" not in markdown(found).split("not ranked")[0]


def test_a_copy_cannot_push_the_original_off(submissions: Path, splits: dict[str, Split]) -> None:
    """Two entries with the same captions, of which both, or the first, vanish."""
    captions = {"share": 0.8, "seeds": [1, 2]}
    add_entry(submissions, splits, "Zzz", **captions)
    found = gather(submissions, splits)
    assert "20270131_good" in names(found)
    (copy,) = (one for one in found.refused if one.name == "20270131_zzz")
    assert "captions equal those of 20270131_good" in copy.reasons[0]


def test_a_copy_with_an_earlier_date_cannot_push_an_accepted_entry_off(
    submissions: Path, splits: dict[str, Split]
) -> None:
    """A thief who dates the copy back: by name alone it comes first, and the accepted original vanishes."""
    read_hashes(submissions / HASH_LIST).accept(list_entry(submissions / "20270131_good"))
    add_entry(submissions, splits, "Thief", 0.8, seeds=[1, 2], date=date(2023, 1, 1))
    found = gather(submissions, splits)
    assert "20270131_good" in names(found)
    assert "20230101_thief" in {one.name for one in found.refused}
    assert [entry.name for entry in found.entries] == sorted(names(found))


@pytest.mark.parametrize("name", [b"20270131_\xff", b"20270131_\x1b[31m", b"20270131_a\n\n# b\n\n|"])
def test_odd_names_of_folders_stop_nothing(submissions: Path, splits: dict[str, Split], name: bytes) -> None:
    """A name that is no text takes the board down; one with line breaks or escape codes acts where it is shown."""
    (submissions / os.fsdecode(name)).mkdir()
    for receipt in submissions.glob("20270131_open/seed1/scores.*"):
        other = submissions / os.fsdecode(b"x" + name) / "seed1" / receipt.name
        other.parent.mkdir(parents=True, exist_ok=True)
        content = json.loads(receipt.read_text())
        content["data"]["fingerprint"] = "0" * 64
        other.write_text(json.dumps(content))
    found = gather(submissions, splits)
    assert len(found.entries) == 3
    shown = [text for one in found.refused for text in (one.name, *one.reasons)] + list(found.elsewhere)
    assert len(found.elsewhere) == 1
    assert all(text.isprintable() for text in shown)
    assert "\n# b" not in markdown(found)
    markdown(found).encode()


def change(path: Path, **sections: object) -> None:
    """Change sections of a receipt; mappings are merged into them."""
    receipt = json.loads(path.read_text())
    for name, value in sections.items():
        receipt[name] = receipt[name] | value if isinstance(value, dict) and value else value
    path.write_text(json.dumps(receipt))


def accept(submissions: Path, name: str = "20270131_open") -> None:
    """Make an entry, as it is, the only accepted one."""
    (submissions / HASH_LIST).unlink(missing_ok=True)
    read_hashes(submissions / HASH_LIST).accept(list_entry(submissions / name))


def why_not_ranked(board: Board, name: str = "20270131_open") -> str:
    """The reasons why an entry is not ranked; empty if it is."""
    return " ".join(reason for one in board.refused if one.name == name for reason in one.reasons)


def test_old_metric_versions_are_rescored_and_shown(
    submissions: Path, splits: dict[str, Split], monkeypatch: pytest.MonkeyPatch
) -> None:
    """History that vanishes, or old numbers that are ranked beside new ones."""
    monkeypatch.setattr(receipt_module, "EARLIER_METRIC_VERSIONS", ("0.0",))
    path = submissions / "20270131_open/seed1/scores.test.json"
    now = json.loads(path.read_text())["scores"]["CIDEr"]
    scores = {"CIDEr": now - 1.5, "METEOR": "<b>", "BLEU-4": float("nan")}
    change(path, scores=scores, versions={"metrics": "0.0"})
    accept(submissions)
    found = gather(submissions, splits)
    entry = next(entry for entry in found.entries if entry.label == "Open")
    assert entry.score("test", "CIDEr")[0] == now
    rows = history_grid([entry], ["CIDEr", "METEOR", "BLEU-4"]).texts()
    assert rows[0] == ["Open", "test", "1", "CIDEr", "0.0", f"{now - 1.5:.2f}", f"{now:.2f}", "+1.50"]
    assert [row[5] for row in rows[1:]] == ["-", "-"]
    assert "scores with older metric versions, and now" in markdown(found)

    change(path, scores={"CIDEr": 1e308})
    accept(submissions)
    assert not re.search("[0-9]{100}", markdown(gather(submissions, splits)))

    change(path, sha256={"predictions": "0" * 64})
    accept(submissions)
    assert "sha256.predictions" in why_not_ranked(gather(submissions, splits))


@pytest.mark.parametrize("state", ["never accepted", "changed since"])
def test_history_of_strangers_is_not_believed(
    state: str, submissions: Path, splits: dict[str, Split], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry that was never accepted, and that `check` fails, publishes any number as its score of old."""
    monkeypatch.setattr(receipt_module, "EARLIER_METRIC_VERSIONS", ("0.0",))
    if state == "changed since":
        accept(submissions)
    for path in (submissions / "20270131_open/seed1").glob("scores.*"):
        change(path, scores={"CIDEr": 899.5}, versions={"metrics": "0.0"})
    found = gather(submissions, splits)
    assert ("changed since" if state == "changed since" else "may have earlier versions") in why_not_ranked(found)
    assert "899.5" not in markdown(found).split("not ranked")[0]
    assert history_grid(found.entries).rows == []


@pytest.mark.parametrize("version", ["0.0", "<b>\n\n# old", "", None, 0.1, {}])
@pytest.mark.parametrize("accepted", [False, True])
def test_common_versions_that_never_existed_are_no_history(
    accepted: bool, version: object, submissions: Path, splits: dict[str, Split]
) -> None:
    """A made-up version that frees a receipt of every comparison but one hash, with 899.50 in the history table."""
    path = submissions / "20270131_open/seed1/scores.test.json"
    change(path, versions={"metrics": version}, data={}, intervals={}, signature="anything", scores={"CIDEr": 899.5})
    if accepted:
        accept(submissions)
    found = gather(submissions, splits)
    assert "versions.metrics: got " in why_not_ranked(found)
    assert "899.5" not in markdown(found).split("not ranked")[0]
    assert not any(line.startswith("&#35; old") for line in markdown(found).splitlines())


@pytest.mark.parametrize("version", ["0", "-1", "01", "3", "x"])
@pytest.mark.parametrize("accepted", [False, True])
def test_versions_of_metrics_that_never_existed_are_no_history(
    accepted: bool, version: str, submissions: Path, splits: dict[str, Split], monkeypatch: pytest.MonkeyPatch
) -> None:
    """CIDEr 9999.00 in the history table, as the score of a version 0 that never was."""
    set_versions(monkeypatch, {"CIDEr": "2"})
    path = submissions / "20270131_open/seed1/scores.test.json"
    sign = json.loads(path.read_text())["signature"].replace("n4,s6", f"n4,s6,v{version}")
    change(path, metrics={"CIDEr": version}, signature=sign, scores={"CIDEr": 9999.0})
    if accepted:
        accept(submissions)
    found = gather(submissions, splits)
    reason = why_not_ranked(found)
    assert "metrics.CIDEr: the receipt says" in reason or "does not know: CIDEr version 3; update" in reason
    assert "9999" not in markdown(found).split("not ranked")[0]


@pytest.mark.parametrize("key", ["data", "intervals", "sha256", "signature", "scores"])
def test_what_a_version_does_not_concern_is_compared(
    key: str, submissions: Path, splits: dict[str, Split], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An accepted receipt with an earlier CIDEr, which is forged or broken elsewhere."""
    set_versions(monkeypatch, {"CIDEr": "2"})
    accept(submissions)
    assert why_not_ranked(gather(submissions, splits)) == ""
    change(submissions / "20270131_open/seed1/scores.test.json", **{key: {}})
    accept(submissions)
    assert f"does not belong to its predictions: {key}" in why_not_ranked(gather(submissions, splits))


def test_a_raised_version_of_one_metric_is_history(
    submissions: Path, splits: dict[str, Split], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole board that is refused since one metric was mended; a forged number behind an old version of another."""
    names = sorted(path.name for path in submissions.glob("*_*") if "peeked" not in path.name)
    read_hashes(submissions / HASH_LIST).accept(*(list_entry(submissions / name) for name in names[:-1]))
    set_versions(monkeypatch, {"METEOR": "2"})
    found = gather(submissions, splits)
    assert [entry.name for entry in found.entries] == names[:-1]
    assert "version of METEOR: got 1, expected 2; score again" in why_not_ranked(found, names[-1])
    assert history_grid(found.entries).rows == []
    entry = found.entries[0]
    rows = history_grid([entry], ["CIDEr", "METEOR"]).rows
    assert {tuple(row.texts()[3:5]) for row in rows} == {("METEOR", "1")}
    assert len(rows) == 2 * len(entry.statistics["test"])
    assert "meteor:1.5-en-norm,v2" in found.signatures["test"]

    path = submissions / "20270131_open/seed1/scores.test.json"
    change(path, scores={"CIDEr": json.loads(path.read_text())["scores"]["CIDEr"] + 1})
    accept(submissions)
    assert "scores.CIDEr" in why_not_ranked(gather(submissions, splits))


@pytest.mark.parametrize("of", ["all", "one"])
def test_a_new_metric_version_makes_the_cache_useless(
    of: str, submissions: Path, splits: dict[str, Split], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scores of two versions on one board."""
    cache = StatisticsCache(tmp_path / "cache")
    split = splits["test"]
    made = cache.made("x", split, lambda: split.captions)
    assert cache.get("x", split) is not None
    if of == "all":
        monkeypatch.setattr(statistics_cache, "METRIC_VERSION", "9")
    else:
        set_versions(monkeypatch, {"Exact": "2"})
    assert cache.get("x", split) is None
    assert cache.get("x", splits["val"]) is None
    assert made.receipt["scores"]["Exact"] == 100


def test_status_follows_the_list_of_accepted_entries(submissions: Path, splits: dict[str, Split]) -> None:
    """An entry that gives itself a badge."""
    entry = submissions / "20270131_good"
    hashes = read_hashes(submissions / HASH_LIST)
    hashes.accept(list_entry(entry))
    status = {entry.label: entry.status for entry in gather(submissions, splits).entries}
    assert (status["Good"], status["Open"]) == ("re-scored", "self-scored")


def test_entries_for_other_data_are_named(submissions: Path, splits: dict[str, Split]) -> None:
    """A board of one data set that calls entries of another one broken."""
    for path in (submissions / "20270131_open").glob("seed1/scores.*"):
        receipt = json.loads(path.read_text())
        receipt["data"]["fingerprint"] = "0" * 64
        path.write_text(json.dumps(receipt))
    found = gather(submissions, splits)
    assert found.elsewhere == ["20270131_open"]
    assert "other data, not shown: 20270131_open" in markdown(found)


def test_hostile_names_do_nothing_in_markdown_and_csv(board: Board) -> None:
    """A name that breaks the table, runs a script, or starts a program from a spreadsheet."""
    text = markdown(board)
    assert "<script" not in text
    assert "](" not in text
    head = next(line for line in text.splitlines() if line.startswith("| system | rank"))
    lines = [line for line in text.splitlines() if "alert" in line]
    assert lines[0].count("|") == head.count("|")
    rows = list(csv.reader(io.StringIO(board_csv(board))))
    assert len({len(row) for row in rows}) == 1
    assert not any(cell.startswith(("=", "+", "@")) for row in rows for cell in row)


def test_formulas_in_full_width_signs(submissions: Path, splits: dict[str, Split]) -> None:
    """Spreadsheets of some languages take a full-width equals sign for a plain one."""
    board = gather(submissions, splits)
    board = replace(board, entries=[replace(entry, label="\uff1d1+1") for entry in board.entries])
    rows = csv.DictReader(io.StringIO(board_csv(board)))
    assert "'\uff1d1+1" in {row["label"] for row in rows}


def test_csv_holds_what_the_harness_says(board: Board) -> None:
    """Rounded numbers, or columns that slip."""
    rows = list(csv.DictReader(io.StringIO(board_csv(board))))
    good = next(row for row in rows if row["label"] == "Good" and row["split"] == "test")
    entry = next(entry for entry in board.entries if entry.label == "Good")
    assert float(good["METEOR"]) == entry.score("test", "METEOR")[0]
    assert (good["seeds"], good["status"], good["division"]) == ("2", "self-scored", "closed")
    parts = list(csv.DictReader(io.StringIO(slices_csv(board))))
    row = next(row for row in parts if row["name"] == entry.name and row["by"] == "position")
    assert float(row["CIDEr"]) == entry.slice_score(row["split"], "position", row["part"])


def test_rows_of_the_paper_are_labelled(board: Board) -> None:
    """Numbers of the paper shown as if they were ours, or those of another row or column."""
    text = markdown(board).split("## Paper")[1]
    assert "reported, not re-scored" in text
    rows = list(csv.DictReader(io.StringIO(board_csv(board))))
    assert {row["kind"] for row in rows} == {"scale", "entry", "reported, not re-scored"}
    printed = {(row["label"], row["split"]): row for row in rows if row["kind"] == "reported, not re-scored"}
    assert len(printed) == 30
    # Copied by hand from the paper's Table 2.
    assert [printed["full", "test"][name] for name in ("CIDEr", "BLEU-4", "METEOR", "Div@1")] == [
        "345.41",
        "31.45",
        "23.49",
        "74.87",
    ]
    assert printed["no-locations", "test"]["CIDEr"] == "95.52"
    assert printed["human", "val"]["CIDEr"] == ""


def test_no_entries(splits: dict[str, Split], tmp_path: Path) -> None:
    """A new project without a board."""
    found = gather(tmp_path / "none", splits)
    assert "nearest training box" in markdown(found)


def test_build_replaces_the_folder_whole(board: Board, tmp_path: Path) -> None:
    """Pages of entries that are gone."""
    out = tmp_path / "out"
    out.mkdir()
    write_board(board, out, site=False)
    (out / "old.html").touch()
    write_board(board, out, site=False)
    assert sorted(path.name for path in out.iterdir()) == ["leaderboard.csv", "leaderboard.md", "slices.csv"]


def test_build_replaces_nothing_but_a_board(board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-o ~` takes somebody's home away; a misspelt --submissions makes an empty board of a full one."""
    (tmp_path / "thesis.txt").write_text("x")
    monkeypatch.chdir(tmp_path)
    for place in (Path(), tmp_path, tmp_path / "thesis.txt"):
        with pytest.raises(InputError, match="is not a board"):
            write_board(board, place, site=False)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(InputError, match="no such folder"):
        build(submissions=tmp_path / "submision")


def test_submit_shows_the_place_and_the_neighbours(
    submissions: Path, splits: dict[str, Split], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A dry run that does not tell whether it was worth it."""
    entry = add_entry(tmp_path / "draft", splits, "Mine", 0.65)
    files = [entry / f"seed1/preds.{split}.jsonl.gz" for split in ("test", "val")]
    data = str(splits["test"].directory)
    submit.main([files[0]], [files[1]], entry / "metadata.yaml", data, submissions, dry_run=True)
    shown = capsys.readouterr().out
    assert re.search(r"test: rank [\d-]+ of 4", shown)
    assert "Good" in shown
    assert "p, all pairs" in shown
    assert not (submissions / entry.name).exists()


def test_neighbours_are_the_next_in_rank(board: Board) -> None:
    """Differences with the wrong sign, or from the wrong system."""
    name = next(entry.name for entry in board.entries if entry.label == "Open")
    rows = neighbours_grid(board, "test", name, around=1).texts()
    assert [row[0] for row in rows] == ["Good", "Open", HOSTILE]
    assert rows[0][3].startswith("-")
    assert rows[2][3].startswith("+")
    assert board_module.HEADLINE == "CIDEr"
