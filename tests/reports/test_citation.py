"""`--citation`: what to cite, from every command that prints or writes tables."""

from collections.abc import Callable
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from benchmark import compare, score
from benchmark.citation import BIBTEX
from reports import draw, reproduce
from reports.human_study.__main__ import collect_command


@pytest.mark.parametrize("command", [score.main, compare.main, reproduce.main, draw.main, collect_command])
def test_it_is_answered_without_any_argument(command: Callable[..., Any]) -> None:
    """A user asked for files, or made to wait for a data set, who only wants to know what to cite."""
    app = typer.Typer()
    app.command()(command)
    result = CliRunner().invoke(app, ["--citation"])
    assert (result.exit_code, result.output.strip()) == (0, BIBTEX)
