"""The reference model: one transformer over image, location, product info and caption (paper, section 4).

Shapes: B boxes, G image tokens, K info characters, P = G + 1 + K prefix positions, T caption characters, D width, V
vocabulary. Inputs that a variant goes without are left out of the prefix, not zeroed.

The trainer asks a model for `loss(batch)` and `generate(batch)` alone.
"""

import torch
from torch import Tensor, nn

from reference_model.batch import Batch
from reference_model.config import Config
from reference_model.embeddings import (
    CAPTION,
    IMAGE,
    INFO,
    LOCATION,
    GridCode,
    ImageTokens,
    LocationToken,
    Words,
    is_real,
)
from reference_model.losses import generation_loss, matching_logit, matching_loss
from reference_model.transformer import LayerCache, Transformer, gelu, generation_mask, matching_mask


class ReferenceModel(nn.Module):
    """`baseline`, `context`, `full` and their ablations, by configuration alone."""

    def __init__(self, config: Config, vocabulary_size: int) -> None:
        super().__init__()
        self.config = config
        model, inputs = config.model, config.inputs
        d = model.width
        self.words = Words(model, vocabulary_size)
        self.segments = nn.Embedding(4, d)
        self.grid = GridCode(inputs.grid, d) if inputs.image or inputs.location else None
        self.location = LocationToken(model, inputs) if inputs.location else None
        self.transformer = Transformer(
            layers=model.layers,
            width=d,
            heads=model.heads,
            feed_forward=model.feed_forward or 2 * d,
            dropout=model.dropout,
            norm_kind=model.norm,
            gelu_kind=model.gelu,
        )
        self.output_bias = nn.Parameter(torch.zeros(vocabulary_size))
        self.drop = nn.Dropout(model.dropout)
        self.matching_head = None
        if config.cm.strategy != "none":
            self.matching_head = nn.Linear(d, 1 if config.cm.head == "sigmoid" else 2)
        self.colour_head = nn.Linear(d, 100).requires_grad_(False) if model.colour_head else None
        initialise(self, balanced=model.balanced_inputs)
        # Last, so that pre-trained weights are not initialised away.
        self.image = ImageTokens(model, inputs) if inputs.image else None
        if self.image is not None:
            nn.init.xavier_uniform_(self.image.project.weight)

    def prefix(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The tokens of image, location and info, (B, P, D), and which of them are real, (B, P).

        Adds the segment embeddings of equation 1, equation 3 and equation 4 to what `embeddings` computes.
        """
        segments = self.segments.weight
        tokens, real = [], []
        if self.image is not None and self.grid is not None:
            # Dropout comes after the image's grid is handed to its boxes: each box has its own.
            grids = self.image(self.image.features.of(batch), self.grid)
            tokens.append(self.drop(grids[batch.image_of_box] + segments[IMAGE]))
        if self.location is not None and self.grid is not None:
            tokens.append(self.drop(self.location(batch.cells, self.grid) + segments[LOCATION])[:, None])
        real = [torch.ones(t.shape[:2], dtype=torch.bool, device=t.device) for t in tokens]
        if self.config.inputs.info:
            tokens.append(self.drop((self.words(batch.info) + segments[INFO])[batch.image_of_box]))
            real.append(is_real(batch.info)[batch.image_of_box])
        return torch.cat(tokens, dim=1), torch.cat(real, dim=1)

    def captions(self, captions: Tensor, first: int = 0) -> Tensor:
        """The tokens of caption characters, (B, T, D)."""
        return self.drop(self.words(captions, first) + self.segments.weight[CAPTION])

    def logits(self, hidden: Tensor) -> Tensor:
        """Logits of the vocabulary from hidden states, (..., D) to (..., V), with the word table as output matrix."""
        return nn.functional.linear(hidden, self.words.table.weight, self.output_bias)

    def loss(self, batch: Batch) -> Tensor:
        """The loss of the batch's task, equation 5 or equation 9, summed and divided by `batch.normaliser`.

        What the task leaves out has a gradient of zero: every trained parameter has a gradient after every backward
        pass, so that no device needs to tell the others which ones it has.
        """
        matching = batch.labels is not None
        summed = self._matching(batch) if matching else self._generation(batch)
        for parameter in self.idle(matching=matching):
            summed = summed + 0.0 * parameter.sum()
        return summed / batch.normaliser

    def idle(self, *, matching: bool) -> list[nn.Parameter]:
        """Parameters that the loss of a task, Caption Matching or Caption Generation, does not depend on."""
        if matching:
            return [self.output_bias]
        return [] if self.matching_head is None else list(self.matching_head.parameters())

    forward = loss  # what DistributedDataParallel calls

    def _generation(self, batch: Batch) -> Tensor:
        given, targets = batch.captions[:, :-1], batch.captions[:, 1:]
        prefix, real = self.prefix(batch)
        tokens = torch.cat([prefix, self.captions(given)], dim=1)
        mask = generation_mask(real, is_real(given))
        hidden = self.transformer(tokens, mask, keep=slice(prefix.shape[1], None))
        places, cg = batch.target_places(), self.config.cg
        logits = self.logits(hidden[places[0], places[1]])
        return generation_loss(logits, targets, places, cg.label_smoothing, cg.reduce)

    def _matching(self, batch: Batch) -> Tensor:
        assert batch.labels is not None
        return matching_loss(self.matching_scores(batch), batch.labels)

    def matching_scores(self, batch: Batch) -> Tensor:
        """The head's output for each caption, from the hidden state of [SOS]: (B, 1) or (B, 2)."""
        assert self.matching_head is not None, "this variant has no Caption Matching"
        prefix, real = self.prefix(batch)
        tokens = torch.cat([prefix, self.captions(batch.captions)], dim=1)
        mask = matching_mask(real, is_real(batch.captions))
        start = self.transformer(tokens, mask, keep=slice(prefix.shape[1], prefix.shape[1] + 1))[:, 0]
        head = gelu(start, self.config.model.gelu) if self.config.cm.head == "softmax2" else start
        return self.matching_head(head)

    def matches(self, batch: Batch) -> Tensor:
        """Logit of "the caption belongs to the box" for each caption, (B,)."""
        return matching_logit(self.matching_scores(batch))

    def start(self, batch: Batch) -> "ReferenceState":
        """Encode the prefix once, for `step`."""
        prefix, real = self.prefix(batch)
        cache = self.transformer.cache(capacity=prefix.shape[1] + self.config.inputs.max_caption)
        # Keys and values are all it takes; but not every kernel takes an empty tensor, so one position is computed.
        self.transformer(prefix, real[:, None, None, :], cache, keep=slice(0, 1))
        return ReferenceState(cache, real)

    def step(self, state: "ReferenceState", characters: Tensor, position: int) -> Tensor:
        """One decoding step.

        Args:
            state: the state that `start` returned; it is extended by these characters.
            characters: the characters at `position`, (B,).
            position: number of characters before, 0 for [SOS].

        Returns:
            Logits of the next character, (B, V).
        """
        tokens = self.captions(characters[:, None], position)
        state.real = torch.cat([state.real, torch.ones_like(state.real[:, :1])], dim=1)
        hidden = self.transformer(tokens, state.real[:, None, None, :], state.cache)
        return self.logits(hidden[:, 0])

    def full_logits(self, batch: Batch, captions: Tensor) -> Tensor:
        """Logits at every caption position in one uncached pass, (B, T, V); what decoding is tested against."""
        prefix, real = self.prefix(batch)
        tokens = torch.cat([prefix, self.captions(captions)], dim=1)
        mask = generation_mask(real, torch.ones_like(captions, dtype=torch.bool))
        return self.logits(self.transformer(tokens, mask, keep=slice(prefix.shape[1], None)))

    def generate(self, batch: Batch, *, beam: int = 1) -> list[list[int]]:
        """Captions as character ids, without special ones; see `training.decoding`."""
        from reference_model.training.decoding import write

        return write(self, batch, self.config.inputs.max_caption - 1, beam)


class ReferenceState:
    """Keys and values of everything read so far, and which positions are real, (B, S)."""

    def __init__(self, cache: list[LayerCache], real: Tensor) -> None:
        self.cache, self.real = cache, real

    def reorder(self, rows: Tensor) -> None:
        """Select and reorder rows, as beam search requires."""
        for layer in self.cache:
            layer.reorder(rows)
        self.real = self.real[rows]


def initialise(module: nn.Module, *, balanced: bool) -> None:
    """Xavier-uniform for every tensor of two or more dimensions, as the release; learned positions N(0, 0.02) as BERT.

    Balanced (the mini profile): words, positions and grid codes at 1, 0.5 and 0.5 after scaling, so that all tokens
    enter at about the same scale; small models then learn to read all inputs in a few epochs.
    """
    for name, parameter in module.named_parameters():
        if parameter.dim() >= 2:
            nn.init.xavier_uniform_(parameter)
        if name.endswith("words.positions"):
            nn.init.normal_(parameter, std=0.5 if balanced else 0.02)
        elif balanced and name.endswith("words.table.weight"):
            nn.init.normal_(parameter, std=parameter.shape[1] ** -0.5)
        elif balanced and (".columns." in name or ".rows." in name or "segments" in name):
            nn.init.normal_(parameter, std=0.5)
