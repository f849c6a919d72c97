"""What the checker found, for people and for machines.

Invariant: the text of strangers is bounded in length and holds nothing that a terminal acts on.
"""

import json
from collections.abc import Sequence
from typing import Any

from .check import Report

FORMAT = "caponimage-check/1"
MAX_PROBLEMS, _MAX_TEXT = 200, 1000


def printable(text: str) -> str:
    """Text for a terminal: what cannot be printed is shown as its code; cut where it is endless."""
    start = text[:_MAX_TEXT].replace("\n    ", " | ")
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in start) + "..." * (len(text) > _MAX_TEXT)


def shown(report: Report) -> str:
    """The lines on one entry."""
    head = f"{'FAIL' if report.failures else 'ok  '} {printable(report.path.name)[:100]} ({report.status})"
    lines = [head, *(f"     {name}: {printable(problem)}" for name, problem in report.failures)]
    return "\n".join([*lines, *(f"     note: {printable(note)}" for note in report.notes)])


def result(reports: Sequence[Report], problems: Sequence[str]) -> bytes:
    """All of it as JSON.

    Args:
        reports: of the entries.
        problems: of no single entry.
    """
    entries = [
        {
            "name": printable(report.path.name)[:100],
            "status": report.status,
            "failures": [[name, printable(problem)] for name, problem in report.failures[:MAX_PROBLEMS]],
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
    """{"test": {"CIDEr": [of each seed]}}, recomputed."""
    scores: dict[str, dict[str, list[Any]]] = {}
    for (_, split), receipt in sorted(report.receipts.items()):
        for name, value in receipt["scores"].items():
            scores.setdefault(split, {}).setdefault(name, []).append(value)
    return scores
