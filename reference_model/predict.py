"""`python -m reference_model.predict`: writes the captions of a trained run for a split as a prediction file."""

from pathlib import Path
from typing import Annotated

import typer

from benchmark import cli
from benchmark.dataset import open_split
from benchmark.files import check_outputs
from benchmark.predictions import write_predictions
from benchmark.shell import quoted


def main(
    run: Annotated[Path, typer.Argument(help="Folder of a trained run: RUNS/VARIANT/HASH/seedK.")],
    data: cli.Data = None,
    split: Annotated[str, typer.Option(help="Split to caption: val or test.")] = "test",
    output: Annotated[
        Path,
        cli.to_file(
            "preds.jsonl", "-o", "--output", help="Prediction file to write (- is stdout); .gz and .zst compress."
        ),
    ] = Path("preds.jsonl"),
    beam: Annotated[int, typer.Option(help="Number of beams; 1 is greedy search.", min=1, max=32)] = 1,
) -> None:
    """Write the captions of a trained run for a split.

    Examples::

        python -m reference_model.predict runs/full/0123456789ab/seed1 --split test -o preds.jsonl
        python -m reference_model.predict runs/full/0123456789ab/seed1 --beam 3 -o beam3.jsonl
    """
    from reference_model.run_folder import load_run, read_config, run_files
    from reference_model.training.distributed import default_device
    from reference_model.training.evaluation import caption_split

    opened = open_split(data, split)
    check_outputs({"--output": output}, [opened.directory, *run_files(run)])
    _, seed = read_config(run)
    config, model, vocabulary = load_run(run)
    model.to(default_device())
    write_predictions(output, opened, caption_split(model, config, vocabulary, opened, seed=seed, beam=beam))
    if str(output) == "-":
        return
    same_data = f" --data {quoted(data)}" if data else ""
    cli.say(f"wrote {output}; score it: python -m benchmark.score {quoted(output)}{same_data} --split {split}")


if __name__ == "__main__":
    cli.run(main)
