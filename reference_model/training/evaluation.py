"""Predictions of a model for a split, and its scores by the harness's own scorer."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmark.metrics.corpus import Corpus
from benchmark.scoring.evaluation import Evaluation
from reference_model.training.batches import generation_batches
from reference_model.training.distributed import World
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
        model: with `generate(batch, beam=...)`.
        data: the split.
        vocabulary: of the model.
        n_images: how many images; None: all.
        world: share the work among these processes; every one gets all captions.
        beam: beams, 1 for greedy.
        on_boxes: is told how many captions were just written.
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
