"""The page of a run: what a model that was asked is worth, beside systems that were trained.

    OUT/index.html      scores, scores by slice, failures by kind, tokens, seconds and price
    OUT/browser/        every image with the captions, the worst first

Invariants:
* scores of the run are computed here, from its predictions; those of entries are what receipts say, on equal data;
* a failure is shown as one: boxes without an answer have an empty caption and the reason beside it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from ..dataset.store import Split
from ..errors import InputError
from ..files import folder_when_complete
from ..grid import SYNTHETIC_NOTE, Cell, Content, Grid, count, number, score
from ..leaderboard.entries import all_entries, predictions_of, receipt_of
from ..leaderboard.metadata import read_metadata
from ..metrics import BOARD, HEADLINE
from ..predictions import read_predictions
from ..scoring.evaluation import Evaluation, evaluate
from ..scoring.receipt import make_receipt, read_receipt, signature
from ..site.browser import image_scores, link, write_browser
from ..site.pages import Site
from .outputs import read_about

_METRICS = tuple(metric.name for metric in BOARD)

#: Fields of a run that the page shows, in their order.
_SHOWN = ("model", "base_url", "date", "prompt", "prompt_hash", "unit", "coordinates", "inspect")

#: Label of boxes with an answer, in the filter of the browser.
ANSWERED = "answered"


@dataclass(frozen=True)
class Scored:
    """A system on the split.

    Attributes:
        label: name to show.
        receipts: a receipt for each seed, with scores and slices.
        captions: captions of the first seed, one for each box.
    """

    label: str
    receipts: Sequence[Mapping[str, Any]]
    captions: Sequence[str]

    def mean(self, metric: str, by: str = "", part: str = "") -> float:
        """Mean over seeds of a metric, on the split or a slice of it; NaN where there is none."""
        places = [one["slices"].get(by, {}).get(part, {}) if by else one["scores"] for one in self.receipts]
        values = [place.get(metric) for place in places]
        return fmean(float("nan") if value is None else value for value in values)


def write_run_page(out: Path, predictions: Path, split: Split, entries: Path | None) -> Path:
    """Write the page of a run.

    Args:
        out: folder to write; appears complete or not at all.
        predictions: prediction file, with the file that `run`, `export` or `import` has written beside it.
        split: its split, with references.
        entries: folder of entries of the leaderboard to show beside it; None: none.

    Returns:
        The page.

    Raises:
        InputError: if the predictions are not valid, nothing is told of how they came about, they are of other data, or
            `out` is something else than such a page.
    """
    if out.exists() and any(out.iterdir()) and not (out / "static" / "browser.js").is_file():
        raise InputError(f"{out}: exists and holds no page of this kind, so it is not replaced; try another folder")
    about = read_about(predictions)
    if about["fingerprint"] != split.fingerprint.hexdigest():
        raise InputError(
            f"{predictions} was made for split {about['split']!r:.60} of {about['data']!r:.60}, and {split.name!r} of "
            f"{split.dataset!r} differs from it; try --data and --split"
        )
    if any(box >= split.n_boxes for boxes in about["unanswered_boxes"].values() for box in boxes):
        raise InputError(f"{predictions}: what stands beside it names boxes that the split has not; run export again")
    if not split.has_references:
        raise InputError(f"split {split.name!r} of {split.dataset!r} has no captions, so nothing can be scored")
    captions = read_predictions(predictions, split)
    evaluated = evaluate(split, captions)
    name = about["model"].rpartition("/")[2] or "model"
    run = Scored(f"{name} (prompted)", [make_receipt(split, evaluated)], captions)
    others = sorted(_entries(entries, split), key=lambda one: -one.mean(HEADLINE)) if entries else []
    with folder_when_complete(out) as folder:
        label = SYNTHETIC_NOTE if split.synthetic else "" if split.public else "this data set is not public"
        navigation = [("Run", "index.html"), ("Samples", "browser/index.html")]
        site = Site(folder, "A model that was asked", label, navigation, [Path(__file__).parent / "templates"])
        _write_samples(site, split, run, evaluated, others, about)
        reason = next(iter(about["failures"]), "")
        site.page(
            "index.html",
            "run.html.j2",
            heading=run.label,
            lead=_lead(about, split),
            worst=f"browser/index.html{link(run.label, sort='a-low')}",
            failed=reason and f"browser/index.html{link(run.label, answer=reason)}",
            chapters=[
                ("Scores", [_scores(run, others, split)]),
                ("What it took", [_costs(about), _failures(about)]),
                ("Slices", list(_slices([run, *others], split))),
                ("How it was asked", [_facts(about)]),
            ],
            signature=signature(split),
        )
        site.finish()
    return out / "index.html"


def _entries(folder: Path, split: Split) -> Iterator[Scored]:
    """The entries of a folder that are of this data."""
    for path in all_entries(folder):
        about = read_metadata(path / "metadata.yaml", maintainer=True)
        seeds = sorted(about.seeds)
        receipts = [read_receipt(path / receipt_of(seed, split.name)) for seed in seeds]
        if all(receipt["data"]["fingerprint"] == split.fingerprint.hexdigest() for receipt in receipts):
            yield Scored(about.name, receipts, read_predictions(path / predictions_of(seeds[0], split.name), split))


def _lead(about: Mapping[str, Any], split: Split) -> str:
    unanswered = sum(about["failures"].values())
    return (
        f"{about['prompt']}, {about['date']}. {split.dataset}, {split.name}: {split.n_images:,} images, "
        f"{split.n_boxes:,} boxes, of which "
        f"{unanswered:,} have no usable answer and count as empty captions"
    )


def _scores(run: Scored, others: Sequence[Scored], split: Split) -> Grid:
    grid = Grid(
        f"{split.name}, beside trained systems" if others else split.name,
        ["system", *_METRICS, "seeds"],
        notes=["Means over seeds, with the interval over images. Rows of entries are what their receipts say."],
    )
    for one in (run, *others):
        interval = one.receipts[0]["intervals"].get(HEADLINE) if len(one.receipts) == 1 else None
        cells: list[Content] = [
            score(one.mean(metric), float("nan"), tuple(interval) if interval and metric == HEADLINE else None)
            for metric in _METRICS
        ]
        grid.add(Cell(one.label), *cells, len(one.receipts))
    return grid


def _slices(systems: Sequence[Scored], split: Split) -> Iterator[Grid]:
    for by, parts in systems[0].receipts[0]["slices"].items():
        grid = Grid(f"{HEADLINE} by {by}", ["system", *parts])
        for one in systems:
            grid.add(Cell(one.label), *(number(one.mean(HEADLINE, by, part), 1) for part in parts))
        grid.add("boxes", *(count(scores["boxes"]) for scores in parts.values()))
        yield grid


def _costs(about: Mapping[str, Any]) -> Grid:
    images = max(1, about["images"])
    tokens, prices = about["tokens"], about["prices_per_million"]
    grid = Grid("tokens, time and price", ["", "in all", "per image"], notes=["Unusable replies count, too."])
    for label, value in (("tokens in", tokens["in"]), ("tokens out", tokens["out"])):
        grid.add(label, count(value), number(value / images, 1))
    grid.add("seconds that requests took", number(about["seconds"], 0), number(about["seconds"] / images, 2))
    if prices:
        grid.add("price", number(about["price"]), number(about["price"] / images, 5))
        grid.notes.append(
            f"1,000 images cost {1000 * about['price'] / images:.4g}, at {prices['in']:g} for a million tokens in and "
            f"{prices['out']:g} for a million out, in the currency of these."
        )
    return grid


def _failures(about: Mapping[str, Any]) -> Grid:
    grid = Grid("boxes without a usable answer", ["reason", "boxes", "share"])
    for reason, boxes in about["failures"].items():
        grid.add(reason, count(boxes), Cell(100 * boxes / max(1, about["boxes"]), "{:.2f} %"))
    total = sum(about["failures"].values())
    grid.add("all of these", count(total), Cell(100 * total / max(1, about["boxes"]), "{:.2f} %"))
    return grid


def _facts(about: Mapping[str, Any]) -> Grid:
    grid = Grid("", ["what", "value"])
    told = {name: about[name] for name in _SHOWN if about.get(name)} | dict(about["parameters"])
    for name, value in told.items():
        grid.add(name.replace("_", " "), value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return grid


def _write_samples(
    site: Site,
    split: Split,
    run: Scored,
    evaluated: Evaluation,
    others: Sequence[Scored],
    about: Mapping[str, Any],
) -> None:
    labels = np.full(split.n_boxes, ANSWERED, object)
    for reason, boxes in about["unanswered_boxes"].items():
        labels[boxes] = reason
    named = {f"{one.label} ({i})" if one.label == run.label else one.label: one for i, one in enumerate(others)}
    write_browser(
        site,
        "browser",
        split,
        {run.label: run.captions} | {name: one.captions for name, one in named.items()},
        {run.label: image_scores(evaluated)}
        | {name: image_scores(evaluate(split, one.captions)) for name, one in named.items()},
        {"answer": labels.tolist()},
        heading=f"Samples of {split.name}",
    )
