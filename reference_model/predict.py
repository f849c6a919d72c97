"""`python -m reference_model.predict`: captions of a trained run for a split, as a prediction file."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from benchmark import cli
from benchmark.dataset import open_split
from benchmark.dataset.store import Split
from benchmark.files import replace_when_complete
from benchmark.predictions import read_predictions, write_predictions
from benchmark.scoring.evaluation import evaluate
from benchmark.scoring.receipt import make_receipt
from reference_model.config import Config
from reference_model.training.vocabulary import Vocabulary


def main(
    run: Annotated[Path, typer.Argument(help="Folder of a trained run: RUNS/VARIANT/HASH/seedK.")],
    data: Annotated[
        str | None, typer.Option(help="Data set folder, or mini. [default: $CAPONIMAGE_DATA, else mini]")
    ] = None,
    split: Annotated[str, typer.Option(help="val or test.")] = "test",
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Prediction file to write; .gz and .zst compress.")
    ] = Path("preds.jsonl"),
    beam: Annotated[int, typer.Option(help="Beams; 1 is greedy.", min=1, max=32)] = 1,
) -> None:
    """Write the captions of a trained run for a split.

    Examples::

        python -m reference_model.predict runs/full/0123456789ab/seed1 --split test -o preds.jsonl
        python -m reference_model.predict runs/full/0123456789ab/seed1 --beam 3 -o beam3.jsonl
    """
    from reference_model.run_folder import load_run, read_config
    from reference_model.training.distributed import default_device

    _, seed = read_config(run)
    config, model, vocabulary = load_run(run)
    model.to(default_device())
    opened = open_split(data, split)
    write_predictions(output, opened, captions(model, config, vocabulary, opened, seed=seed, beam=beam))
    cli.stdout.print(f"wrote {output}; score it: python -m benchmark.score {output} --split {split}", markup=False)


def captions(
    model: Any, config: Config, vocabulary: Vocabulary, split: Split, *, seed: int, beam: int = 1
) -> list[str]:
    """A model's captions for every box of a split, with a progress bar."""
    from reference_model.training.evaluation import predict
    from reference_model.training.inputs import PreparedSplit

    data = PreparedSplit(split, config.inputs, vocabulary, seed=seed, keep_images=config.train.cache_images)
    with Progress(console=cli.stderr, disable=not cli.stderr.is_terminal, transient=True) as bars:
        task = bars.add_task(f"captions of {split.name}", total=split.n_boxes)
        return predict(model, data, vocabulary, beam=beam, on_boxes=lambda n: bars.advance(task, n))


def predict_and_score(
    model: Any, config: Config, vocabulary: Vocabulary, split: Split, folder: Path, *, seed: int
) -> dict[str, Any]:
    """Write `preds.<split>.jsonl` and, from that file, the receipt `scores.<split>.json`; returns the receipt."""
    path = folder / f"preds.{split.name}.jsonl"
    if not path.exists():
        write_predictions(path, split, captions(model, config, vocabulary, split, seed=seed))
    receipt = make_receipt(split, evaluate(split, read_predictions(path, split)), slices=False)
    with replace_when_complete(folder / f"scores.{split.name}.json") as partial:
        partial.write_text(json.dumps(receipt, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return receipt


if __name__ == "__main__":
    cli.run(main)
