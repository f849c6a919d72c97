"""The workflows for pull requests: what they may, and their shell steps run here on made pull requests."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from made_entries import made_entry

pytest.importorskip("pydantic")
pytest.importorskip("yaml")

from workflow_files import FOLDER, script, steps, triggers, workflow

from benchmark.dataset.schema import EVALUATED_SPLITS
from benchmark.dataset.store import Split
from benchmark.leaderboard.accepted import read_hashes
from benchmark.leaderboard.comment import MARKER, comment
from benchmark.leaderboard.entries import HASH_LIST, list_entry, receipt_of
from benchmark.leaderboard.result import FORMAT

ROOT = Path(__file__).parents[2]
CHECK, COMMENT = FOLDER / "submission-check.yml", FOLDER / "submission-comment.yml"


def shell(text: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """As the runner does: bash -e, stopping at the first command that fails."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    known = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), **environment}
    command = ["bash", "--noprofile", "--norc", "-e", "-c", text]
    return subprocess.run(command, cwd=folder, env=known, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("path", [CHECK, COMMENT])
def test_nothing_of_a_pull_request_gets_into_a_script(path: Path) -> None:
    """`${{ github.event.pull_request.title }}` in a script runs whatever stands in the title."""
    for step in steps(path):
        assert "${{" not in step.get("run", "")
        assert "uses" not in step or re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"])
    text = path.read_text()
    assert "${{ secrets" not in text
    assert all(re.search(r"# v\d+\.\d+\.\d+$", line) for line in text.splitlines() if "uses:" in line)


def test_the_check_can_only_read() -> None:
    """A token that writes beside files of strangers; their code checked out where it runs."""
    assert triggers(CHECK) == {"pull_request": {"paths": ["submissions/**"]}}
    assert workflow(CHECK)["permissions"] == {"contents": "read"}
    assert not any("permissions" in job for job in workflow(CHECK)["jobs"].values())
    base, theirs = [step["with"] for step in steps(CHECK) if "checkout" in step.get("uses", "")]
    assert base["ref"] == "${{ github.event.pull_request.base.ref }}"
    assert "path" not in base
    assert (theirs["path"], theirs["sparse-checkout"], theirs["sparse-checkout-cone-mode"]) == (
        "pull-request",
        "/submissions/",
        False,
    )
    assert base["persist-credentials"] is theirs["persist-credentials"] is False
    assert not any("pull-request/" in step.get("run", "") for step in steps(CHECK) if step.get("name") != "Check")


def test_the_comment_sees_only_the_artefact() -> None:
    """A workflow that can write and checks out a pull request, or unpacks its artefact into files of its choice."""
    assert triggers(COMMENT) == {"workflow_run": {"workflows": [workflow(CHECK)["name"]], "types": ["completed"]}}
    assert workflow(COMMENT)["permissions"] == {}
    [job] = workflow(COMMENT)["jobs"].values()
    assert job["permissions"] == {"actions": "read", "contents": "read", "pull-requests": "write"}
    [checkout] = [step["with"] for step in steps(COMMENT) if "checkout" in step.get("uses", "")]
    assert checkout == {"persist-credentials": False}
    assert not any("download-artifact" in step.get("uses", "") for step in steps(COMMENT))
    assert MARKER in script(COMMENT, "Comment")


@pytest.fixture
def base(tmp_path: Path, splits: dict[str, Split]) -> Path:
    """The workspace of a run: the base branch with an accepted entry, and `pull-request/` with one more."""
    entry = made_entry(tmp_path, splits, name="One")
    read_hashes(entry.parent / HASH_LIST).accept(list_entry(entry))
    (tmp_path / "pull-request").mkdir()
    shutil.copytree(tmp_path / "submissions", tmp_path / "pull-request/submissions")
    made_entry(tmp_path / "pull-request", splits, name="Two", turn=2)
    return tmp_path


def run_check(base: Path, splits: dict[str, Split]) -> subprocess.CompletedProcess[str]:
    data = str(splits["test"].directory)
    return shell(script(CHECK, "Check"), base, CAPONIMAGE_DATA=data, NUMBER="12", MAINTAINER="--no-maintainer")


def test_check_and_comment_on_a_pull_request(base: Path, splits: dict[str, Split]) -> None:
    """Steps that were never run: from the folders of a pull request to the text of the comment."""
    # Nothing of this must run or act: code beside the entries, and text that the runner would take for a command.
    (base / "pull-request/submissions/conftest.py").write_text("open('owned', 'w')")
    (base / "pull-request/submissions/::add-mask::x").mkdir()
    done = run_check(base, splits)
    assert done.returncode == 1
    start = done.stdout.index("::stop-commands::")
    assert "::add-mask::" not in done.stdout[:start]
    token = done.stdout[start:].split("\n")[0].rpartition("::")[2]
    assert done.stdout.rstrip().endswith(f"::{token}::")
    assert not list(base.rglob("owned"))
    result = json.loads((base / "result/result.json").read_text())
    assert {entry["name"]: bool(entry["failures"]) for entry in result["entries"]} == {
        "20270131_one": False,
        "20270131_two": False,
        "::add-mask::x": True,
        "conftest.py": True,
    }

    shutil.make_archive(str(base / "artefact"), "zip", base / "result")
    taken = shell(script(COMMENT, "Take two files out of it"), base)
    assert taken.returncode == 0, taken.stderr
    written = shell(script(COMMENT, "Write the comment's text"), base)
    assert written.returncode == 0, written.stderr
    text = (base / "comment.md").read_text()
    assert text.startswith(MARKER + "\n### Check of submissions: failed")
    assert "`20270131_two` (self-scored): **passed, but look before you accept it**" in text
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0] for row in rows] == [
        "| test",
        "| new: `20270131_two`",
        "| `20270131_one`",
        "| val",
        "| new: `20270131_two`",
        "| `20270131_one`",
    ]


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


@pytest.mark.parametrize("number", ["", "0", "x", "1 2", "1\n2", "$(touch owned)", "9" * 30, "../1", "-1", "１"])
def test_numbers_that_are_none(tmp_path: Path, number: str) -> None:
    """A number from the artefact that names another address of the API, or runs."""
    (tmp_path / "result").mkdir()
    (tmp_path / "result/number.txt").write_text(number)
    (tmp_path / "result/result.json").write_text("{}")
    shutil.make_archive(str(tmp_path / "artefact"), "zip", tmp_path / "result")
    assert shell(script(COMMENT, "Take two files out of it"), tmp_path).returncode != 0
    assert not (tmp_path / "owned").exists()


def test_an_artefact_that_unpacks_without_end(tmp_path: Path) -> None:
    """A bomb in the artefact, and members with paths of their own."""
    (tmp_path / "result").mkdir()
    (tmp_path / "result/number.txt").write_text("12\n")
    with (tmp_path / "result/result.json").open("wb") as file:
        file.truncate(200 << 20)
    shutil.make_archive(str(tmp_path / "artefact"), "zip", tmp_path / "result")
    shell(script(COMMENT, "Take two files out of it"), tmp_path)
    assert (tmp_path / "result.json").stat().st_size == 5_000_000
    written = shell(script(COMMENT, "Write the comment's text"), tmp_path)
    assert written.returncode == 2
    assert "got more than" in written.stderr


@pytest.mark.parametrize(("head", "posted"), [("c0ffee", True), ("other", False)])
def test_only_the_pull_request_of_the_commit_gets_the_comment(tmp_path: Path, head: str, posted: bool) -> None:
    """An artefact that names another's pull request."""
    program = tmp_path / "bin/gh"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >> "$PWD/calls"\ncase "$*" in *head.sha*) echo {head};; esac\n')
    program.chmod(0o755)
    (tmp_path / "number.txt").write_text("12\n")
    text = f'PATH="$PWD/bin:$PATH"\n{script(COMMENT, "Comment")}'
    done = shell(text, tmp_path, REPOSITORY="o/r", COMMIT="c0ffee")
    calls = (tmp_path / "calls").read_text()
    assert (done.returncode == 0) is posted
    assert ("--method POST repos/o/r/issues/12/comments --field body=@comment.md" in calls) is posted


def test_template_has_a_checklist() -> None:
    """A template that GitHub does not find, or that asks for nothing."""
    assert (ROOT / ".github/pull_request_template.md").read_text().count("- [ ] ") >= 5
