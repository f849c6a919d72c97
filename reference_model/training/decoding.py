"""Greedy and beam search for every model that has `start` and `step`.

`start(batch)` reads the inputs once; `step(state, characters, position)` reads one more character and returns the
logits of the next one. Both searches never produce [PAD], [SOS], <sep> or <unk>, and end a caption at [EOS] or at the
length limit.
"""

from typing import Any, Protocol

import torch
from torch import Tensor

from reference_model.batch import EOS, PAD, SEP, SOS, UNK, Batch


class DecodingState(Protocol):
    """A model's memory of its inputs and of the characters so far."""

    def reorder(self, rows: Tensor) -> None:
        """Keep some rows, in a new order."""


class StepwiseModel(Protocol):
    """A model that can be decoded."""

    def start(self, batch: Batch) -> DecodingState:
        """Read everything but the captions."""

    def step(self, state: Any, characters: Tensor, position: int) -> Tensor:
        """Read the characters at a position, (B,), and return the logits of the next ones, (B, V)."""


def write(model: StepwiseModel, batch: Batch, length: int, beam: int) -> list[list[int]]:
    """Captions by greedy search, or with more than one beam by beam search."""
    return greedy(model, batch, length) if beam == 1 else beam_search(model, batch, length, beam)


def _log_probabilities(logits: Tensor) -> Tensor:
    logits = logits.float()
    logits[:, [UNK, PAD, SOS, SEP]] = -torch.inf
    return torch.log_softmax(logits, dim=-1)


@torch.inference_mode()
def greedy(model: StepwiseModel, batch: Batch, length: int) -> list[list[int]]:
    """Captions by taking the likeliest next character at every step.

    Args:
        model: the network, in evaluation mode.
        batch: images with their boxes; their captions are not looked at.
        length: largest number of characters of a caption, [EOS] included.

    Returns:
        Character ids of each box, without special ones.
    """
    state = model.start(batch)
    n = batch.n_boxes
    characters = torch.full((n,), SOS, device=batch.image_of_box.device)
    ended = torch.zeros(n, dtype=torch.bool, device=characters.device)
    written = []
    for position in range(length):
        characters = _log_probabilities(model.step(state, characters, position)).argmax(dim=-1)
        characters = torch.where(ended, EOS, characters)
        written.append(characters)
        ended |= characters == EOS
        if bool(ended.all()):
            break
    return [_until_end(row) for row in torch.stack(written, dim=1).tolist()]


def beam_search(model: StepwiseModel, batch: Batch, length: int, size: int) -> list[list[int]]:
    """The likeliest caption of each box among those that `search_beams` keeps; arguments as there."""
    return [captions[0] for captions, _ in search_beams(model, batch, length, size)]


@torch.inference_mode()
def search_beams(
    model: StepwiseModel, batch: Batch, length: int, size: int
) -> list[tuple[list[list[int]], list[float]]]:
    """Captions by keeping the `size` likeliest beginnings at every step.

    Args:
        model: the network, in evaluation mode.
        batch: images with their boxes; their captions are not looked at.
        length: largest number of characters of a caption, [EOS] included.
        size: number of beams per box; 1 gives the captions of `greedy`.

    Returns:
        For each box its `size` captions, the best first, as character ids without special ones, and their scores: log
        probabilities divided by the number of characters, [EOS] included.
    """
    state = model.start(batch)
    n, device = batch.n_boxes, batch.image_of_box.device
    first = torch.arange(n, device=device).repeat_interleave(size)
    state.reorder(first)
    # Only one of the equal beams of a box may be continued at the first step.
    scores = torch.full((n, size), -torch.inf, device=device)
    scores[:, 0] = 0
    characters = torch.full((n * size,), SOS, device=device)
    written = torch.empty((n * size, 0), dtype=torch.long, device=device)
    ended = torch.zeros(n * size, dtype=torch.bool, device=device)
    lengths = torch.zeros((n, size), device=device)
    for position in range(length):
        log_p = _log_probabilities(model.step(state, characters, position))
        # An ended beam goes on with [EOS] alone, at no cost.
        log_p[ended] = -torch.inf
        log_p[ended, EOS] = 0
        vocabulary = log_p.shape[1]
        total = (scores.view(-1, 1) + log_p).view(n, size, vocabulary)
        grown = lengths + (~ended).view(n, size)
        _, best = (total / grown.clamp(min=1)[:, :, None]).view(n, -1).topk(size, dim=1)
        scores = total.view(n, -1).gather(1, best)
        beams = torch.div(best, vocabulary, rounding_mode="floor")
        rows = (torch.arange(n, device=device)[:, None] * size + beams).view(-1)
        characters = (best % vocabulary).view(-1)
        lengths = grown.gather(1, beams)
        state.reorder(rows)
        written = torch.cat([written[rows], characters[:, None]], dim=1)
        ended = ended[rows] | (characters == EOS)
        if bool(ended.all()):
            break
    means, order = (scores / lengths.clamp(min=1)).sort(dim=1, descending=True, stable=True)
    rows = torch.arange(n, device=device)[:, None] * size + order
    captions = [[_until_end(beam) for beam in box] for box in written[rows].tolist()]
    return list(zip(captions, means.tolist(), strict=True))


def _until_end(characters: list[int]) -> list[int]:
    return characters[: characters.index(EOS)] if EOS in characters else characters
