"""`python -m reports.signals`: measure how much RSTNet attends to the image and how much M4C-Captioner copies.

* visualness (RSTNet, section 3.3): share of the adaptive layer's attention on the image rather than on the language
  signal, mean over the characters of the references;
* language model: perplexity of the frozen character model on validation captions, noted when it was trained;
* copied: share of a reference character's probability that comes from the pointer over the product info, mean likewise.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from baselines.m4c.model import M4CCaptioner
from baselines.rstnet.model import RSTNet
from benchmark import cli
from benchmark.dataset import open_split
from benchmark.errors import InputError
from benchmark.grid import SYNTHETIC_NOTE, Grid, number, percent
from reference_model.run_folder import load_run, read_config, read_json
from reference_model.training.batches import collate
from reference_model.training.evaluation import prepared_for
from reference_model.training.inputs import PreparedSplit

BOXES = 240


def main(
    runs: Annotated[list[Path], typer.Argument(help="Run folders of RSTNet, or of M4C-Captioner with copying.")],
    data: cli.Data = None,
    split: cli.SplitName = "test",
) -> None:
    """Measure RSTNet's visualness, its language model's perplexity, and M4C's copied share.

    Examples::

        python -m reports.signals runs/rstnet*/*/seed1 runs/m4c-copy/*/seed1
    """
    opened = open_split(data, split)
    columns = ["run", "seed", "visualness, %", "language model, perplexity", "copied, %"]
    grid = Grid(f"signals on {opened.dataset}, {split}", columns)
    for folder in runs:
        (config, model, vocabulary), (_, seed) = load_run(folder), read_config(folder)
        if not isinstance(model, RSTNet | M4CCaptioner):
            raise InputError(f"{folder}: got a run of {config.name}, expected RSTNet or M4C with copying")
        prepared = prepared_for(model, config, vocabulary, opened, seed=seed)
        share = percent(mean_share(model, prepared))
        if isinstance(model, RSTNet):
            note = read_json(folder / "prepared.json")
            grid.add(config.name, seed, share, number(note.get("perplexity")), None)
        else:
            grid.add(config.name, seed, None, None, share)
    if opened.synthetic:
        grid.notes.append(f"scaled down; {SYNTHETIC_NOTE}")
    grid.show(cli.stdout)


@torch.inference_mode()
def mean_share(model: RSTNet | M4CCaptioner, data: PreparedSplit) -> float:
    """Visualness (RSTNet) or copied share (M4C), mean over the characters of the references, from 0 to 1."""
    measure = model.visualness if isinstance(model, RSTNet) else model.copied_share
    parts = []
    for start in range(0, data.n_boxes, BOXES):
        parts.append(measure(collate(data, np.arange(start, min(start + BOXES, data.n_boxes)))))
    return float(torch.cat(parts).double().mean())


if __name__ == "__main__":
    cli.run(main)
