"""Files that no code reads: owners, templates of issues, updates of packages, hooks before commits, the version."""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("yaml")

import yaml

ROOT = Path(__file__).parents[2]
Git = Callable[..., str]


def test_one_version_everywhere() -> None:
    """A release whose package, citation and metadata name three versions."""
    [code] = re.findall(r'^__version__ = "(.*)"$', (ROOT / "benchmark/version.py").read_text(), re.M)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project.get("version", code) == code
    assert "version" in project or "version" in project["dynamic"]
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == code


def test_owners_name_paths_that_are_there() -> None:
    """A rule for a folder that was renamed, which then guards nothing."""
    rules = [line.split() for line in (ROOT / ".github/CODEOWNERS").read_text().splitlines()]
    owned = {rule[0] for rule in rules if rule and not rule[0].startswith("#")}
    assert {"/submissions/", "/submissions/SHA256SUMS", "/benchmark/metrics/", "/.github/"} <= owned
    assert all((ROOT / path.strip("/")).exists() for path in owned)


def test_issue_forms_are_ones_that_github_takes() -> None:
    """A form with an error, which GitHub leaves out without a word."""
    folder = ROOT / ".github/ISSUE_TEMPLATE"
    forms = {path.stem for path in folder.iterdir()}
    assert forms == {"bug", "entry_question", "baseline_request", "config"}
    for name in forms - {"config"}:
        form = yaml.safe_load((folder / f"{name}.yml").read_text())
        assert form.keys() == {"name", "description", "labels", "body"}
        identifiers = [field["id"] for field in form["body"] if field["type"] != "markdown"]
        assert len(identifiers) == len(set(identifiers)) > 0
        for field in form["body"]:
            assert field.keys() <= {"type", "id", "attributes", "validations"}
            needed = {
                "markdown": {"value"},
                "input": {"label"},
                "textarea": {"label"},
                "dropdown": {"label", "options"},
                "checkboxes": {"label", "options"},
            }
            assert needed[field["type"]] <= field["attributes"].keys()
            assert len(field["attributes"].get("options", [])) == len(
                {str(option) for option in field["attributes"].get("options", [])}
            )
    config = yaml.safe_load((folder / "config.yml").read_text())
    assert all(link.keys() == {"name", "url", "about"} for link in config["contact_links"])


@pytest.mark.parametrize(
    "path", [*sorted((ROOT / ".github").rglob("*.md")), ROOT / "SECURITY.md"], ids=lambda p: p.name
)
def test_links_lead_to_files(path: Path) -> None:
    """A link to a page that was renamed."""
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text()):
        assert target.startswith("https://") or (path.parent / target).exists(), target


def test_updates_leave_the_record_alone() -> None:
    """A monthly pull request that raises the versions with which the stored results are said to be made."""
    content = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())
    assert {each["package-ecosystem"] for each in content["updates"]} == {"github-actions", "pip"}
    for each in content["updates"]:
        assert each["schedule"] == {"interval": "monthly"}
        if each["package-ecosystem"] == "pip" and each["directory"] == "/":
            assert each["exclude-paths"] == ["constraints.txt"]


def hooks() -> list[dict[str, Any]]:
    [repository] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"
    return list(repository["hooks"])


def test_hooks_use_the_tools_of_the_environment() -> None:
    """Another version of ruff before a commit than in `make test`, so that one undoes what the other asks for."""
    assert {hook["language"] for hook in hooks()} == {"system", "pygrep", "fail"}
    programs = [hook["entry"] for hook in hooks() if hook["language"] == "system"]
    assert [entry.split()[:2] for entry in programs] == [[".venv/bin/ruff", "check"], [".venv/bin/ruff", "format"]]


def test_hooks_pass_on_what_is_here(git: Git, checkout: Path) -> None:
    """A hook that refuses files which are fine, so that everybody switches all hooks off."""
    tracked = git(checkout, "ls-files", "-z").split("\0")[:-1]
    binary = re.compile(r"\.(gz|png|safetensors)$")
    for hook in hooks():
        skipped = re.compile(hook.get("exclude", "^$"))
        if hook["language"] == "fail":
            assert not [path for path in tracked if re.search(hook["files"], path)]
        elif hook["language"] == "pygrep":
            pattern = re.compile(hook["entry"].encode())
            for path in tracked:
                if not skipped.search(path) and not binary.search(path) and (checkout / path).is_file():
                    lines = (checkout / path).read_bytes().split(b"\n")
                    assert not any(pattern.search(line) for line in lines), f"{hook['id']}: {path}"
