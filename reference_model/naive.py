"""The naive form of the reference model: computes the same network as the released code does, to measure against.

One CNN pass per caption, product info padded to 60 characters and captions to their longest, every position through
every layer, word probabilities at padded positions too; decoding keeps the keys and values of the prefix and reads all
characters of a caption anew at every step.

Invariant: losses and captions are those of `ReferenceModel` from the same weights and inputs (tested).
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from reference_model.batch import PAD, Batch
from reference_model.config import InputConfig
from reference_model.embeddings import is_real
from reference_model.losses import generation_loss
from reference_model.model import ReferenceModel
from reference_model.transformer import LayerCache, generation_mask


def per_caption(batch: Batch, inputs: InputConfig) -> Batch:
    """The naive form of a batch: picture and info repeated for every box, texts padded to their longest."""

    def padded(characters: Tensor, length: int) -> Tensor:
        return functional.pad(characters, (0, length - characters.shape[1]), value=PAD)

    return replace(
        batch,
        images=None if batch.images is None else batch.images[batch.image_of_box],
        info=padded(batch.info[batch.image_of_box], inputs.max_info),
        image_of_box=torch.arange(batch.n_boxes),
        captions=padded(batch.captions, inputs.max_caption),
    )


def one_box_of_each(batch: Batch, images: int) -> list[Batch]:
    """A per-caption batch in pieces that hold every image once: small, with the batch statistics of ours."""
    boxes = batch.n_boxes // images
    pieces = []
    for box in range(boxes):
        rows = {name: value[box::boxes] for name, value in vars(batch).items() if isinstance(value, Tensor)}
        pieces.append(replace(batch, **rows | {"image_of_box": torch.arange(images), "targets": None}))  # type: ignore[arg-type]
    return pieces


def naive_loss(model: ReferenceModel, batch: Batch) -> Tensor:
    """`ReferenceModel.loss` for Caption Generation, with everything computed at every position."""
    given, targets = batch.captions[:, :-1], batch.captions[:, 1:]
    prefix, real = model.prefix(batch)
    tokens = torch.cat([prefix, model.captions(given)], dim=1)
    hidden = model.transformer(tokens, generation_mask(real, is_real(given)))
    logits = model.logits(hidden[:, prefix.shape[1] :])
    places, cg = batch.target_places(), model.config.cg
    summed = generation_loss(logits[places[0], places[1]], targets, places, cg.label_smoothing, cg.reduce)
    return summed / batch.normaliser


@dataclass
class NaiveState:
    """State of a naive decoder: which prefix positions are real, the characters so far, keys and values."""

    real: Tensor
    characters: Tensor
    cache: list[LayerCache]

    def reorder(self, rows: Tensor) -> None:
        """Select and reorder rows, as beam search requires."""
        self.real, self.characters = self.real[rows], self.characters[rows]
        for layer in self.cache:
            layer.reorder(rows)


@dataclass(frozen=True)
class NaiveDecoder:
    """A model, in evaluation mode, decoded by reading all characters of a caption at every step."""

    model: ReferenceModel

    def start(self, batch: Batch) -> NaiveState:
        """Read the prefix."""
        prefix, real = self.model.prefix(batch)
        cache = self.model.transformer.cache(capacity=prefix.shape[1] + self.model.config.inputs.max_caption)
        self.model.transformer(prefix, real[:, None, None, :], cache)
        return NaiveState(real, batch.captions[:, :0], cache)

    def step(self, state: NaiveState, characters: Tensor, position: int) -> Tensor:
        """Logits of the next character, (B, V)."""
        state.characters = torch.cat([state.characters, characters[:, None]], dim=1)
        length = state.real.shape[1]
        for layer in state.cache:
            layer.length = length  # forget the caption
        mask = generation_mask(state.real, torch.ones_like(state.characters, dtype=torch.bool))[:, :, length:]
        hidden = self.model.transformer(self.model.captions(state.characters), mask, state.cache)
        return self.model.logits(hidden[:, -1])
