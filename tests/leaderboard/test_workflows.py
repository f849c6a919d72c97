"""The workflows for pull requests: what they may, and their shell steps run here on made pull requests."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from made_entries import made_entry

pytest.importorskip("pydantic")
pytest.importorskip("yaml")

from workflow_files import FOLDER, jobs, script, steps, triggers, workflow

from benchmark.dataset.schema import EVALUATED_SPLITS
from benchmark.dataset.store import Split
from benchmark.errors import InputError
from benchmark.leaderboard.accepted import read_hashes
from benchmark.leaderboard.comment import MARKER, comment
from benchmark.leaderboard.entries import HASH_LIST, list_entry, receipt_of
from benchmark.leaderboard.result import FORMAT

ROOT = Path(__file__).parents[2]
CHECK, REQUIREMENTS = FOLDER / "submission-check.yml", ROOT / ".github/requirements/board.txt"


def shell(text: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """As the runner does: bash -e, stopping at the first command that fails."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    known = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), **environment}
    command = ["bash", "--noprofile", "--norc", "-e", "-c", text]
    return subprocess.run(command, cwd=folder, env=known, capture_output=True, text=True, check=False)


def test_nothing_of_a_pull_request_gets_into_a_script() -> None:
    """`${{ github.event.pull_request.title }}` in a script runs whatever stands in the title."""
    for step in steps(CHECK):
        assert "${{" not in step.get("run", "")
        assert "uses" not in step or re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"])
    text = CHECK.read_text()
    assert "${{ secrets" not in text
    assert all(re.search(r"# v\d+\.\d+\.\d+$", line) for line in text.splitlines() if "uses:" in line)
    told = set(re.findall(r"github\.event\.([a-z_.]+)", text))
    assert told == {f"pull_request.{key}" for key in ("number", "base.ref", "head.sha", "author_association")}


def test_a_request_cannot_change_what_is_computed_or_said() -> None:
    """A workflow that a request brings along, and that reports `passed, CIDEr 999` in the project's name."""
    assert triggers(CHECK) == {"pull_request_target": {"branches": ["main"], "paths": ["submissions/**"]}}
    listeners = [path.name for path in FOLDER.glob("*.yml") if "workflow_run" in triggers(path)]
    writers = [path.name for path in FOLDER.glob("*.yml") if "pull-requests: write" in path.read_text()]
    assert (listeners, writers) == ([], [CHECK.name])


def test_the_job_that_reads_the_request_can_only_read() -> None:
    """A token that writes beside files of strangers; their code checked out where it runs."""
    assert workflow(CHECK)["permissions"] == {}
    job = jobs(CHECK)["check"]
    assert job["permissions"] == {"contents": "read"}
    base, theirs = [step["with"] for step in job["steps"] if "checkout" in step.get("uses", "")]
    assert base == {"ref": "${{ github.event.pull_request.base.ref }}", "persist-credentials": False}
    assert (theirs["path"], theirs["sparse-checkout"], theirs["sparse-checkout-cone-mode"]) == (
        "pull-request",
        "/submissions/",
        False,
    )
    assert (theirs["persist-credentials"], theirs["fetch-depth"]) == (False, 2)
    assert not any("pull-request/" in step.get("run", "") for step in job["steps"] if step.get("name") != "Check")
    assert not any("GH_TOKEN" in step.get("env", {}) for step in job["steps"])


def test_the_job_that_writes_sees_only_the_result() -> None:
    """A job that can write and checks out a request, or installs whatever an index serves that day."""
    job = jobs(CHECK)["comment"]
    assert job["permissions"] == {"actions": "read", "contents": "read", "pull-requests": "write"}
    [checkout] = [step["with"] for step in job["steps"] if "checkout" in step.get("uses", "")]
    assert checkout == {"ref": "${{ github.event.pull_request.base.ref }}", "persist-credentials": False}
    assert MARKER in script(CHECK, "Comment")
    installs = [step["run"] for step in steps(CHECK) if "pip install" in step.get("run", "")]
    assert len(installs) == 2
    assert all("--require-hashes --only-binary :all: -r .github/requirements/board.txt" in one for one in installs)


def test_everything_that_is_installed_has_a_hash() -> None:
    """A package that is missing in the list, so that the check of every request fails, or that has no hash."""
    lines = [line for line in REQUIREMENTS.read_text().splitlines() if not line.startswith("#")]
    pinned = dict(line.split("==", 1) for line in lines)
    assert all(re.fullmatch(r"[0-9][0-9a-z.]* --hash=sha256:[0-9a-f]{64}", pin) for pin in pinned.values())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = project["dependencies"] + project["optional-dependencies"]["board"]
    assert {re.split("[<>=]", one)[0] for one in needed} <= pinned.keys()


def git(folder: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def base(tmp_path: Path, splits: dict[str, Split]) -> Path:
    """The workspace of a run: the base branch with an accepted entry, and `pull-request/` with one more."""
    entry = made_entry(tmp_path, splits, name="One")
    read_hashes(entry.parent / HASH_LIST).accept(list_entry(entry))
    merged = tmp_path / "pull-request"
    shutil.copytree(entry.parent, merged / "submissions")
    git(merged, "init", "--quiet", "--initial-branch", "main")
    git(merged, "add", "--all")
    git(merged, "commit", "--quiet", "--message", "base")
    git(merged, "switch", "--quiet", "--create", "request")
    (tmp_path / "elsewhere").mkdir()
    elsewhere = made_entry(tmp_path / "elsewhere", splits, name="Two", turn=2)
    shutil.copytree(elsewhere, merged / "submissions" / elsewhere.name)
    return tmp_path


def run_check(base: Path, splits: dict[str, Split]) -> subprocess.CompletedProcess[str]:
    """Commit the request, merge it as the host does, and run the step."""
    merged = base / "pull-request"
    git(merged, "add", "--all", "--force")
    git(merged, "commit", "--quiet", "--message", "request")
    head = git(merged, "rev-parse", "HEAD")
    git(merged, "switch", "--quiet", "--detach", "main")
    git(merged, "merge", "--quiet", "--no-ff", "--message", "merge", "request")
    data = str(splits["test"].directory)
    return shell(script(CHECK, "Check"), base, CAPONIMAGE_DATA=data, COMMIT=head, MAINTAINER="--no-maintainer")


def test_check_and_comment_on_a_pull_request(base: Path, splits: dict[str, Split]) -> None:
    """Steps that were never run: from the folders of a pull request to the text of the comment."""
    # Nothing of this must run or act: code beside the entries, and text that the runner would take for a command.
    (base / "pull-request/submissions/conftest.py").write_text("open('owned', 'w')")
    (base / "pull-request/submissions/::add-mask::x").mkdir()
    (base / "pull-request/submissions/::add-mask::x/y").write_text("")
    (base / "pull-request/benchmark").mkdir()
    (base / "pull-request/benchmark/leaderboard.py").write_text("open('owned', 'w')")
    done = run_check(base, splits)
    assert done.returncode == 1
    start = done.stdout.index("::stop-commands::")
    assert "::add-mask::" not in done.stdout[:start]
    token = done.stdout[start:].split("\n")[0].rpartition("::")[2]
    assert done.stdout.rstrip().endswith(f"::{token}::")
    assert not list(base.rglob("owned"))
    result = json.loads((base / "result/result.json").read_text())
    assert {entry["name"]: bool(entry["failures"]) for entry in result["entries"]} == {
        "20270131_two": False,
        "::add-mask::x": True,
        "conftest.py": True,
    }
    assert any("benchmark/leaderboard.py: changed, but lies outside" in problem for problem in result["problems"])

    written = shell(script(CHECK, "Write the comment's text"), base, COMMIT="c0ffee0")
    assert written.returncode == 0, written.stderr
    text = (base / "comment.md").read_text()
    assert text.startswith(MARKER + "\n### Check of submissions: failed")
    assert "`20270131_two` (self-scored): **passed, but look before you accept it**" in text
    assert "of commit `c0ffee0`, by code of the base branch" in text
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0] for row in rows] == [
        "| test",
        "| new: `20270131_two`",
        "| `20270131_one`",
        "| val",
        "| new: `20270131_two`",
        "| `20270131_one`",
    ]


def test_a_request_that_only_adds_an_entry_passes(base: Path, splits: dict[str, Split]) -> None:
    """A check that no request can pass."""
    done = run_check(base, splits)
    assert done.returncode == 0, done.stdout
    assert json.loads((base / "result/result.json").read_text())["passed"]


def test_a_request_at_another_commit_is_not_checked(base: Path) -> None:
    """A result under the name of a commit that it is not of."""
    done = shell(script(CHECK, "Check"), base, COMMIT="0" * 40, MAINTAINER="--no-maintainer")
    assert (done.returncode, done.stdout) == (
        1,
        "The pull request is at another commit by now, or cannot be merged.\n",
    )


def test_an_accepted_entry_that_has_lost_files(tmp_path: Path, splits: dict[str, Split]) -> None:
    """Damage on the base branch that leaves every pull request without its comment."""
    for turn, name in enumerate(("One", "Two"), 1):
        entry = made_entry(tmp_path, splits, name=name, turn=turn)
        read_hashes(entry.parent / HASH_LIST).accept(list_entry(entry))
    (entry / receipt_of(list_entry(entry).seeds[0], "val")).unlink()
    (tmp_path / "result.json").write_text(
        json.dumps(
            {
                "format": FORMAT,
                "passed": True,
                "problems": [],
                "entries": [
                    {
                        "name": "20270131_three",
                        "status": "self-scored",
                        "failures": [],
                        "warnings": [],
                        "notes": [],
                        "scores": {split: {"CIDEr": [1.0]} for split in EVALUATED_SPLITS},
                    }
                ],
            }
        )
    )
    test, val = comment(tmp_path / "result.json", entry.parent).split("| val |")
    assert "| `20270131_two` |" in test
    assert "| `20270131_one` |" in val
    assert "two" not in val


def test_a_link_for_submissions_is_refused(base: Path, splits: dict[str, Split]) -> None:
    """A pull request whose folder points at files of the runner."""
    shutil.rmtree(base / "pull-request/submissions")
    (base / "pull-request/submissions").symlink_to("/etc")
    done = run_check(base, splits)
    assert done.returncode == 2
    assert "no such folder" in done.stdout
    assert not (base / "result/result.json").exists()


@pytest.mark.parametrize("commit", ["", "x", "$(touch owned)", "c0ffee\n# big", "`c0ffee`", "C0FFEE0", "0" * 65])
def test_commits_that_are_none(tmp_path: Path, commit: str) -> None:
    """Text that acts in the comment in the place of a commit."""
    with pytest.raises(InputError, match="hex digits"):
        comment(tmp_path / "result.json", tmp_path, commit)


@pytest.mark.parametrize(
    ("old", "call"), [("", "--method POST repos/o/r/issues/12/comments"), ("34", "--method PATCH")]
)
def test_the_comment_is_written_or_replaced(tmp_path: Path, old: str, call: str) -> None:
    """A second comment for every push, or none."""
    program = tmp_path / "bin/gh"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >> "$PWD/calls"\ncase "$*" in *paginate*) echo {old};; esac\n')
    program.chmod(0o755)
    text = f'PATH="$PWD/bin:$PATH"\n{script(CHECK, "Comment")}'
    done = shell(text, tmp_path, GITHUB_REPOSITORY="o/r", NUMBER="12")
    assert done.returncode == 0
    assert call in (tmp_path / "calls").read_text()


def test_template_has_a_checklist() -> None:
    """A template that GitHub does not find, or that asks for nothing."""
    assert (ROOT / ".github/pull_request_template.md").read_text().count("- [ ] ") >= 5
