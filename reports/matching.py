"""`python -m reports.matching`: measure the accuracy of Caption Matching by level of negatives.

Every run sees the same pairs: validation boxes, 60 % of them with a negative, a third of these from each level, drawn
with one seed (paper, section 4.2). Fine-tuning no longer trains the matching head, so accuracy is measured at the end
of pre-training: train with `train.finetune_updates=0`.
"""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from benchmark import cli
from benchmark.dataset import open_split
from benchmark.errors import InputError
from benchmark.grid import SYNTHETIC_NOTE, Grid, percent
from reference_model.config import Config
from reference_model.model import ReferenceModel
from reference_model.run_folder import load_run, read_config
from reference_model.training.batches import collate
from reference_model.training.evaluation import prepared_for
from reference_model.training.inputs import PreparedSplit
from reference_model.training.matching import draw_negatives

SEED, SHARES, BOXES = 1, (1 / 3, 1 / 3, 1 / 3), 240
NAMES = ("true pairs", "I: another image", "II: another box", "III: the nearest box")


def main(
    runs: Annotated[list[Path], typer.Argument(help="Run folders of models trained with Caption Matching.")],
    data: cli.Data = None,
    split: cli.SplitName = "val",
) -> None:
    r"""Measure the accuracy of Caption Matching in per cent, by level of negatives.

    Examples::

        python -m reference_model.train full train.finetune_updates=0 \
            --runs runs/pretrained
        python -m reports.matching runs/pretrained/full/*/seed1
    """
    opened = open_split(data, split)
    grid = Grid(f"Caption Matching on {opened.dataset}, {split}: accuracy, per cent", ["run", "seed", *NAMES])
    for folder in runs:
        (config, model, vocabulary), (_, seed) = load_run(folder), read_config(folder)
        if not isinstance(model, ReferenceModel) or config.cm.strategy == "none":
            raise InputError(f"{folder}: {config.name} was trained without Caption Matching; expected a `full` variant")
        prepared = prepared_for(model, config, vocabulary, opened, seed=seed)
        right = accuracy(model, prepared, config)
        grid.add(config.name, seed, *map(percent, right))
    grid.notes.append("40 % true pairs, 20 % of each level of negatives; every run sees the same pairs; chance is 50")
    if opened.synthetic:
        grid.notes.append(f"scaled down; {SYNTHETIC_NOTE}")
    grid.show(cli.stdout)


@torch.inference_mode()
def accuracy(model: ReferenceModel, data: PreparedSplit, config: Config) -> list[float]:
    """Share of correct decisions among true pairs, and among negatives of levels I, II and III, from 0 to 1."""
    rules = replace(config.cm, strategy="fixed", negatives=0.6, redraw=True)
    random = np.random.default_rng(SEED)
    decided, levels = [], []
    for start in range(0, data.n_boxes, BOXES):
        boxes = np.arange(start, min(start + BOXES, data.n_boxes))
        image = data.image_of_box[boxes]
        first, last = data.arrays["box_offsets"][image], data.arrays["box_offsets"][image + 1]
        negatives = draw_negatives(
            boxes,
            first,
            last - first,
            data.arrays["nearest"][boxes],
            lambda box: data.span("captions", box).tobytes(),
            data.n_boxes,
            rules,
            SHARES,
            random,
        )
        batch = collate(data, boxes, negatives=negatives)
        decided.append((model.matches(batch) > 0).numpy() == (negatives.labels == 1))
        levels.append(negatives.levels)
    right, level = np.concatenate(decided), np.concatenate(levels)
    return [float(right[level == kind].mean()) for kind in range(4)]


if __name__ == "__main__":
    cli.run(main)
