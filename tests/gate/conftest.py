"""The clone that the tests run in, and git without the settings of whoever runs them."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
Git = Callable[..., str]


def _git(folder: Path, *arguments: str, autocrlf: str = "false") -> str:
    """Git without the settings of whoever runs the tests."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    settings |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    who = [
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@b.c",
        "-c",
        f"core.autocrlf={autocrlf}",
        "-c",
        "core.safecrlf=false",
    ]
    command = ["git", *who, *arguments]
    done = subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def git() -> Git:
    return _git


@pytest.fixture
def checkout() -> Path:
    """This repository, if the tests run in a clone of it."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a clone")
    return ROOT
