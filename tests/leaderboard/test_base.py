"""A request beside its base branch: whatever it changes but by adding an entry is named, and nothing of it runs."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from made_entries import made_entry

pytest.importorskip("pydantic")
pytest.importorskip("yaml")
if shutil.which("git") is None:
    pytest.skip("needs git", allow_module_level=True)

from benchmark.dataset.store import Split
from benchmark.errors import InputError
from benchmark.leaderboard.base import read_request
from benchmark.leaderboard.entries import HASH_LIST


def git(folder: Path, *words: str) -> None:
    author = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "core.symlinks=true"]
    subprocess.run(["git", *author, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A checkout with an entry that is merged and not accepted, on a branch of its own for a request."""
    for place in ("submissions/20270131_old/README.md", "submissions/README.md", "benchmark/code.py"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(place)
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    commit(tmp_path)
    git(tmp_path, "switch", "--quiet", "--create", "request")
    return tmp_path


def commit(repository: Path) -> None:
    git(repository, "add", "--all", "--force", ".")
    git(repository, "commit", "--quiet", "--allow-empty", "--message", "x")


def add(repository: Path, place: str, content: str = "x") -> Path:
    path = repository / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def test_a_new_entry_is_all_that_may_come(repository: Path) -> None:
    """A request that only adds an entry, and is refused; a base branch that has moved on meanwhile."""
    add(repository, "submissions/20270201_new/seed1/x.json")
    commit(repository)
    git(repository, "switch", "--quiet", "main")
    add(repository, "submissions/20270131_other/README.md")
    commit(repository)
    git(repository, "switch", "--quiet", "request")
    request = read_request(repository / "submissions", "main")
    assert (request.touched, request.problems) == ({"20270201_new"}, [])


def rename(repository: Path) -> None:
    (repository / "submissions/20270131_old").rename(repository / "submissions/20270201_new")


def executable(repository: Path) -> None:
    add(repository, "submissions/20270201_new/README.md").chmod(0o755)


def link(repository: Path) -> None:
    add(repository, "submissions/20270201_new/README.md")
    (repository / "submissions/20270201_new/metadata.yaml").symlink_to("/etc/passwd")


def link_for_an_entry(repository: Path) -> None:
    shutil.rmtree(repository / "submissions/20270131_old")
    (repository / "submissions/20270131_old").symlink_to("20270201_new")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: shutil.rmtree(r / "submissions/20270131_old"), "20270131_old/README.md: removed"),
        (lambda r: add(r, "submissions/20270131_old/README.md"), "20270131_old/README.md: changed"),
        (lambda r: add(r, "submissions/20270131_old/seed1/new"), "added to an entry that is there already"),
        (rename, "20270131_old/README.md: removed"),
        (lambda r: (r / "submissions/20270131_old/README.md").chmod(0o755), "20270131_old/README.md: changed"),
        (link_for_an_entry, "20270131_old"),
        (executable, "20270201_new/README.md: got an executable file"),
        (link, "20270201_new/metadata.yaml: got a link"),
        (lambda r: add(r, f"submissions/{HASH_LIST}"), "only maintainers accept entries"),
        (lambda r: add(r, "submissions/README.md"), "submissions/README.md: changed"),
        (lambda r: add(r, "benchmark/code.py"), "benchmark/code.py: changed, but lies outside of submissions/"),
        (lambda r: (r / "benchmark/code.py").unlink(), "outside of submissions/"),
        (lambda r: add(r, ".github/workflows/x.yml"), "outside of submissions/"),
        (lambda r: add(r, "submissions-2/x"), "outside of submissions/"),
    ],
)
def test_everything_else_is_named(repository: Path, change: Callable[[Path], object], said: str) -> None:
    """An entry of somebody else that is removed, overwritten or renamed, or code that comes along with an entry."""
    change(repository)
    commit(repository)
    assert any(said in problem for problem in read_request(repository / "submissions", "main").problems)


def test_many_changes_are_bounded_and_odd_names_are_text(repository: Path) -> None:
    """A request of ten thousand files that are listed one by one; a name that is not UTF-8."""
    for number in range(100):
        add(repository, f"{number}.txt")
    add(repository, os.fsdecode(b"\xff\n/x"))
    commit(repository)
    problems = read_request(repository / "submissions", "main").problems
    assert len(problems) == 21
    assert problems[-1].startswith("... and 81 more")


def test_nothing_of_the_request_runs(repository: Path, tmp_path: Path) -> None:
    """Attributes or settings in the request's own files that make git start a program."""
    add(repository, ".gitattributes", "* diff=evil filter=evil\n")
    add(repository, ".gitconfig", '[diff "evil"]\n command = touch owned\n textconv = touch owned\n')
    commit(repository)
    read_request(repository / "submissions", "main")
    assert not list(tmp_path.rglob("owned"))


@pytest.mark.parametrize("base", ["nowhere", "--help", "", "main:submissions"])
def test_a_base_that_is_none(repository: Path, base: str) -> None:
    """A traceback for a branch that was never fetched, or an option of git in its place."""
    with pytest.raises(InputError, match="cannot be compared with its base"):
        read_request(repository / "submissions", base)


def test_no_repository(tmp_path: Path) -> None:
    """A folder that is in no checkout."""
    with pytest.raises(InputError, match="cannot be compared"):
        read_request(tmp_path, "main")


def test_merged_entries_are_safe_from_requests(tmp_path: Path, splits: dict[str, Split]) -> None:
    """An entry that is merged but not accepted yet: removed, and its captions handed in under another name: exit 0."""
    repository = tmp_path / "repository"
    old = Path(shutil.move(made_entry(tmp_path, splits, name="One"), repository / "submissions/20270131_one"))
    git(repository, "init", "--quiet", "--initial-branch", "main")
    commit(repository)
    git(repository, "switch", "--quiet", "--create", "request")

    def check(*more: str) -> tuple[int, dict[str, list[str]], str]:
        commit(repository)
        command = [sys.executable, "-m", "benchmark.leaderboard", "check", "--new", "--base", "main", "--json"]
        words = [str(tmp_path / "result.json"), "--data", str(splits["test"].directory), "--submissions"]
        done = subprocess.run([*command, *words, str(old.parent), *more], capture_output=True, text=True, check=False)
        result = json.loads((tmp_path / "result.json").read_text())
        failing = {entry["name"]: [problem for _, problem in entry["failures"]] for entry in result["entries"]}
        return done.returncode, failing, "\n".join(result["problems"])

    shutil.move(made_entry(tmp_path, splits, name="Two", turn=2), old.with_name("20270131_two"))
    assert check() == (0, {"20270131_two": []}, "")  # nothing is said of an entry that was not checked
    old.rename(old.with_name("20270131_stolen"))
    code, _, problems = check()
    assert code == 1
    assert "submissions/20270131_one/metadata.yaml: removed" in problems
    assert check("--maintainer")[2] == ""
