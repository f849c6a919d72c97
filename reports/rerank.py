"""`python -m reports.rerank`: whether Caption Matching knows better than the order of a beam which caption belongs.

A direct probe of what Caption Matching (paper, section 4.2) has taught a model: its beams are ordered again by the
matching head. Two systems bound what any order can reach, the first caption of each beam and, given the reference, the
caption of each beam with the highest CIDEr.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from rich.progress import track

from benchmark import cli
from benchmark.dataset import open_split
from benchmark.dataset.store import Split
from benchmark.errors import InputError
from benchmark.grid import SYNTHETIC_NOTE, Grid, number
from benchmark.scoring.evaluation import evaluate
from reference_model.batch import EOS, PAD, SOS, Batch
from reference_model.model import ReferenceModel
from reference_model.run_folder import load_run, read_config
from reference_model.training.batches import collate, generation_batches
from reference_model.training.decoding import search_beams
from reference_model.training.evaluation import prepared_for
from reference_model.training.inputs import PreparedSplit

BOXES = 128  # boxes of a batch; each has as many captions as there are beams
METRICS = ("BLEU-4", "METEOR", "CIDEr", "Exact")


def main(
    runs: Annotated[list[Path], typer.Argument(help="Run folders of models trained with Caption Matching.")],
    data: cli.Data = None,
    split: cli.SplitName = "val",
    beam: Annotated[int, typer.Option(help="Number of beams.", min=2, max=32)] = 5,
) -> None:
    """Score the captions that different orders of a beam put first.

    Example: `python -m reports.rerank runs/full/*/seed1 --split val`
    """
    opened = open_split(data, split)
    grid = Grid(f"orders of {beam} beams on {opened.dataset}, {split}", ["run", "seed", "first by", *METRICS])
    for folder in runs:
        (config, model, vocabulary), (_, seed) = load_run(folder), read_config(folder)
        if not isinstance(model, ReferenceModel) or config.cm.strategy == "none":
            raise InputError(f"{folder}: {config.name} was trained without Caption Matching; expected a `full` variant")
        prepared = prepared_for(model, config, vocabulary, opened, seed=seed)
        captions: list[list[str]] = [[] for _ in range(opened.n_boxes)]
        likely, fitting = np.empty((2, opened.n_boxes, beam))
        batches = list(generation_batches(prepared, opened.n_images, BOXES))
        for boxes, batch in track(batches, f"beams of {config.name}", console=cli.stderr, transient=True):
            found = search_beams(model, batch, config.inputs.max_caption - 1, beam)
            matching = matching_scores(model, prepared, boxes, [ids for ids, _ in found])
            for box, (ids, means), match in zip(boxes.tolist(), found, matching, strict=True):
                captions[box] = [vocabulary.decode(each) for each in ids]
                likely[box], fitting[box] = means, match
        for name, places in orders(opened, captions, likely, fitting).items():
            chosen = [beams[place] for beams, place in zip(captions, places.tolist(), strict=True)]
            scores = evaluate(opened, chosen).scores
            grid.add(config.name, seed, name, *(number(scores[metric]) for metric in METRICS))
    grid.notes.append("`matching` is the log probability that the matching head gives to 'the caption belongs here'")
    if opened.synthetic:
        grid.notes.append(f"scaled down; {SYNTHETIC_NOTE}")
    grid.show(cli.stdout)


@torch.inference_mode()
def matching_scores(
    model: ReferenceModel, data: PreparedSplit, boxes: np.ndarray, captions: list[list[list[int]]]
) -> np.ndarray:
    """Log probability that each caption belongs to its box.

    Args:
        model: a model with a matching head, in evaluation mode.
        data: the split.
        boxes: boxes of the split, (B,).
        captions: for each of these boxes equally many captions, K, as character ids without special ones.

    Returns:
        Array of shape (B, K).
    """
    rows = [[SOS, *ids, EOS] for beams in captions for ids in beams]
    longest = max(map(len, rows))
    given = torch.tensor([row + [PAD] * (longest - len(row)) for row in rows])
    batch = collate(data, np.repeat(boxes, len(captions[0])), sos=True)
    filled = Batch(**{**vars(batch), "captions": given, "labels": torch.ones(len(rows))})
    return torch.nn.functional.logsigmoid(model.matches(filled)).view(len(boxes), -1).numpy()


def orders(split: Split, captions: list[list[str]], likely: np.ndarray, fitting: np.ndarray) -> dict[str, np.ndarray]:
    """For each order, the place of the caption that it puts first in each box's beams, (boxes,).

    Args:
        split: the split, with its references.
        captions: beams of each box, the likeliest first.
        likely: their scores by the model's own probabilities, (boxes, beams).
        fitting: their scores by the matching head, (boxes, beams).
    """
    per_beam = [
        evaluate(split, [beams[place] for beams in captions]).segments()["cider"] for place in range(likely.shape[1])
    ]
    return {
        "probability": likely.argmax(axis=1),
        "probability + matching": (likely + fitting).argmax(axis=1),
        "matching": fitting.argmax(axis=1),
        "the reference (bound)": np.stack(per_beam, axis=1).argmax(axis=1),
    }


if __name__ == "__main__":
    cli.run(main)
