"""Writes the comment on a pull request from the result of `check --json` and the entries accepted before.

The result is treated as text of a stranger, although code of the base branch makes it: it quotes the request.

Invariants:
* the result is bounded in size, must have exactly the format of `result`, and contains only finite numbers;
* its text is shown in code blocks, each line after a marker, so that it can neither act as markup, mention or link nor
  end the block; outside of code blocks only valid entry names are shown;
* the comment is shorter than GitHub allows.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..dataset.schema import EVALUATED_SPLITS
from ..errors import InputError
from ..metrics import MORE_IS_BETTER
from ..scoring.receipt import read_receipt
from ..scoring.significance import mean_and_deviation
from .accepted import Status, read_hashes
from .entries import ENTRY_NAME, HASH_LIST, MAX_NAME, list_entry, receipt_of
from .result import FORMAT, MAX_PROBLEMS, printable

MAX_BYTES = 4 << 20
#: First line of the comment, by which the next run finds the comment and replaces it.
MARKER = "<!-- caponimage-submission-check -->"
_MAX_COMMENT, _MAX_LINES, _MAX_ENTRIES, _BESIDE = 60_000, 60, 20, 5
_METRICS = tuple(metric.name for metric in MORE_IS_BETTER)

_Text = Annotated[str, Field(max_length=20_000)]
_Texts = Annotated[list[_Text], Field(max_length=MAX_PROBLEMS)]
_Number = Annotated[float, Field(allow_inf_nan=False, ge=-1e6, le=1e6)]
_Scores = dict[Annotated[str, Field(max_length=40)], Annotated[list[_Number | None], Field(max_length=20)]]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _CheckedEntry(_Strict):
    name: Annotated[str, Field(max_length=1100)]
    status: Status
    failures: Annotated[list[tuple[Annotated[str, Field(max_length=40)], _Text]], Field(max_length=MAX_PROBLEMS)]
    warnings: _Texts
    notes: _Texts
    scores: dict[Literal["val", "test"], _Scores]


class _Result(_Strict):
    format: Literal["caponimage-check/2"]
    passed: bool
    problems: _Texts
    entries: Annotated[list[_CheckedEntry], Field(max_length=2000)]


def comment(path: Path, submissions: Path, commit: str | None = None) -> str:
    """Write the comment, in Markdown.

    Args:
        path: path of the result of `check --json`, which is untrusted.
        submissions: folder of the base branch's entries; the accepted ones are shown for comparison.
        commit: the commit that was checked, in hex digits; None if the comment names none.

    Raises:
        InputError: if the result has another format or is too large, or the commit is none.
    """
    if commit is not None and not re.fullmatch("[0-9a-f]{7,64}", commit):
        raise InputError(f"--commit: got {commit!r:.80}, expected 7 to 64 hex digits")
    checked = _read(path)
    new = [entry for entry in checked.entries if entry.status == "self-scored" or entry.failures]
    lines = [MARKER, f"### Check of submissions: {'passed' if checked.passed else 'failed'}", ""]
    lines += _block(checked.problems)
    for entry in new[:_MAX_ENTRIES]:
        verdict = (
            "failed" if entry.failures else "passed, but look before you accept it" if entry.warnings else "passed"
        )
        lines += ["", f"{_name(entry.name)} ({entry.status}): **{verdict}**", ""]
        odd = [] if ENTRY_NAME.fullmatch(entry.name) else [f"name: {entry.name}"]
        found = [f"{name}: {problem}" for name, problem in entry.failures]
        remarks = [*(f"LOOK: {text}" for text in entry.warnings), *(f"note: {text}" for text in entry.notes)]
        lines += _block([*odd, *found, *remarks])
    if len(new) > _MAX_ENTRIES:
        lines.append(f"\n... and {len(new) - _MAX_ENTRIES} more entries")
    known = _accepted(submissions)
    for split in reversed(EVALUATED_SPLITS):
        rows = [(entry.name, _means(entry.scores[split])) for entry in new[:_MAX_ENTRIES] if split in entry.scores]
        if rows:
            lines += ["", *_table(split, rows, known.get(split, []))]
    of = f"commit `{commit}`" if commit else "the pull request"
    lines += [
        "",
        f"Recomputed from the predictions of {of}, by code of the base branch; accepted entries for comparison.",
    ]
    text = "\n".join(lines) + "\n"
    return (
        text
        if len(text) <= _MAX_COMMENT
        else text[:_MAX_COMMENT] + "\n```\n\n... (cut; the artefact has the whole result)\n"
    )


def _read(path: Path) -> _Result:
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise InputError(f"{path}: got more than {MAX_BYTES:,} bytes, expected a result of `check --json`")
    try:
        return _Result.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part)[:40] for part in first["loc"][:6])
        raise InputError(f"{path}: not a result of format {FORMAT!r}: {place}: {first['msg'][:200]}") from None


def _block(texts: Sequence[str]) -> list[str]:
    """Untrusted texts as a code block, one line each; no block without texts."""
    lines = [f"* {printable(text)}" for text in texts[:_MAX_LINES]]
    lines += [f"* ... and {len(texts) - _MAX_LINES} more"] * (len(texts) > _MAX_LINES)
    return ["```text", *lines, "```"] if lines else []


def _name(name: str) -> str:
    return f"`{name}`" if ENTRY_NAME.fullmatch(name) and len(name) <= MAX_NAME else "an entry with an invalid name"


def _means(scores: _Scores) -> dict[str, float]:
    means = {}
    for name, values in scores.items():
        numbers = [value for value in values if value is not None]
        if numbers:
            means[name] = mean_and_deviation(numbers)[0]
    return means


def _accepted(submissions: Path) -> dict[str, list[tuple[str, dict[str, float]]]]:
    """Names and mean scores of the accepted entries by split, best CIDEr first."""
    found: dict[str, list[tuple[str, dict[str, float]]]] = {}
    for name in read_hashes(submissions / HASH_LIST).entries:
        entry = list_entry(submissions / name)
        for split in EVALUATED_SPLITS:
            there = [path for seed in entry.seeds if (path := entry.files.get(receipt_of(seed, split)))]
            scores = [read_receipt(path)["scores"] for path in there]
            if scores:  # an accepted entry that lacks files fails the check, so it is left out here
                means = _means({m: [one.get(m) for one in scores] for m in _METRICS})
                found.setdefault(split, []).append((name, means))
    return {split: sorted(rows, key=lambda row: -row[1]["CIDEr"]) for split, rows in found.items()}


def _table(
    split: str, rows: Sequence[tuple[str, dict[str, float]]], known: Sequence[tuple[str, dict[str, float]]]
) -> list[str]:
    def row(name: str, scores: dict[str, float], *, new: bool = False) -> str:
        cells = [f"{scores[metric]:.2f}" if metric in scores else "" for metric in _METRICS]
        return f"| {'new: ' * new}{_name(name)} | {' | '.join(cells)} |"

    head = [f"| {split} | {' | '.join(_METRICS)} |", "|---|" + "---:|" * len(_METRICS)]
    new = [row(name, scores, new=True) for name, scores in rows]
    return head + new + [row(name, scores) for name, scores in known[:_BESIDE]]
