"""The original scorer, whose METEOR is a Java program: it never hangs, and its numbers depend on the captions alone."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from captions import pairs

from benchmark.errors import InputError
from benchmark.metrics import meteor
from benchmark.metrics.corpus import Corpus
from benchmark.scoring import original

pytest.importorskip("pycocoevalcap")

#: Beginning of a program that says its version, so that METEOR is started with it.
ANSWERS = '[ "$1" = -version ] && exit 0\n'


def corpus(n: int = 20) -> Corpus:
    predictions, references = pairs(n, 0)
    return Corpus.from_captions(predictions=predictions, references=references)


@pytest.mark.skipif(os.name == "nt", reason="needs a shell")
@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo no runtime here >&2; exit 1", "no runtime here"),
        ("exit 7", "exit code 7"),
        ("sleep 1000", "no answer in 1 seconds"),
        (ANSWERS + "exit 0", "its answers are no scores"),
        (ANSWERS + "echo Picked up JAVA_TOOL_OPTIONS: x >&2; echo Error: no memory >&2; exit 1", "Error: no memory"),
        (ANSWERS + "while read line; do echo 1,0 2,0; done", "its answers are no scores"),
        (ANSWERS + "cat", "its answers are no scores"),
        (ANSWERS + "cat /dev/zero", "it said nothing for 1 seconds"),
        (ANSWERS + "sleep 1000", "it said nothing for 1 seconds"),
        (ANSWERS + "sleep 1000 & exec cat >/dev/null", "it said nothing for 1 seconds"),
    ],
)
def test_every_java_ends_in_a_sentence(
    script: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that waits for ever, with a lock that is held, and says nothing."""
    java = tmp_path / "java"
    java.write_text(f"#!/bin/sh\n{script}\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(original, "_ANSWERS", 1)
    monkeypatch.setattr(original, "_SILENT", 1)
    with pytest.raises(InputError) as refused:
        original.original_scores(corpus(), ("METEOR",))
    assert words in str(refused.value)
    assert "leave --engine out" in str(refused.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    "environment",
    [
        {"JAVA_TOOL_OPTIONS": "-Duser.language=it -Duser.country=IT"},
        {"JAVA_TOOL_OPTIONS": "-Duser.language.format=de -Duser.country.format=DE"},
        {"_JAVA_OPTIONS": "-Duser.language=fr -Duser.country=FR"},
        {"LC_ALL": "C", "LANG": "C"},  # in which older Javas read all Chinese characters as one
    ],
)
def test_the_numbers_do_not_depend_on_the_machine(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Decimal commas that METEOR writes and cannot read; a folder with blanks, in which it finds no paraphrases."""
    try:
        java = original.find_java()
    except InputError as error:
        pytest.skip(str(error))
    from pycocoevalcap.meteor import meteor as theirs

    folder = tmp_path / "site packages"
    shutil.copytree(Path(theirs.__file__).parent, folder)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    one = corpus()
    captions = [tuple(map(" ".join, pair)) for pair in zip(one.references, one.predictions, strict=True)]
    total, each = original._meteor(java, folder / theirs.METEOR_JAR, captions)
    statistics = meteor.pair_statistics(one.predictions, one.references)
    assert np.abs(meteor.segment_scores(statistics) - each).max() < 1e-12
    assert meteor.aggregate(statistics.sum(axis=0))[0] == pytest.approx(total, abs=1e-12)
