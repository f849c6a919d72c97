"""Predictions of a model for a split, and its scores by the harness's own scorer."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import Progress

from benchmark.cli import stderr
from benchmark.dataset.store import Split
from benchmark.files import replace_when_complete
from benchmark.metrics.corpus import Corpus
from benchmark.predictions import read_predictions, write_predictions
from benchmark.scoring.evaluation import Evaluation, evaluate
from benchmark.scoring.receipt import make_receipt
from reference_model.config import Config
from reference_model.training.batches import generation_batches
from reference_model.training.distributed import World
from reference_model.training.features import keep_features
from reference_model.training.inputs import PreparedSplit
from reference_model.training.vocabulary import Vocabulary

BOXES_PER_BATCH = 256


@torch.inference_mode()
def predict(
    model: Any,
    data: PreparedSplit,
    vocabulary: Vocabulary,
    n_images: int | None = None,
    world: World | None = None,
    *,
    beam: int = 1,
    on_boxes: Callable[[int], None] = lambda n: None,
) -> list[str]:
    """Captions for the boxes of a split's first images, in the data set's order.

    Args:
        model: the network, with `generate(batch, beam=...)`.
        data: the split.
        vocabulary: vocabulary of the model.
        n_images: number of images; None for all.
        world: processes that share the work; each gets all captions.
        beam: number of beams; 1 is greedy search.
        on_boxes: called with the number of captions that were just written.
    """
    n_images = data.n_images if n_images is None else min(n_images, data.n_images)
    rank, size = (world.rank, world.size) if world else (0, 1)
    device = next(model.parameters()).device
    model.eval()
    written: dict[int, str] = {}
    for i, (boxes, batch) in enumerate(generation_batches(data, n_images, BOXES_PER_BATCH)):
        if i % size == rank:
            captions = model.generate(batch.to(device), beam=beam)
            written |= {int(box): vocabulary.decode(ids) for box, ids in zip(boxes, captions, strict=True)}
            on_boxes(len(boxes))
    if world:
        for part in world.gather(written):
            written |= part
    return [written[box] for box in range(len(written))]


def validate(model: Any, data: PreparedSplit, vocabulary: Vocabulary, n_images: int, world: World) -> dict[str, float]:
    """Scores on the first images of a split, with their own document frequencies; the same on every process."""
    captions = predict(model, data, vocabulary, n_images, world)
    offsets = data.split.offsets[: min(n_images, data.n_images) + 1]
    references = data.split.captions[: len(captions)]
    corpus = Corpus.from_captions(predictions=captions, references=references, offsets=np.asarray(offsets))
    return Evaluation(corpus).scores


def prepared_for(model: Any, config: Config, vocabulary: Vocabulary, split: Split, *, seed: int) -> PreparedSplit:
    """A split as a trained model reads it, with the features of its pictures if the backbone is frozen.

    Args:
        model: the network.
        config: configuration of its run.
        vocabulary: vocabulary of its run.
        split: the images with their boxes; captions may be hidden.
        seed: random seed of the run, on which random neighbours depend.
    """
    data = PreparedSplit(split, config.inputs, vocabulary, seed=seed, keep_images=config.keeps_pictures)
    keep_features(data, model, config)
    return data


def caption_split(
    model: Any, config: Config, vocabulary: Vocabulary, split: Split, *, seed: int, beam: int = 1
) -> list[str]:
    """A trained model's captions for every box of a split, in the data set's order; shows its progress.

    Args:
        model: the network, with `generate(batch, beam=...)`.
        config: configuration of its run.
        vocabulary: vocabulary of its run.
        split: the images with their boxes; captions may be hidden.
        seed: random seed of the run, on which random neighbours depend.
        beam: number of beams; 1 is greedy search.
    """
    data = prepared_for(model, config, vocabulary, split, seed=seed)
    with Progress(console=stderr, disable=not stderr.is_terminal, transient=True) as bars:
        task = bars.add_task(f"captions of {split.name}", total=split.n_boxes)
        return predict(model, data, vocabulary, beam=beam, on_boxes=lambda n: bars.advance(task, n))


def predict_and_score(
    model: Any, config: Config, vocabulary: Vocabulary, split: Split, folder: Path, *, seed: int
) -> dict[str, Any]:
    """Write `preds.<split>.jsonl` and, from that file, the receipt `scores.<split>.json`; returns the receipt.

    Args:
        model: see `caption_split`.
        config: configuration of the run.
        vocabulary: vocabulary of the run.
        split: what to predict; its captions are needed for the scores.
        folder: folder of the run.
        seed: random seed of the run.
    """
    path = folder / f"preds.{split.name}.jsonl"
    write_predictions(path, split, caption_split(model, config, vocabulary, split, seed=seed))
    receipt = make_receipt(split, evaluate(split, read_predictions(path, split)), slices=False)
    with replace_when_complete(folder / f"scores.{split.name}.json") as partial:
        partial.write_text(json.dumps(receipt, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return receipt
