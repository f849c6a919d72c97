"""The workflows that test and publish the code: what they may, what they promise, and their shell steps run here."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from chromium import NAMES

pytest.importorskip("yaml")

from workflow_files import FOLDER, jobs, script, steps, triggers, workflow

ROOT = Path(__file__).parents[2]
TESTS, PUBLISH = FOLDER / "tests.yml", FOLDER / "publish.yml"
CHECK_WHEEL = ROOT / ".ci/check_wheel.py"


def project() -> dict[str, Any]:
    return dict(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"])


def shell(text: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """As the runner does for `shell: bash`: it stops at the first command that fails, in a pipe too."""
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text]
    known = {**os.environ, **environment}
    return subprocess.run(command, cwd=folder, env=known, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("path", [TESTS, PUBLISH])
def test_actions_are_pinned_and_scripts_are_constant(path: Path) -> None:
    """An action whose tag is moved to other code; a branch name such as `$(curl ...)` that lands in a script."""
    for step in steps(path):
        assert "${{" not in step.get("run", "")
        assert "uses" not in step or re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"])
        if "checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False
    text = path.read_text()
    assert "secrets." not in text
    assert "pull_request_target" not in text
    remote = [line for line in text.splitlines() if "uses:" in line and "uses: ./" not in line]
    assert all(re.search(r"# v\d+\.\d+\.\d+$", line) for line in remote)


def test_each_action_has_one_version() -> None:
    """Two workflows that use an action at two commits, one of them forgotten at an update."""
    used = {step["uses"] for path in FOLDER.glob("*.yml") for step in steps(path) if "uses" in step}
    assert len(used) == len({each.partition("@")[0] for each in used})


@pytest.mark.parametrize("path", [TESTS, PUBLISH])
def test_every_job_ends_and_has_a_shell_that_stops_at_errors(path: Path) -> None:
    """A job that hangs for six hours; PowerShell, which goes on after a command that failed."""
    assert workflow(path)["defaults"] == {"run": {"shell": "bash"}}
    for job in jobs(path).values():
        assert "uses" in job or 0 < job["timeout-minutes"] <= 60


def test_the_tests_can_only_read() -> None:
    """Code of a pull request that runs beside a token which can write."""
    assert triggers(TESTS) == {
        "push": {"branches": ["main"]},
        "pull_request": None,
        "workflow_call": None,
        "schedule": [{"cron": "41 4 * * 1"}],
    }
    assert workflow(TESTS)["permissions"] == {"contents": "read"}
    assert not any("permissions" in job for job in jobs(TESTS).values())


def test_only_the_upload_may_ask_for_a_token_of_the_index() -> None:
    """A build, which runs code of many packages, that could publish something else."""
    assert triggers(PUBLISH) == {"push": {"tags": ["v*"]}}
    assert workflow(PUBLISH)["permissions"] == {}
    upload = jobs(PUBLISH).pop("publish")
    assert upload["permissions"] == {"actions": "read", "contents": "read", "id-token": "write"}
    assert upload["environment"] == "release"
    assert set(upload["needs"]) == set(jobs(PUBLISH)) - {"publish"}
    for name in upload["needs"]:
        assert jobs(PUBLISH)[name]["permissions"] == {"contents": "read"}
    commands = [step["run"].strip() for step in upload["steps"] if "run" in step]
    assert [command.split()[0] for command in commands] == ["python", "gh", "uv"]
    assert "--require-hashes" in commands[0]
    [checkout] = [step["with"] for step in upload["steps"] if "checkout" in step.get("uses", "")]
    assert checkout["sparse-checkout"] == ".github/requirements/"


def test_what_builds_a_release_is_pinned_by_its_hash() -> None:
    """A new version of the uploading program that somebody else has published."""
    lines = (ROOT / ".github/requirements/uv.txt").read_text().splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    assert len(wanted) == 1
    assert re.fullmatch(r"uv==\d+\.\d+\.\d+ --hash=sha256:[0-9a-f]{64}", wanted[0])


def test_the_promised_pythons_are_those_tested() -> None:
    """A Python that pyproject.toml promises and no job runs, or the other way round."""
    tested = jobs(TESTS)["full"]["strategy"]["matrix"]["python"]
    light = jobs(TESTS)["light"]["strategy"]["matrix"]["python"]
    pattern = r"Programming Language :: Python :: (3\.\d+)"
    promised = [m[1] for line in project().get("classifiers", []) if (m := re.fullmatch(pattern, line))]
    assert all(isinstance(version, str) for version in tested), "3.10 without quotes is the number 3.1"
    assert project()["requires-python"] == f">={tested[0]}"
    assert not promised or promised == tested
    assert light == [tested[0], tested[-1]]
    used = {step.get("with", {}).get("python-version") for step in [*steps(TESTS), *steps(PUBLISH)]}
    assert used == {None, "${{ matrix.python }}", tested[0]}


def test_the_light_install_is_tried_on_three_systems() -> None:
    """A module that only Linux has, imported on the way to a score."""
    assert [name.partition("-")[0] for name in jobs(TESTS)["light"]["strategy"]["matrix"]["os"]] == [
        "ubuntu",
        "macos",
        "windows",
    ]


def test_a_missing_browser_is_a_failure() -> None:
    """A browser that could not be installed, so that all tests of pages are skipped and the run is green."""
    [step] = [step for step in jobs(TESTS)["full"]["steps"] if step.get("name") == "Run every check"]
    assert step["env"] == {"CAPONIMAGE_REQUIRE_BROWSER": "1"}
    assert step["run"] == "make test PYTHON=python"
    assert "pass_env = CAPONIMAGE_*" in (ROOT / "tox.ini").read_text()


@pytest.mark.parametrize("path", [TESTS, PUBLISH])
def test_scripts_are_valid_shell_and_name_files_that_are_there(path: Path) -> None:
    """A quote that is not closed, or a script that was moved."""
    for step in steps(path):
        if "run" in step:
            parsed = subprocess.run(["bash", "-n", "-c", step["run"]], capture_output=True, text=True, check=False)
            assert parsed.returncode == 0, parsed.stderr
            named = re.findall(r"(?<![\w$/\"])(?:tests|\.ci|\.github|benchmark)/[\w./]+", step["run"])
            assert all((ROOT / file).is_file() for file in named), named


@pytest.mark.parametrize(
    ("tag", "heading", "complaint"),
    [
        ("v1.2.3", "## 1.2.3 (2027-01-31)", None),
        ("v1.2.4", "## 1.2.3 (2027-01-31)", "The tag is v1.2.4"),
        ("1.2.3", "## 1.2.3 (2027-01-31)", "The tag is 1.2.3"),
        ("v1.2", "## 1.2.3 (2027-01-31)", "The tag is v1.2,"),
        ("v1x2x3", "## 1.2.3 (2027-01-31)", "The tag is v1x2x3"),
        ("v1.2.3", "## 1.2.3 (unreleased)", "still calls version 1.2.3 unreleased"),
        ("v1.2.3", "## 1.2.30", "says nothing of version 1.2.3"),
        ("v1.2.3", "## 1.2.2", "says nothing of version 1.2.3"),
    ],
)
def test_a_tag_that_is_not_the_version(tmp_path: Path, tag: str, heading: str, complaint: str | None) -> None:
    """A release whose number differs from what its receipts say, or which the changelog does not know."""
    (tmp_path / "benchmark").mkdir()
    (tmp_path / "benchmark/version.py").write_text('"""Package."""\n\n__version__ = "1.2.3"\n')
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n{heading}\n")
    done = shell(script(PUBLISH, "Compare the tag with the version"), tmp_path, GITHUB_REF_NAME=tag)
    assert done.returncode == (0 if complaint is None else 1)
    assert (complaint or "") in done.stdout


def test_the_step_finds_the_version_of_this_package(tmp_path: Path) -> None:
    """A version that was moved to where the step does not look, which would refuse every release."""
    text = script(PUBLISH, "Compare the tag with the version").partition("if test")[0]
    done = shell(text + 'echo "$version"', ROOT)
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*\n", done.stdout)


def made_wheel(path: Path, members: dict[str, int]) -> Path:
    """A wheel with files of these sizes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, size in members.items():
            archive.writestr(name, b"x" * size)
    return path


GOOD = {"caponimage/__init__.py": 10, "caponimage/metrics/cider.py": 10, "caponimage-1.2.3.dist-info/METADATA": 10}


@pytest.mark.parametrize(
    ("changes", "complaints"),
    [
        ({}, []),
        ({"caponimage/weights.bin": 1_599_000}, []),
        ({"caponimage/weights.bin": 1_750_001}, ["at most 1,750,000 are allowed"]),
        ({"benchmark/__init__.py": 1}, ["it holds ['benchmark', 'caponimage']"]),
        ({"reports.py": 1}, ["it holds ['caponimage', 'reports.py']"]),
        ({"other-1.dist-info/METADATA": 1}, ["one .dist-info folder"]),
        ({"caponimage-1.2.3.data/scripts/x": 1}, ["'caponimage-1.2.3.data'"]),
        ({"caponimage/__init__.py": None}, ["caponimage/__init__.py is missing"]),
        ({"a/b": 2_000_000, "caponimage-1.2.3.dist-info/METADATA": None}, ["at most", "holds none", "['a', 'cap"]),
    ],
)
def test_wheels_that_must_not_be_published(
    tmp_path: Path, changes: dict[str, int | None], complaints: list[str]
) -> None:
    """A wheel that overwrites `benchmark` or `reports` of other projects, or that holds the stored results."""
    members = {name: size for name, size in (GOOD | changes).items() if size is not None}
    wheel = made_wheel(tmp_path / "caponimage-1.2.3-py3-none-any.whl", members)
    command = [sys.executable, "-I", str(CHECK_WHEEL), str(wheel)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == (1 if complaints else 0), done.stderr
    assert all(complaint in done.stderr for complaint in complaints), done.stderr
    assert len(done.stderr.splitlines()) == len(complaints), done.stderr


def test_the_wheel_check_needs_one_wheel(tmp_path: Path) -> None:
    """A build that made nothing, so that the shell hands on the pattern `*.whl` itself."""
    for arguments in ([], [str(tmp_path / "*.whl")], [str(CHECK_WHEEL), str(CHECK_WHEEL)]):
        command = [sys.executable, "-I", str(CHECK_WHEEL), *arguments]
        assert subprocess.run(command, capture_output=True, check=False).returncode == 2


def test_the_browser_gets_a_name_that_the_tests_look_for(tmp_path: Path) -> None:
    """A browser that is installed where no test finds it. Here a small program is put into its place."""
    pytest.importorskip("playwright")
    programs = tmp_path / ".venv/bin"
    programs.mkdir(parents=True)
    (programs / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (programs / "playwright").write_text(
        f"#!{sys.executable}\n"
        "from pathlib import Path\n"
        "from playwright.sync_api import sync_playwright\n"
        "with sync_playwright() as playwright:\n"
        "    program = Path(playwright.chromium.executable_path)\n"
        "program.parent.mkdir(parents=True)\n"
        "program.write_text('#!/bin/sh\\necho Chromium 1 \"$@\"\\n')\n"
        "program.chmod(0o755)\n"
    )
    for program in programs.iterdir():
        program.chmod(0o755)
    places = {"PLAYWRIGHT_BROWSERS_PATH": str(tmp_path / "browsers"), "RUNNER_TEMP": str(tmp_path / "temp")}
    done = shell(script(TESTS, "Install a browser"), tmp_path, GITHUB_PATH=str(tmp_path / "path"), **places)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "Chromium 1 --version\n"
    folder = Path((tmp_path / "path").read_text().strip())
    assert (folder / NAMES[0]).resolve().is_relative_to(tmp_path / "browsers")


@pytest.mark.slow
@pytest.mark.parametrize(
    "names", [["Install and score"], ["Install the lowest versions and score"], ["Build", "Smoke test"]]
)
def test_the_installations_of_the_workflow(tmp_path: Path, names: list[str]) -> None:
    """Steps that were never run. They need the package index, and take a minute."""
    python = tmp_path / "python"
    subprocess.run([sys.executable, "-m", "venv", python], check=True)
    copied = "git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t"
    (tmp_path / "checkout").mkdir()
    assert shell(f'{copied} "{tmp_path}/checkout"', ROOT).returncode == 0
    for name in names:
        path = f"{python / 'bin'}:{os.environ['PATH']}"
        done = shell(script(TESTS, name), tmp_path / "checkout", PATH=path, RUNNER_TEMP=str(tmp_path))
        assert done.returncode == 0, done.stdout + done.stderr
    assert "--data" in (tmp_path / "help.txt").read_text()
