"""Scores a submission on a platform's worker, or refuses it with all its problems.

Invariants:
* a submission is scored completely or refused with all its problems; no message or file contains reference text, and
  scores are rounded, so that many submissions do not tell single captions;
* time and memory are bounded by the number of boxes, whatever was submitted;
* scores are written last and appear complete or not at all.
"""

import html
import json
import math
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ..errors import InputError, printable
from ..files import replace_when_complete
from ..metrics import BOARD
from ..predictions import read_predictions
from ..scoring.evaluation import MAX_MEAN_LENGTH, evaluate
from ..scoring.receipt import plain, signature
from ..scoring.withheld import rounded
from .archives import is_archive, unpack
from .references import open_references

NAMES = ("preds.jsonl", "preds.jsonl.gz", "preds.jsonl.zst")

_T = TypeVar("_T")


class RefusedError(Exception):
    """Raised for a submission that is not scored; the message is for the participant."""


@dataclass(frozen=True)
class Judged:
    """Scores and 95 % intervals by metric, and the facts that are stored with them.

    Attributes:
        scores: scores by metric, in table scale, rounded, since the references are hidden.
        intervals: 95 % bootstrap intervals by metric, likewise.
        about: signature of the scores, numbers of images and boxes, and whether the data are synthetic.
    """

    scores: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    about: dict[str, Any]


def judge(submitted: Path, references: Path) -> Judged:
    """Score a submission.

    Args:
        submitted: prediction file, zip archive with one, or folder in which the platform unpacked it.
        references: reference file of the phase, from `references.write_references`.

    Raises:
        RefusedError: with all problems, one per line.
    """
    with tempfile.TemporaryDirectory() as place:
        return _guarded(
            lambda: _judge(submitted, references, Path(place)),
            hide=[f"{place}/out/", f"{submitted}/", f"{submitted.parent}/"],
        )


def _judge(submitted: Path, references: Path, place: Path) -> Judged:
    split = open_references(references, place / "split")
    if submitted.is_file() and is_archive(submitted):
        unpack(submitted, place / "out")
        submitted = place / "out"
    captions = read_predictions(_found(submitted) if submitted.is_dir() else submitted, split)
    mean = sum(map(len, captions)) / len(captions)
    if mean > MAX_MEAN_LENGTH:
        raise InputError(f"got {mean:.0f} characters per caption on average, expected at most {MAX_MEAN_LENGTH}")
    evaluation = evaluate(split, captions)
    undefined = [name for name, score in evaluation.scores.items() if not math.isfinite(score)]
    if undefined:
        raise InputError(f"these predictions have no {', '.join(undefined)}; are all captions empty?")
    about = {"signature": signature(split), "images": split.n_images, "boxes": split.n_boxes}
    return Judged(rounded(evaluation.scores), rounded(evaluation.intervals()), about | {"synthetic": split.synthetic})


def _found(folder: Path) -> Path:
    """The prediction file in a folder or in one of its sub-folders; links are not followed."""

    def plain_files(where: Path) -> list[Path]:
        return [where / name for name in NAMES if (where / name).is_file() and not (where / name).is_symlink()]

    inner = (p for p in sorted(folder.iterdir())[:100] if p.is_dir() and not p.is_symlink() and p.name != "__MACOSX")
    found = plain_files(folder) or [file for one in inner for file in plain_files(one)]
    if len(found) != 1:
        seen = ", ".join(f"{p.name!a:.60}" for p in sorted(folder.iterdir())[:5]) or "nothing"
        raise InputError(f"got {len(found)} prediction files, expected one {NAMES[0]} at the root of the zip; "
                         f"the zip holds {seen}")  # fmt: skip
    return found[0]


def _guarded(run: Callable[[], _T], hide: list[str]) -> _T:
    """Run, and turn errors into messages for the participant that reveal nothing of the worker's memory or disk."""
    try:
        return run()
    except InputError as error:
        message = str(error)
        for path in hide:
            message = message.replace(path, "")
        raise RefusedError(message) from None
    except Exception as error:
        at = traceback.extract_tb(error.__traceback__)[-1]
        name, file = type(error).__name__, Path(at.filename).name
        raise RefusedError(f"the scorer failed ({name} in {file}:{at.lineno}); tell the organisers") from None


def codabench(arguments: list[str]) -> int:
    """The scoring program of Codabench: `score.py INPUT OUTPUT`, with INPUT/ref and INPUT/res.

    Returns:
        The exit code: 0 scored; 1 refused, all problems on stderr, and no scores.json.
    """
    source, output = map(Path, arguments)
    try:
        [references] = (source / "ref").glob("*.json")
        judged = judge(source / "res", references)
    except RefusedError as error:
        sys.stderr.write(f"{printable(str(error))}\n")
        return 1
    with replace_when_complete(output / "detailed_results.html") as partial:
        partial.write_text(_page(judged), encoding="utf-8")
    with replace_when_complete(output / "scores.json") as partial:
        partial.write_text(json.dumps({metric.key: judged.scores[metric.name] for metric in BOARD}))
    print(judged.about["signature"])
    return 0


def evalai(test_annotation_file: str, user_submission_file: str, phase_codename: str, **_: Any) -> dict[str, Any]:
    """The function `evaluate` for EvalAI: scores, half widths of the 95 % intervals as error bars, a result file.

    Raises:
        RefusedError: with all problems of the submission.
    """
    try:
        judged = judge(Path(user_submission_file), Path(test_annotation_file))
    except RefusedError as error:
        raise RefusedError(printable(str(error))) from None
    split = f"{phase_codename}_split"
    bars = {name: (high - low) / 2 for name, (low, high) in judged.intervals.items()}
    return {
        "result": [{split: {metric.name: judged.scores[metric.name] for metric in BOARD}}],
        "error": [{split: {metric.name: bars[metric.name] for metric in BOARD}}],
        "submission_result": plain(judged.about | {"scores": judged.scores, "intervals": judged.intervals}),
        "submission_metadata": judged.about,
    }


def _page(judged: Judged) -> str:
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{score:.2f}</td>"
        f"<td>{judged.intervals[name][0]:.2f} .. {judged.intervals[name][1]:.2f}</td></tr>"
        for name, score in judged.scores.items()
    )
    note = "<p>Synthetic data.</p>" if judged.about["synthetic"] else ""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Scores</title>'
        "<style>body{font:16px sans-serif;margin:2em}td,th{padding:.2em 1em;text-align:right}</style>"
        f"<table><tr><th>metric</th><th>score</th><th>95 % interval</th></tr>{rows}</table>{note}"
        f"<p><code>{html.escape(judged.about['signature'])}</code></p></html>\n"
    )
