"""`python -m benchmark.verify`: recompute a score receipt from the predictions, bit for bit."""

from pathlib import Path
from typing import Annotated

import typer

from . import cli
from .dataset import open_split
from .errors import InputError
from .predictions import read_predictions
from .scoring.evaluation import evaluate
from .scoring.receipt import (
    first_difference,
    later_metrics,
    make_receipt,
    other_versions,
    read_receipt,
    version_problem,
)


def main(
    receipt: Annotated[Path, typer.Argument(help="Score receipt, as written by `score -o scores.json`.")],
    predictions: Annotated[Path, typer.Argument(help="Prediction file that the receipt was made from.")],
    data: cli.Data = None,
) -> None:
    """Recompute a receipt from the predictions; the first difference, if any, is named (exit code 2).

    Metrics that were added after the receipt was made do not count as a difference. A metric whose version has changed
    since then cannot be compared, so the receipt cannot be confirmed (exit code 2), and neither can one with metrics
    that only a newer version of this package knows.

    Example::

        python -m benchmark.score preds.jsonl -o scores.json
        python -m benchmark.verify scores.json preds.jsonl
    """
    stored = read_receipt(receipt)
    if problem := version_problem(stored):
        raise InputError(f"{receipt}: {problem}")
    split_name = stored.get("data", {}).get("split") if isinstance(stored.get("data"), dict) else None
    if not isinstance(split_name, str):
        raise InputError(f"{receipt}: data.split: got {split_name!r:.80}, expected the name of a split")
    split = open_split(data, split_name)
    types = stored.get("types")
    recomputed = make_receipt(
        split,
        evaluate(split, read_predictions(predictions, split)),
        slices="slices" in stored,
        copying_from=open_split(data, "train") if "copying" in stored else None,
        type_encoder=str(types.get("encoder")) if isinstance(types, dict) else None,
    )
    difference = first_difference(stored, recomputed)
    if difference:
        raise InputError(f"{receipt} does not belong to {predictions}: {difference}")
    if others := other_versions(stored):
        message = "{}: {} was computed with version {}, this is version {}; not compared"
        raise InputError(
            *(message.format(receipt, name, ascii(then[:40])[1:-1], now) for name, (then, now) in others.items())
        )
    if later := later_metrics(stored):
        cli.say(f"note: metrics added after this receipt was made: {', '.join(later)}")
    cli.say(f"{receipt}: verified, every number recomputed from {predictions}")


if __name__ == "__main__":
    cli.run(main)
