"""Formats the result of the checker for the terminal and as JSON.

Invariant: untrusted text is bounded in length and contains nothing that a terminal acts on.
"""

import json
from collections.abc import Sequence
from typing import Any

from .check import Report

FORMAT = "caponimage-check/2"
MAX_PROBLEMS, _MAX_TEXT = 200, 1000


def printable(text: str) -> str:
    """Untrusted text for a terminal: unprintable characters are shown as codes, long text is cut."""
    start = text[:_MAX_TEXT].replace("\n    ", " | ")
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in start) + "..." * (len(text) > _MAX_TEXT)


def shown(report: Report) -> str:
    """The result of one entry as lines of text."""
    head = f"{'FAIL' if report.failures else 'ok  '} {printable(report.path.name)[:100]} ({report.status})"
    lines = [head, *(f"     {name}: {printable(problem)}" for name, problem in report.failures)]
    lines += [f"     LOOK: {printable(warning)}" for warning in report.warnings]
    return "\n".join([*lines, *(f"     note: {printable(note)}" for note in report.notes)])


def result(reports: Sequence[Report], problems: Sequence[str]) -> bytes:
    """The result of all entries as JSON.

    Args:
        reports: reports on the entries.
        problems: problems that belong to no single entry.
    """
    entries = [
        {
            "name": printable(report.path.name)[:100],
            "status": report.status,
            "failures": [[name, printable(problem)] for name, problem in report.failures[:MAX_PROBLEMS]],
            "warnings": [printable(warning) for warning in report.warnings[:MAX_PROBLEMS]],
            "notes": [printable(note) for note in report.notes[:MAX_PROBLEMS]],
            "scores": _scores(report),
        }
        for report in reports
    ]
    passed = not problems and not any(report.failures for report in reports)
    problems = [printable(problem) for problem in problems[:MAX_PROBLEMS]]
    about = {"format": FORMAT, "passed": passed, "problems": problems, "entries": entries}
    return json.dumps(about, ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace")


def _scores(report: Report) -> dict[str, dict[str, list[Any]]]:
    """Recomputed scores by split and metric, as a list with one value per seed: {"test": {"CIDEr": [...]}}."""
    scores: dict[str, dict[str, list[Any]]] = {}
    for (_, split), receipt in sorted(report.receipts.items()):
        for name, value in receipt["scores"].items():
            scores.setdefault(split, {}).setdefault(name, []).append(value)
    return scores
