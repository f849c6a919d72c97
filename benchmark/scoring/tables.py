"""Tables of scores: of a receipt, of one system's seeds, of several systems, of the difference of two."""

from collections.abc import Sequence
from typing import Any

from ..dataset.store import Split
from ..grid import SYNTHETIC_NOTE, Content, Grid, number, score, signed, span
from ..metrics import METRICS
from ..metrics.length_fit import BIN_EDGES
from .evaluation import Additive, System
from .significance import Difference, mean_and_deviation


def tables(receipt: dict[str, Any], *, slices: bool) -> list[Grid]:
    """Tables of a receipt: scores, then all other sections; slices only on request."""
    data = receipt["data"]
    title = f"{data['name']}, {data['split']}: {data['images']} images, {data['boxes']} boxes"
    grid = Grid(title, ["metric", "score", "95 % interval"])
    for name, value in receipt["scores"].items():
        grid.add(name, number(value), span(*receipt["intervals"][name]))
    grid.notes = [
        f"CIDEr ceiling (the references as predictions): {number(receipt['ceilings']['CIDEr'])}; "
        "short captions have no 3- and 4-grams",
        *([SYNTHETIC_NOTE] if data["synthetic"] else []),
        f"known split {data['known_split']}" if data["known_split"] else "unpinned data set (fingerprint not known)",
        receipt["signature"],
    ]
    grids = [grid]
    if "length_fit" in receipt:
        grids.append(_length_grid(receipt["length_fit"]))
    if "types" in receipt:
        grids.append(_flat_grid("caption types", receipt["types"]))
    if "copying" in receipt:
        grids.append(_flat_grid("copy check (Table A6 is info_to_caption; scale 0..1)", receipt["copying"]))
    for by, parts in receipt["slices"].items() if slices else ():
        columns = ["boxes", *(metric.name for metric in METRICS if metric.slices)]
        columns = [name for name in columns if any(name in scores for scores in parts.values())]
        grids.append(Grid(f"by {by}", [by, *columns]))
        for name, scores in parts.items():
            grids[-1].add(name, *(number(scores.get(c), 0 if c == "boxes" else 2) for c in columns))
    return grids


def splits_grid(receipts: Sequence[dict[str, Any]]) -> Grid:
    """Table of the scores of one system on several splits side by side, from a receipt of each."""
    data = [receipt["data"] for receipt in receipts]
    columns = [column for split in data for column in (split["split"], f"95 % of {split['split']}")]
    sizes = ", ".join(f"{split['split']} of {split['boxes']} boxes" for split in data)
    notes = [SYNTHETIC_NOTE] if data[0]["synthetic"] else []
    grid = Grid(f"{data[0]['name']}, {sizes}", ["metric", *columns], notes=notes)
    for name in receipts[0]["scores"]:
        cells = [(number(one["scores"][name]), span(*one["intervals"][name])) for one in receipts]
        grid.add(name, *(cell for pair in cells for cell in pair))
    return grid


def _length_grid(fit: dict[str, Any]) -> Grid:
    edges = [f"{edge}-{edge + 1}" for edge in BIN_EDGES[:-1]] + [f">{BIN_EDGES[-1]}"]
    seen = [i for i, boxes in enumerate(fit["boxes"]) if boxes]
    title = "mean caption length by aspect ratio of the box (Figure 4b)"
    grid = Grid(title, ["aspect ratio", *(edges[i] for i in seen)])
    grid.add("predictions", *(number(fit["predictions"][i]) for i in seen))
    grid.add("references", *(number(fit["references"][i]) for i in seen))
    grid.add("boxes", *(fit["boxes"][i] for i in seen))
    grid.notes.append(
        f"distance of the curves {number(fit['distance'])} characters; "
        f"Spearman of length and aspect ratio {number(fit['spearman'], 3)}"
    )
    return grid


def _flat_grid(title: str, values: dict[str, Any]) -> Grid:
    def cell(value: Any) -> Content:
        if isinstance(value, list):
            return "  ".join(str(cell(one)) for one in value)
        return number(value, 4) if isinstance(value, float) else value if isinstance(value, int) else str(value)

    grid = Grid(title, ["", "value"])
    for key, value in values.items():
        grid.add(key.replace("_", " "), cell(value))
    return grid


def seeds_table(split: Split, evaluations: Sequence[Additive]) -> Grid:
    """Table of one system's seeds side by side, with mean and unbiased standard deviation."""
    grid = Grid(
        f"{split.dataset}, {split.name}: one system, {len(evaluations)} seeds",
        ["metric", f"mean ± sd (n={len(evaluations)})", *(f"file {i + 1}" for i in range(len(evaluations)))],
        notes=[SYNTHETIC_NOTE] if split.synthetic else [],
    )
    for name in evaluations[0].names:
        values = [evaluation.scores[name] for evaluation in evaluations]
        grid.add(name, score(*mean_and_deviation(values)), *map(number, values))
    return grid


def scores_grid(systems: Sequence[System[Additive]]) -> Grid:
    """Table of the scores of every system, with the deviation over seeds where there are several."""
    names = systems[0].seeds[0].names
    grid = Grid("scores", ["metric", *(f"{s.name} (n={len(s.seeds)})" for s in systems)])
    for name in names:
        values = ([seed.scores[name] for seed in system.seeds] for system in systems)
        grid.add(name, *(score(*mean_and_deviation(seeds)) for seeds in values))
    return grid


def difference_grid(a: System[Additive], b: System[Additive], difference: Difference) -> Grid:
    """Table of the difference of two systems, metric by metric."""
    columns = ["metric", "difference", "95 % interval", "p bootstrap", "p randomisation", "resolvable"]
    grid = Grid(f"{a.name} minus {b.name}", columns)
    for i, name in enumerate(a.seeds[0].names):
        grid.add(
            name,
            signed(float(difference.value[i])),
            span(float(difference.low[i]), float(difference.high[i]), "{:+.2f}"),
            number(float(difference.p_bootstrap[i]), 4),
            number(float(difference.p_randomisation[i]), 4),
            number(float(difference.resolvable[i])),
        )
    grid.notes.append(
        "paired over images; resolvable: the smallest true difference found with 80 % power at p < 0.05 on this split"
    )
    return grid
