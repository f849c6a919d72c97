"""`python -m reports.reference_runs`: what the trained variants of the reference model score, and which claims hold.

Everything is recomputed from the stored prediction files of complete runs; no stored score is trusted.
"""

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmark import cli
from benchmark.compare import System, compare
from benchmark.dataset import open_split
from benchmark.dataset.store import Split
from benchmark.errors import InputError
from benchmark.formatting import SYNTHETIC_NOTE, Grid, pm
from benchmark.metrics.tokens import characters
from benchmark.predictions import read_predictions
from benchmark.scoring import evaluate
from benchmark.significance import mean_and_deviation
from reference_model.run_folder import is_complete
from reference_model.variants import VARIANTS

METRICS = ("BLEU-1", "BLEU-4", "METEOR", "CIDEr", "Div@1", "Div@2", "Exact", "Length")

#: A sentence of the paper's analysis, the metric that it is about, the better and the worse variant.
CLAIMS = (
    ("location matters: baseline above no-locations", "CIDEr", "baseline", "no-locations"),
    ("product info matters: baseline above no-info", "CIDEr", "baseline", "no-info"),
    ("the image matters: baseline above no-image", "CIDEr", "baseline", "no-image"),
    ("location matters more than info", "CIDEr", "no-info", "no-locations"),
    ("info matters more than the image", "CIDEr", "no-image", "no-info"),
    ("neighbours help: context above baseline", "CIDEr", "context", "baseline"),
    ("neighbours make captions more diverse", "Div@1", "context", "baseline"),
    ("Caption Matching helps: full above context", "CIDEr", "full", "context"),
    ("Caption Matching makes captions more diverse", "Div@1", "full", "context"),
)


@dataclass(frozen=True)
class Runs:
    """The complete runs of one variant, a folder per seed."""

    variant: str
    folders: list[Path]

    def predictions(self, split: Split) -> list[list[str]]:
        """The captions of every seed, in the split's order."""
        return [read_predictions(folder / f"preds.{split.name}.jsonl", split) for folder in self.folders]


def main(
    runs: Annotated[Path, typer.Argument(help="Folder of run folders.")] = Path("runs"),
    data: Annotated[
        str | None, typer.Option(help="Data set folder, or mini. [default: $CAPONIMAGE_DATA, else mini]")
    ] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the tables here, as Markdown.")] = None,
    curves: Annotated[Path | None, typer.Option(help="Draw the learning curves here (PNG).")] = None,
) -> None:
    """Score all complete runs, test the paper's claims on them, draw the learning curves.

    Example: `python -m reports.reference_runs runs --markdown docs/results.md --curves docs/images/curves.png`
    """
    found = find_runs(runs)
    if not found:
        raise InputError(f"no complete run in {runs}; train one: python -m reference_model.train context --runs {runs}")
    grids = []
    for name in ("val", "test"):
        split = open_split(data, name)
        grids += tables(found, split)
    for grid in grids:
        grid.show(cli.stdout)
    if markdown:
        markdown.write_text("\n\n".join(grid.markdown() for grid in grids) + "\n", encoding="utf-8")
    if curves:
        draw_curves(found, curves)


def find_runs(runs: Path) -> dict[str, Runs]:
    """Complete runs by variant, in the order of the paper's tables.

    Raises:
        InputError: if a variant was run with several configurations, whose scores must not be averaged.
    """
    folders: dict[str, list[Path]] = defaultdict(list)
    for folder in sorted(runs.glob("*/*/seed*")):
        if is_complete(folder):
            folders[folder.parent.parent.name].append(folder)
    mixed = [name for name, paths in folders.items() if len({path.parent for path in paths}) > 1]
    if mixed:
        raise InputError(*(f"{runs / name} holds several configurations; move all but one away" for name in mixed))
    return {name: Runs(name, folders[name]) for name in VARIANTS if name in folders}


def tables(found: dict[str, Runs], split: Split) -> list[Grid]:
    """Scores, claims, and exact match by what the captions are."""
    captions = {name: runs.predictions(split) for name, runs in found.items()}
    systems = {name: System(name, [evaluate(split, c) for c in seeds]) for name, seeds in captions.items()}
    scores = Grid(f"{split.dataset}, {split.name}", ["variant", "seeds", *METRICS])
    for name, system in systems.items():
        cells = [pm(*mean_and_deviation([seed.scores[metric] for seed in system.seeds])) for metric in METRICS]
        scores.rows.append([name, str(len(system.seeds)), *cells])
    if split.synthetic:
        scores.notes.append(f"scaled down; {SYNTHETIC_NOTE}")
    return [scores, claims(systems, split), *by_role(captions, split)]


def claims(systems: dict[str, System], split: Split) -> Grid:
    """Each claim with its effect, interval and p-value: holds, does not hold, or undecided at 5 %."""
    grid = Grid(f"claims of the paper, on {split.name}", ["claim", "metric", "effect", "95 % interval", "p", "verdict"])
    for sentence, metric, better, worse in CLAIMS:
        if better not in systems or worse not in systems:
            continue
        difference = compare(systems[better], systems[worse])
        i = systems[better].seeds[0].names.index(metric)
        value, low, high, p = (
            float(v[i]) for v in (difference.value, difference.low, difference.high, difference.p_randomisation)
        )
        p = p if p == p else float(difference.p_bootstrap[i])
        verdict = "undecided" if p > 0.05 else "holds" if value > 0 else "does not hold"
        grid.rows.append([sentence, metric, f"{value:+.2f}", f"{low:+.2f} .. {high:+.2f}", f"{p:.4f}", verdict])
    grid.notes.append("paired approximate randomisation over images; seeds are averaged")
    return grid


def by_role(captions: dict[str, list[list[str]]], split: Split) -> list[Grid]:
    """Exact match by what the generator meant a box to say; nothing for real data."""
    if split.roles is None:
        return []
    roles = np.array(split.roles)
    references = [characters(caption) for caption in split.captions]
    kinds = sorted(set(split.roles))
    grid = Grid(f"exact match by role, {split.name}, per cent", ["variant", *kinds])
    for name, seeds in captions.items():
        right = np.mean([[characters(c) == r for c, r in zip(s, references, strict=True)] for s in seeds], axis=0)
        grid.rows.append([name, *(f"{100 * right[roles == kind].mean():.1f}" for kind in kinds)])
    grid.notes.append("one caption in twenty is unexplained by any input, so 95 is the most that can be reached")
    return [grid]


def draw_curves(found: dict[str, Runs], path: Path) -> None:
    """Validation CIDEr and exact match by update, the mean over seeds."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    for name, runs in found.items():
        logs = [_validations(folder / "log.jsonl") for folder in runs.folders]
        updates = sorted(set.intersection(*(set(log) for log in logs)))
        for axis, metric in zip(axes, ("CIDEr", "Exact"), strict=True):
            axis.plot(updates, [np.mean([log[u][metric] for log in logs]) for u in updates], label=name, marker=".")
    for axis, metric in zip(axes, ("CIDEr", "exact match, per cent"), strict=True):
        axis.set(xlabel="update", ylabel=metric, ylim=(0, None))
        axis.grid(alpha=0.3)
    axes[1].legend(fontsize=8)
    figure.suptitle("validation images during training (CapOnImage-Mini, synthetic, scaled down)")
    figure.savefig(path, dpi=110)


def _validations(log: Path) -> dict[int, dict[str, float]]:
    entries = map(json.loads, log.read_text(encoding="utf-8").splitlines())
    return {entry["update"]: entry["validation"] for entry in entries if "validation" in entry}


if __name__ == "__main__":
    cli.run(main)
