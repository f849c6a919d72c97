"""`python -m benchmark.verify`: recompute a score receipt from the predictions, bit for bit."""

from pathlib import Path
from typing import Annotated, Any

import typer

from . import cli
from .dataset import open_split
from .dataset.store import Split
from .errors import InputError
from .predictions import read_predictions
from .scoring.evaluation import evaluate
from .scoring.receipt import (
    FORMAT,
    LAYOUT_FORMAT,
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
    saliency: cli.Saliency = None,
    canvases: cli.Canvases = None,
) -> None:
    """Recompute a receipt from the predictions; the first difference, if any, is named (exit code 2).

    Metrics that were added after the receipt was made do not count as a difference. A metric whose version has changed
    since then cannot be compared, so the receipt cannot be confirmed (exit code 2), and neither can one with metrics
    that only a newer version of this package knows.

    Example::

        python -m benchmark.score preds.jsonl -o scores.json
        python -m benchmark.verify scores.json preds.jsonl
    """
    stored = read_receipt(receipt, (FORMAT, LAYOUT_FORMAT))
    if stored["format"] == LAYOUT_FORMAT:
        _verify_layouts(receipt, stored, predictions, data, saliency, canvases)
        return
    if problem := version_problem(stored):
        raise InputError(f"{receipt}: {problem}")
    split = _split_of(receipt, stored, data)
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


def _split_of(receipt: Path, stored: dict[str, Any], data: str | None) -> Split:
    """The split that a receipt names."""
    name = stored.get("data", {}).get("split") if isinstance(stored.get("data"), dict) else None
    if not isinstance(name, str):
        raise InputError(f"{receipt}: data.split: got {name!r:.80}, expected the name of a split")
    return open_split(data, name)


def _verify_layouts(
    receipt: Path,
    stored: dict[str, Any],
    predictions: Path,
    data: str | None,
    saliency: str | None,
    canvases: str | None,
) -> None:
    """Recompute the receipt of a layout track, with the maps that it names."""
    from .layout.evaluation import evaluate_layouts
    from .layout.maps import Maps
    from .layout.reading import read_layouts
    from .layout.receipt import layout_difference, make_layout_receipt, stored_track

    track, split = stored_track(stored), _split_of(receipt, stored, data)
    named = stored.get("maps") if isinstance(stored.get("maps"), dict) else {}
    given = {"saliency": saliency, "canvases": canvases}
    used: dict[str, str | None] = {}
    problems = []
    for kind, option in given.items():
        source = (named or {}).get(kind)
        used[kind] = option or (source if source in ("mini", "opencv") else None)
        if source is not None and used[kind] is None:
            problems.append(f"{receipt} was made with a folder of {kind}; name it: --{kind} DIR")
    if problems:
        raise InputError(*problems)
    maps = Maps.chosen(split, used["saliency"], used["canvases"])
    if "saliency" not in (named or {}):
        maps = Maps(None, maps.canvases)
    evaluation = evaluate_layouts(split, read_layouts(predictions, split, track), track, maps)
    found, later = layout_difference(stored, make_layout_receipt(split, evaluation, slices="slices" in stored))
    if found:
        raise InputError(f"{receipt} does not belong to {predictions}: {found}")
    if later:
        cli.say(f"note: metrics added after this receipt was made: {', '.join(later)}")
    cli.say(f"{receipt}: verified, every number recomputed from {predictions}")


if __name__ == "__main__":
    cli.run(main)
