"""The list of accepted files: nothing accepted changes or goes without a word, and only maintainers write the list."""

import datetime
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from board_entries import add_entry
from made_entries import NAME, failures, made_entry

pytest.importorskip("pydantic")
pytest.importorskip("yaml")

from benchmark import submit
from benchmark.dataset.store import Split
from benchmark.errors import InputError
from benchmark.leaderboard.accepted import read_hashes, status
from benchmark.leaderboard.check import Checker
from benchmark.leaderboard.entries import HASH_LIST, list_entry
from benchmark.leaderboard.metadata import read_metadata

DAY = datetime.date(2027, 2, 1)


@pytest.fixture
def listed(entry: Path) -> Path:
    read_hashes(entry.parent / HASH_LIST).accept(list_entry(entry))
    return entry


def checker_of(entry: Path, splits: dict[str, Split]) -> Checker:
    return Checker(splits, read_hashes(entry.parent / HASH_LIST))


def run(verb: str, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmark.leaderboard", verb, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_sha256sum_agrees(listed: Path) -> None:
    """A list in a form of our own that nobody else can check."""
    if shutil.which("sha256sum") is None:
        pytest.skip("needs sha256sum")
    command = ["sha256sum", "--check", "--strict", "--quiet", HASH_LIST]
    assert subprocess.run(command, cwd=listed.parent, check=False).returncode == 0
    assert len((listed.parent / HASH_LIST).read_text().splitlines()) == 1 + 6


def test_line_ends_of_windows_are_no_change(listed: Path, splits: dict[str, Split]) -> None:
    """A list that git has checked out with CR LF, of which every line is called unreadable."""
    path = listed.parent / HASH_LIST
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert failures(checker_of(listed, splits), listed) == {}
    assert read_hashes(path).entries.keys() == {NAME}


@pytest.mark.parametrize(
    ("place", "content", "word"),
    [("README.md", "x", "changed"), ("seed1/scores.val.json", None, "gone"), ("seed2/scores.val.json", "{}", "new")],
)
def test_changes_of_an_accepted_entry_fail(
    listed: Path, splits: dict[str, Split], place: str, content: str | None, word: str
) -> None:
    """An entry whose predictions get better after it was accepted."""
    path = listed / place
    path.parent.mkdir(exist_ok=True)
    path.unlink() if content is None else path.write_text(content)
    assert f"{path}: {word} since the entry was accepted" in failures(checker_of(listed, splits), listed)["unchanged"]


def test_status(entry: Path, splits: dict[str, Split]) -> None:
    """An entry that gives itself a badge, and a badge that outlives a change."""
    hashes = read_hashes(entry.parent / HASH_LIST)
    path = entry / "metadata.yaml"
    path.write_text(path.read_text().replace("reproduced: false", "reproduced: true"))
    assert "maintainers set it" in failures(checker_of(entry, splits), entry)["metadata"]
    metadata = read_metadata(path, maintainer=True)
    assert status(list_entry(entry), hashes, metadata) == "self-scored"
    hashes.accept(list_entry(entry))
    assert status(list_entry(entry), hashes, metadata) == "reproduced"
    assert status(list_entry(entry), hashes, metadata.model_copy(update={"reproduced": False})) == "re-scored"
    report = checker_of(entry, splits).check(entry)
    assert (report.failures, report.status) == ([], "reproduced")
    (entry / "README.md").write_text("x")
    assert status(list_entry(entry), hashes, metadata) == "self-scored"


def test_replacing_needs_a_reason_that_stays(listed: Path) -> None:
    """An accepted entry that is overwritten, and nobody knows when and why."""
    (listed / "README.md").write_text("x")
    path = listed.parent / HASH_LIST
    before = path.read_bytes()
    for reason in ("", "two\nlines", "x" * 201):
        with pytest.raises(InputError, match="replace"):
            read_hashes(path).accept(list_entry(listed), replacing=reason)
        assert path.read_bytes() == before
    for reason in ("more seeds", "a better README"):
        (listed / "README.md").write_text(reason)
        read_hashes(path).accept(list_entry(listed), replacing=reason, today=DAY)
    assert read_hashes(path).changes(list_entry(listed)) == []
    remarks = [line for line in path.read_text().splitlines()[1:] if line.startswith("#")]
    assert remarks == [f"# {NAME} replaced 2027-02-01: {reason}" for reason in ("more seeds", "a better README")]


def test_text_has_the_same_bytes_on_windows(
    tmp_path: Path, splits: dict[str, Split], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry made on Windows with other line ends, whose hashes then differ from those of the checker."""
    line_ends: dict[Path, str | None] = {}
    write = Path.write_text

    def recorded(path: Path, text: str, *more: Any, newline: str | None = None, **named: Any) -> int:
        line_ends[path] = newline
        return write(path, text, *more, newline=newline, **named)

    monkeypatch.setattr(Path, "write_text", recorded)
    entry = add_entry(tmp_path / "submissions", splits, "One", 0.5)
    read_hashes(entry.parent / HASH_LIST).accept(list_entry(entry))
    submit.init(tmp_path / "template.yaml")
    assert len(line_ends) == 6
    assert set(line_ends.values()) == {"\n"}


def test_all_are_accepted_or_none(listed: Path) -> None:
    """A list that is half written when one of several entries has changed, or a reason that nothing needs."""
    other = Path(shutil.copytree(listed, listed.with_name("20270130_other")))
    path = listed.parent / HASH_LIST
    before = path.read_bytes()
    with pytest.raises(InputError, match="has changed"):
        read_hashes(path).accept(list_entry(other), list_entry(listed), replacing="for fun")
    (listed / "README.md").write_text("x")
    with pytest.raises(InputError, match="replace"):
        read_hashes(path).accept(list_entry(other), list_entry(listed))
    assert path.read_bytes() == before
    read_hashes(path).accept(list_entry(other), list_entry(listed), replacing="more seeds", today=DAY)
    assert set(read_hashes(path).entries) == {NAME, other.name}
    assert list(read_hashes(path).remarks) == [NAME]


def test_two_entries_accepted_side_by_side_merge(tmp_path: Path, listed: Path) -> None:
    """A list that conflicts with every other pull request: what it says must not depend on the order."""
    other = Path(shutil.copytree(listed, listed.with_name("20270130_other")))
    one, two = tmp_path / "one", tmp_path / "two"
    for path, order in ((one, (listed, other)), (two, (other, listed))):
        for entry in order:
            read_hashes(path).accept(list_entry(entry))
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize("line", ["x", "0" * 64 + "  ../../etc/passwd", "0" * 64 + " *20270131_turned/a", "# hello"])
def test_lines_that_are_none(tmp_path: Path, line: str) -> None:
    """A merge conflict or a path out of the folder that is read as if it were nothing."""
    (tmp_path / HASH_LIST).write_text(f"{'0' * 64}  {NAME}/README.md\n{line}\n")
    with pytest.raises(InputError, match=f"{HASH_LIST}:2: got"):
        read_hashes(tmp_path / HASH_LIST)


def test_a_list_that_is_a_link(tmp_path: Path) -> None:
    """A pull request whose list leads to another file of the machine, which the log then shows."""
    (tmp_path / "secret").write_text("token")
    (tmp_path / HASH_LIST).symlink_to(tmp_path / "secret")
    with pytest.raises(InputError, match="got a link") as refusal:
        read_hashes(tmp_path / HASH_LIST)
    assert "token" not in str(refusal.value)


def test_command_lines(tmp_path: Path, splits: dict[str, Split]) -> None:
    """accept, then check as on a pull request: a vanished entry, a list that its author has written."""
    first, second = (made_entry(tmp_path, splits, name=name, turn=turn) for name, turn in (("One", 1), ("Two", 2)))
    submissions, data = first.parent, splits["test"].directory
    base = tmp_path / HASH_LIST
    accepted = run("accept", first, "--data", data)
    assert (accepted.returncode, accepted.stdout) == (0, f"accepted {first.name}\n")
    shutil.copy(submissions / HASH_LIST, base)
    as_on_pull_request = ("--new", "--data", data, "--submissions", submissions, "--accepted", base)
    good = run("check", *as_on_pull_request)
    assert good.returncode == 0
    assert f"ok   {first.name} (re-scored)\nok   {second.name} (self-scored)\n" in good.stdout
    read_hashes(submissions / HASH_LIST).accept(list_entry(second))
    shutil.rmtree(first)
    bad = run("check", *as_on_pull_request)
    assert bad.returncode == 1
    assert f"{first}: missing, but accepted" in bad.stdout
    assert f"the lines of {second.name} differ" in bad.stdout
    assert "failures: 2" in bad.stdout
    (second / "README.md").write_text("x")
    refused = run("accept", second, "--data", data)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "differs from what metadata.yaml gives" in refused.stderr
