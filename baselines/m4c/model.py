"""M4C-Captioner (Sidorov et al., ECCV 2020) as the paper uses it: its own baseline, and a pointer over product info.

Shapes: B boxes, P prefix positions, K info characters, T caption characters, D width, V vocabulary, N scored positions.

Invariants:
* one softmax over V + K scores; the probability of a character is that of its vocabulary entry plus those of all its
  copies, so that a character is never split against itself;
* padding and <sep> are never copied.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from baselines.m4c.config import M4CConfig
from reference_model.batch import SEP, UNK, Batch
from reference_model.embeddings import is_real
from reference_model.losses import generation_loss
from reference_model.model import ReferenceModel, ReferenceState
from reference_model.transformer import generation_mask


def copied_log_probabilities(scores: Tensor, copies: Tensor, characters: Tensor, allowed: Tensor) -> Tensor:
    """Log-probabilities of the vocabulary when some of it can also be copied.

    Args:
        scores: scores of the vocabulary, (N, V).
        copies: scores of the info characters, (N, K).
        characters: ids of the info characters, (N, K).
        allowed: True where an info character may be copied, (N, K).

    Returns:
        Log-probabilities, (N, V).
    """
    copies = copies.float().masked_fill(~allowed, -torch.inf)
    joint = torch.cat([scores.float(), copies], dim=1)
    p = joint.softmax(dim=1)
    size = scores.shape[1]
    total = p[:, :size].scatter_add(1, characters, p[:, size:])
    return total.clamp(min=torch.finfo(total.dtype).tiny).log()


@dataclass
class Pointed:
    """Info characters for copying: keys (B, K, D), ids (B, K), and which may be copied (B, K)."""

    keys: Tensor
    characters: Tensor
    allowed: Tensor

    def __getitem__(self, rows: Tensor) -> "Pointed":
        return Pointed(self.keys[rows], self.characters[rows], self.allowed[rows])


class M4CState(ReferenceState):
    """The reference model's state, with what can be copied."""

    pointed: Pointed

    def reorder(self, rows: Tensor) -> None:
        """Select and reorder rows, as beam search requires."""
        super().reorder(rows)
        self.pointed = self.pointed[rows]


class M4CCaptioner(ReferenceModel):
    """The reference model's `baseline` with a pointer over the info characters' output states."""

    def __init__(self, config: M4CConfig, vocabulary_size: int) -> None:
        super().__init__(config, vocabulary_size)
        d = config.model.width
        self.pointer_query, self.pointer_key = nn.Linear(d, d), nn.Linear(d, d)
        for linear in (self.pointer_query, self.pointer_key):
            nn.init.xavier_uniform_(linear.weight)
        self.types = nn.Embedding(2, d) if config.copying.types else None
        if self.types is not None:
            nn.init.xavier_uniform_(self.types.weight)

    def idle(self, *, matching: bool) -> list[nn.Parameter]:
        """See `ReferenceModel.idle`; Caption Matching copies nothing."""
        if not matching:
            return super().idle(matching=False)
        pointer = [*self.pointer_query.parameters(), *self.pointer_key.parameters()]
        return [*super().idle(matching=True), *pointer, *(self.types.parameters() if self.types else [])]

    def _pointed(self, batch: Batch, states: Tensor) -> Pointed:
        """Info characters for copying, from their output states, (B, K, D)."""
        characters = batch.info[batch.image_of_box]
        allowed = is_real(characters) & (characters != SEP) & (characters != UNK)
        return Pointed(self.pointer_key(states), characters, allowed)

    def _copies(self, hidden: Tensor, pointed: Pointed) -> Tensor:
        """Scores of the info characters from hidden states, (B, T, D) to (B, T, K)."""
        return self.pointer_query(hidden) @ pointed.keys.transpose(1, 2) / math.sqrt(hidden.shape[2])

    def _score(self, hidden: Tensor, pointed: Pointed, rows: Tensor, columns: Tensor) -> Tensor:
        """Log-probabilities (N, V) at some places of hidden states (B, T, D)."""
        copies = self._copies(hidden, pointed)[rows, columns]
        return copied_log_probabilities(
            self.logits(hidden[rows, columns]), copies, pointed.characters[rows], pointed.allowed[rows]
        )

    def _typed(self, tokens: Tensor, characters: Tensor, pointed: Tensor) -> Tensor:
        """Tokens of caption characters, told apart by whether product info has them too (option `copying.types`)."""
        if self.types is None:
            return tokens
        known = (characters[:, :, None] == pointed[:, None, :]).any(dim=2)
        return tokens + self.types(known.long())

    def _states(self, batch: Batch, given: Tensor) -> tuple[Tensor, Pointed]:
        """Output states of the caption positions, (B, T, D), and what can be copied."""
        prefix, real = self.prefix(batch)
        characters = batch.info[batch.image_of_box]
        captions = self._typed(self.captions(given), given, characters)
        info = characters.shape[1]
        hidden = self.transformer(
            torch.cat([prefix, captions], dim=1),
            generation_mask(real, is_real(given)),
            keep=slice(prefix.shape[1] - info, None),
        )
        return hidden[:, info:], self._pointed(batch, hidden[:, :info])

    def _generation(self, batch: Batch) -> Tensor:
        given, targets = batch.captions[:, :-1], batch.captions[:, 1:]
        hidden, pointed = self._states(batch, given)
        places, cg = batch.target_places(), self.config.cg
        scores = self._score(hidden, pointed, places[0], places[1])
        return generation_loss(scores, targets, places, cg.label_smoothing, cg.reduce)

    def start(self, batch: Batch) -> M4CState:
        """Run the transformer over the prefix, and keep what can be copied beside its cache."""
        prefix, real = self.prefix(batch)
        cache = self.transformer.cache(capacity=prefix.shape[1] + self.config.inputs.max_caption)
        info = slice(prefix.shape[1] - batch.info.shape[1], prefix.shape[1])
        states = self.transformer(prefix, real[:, None, None, :], cache, keep=info)
        state = M4CState(cache, real)
        state.pointed = self._pointed(batch, states)
        return state

    def step(self, state: ReferenceState, characters: Tensor, position: int) -> Tensor:
        """Run the transformer on one new character of each caption; the logits of the next are log-probabilities."""
        assert isinstance(state, M4CState)
        tokens = self._typed(
            self.captions(characters[:, None], position), characters[:, None], state.pointed.characters
        )
        state.real = torch.cat([state.real, torch.ones_like(state.real[:, :1])], dim=1)
        hidden = self.transformer(tokens, state.real[:, None, None, :], state.cache)
        rows = torch.arange(len(characters), device=characters.device)
        return self._score(hidden, state.pointed, rows, torch.zeros_like(rows))

    def full_logits(self, batch: Batch, captions: Tensor) -> Tensor:
        """Logits after every character of complete captions, without a cache; padding counts as read."""
        hidden, pointed = self._states(batch, captions)
        every = torch.ones_like(captions, dtype=torch.bool).nonzero(as_tuple=True)
        return self._score(hidden, pointed, *every).reshape(*captions.shape, -1)

    @torch.inference_mode()
    def copied_share(self, batch: Batch) -> Tensor:
        """Share of the probability of each real caption character that comes from copies, (n,)."""
        given, targets = batch.captions[:, :-1], batch.captions[:, 1:]
        hidden, pointed = self._states(batch, given)
        wanted = is_real(targets)
        copies, scores = self._copies(hidden, pointed)[wanted], self.logits(hidden[wanted])
        pointed = pointed[wanted.nonzero()[:, 0]]
        joint = torch.cat([scores, copies.masked_fill(~pointed.allowed, -torch.inf)], dim=1).softmax(dim=1)
        same = pointed.characters == targets[wanted][:, None]
        copied = (joint[:, scores.shape[1] :] * same).sum(dim=1)
        return copied / (copied + joint.gather(1, targets[wanted][:, None]).squeeze(1))
