"""`python -m benchmark.demo` (`make score-demo`): score four systems that need no model, from file to table."""

from pathlib import Path
from typing import Annotated

import typer

from . import cli
from .dataset import open_split
from .files import check_outputs
from .grid import SYNTHETIC_NOTE, Grid, number
from .metrics import cider
from .predictions import read_predictions, write_predictions
from .scoring import blind
from .scoring.evaluation import evaluate
from .shell import quoted


def main(
    data: cli.Data = None,
    split: cli.SplitName = "test",
    out: Annotated[Path, typer.Option(help="Folder to write the prediction files to.")] = Path("demo"),
) -> None:
    """Write prediction files of the references and of three systems without a model, then score the files.

    Example: `python -m benchmark.demo --out demo`
    """
    train, evaluated = open_split(data, "train"), open_split(data, split)
    check_outputs({"--out": out / "references"}, [evaluated.directory])
    grid = Grid(f"{evaluated.dataset}, {split}: systems without a model", ["system"])
    for name, predict in blind.SYSTEMS.items():
        path = out / f"{name.replace(' ', '_')}.{split}.jsonl"
        write_predictions(path, evaluated, predict(train, evaluated))
        evaluation = evaluate(evaluated, read_predictions(path, evaluated))
        grid.columns = ["system", *evaluation.names]
        grid.add(name, *map(number, evaluation.scores.values()))
    grid.notes = [
        f"the highest CIDEr on this split is {cider.ceiling(evaluation.corpus) * 100:.2f}, not 1000: "
        "captions of fewer than four characters have no 3- or 4-grams",
        *([SYNTHETIC_NOTE] if evaluated.synthetic else []),
    ]
    grid.show(cli.stdout)
    options = f"--data {quoted(data)} --split {split}" if data else f"--split {split}"
    one = quoted(out / f"title_copy.{split}.jsonl")
    cli.say(f"wrote prediction files to {out}; to score one: python -m benchmark.score {one} {options}")


if __name__ == "__main__":
    cli.run(main)
