"""`python -m benchmark.validate`: list every problem of a prediction file at once, and repair what can be."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import cli
from .dataset import open_split
from .errors import InputError
from .predictions.check import PredictionCheck
from .predictions.files import repair_file

if TYPE_CHECKING:
    from .layout.reading import LayoutCheck


def main(
    predictions: Annotated[Path, typer.Argument(help="Prediction file (JSONL, also .gz or .zst); - reads stdin.")],
    data: cli.Data = None,
    split: cli.SplitName = "test",
    track: cli.TrackName = cli.Track.caption,
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
        python -m benchmark.validate layouts.jsonl --track layout
    """
    opened = open_split(data, split)
    check_of = _check_of(track)
    if fix:
        if str(fix) == "-" or (fix.exists() and not fix.is_file()):
            raise InputError(f"--fix: got {fix}, expected a file to write")
        repaired = repair_file(check_of(predictions, opened), predictions, opened, fix)
        for repair in repaired.repairs or ["nothing to repair"]:
            cli.say(repair)
        cli.say(f"wrote {fix}")
        if repaired.problems:
            raise InputError(*repaired.problems)
        predictions = fix
    check = check_of(predictions, opened)
    if not isinstance(check, PredictionCheck):
        boxes = len(check.read().boxes)
        cli.say(f"{predictions}: fine, {boxes:,} boxes for {opened.n_images:,} images of {opened.dataset}/{split}")
        return
    captions = check.read()
    empty = sum(not caption for caption in captions)
    cli.say(
        f"{predictions}: fine, {len(captions):,} captions for {opened.n_images:,} images of {opened.dataset}/{split}"
        + (f", {empty:,} of them empty" if empty else "")
    )
    if invisible := check.invisible():
        cli.say(invisible)


def _check_of(track: str) -> "type[PredictionCheck] | type[LayoutCheck]":
    """The check of the files of a track."""
    if track == cli.Track.caption:
        return PredictionCheck
    from .layout.reading import check_class  # captions are checked without it

    return check_class(track)


if __name__ == "__main__":
    cli.run(main)
