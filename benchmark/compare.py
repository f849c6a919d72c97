"""`python -m benchmark.compare`: are two systems really different on this split?"""

import json
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmark import cli
from benchmark.citation import Citation
from benchmark.dataset import open_split
from benchmark.errors import InputError
from benchmark.formatting import SYNTHETIC_NOTE, Grid, number, pm
from benchmark.predictions import read_predictions
from benchmark.receipt import plain
from benchmark.scoring import Evaluation, evaluate
from benchmark.significance import Difference, mean_and_deviation, paired_difference


@dataclass(frozen=True)
class System:
    """A named system and the evaluations of its seeds."""

    name: str
    seeds: list[Evaluation]


def main(
    systems: Annotated[list[str], typer.Argument(help="FILE[,FILE...] or NAME=FILE[,FILE...], two or more.")],
    data: Annotated[
        str | None, typer.Option(help="Data set folder, or mini. [default: $CAPONIMAGE_DATA, else mini]")
    ] = None,
    split: Annotated[str, typer.Option(help="val or test.")] = "test",
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown tables.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="Print LaTeX tables.")] = False,
    citation: Citation = False,
) -> None:
    """Compare systems on one split: paired bootstrap and approximate randomisation over images, for every metric.

    A system is one prediction file, or several seeds joined by commas, optionally with a name in front.

    Examples::

        python -m benchmark.compare a.jsonl b.jsonl
        python -m benchmark.compare full=f1.jsonl,f2.jsonl,f3.jsonl base=b1.jsonl,b2.jsonl,b3.jsonl --split val
    """
    if len(systems) < 2:
        raise InputError(f"got {len(systems)} system, expected two or more; seeds of one system: use benchmark.score")
    opened = open_split(data, split)
    evaluated: list[System] = []
    for argument in systems:
        name, _, files = argument.rpartition("=")
        seeds = [evaluate(opened, read_predictions(Path(file), opened)) for file in files.split(",")]
        evaluated.append(System(name or Path(files.split(",")[0]).name, seeds))

    pairs = [(a, b, compare(a, b)) for a, b in combinations(evaluated, 2)]
    if as_json:
        print(json.dumps(plain(_as_json(evaluated, pairs)), ensure_ascii=False, indent=1))
        return
    grids = [scores_grid(evaluated), *(difference_grid(a, b, difference) for a, b, difference in pairs)]
    if opened.synthetic:
        grids[0].notes.append(SYNTHETIC_NOTE)
    for grid in grids:
        if markdown or latex:
            print(grid.latex() if latex else grid.markdown(), end="\n\n")
        else:
            grid.show(cli.stdout)


def compare(a: System, b: System) -> Difference:
    """The paired difference of two systems over all metrics of `Evaluation.names`."""
    ours, theirs = ([seed.image_statistics for seed in system.seeds] for system in (a, b))
    return paired_difference(ours, theirs, a.seeds[0].aggregate)


def scores_grid(systems: list[System]) -> Grid:
    """Scores of every system, with the deviation over seeds where there are several."""
    names = systems[0].seeds[0].names
    grid = Grid("scores", ["metric", *(f"{s.name} (n={len(s.seeds)})" for s in systems)])
    for name in names:
        cells = [pm(*mean_and_deviation([seed.scores[name] for seed in system.seeds])) for system in systems]
        grid.rows.append([name, *cells])
    return grid


def difference_grid(a: System, b: System, difference: Difference) -> Grid:
    """One pair of systems, metric by metric."""
    columns = ["metric", "difference", "95 % interval", "p bootstrap", "p randomisation", "resolvable"]
    grid = Grid(f"{a.name} minus {b.name}", columns)
    for i, name in enumerate(a.seeds[0].names):
        grid.rows.append(
            [
                name,
                f"{difference.value[i]:+.2f}",
                f"{difference.low[i]:+.2f} .. {difference.high[i]:+.2f}",
                number(float(difference.p_bootstrap[i]), 4),
                number(float(difference.p_randomisation[i]), 4),
                number(float(difference.resolvable[i])),
            ]
        )
    grid.notes.append(
        "paired over images; resolvable: the smallest true difference found with 80 % power at p < 0.05 on this split"
    )
    return grid


def _as_json(systems: list[System], pairs: list[tuple[System, System, Difference]]) -> dict[str, Any]:
    names = systems[0].seeds[0].names
    return {
        "systems": {s.name: [seed.scores for seed in s.seeds] for s in systems},
        "differences": [
            {
                "a": a.name,
                "b": b.name,
                "metrics": {
                    name: {key: float(values[i]) for key, values in vars(difference).items()}
                    for i, name in enumerate(names)
                },
            }
            for a, b, difference in pairs
        ],
    }


if __name__ == "__main__":
    cli.run(main)
