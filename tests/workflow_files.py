"""Reads the workflows of `.github/workflows`, for the tests of what they may do and of their shell steps.

Tests that import it skip first where PyYAML, which comes with the `board` extra, is not installed.
"""

from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent.parent / ".github/workflows"


def workflow(path: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(path.read_text()))


def triggers(path: Path) -> dict[str, Any]:
    return dict(workflow(path)[True])  # YAML 1.1 reads `on` as true


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    return dict(workflow(path)["jobs"])


def steps(path: Path) -> list[dict[str, Any]]:
    """All steps of all jobs in their order; a job that calls another workflow has none."""
    return [step for job in jobs(path).values() for step in job.get("steps", [])]


def script(path: Path, name: str) -> str:
    """The shell script of the one step with this name."""
    [found] = [step["run"] for step in steps(path) if step.get("name") == name]
    return str(found)
