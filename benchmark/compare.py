"""`python -m benchmark.compare`: test whether systems differ significantly on one split, metric by metric."""

import json
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any

import typer

from . import cli
from .dataset import open_split
from .dataset.store import Split
from .errors import InputError
from .grid import SYNTHETIC_NOTE
from .predictions import read_predictions
from .scoring.evaluation import Additive, System, compare, evaluate
from .scoring.receipt import plain
from .scoring.significance import Difference
from .scoring.tables import difference_grid, scores_grid


def main(
    systems: Annotated[
        list[str], typer.Argument(help="Two or more systems, each FILE[,FILE...] or NAME=FILE[,FILE...].")
    ],
    data: cli.Data = None,
    split: cli.SplitName = "test",
    track: cli.TrackName = cli.Track.caption,
    saliency: cli.Saliency = None,
    canvases: cli.Canvases = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all scores and tests as JSON.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the tables as Markdown.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="Print the tables as LaTeX.")] = False,
    citation: cli.Citation = False,
) -> None:
    """Compare systems on one split: paired bootstrap and approximate randomisation over images, for every metric.

    A system is one prediction file, or one file per seed joined by commas, optionally with a name in front.

    Examples::

        python -m benchmark.compare a.jsonl b.jsonl --split val
        python -m benchmark.compare full=f1.jsonl,f2.jsonl base=b1.jsonl,b2.jsonl
        python -m benchmark.compare a.jsonl b.jsonl --track layout
    """
    if len(systems) < 2:
        raise InputError(
            f"got {len(systems)} system, expected two or more; to score one, use `python -m benchmark.score`"
        )
    opened = open_split(data, split)
    named = [cli.name_and_files(argument) for argument in systems]
    names = [name or files[0].name for name, files in named]
    if len(set(names)) < len(names):  # files of one name in several folders
        names = [name or str(files[0]) for name, files in named]
    if doubled := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise InputError(*(f"two systems are named {name!r}; name them apart: NAME=FILE" for name in doubled))
    measure = _measure(opened, track, saliency, canvases)
    evaluated = [System(name, [*map(measure, files)]) for name, (_, files) in zip(names, named, strict=True)]

    pairs = [(a, b, compare(a, b)) for a, b in combinations(evaluated, 2)]
    if as_json:
        cli.document(json.dumps(plain(_as_json(evaluated, pairs)), ensure_ascii=False, indent=1))
        return
    grids = [scores_grid(evaluated), *(difference_grid(a, b, difference) for a, b, difference in pairs)]
    if opened.synthetic:
        grids[0].notes.append(SYNTHETIC_NOTE)
    for grid in grids:
        if markdown or latex:
            cli.document(f"{grid.latex() if latex else grid.markdown()}\n")
        else:
            grid.show(cli.stdout)


def _measure(split: Split, track: str, saliency: str | None, canvases: str | None) -> Callable[[Path], Additive]:
    """Function that scores a prediction file of a track."""
    if track == cli.Track.caption:
        return lambda file: evaluate(split, read_predictions(file, split))
    from .layout.evaluation import evaluate_layouts  # captions are compared without it
    from .layout.maps import Maps
    from .layout.reading import read_layouts

    maps = Maps.chosen(split, saliency, canvases)
    return lambda file: evaluate_layouts(split, read_layouts(file, split, track), track, maps)


def _as_json(
    systems: list[System[Additive]], pairs: list[tuple[System[Additive], System[Additive], Difference]]
) -> dict[str, Any]:
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
