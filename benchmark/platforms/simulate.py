"""Simulates a platform's worker: scores a submission with a bundle, offline, and checks the bundle.

Invariants:
* bundle and submission are untrusted: both are unpacked by `archives`, and the program runs in a `sandbox`;
* a refused submission is no breach of the platform's contract if it is refused properly: with a message that names all
  problems, and without scores.
"""

import json
import math
import os
import shlex
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import InputError, printable
from ..grid import Cell, Grid, number
from . import codabench, evalai
from .archives import Limits, unpack
from .sandbox import Execution, run

_MIB = 1 << 20
#: Limits for bundles, which contain archives of packages and pictures.
BUNDLE = Limits(members=2000, packed=4000 * _MIB, unpacked=8000 * _MIB, archives=True)
#: Seconds for scoring one submission where the platform sets no limit.
TIME_LIMIT = 1800


@dataclass(frozen=True)
class Worker:
    """Interpreter and limits of a simulated worker.

    Attributes:
        python: Python interpreter; default: the running one.
        time_limit: limit on its time, in seconds; default: the bundle's, otherwise `TIME_LIMIT`.
        memory: limit on its memory, in bytes.
    """

    python: str = sys.executable
    time_limit: int | None = None
    memory: int = 4096 * _MIB


@dataclass
class SimulatedScoring:
    """Outcome of a simulation.

    Attributes:
        phase: phase that was simulated.
        breaches: breaches of the platform's contract by the bundle; empty if it keeps the contract.
        refused: reason why the submission was not scored; empty if it was.
        scores: scores by column, as the platform takes them.
        artefacts: content of everything that the participant can see, by name.
        run: execution of the program; None if it was not started.
        time_limit: limit on the program's time, in seconds.
    """

    phase: str
    breaches: list[str] = field(default_factory=list)
    refused: str = ""
    scores: dict[str, float] = field(default_factory=dict)
    artefacts: dict[str, bytes] = field(default_factory=dict)
    run: Execution | None = None
    time_limit: int = TIME_LIMIT


def simulate(
    platform: str, bundle: Path, submission: Path, *, phase: str = "test", worker: Worker | None = None
) -> SimulatedScoring:
    """Score one submission as the worker of a platform does.

    Args:
        platform: "codabench" or "evalai".
        bundle: zip archive from `export.write_bundle`.
        submission: file that a participant uploads.
        phase: phase to simulate, "val" or "test".
        worker: interpreter and limits of the worker.

    Raises:
        InputError: if the bundle is not a zip archive, or lacks the phase; on Windows, which cannot limit a worker.
    """
    if os.name == "nt":
        raise InputError("a worker's time and memory can be limited on Linux and macOS alone; simulate it there")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place).resolve()
        try:
            unpack(bundle, folder / "bundle", BUNDLE)
        except InputError as error:
            raise InputError(*(f"the bundle: {problem}" for problem in error.problems)) from None
        work = _codabench if platform == "codabench" else _evalai
        check = codabench.check if platform == "codabench" else evalai.check
        outcome = SimulatedScoring(phase, breaches=check(folder / "bundle"))
        if not outcome.breaches:
            work(folder, submission, outcome, worker or Worker())
        return outcome


def scores_grid(scores: dict[str, float]) -> Grid:
    """Scores by column as a table: rounded as the platform shows them, and exactly."""
    grid = Grid("scores", ["column", "shown", "exact"])
    for name, value in scores.items():
        grid.add(name, number(value), Cell(value, repr(value)))
    return grid


def _phase(phases: list[dict[str, Any]], key: str, wanted: str) -> dict[str, Any]:
    found = [phase for phase in phases if phase[key] == wanted]
    if not found:
        raise InputError(f"the bundle has no phase {wanted!r:.40}; it has {', '.join(str(p[key]) for p in phases)}")
    return found[0]


def _codabench(folder: Path, submission: Path, outcome: SimulatedScoring, worker: Worker) -> None:
    import yaml  # type: ignore[import-untyped]

    about = yaml.safe_load((folder / "bundle/competition.yaml").read_text(encoding="utf-8"))
    phase = _phase(about["phases"], "name", outcome.phase)
    task = next(task for task in about["tasks"] if task["index"] == phase["tasks"][0])
    outcome.time_limit = worker.time_limit or phase.get("execution_time_limit", codabench.TIME_LIMIT)
    app = folder / "app"
    for name in ("input", "output", "shared"):
        (app / name).mkdir(parents=True)
    (folder / "bundle" / task["scoring_program"]).rename(app / "program")
    (folder / "bundle" / task["reference_data"]).rename(app / "input/ref")
    try:
        unpacked = unpack(submission, app / "input/res")
    except InputError as error:
        outcome.refused = printable(str(error))
        return
    if "metadata" in unpacked:
        outcome.refused = (
            "the zip holds a file named metadata, so Codabench would take it for a program, not for results"
        )
        return
    command = yaml.safe_load((app / "program/metadata.yaml").read_text(encoding="utf-8"))["command"]
    interpreter, *arguments = shlex.split(command.replace("/app/", f"{app}/"))
    if interpreter not in ("python", "python3"):
        outcome.breaches.append(f"the command starts {interpreter!r:.60}, expected python3")
        return
    outcome.run = _run(folder, app / "program", {"kind": "codabench", "arguments": arguments}, outcome, worker)
    output = app / "output"
    outcome.artefacts |= {p.name: p.read_bytes() for p in output.iterdir()}
    scores = outcome.artefacts.get("scores.json")
    if (output / "metadata").exists():
        outcome.breaches.append("the output holds a file named metadata")
    if outcome.run.code:
        _refusal(outcome, wrote_scores=scores is not None)
    elif outcome.run.code == 0:
        columns = [column["key"] for column in about["leaderboards"][0]["columns"]]
        _take_scores(outcome, "scores.json", scores, columns)
        if about.get("enable_detailed_results") and not any(name.endswith(".html") for name in outcome.artefacts):
            outcome.breaches.append("enable_detailed_results is set, and no .html was written")


def _evalai(folder: Path, submission: Path, outcome: SimulatedScoring, worker: Worker) -> None:
    import yaml

    bundle = folder / "bundle"
    about = yaml.safe_load((bundle / "challenge_config.yaml").read_text(encoding="utf-8"))
    phase = _phase(about["challenge_phases"], "codename", outcome.phase)
    outcome.time_limit = worker.time_limit or TIME_LIMIT
    allowed = phase.get("allowed_submission_file_types", ".json, .zip").replace(" ", "").split(",")
    if submission.suffix not in allowed:
        outcome.refused = f"the name ends in {submission.suffix!r:.20}, allowed are {', '.join(allowed)}"
        return
    program = folder / "challenge_1"
    names = unpack(bundle / about["evaluation_script"], program, BUNDLE)
    if nested := [name for name in names if "/" in name]:
        outcome.breaches.append(f"evaluation_script.zip is not flat: {nested[0]}")
    if "__init__.py" not in names:
        outcome.breaches.append("evaluation_script.zip has no __init__.py")
        return
    uploaded = folder / f"submission{submission.suffix}"
    shutil.copyfile(submission, uploaded)
    call = {
        "annotations": str(bundle / phase["test_annotation_file"]),
        "submission": str(uploaded),
        "phase": phase["codename"],
    }
    order = {"kind": "evalai", "call": call, "out": str(folder / "answer.json")}
    outcome.run = _run(folder, program, order, outcome, worker)
    wrote = (folder / "answer.json").exists()
    if outcome.run.code:
        _refusal(outcome, wrote_scores=wrote)
    elif outcome.run.code == 0 and wrote:
        stored = json.loads((folder / "answer.json").read_bytes())
        outcome.breaches += stored["foreign"]
        _take_answer(outcome, about, phase, stored["answer"])
    elif outcome.run.code == 0:
        outcome.breaches.append("evaluate ended without an answer")


def _take_answer(outcome: SimulatedScoring, about: dict[str, Any], phase: dict[str, Any], answer: Any) -> None:
    """Check the answer of `evaluate` against the splits and labels of the phase."""
    if not isinstance(answer, dict) or not isinstance(answer.get("result"), list) or not answer["result"]:
        outcome.breaches.append("evaluate returned no 'result', expected a list with a mapping for each split")
        return
    codenames = {split["id"]: split["codename"] for split in about["dataset_splits"]}
    mappings = [m for m in about["challenge_phase_splits"] if m["challenge_phase_id"] == phase["id"]]
    labels = {
        codenames[m["dataset_split_id"]]: board["schema"]["labels"]
        for m in mappings
        for board in about["leaderboard"]
        if board["id"] == m["leaderboard_id"]
    }
    outcome.artefacts |= {key: json.dumps(value).encode() for key, value in answer.items() if key != "error"}
    for key in ("result", "error"):
        for scores_by_split in answer.get(key, []):
            for split, scores in scores_by_split.items():
                if split not in labels:
                    outcome.breaches.append(f"{key}: split {split!r:.40} does not belong to phase {phase['codename']}")
                    continue
                kept = outcome.scores
                _take_scores(outcome, f"{key} of {split}", json.dumps(scores).encode(), labels[split])
                if key == "error":
                    outcome.scores = kept  # these are half widths of intervals, not scores


def _run(folder: Path, program: Path, order: dict[str, Any], outcome: SimulatedScoring, worker: Worker) -> Execution:
    own = any(program.glob("*.whl")) or (program / "packages.zip").exists()
    order = {"program": str(program), **order}
    ended = run(folder, order, python=worker.python, seconds=outcome.time_limit, memory=worker.memory, own_packages=own)
    outcome.artefacts |= {"stdout": ended.stdout.encode(), "stderr": ended.stderr.encode()}
    if ended.code is None:
        outcome.breaches.append(f"the program took longer than {outcome.time_limit} seconds")
    elif ended.code < 0 or ended.code == 70:
        outcome.breaches.append(f"the program was stopped (exit {ended.code}): {_tail(ended.stderr)}")
    return ended


def _tail(text: str) -> str:
    return printable(text.strip())[-300:]


def _refusal(outcome: SimulatedScoring, *, wrote_scores: bool) -> None:
    assert outcome.run
    said = outcome.run.stderr.strip()
    if "Traceback" in said:
        # On EvalAI an exception refuses the submission; ours is a RefusedError.
        said, ours, message = said.partition("RefusedError: ")
        if not ours:
            outcome.breaches.append(f"the program failed: {_tail(said)}")
        said = message or said
    outcome.refused = printable(said) or "(without a message)"
    if not said:
        outcome.breaches.append("a submission was refused without a message on stderr")
    if wrote_scores:
        outcome.breaches.append("a submission was refused, and scores were written")


def _take_scores(outcome: SimulatedScoring, where: str, content: bytes | None, columns: list[str]) -> None:
    """Take scores if they are a flat {column: number} with every column and finite built-in numbers; note breaches."""
    if content is None:
        outcome.breaches.append(f"{where} is missing, though the program ended with 0")
        return
    try:
        scores = json.loads(content)
    except ValueError:
        scores = None
    if not isinstance(scores, dict):
        outcome.breaches.append(f"{where}: got no JSON object, expected one")
        return
    for key in columns:
        if key not in scores:
            outcome.breaches.append(f"{where}: column {key!r:.60} is missing")
    for key, value in scores.items():
        if key not in columns:
            outcome.breaches.append(f"{where}: {key!r:.60} is not a column")
        if type(value) not in (int, float) or not math.isfinite(value):
            outcome.breaches.append(f"{where}: {key!r:.60} is {value!r:.60}, expected a finite number")
    outcome.scores = scores
