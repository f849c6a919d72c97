"""`python -m benchmark.validate`: list every problem of a prediction file at once, and repair what can be."""

from pathlib import Path
from typing import Annotated

import typer

from . import cli
from .dataset import open_split
from .errors import InputError
from .predictions import repair_predictions
from .predictions.check import PredictionCheck


def main(
    predictions: Annotated[Path, typer.Argument(help="Prediction file (JSONL, also .gz or .zst); - reads stdin.")],
    data: cli.Data = None,
    split: cli.SplitName = "test",
    fix: Annotated[
        Path | None,
        cli.to_file("fixed.jsonl", help="Write a repaired copy to this file."),
    ] = None,
) -> None:
    """Check a prediction file as scoring does; the exit code is 0 if it is fine, 2 if not.

    `--fix OUT` repairs what needs no guessing: byte order mark, UTF-16, line ends, blank lines, file suffixes of ids,
    numbers written as text, coordinates instead of indices, exact duplicates, line breaks and outer white space in
    captions. Everything else is copied unchanged and listed.

    Examples::

        python -m benchmark.validate preds.jsonl
        python -m benchmark.validate preds.jsonl.gz --data DIR --split val
        python -m benchmark.validate preds.jsonl --fix fixed.jsonl
        zcat preds.jsonl.gz | python -m benchmark.validate -
    """
    opened = open_split(data, split)
    if fix:
        if str(fix) == "-" or (fix.exists() and not fix.is_file()):
            raise InputError(f"--fix: got {fix}, expected a file to write")
        repaired = repair_predictions(predictions, opened, fix)
        for repair in repaired.repairs or ["nothing to repair"]:
            cli.say(repair)
        cli.say(f"wrote {fix}")
        if repaired.problems:
            raise InputError(*repaired.problems)
        predictions = fix
    check = PredictionCheck(predictions, opened)
    captions = check.read()
    empty = sum(not caption for caption in captions)
    cli.say(
        f"{predictions}: fine, {len(captions):,} captions for {opened.n_images:,} images of {opened.dataset}/{split}"
        + (f", {empty:,} of them empty" if empty else "")
    )
    if invisible := check.invisible():
        cli.say(invisible)


if __name__ == "__main__":
    cli.run(main)
