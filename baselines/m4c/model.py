"""M4C-Captioner (Sidorov et al., ECCV 2020) as the paper uses it: its own baseline, and a pointer over product info.

Shapes: B boxes, P prefix positions, K info characters, T caption characters, D width, V vocabulary, N scored positions.

Invariants:
* one softmax over V + K scores; the probability of a character is that of its vocabulary entry plus those of all its
  copies, so that a character is never split against itself (with `copying.loss=bce`, as the original, each of the
  V + K scores has a sigmoid of its own, and the score of a character is the highest of its entry and copies);
* padding and <sep> are never copied.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.m4c.config import M4CConfig
from reference_model.batch import SEP, UNK, Batch
from reference_model.embeddings import INFO, is_real
from reference_model.losses import generation_loss, summed
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


def highest_scores(scores: Tensor, copies: Tensor, characters: Tensor, allowed: Tensor) -> Tensor:
    """For each character the highest score of its entry and its copies, (N, V); see `copied_log_probabilities`.

    The best character by these is that of the best of all V + K scores, which the original writes.
    """
    copies = copies.float().masked_fill(~allowed, -torch.inf)
    return scores.float().scatter_reduce(1, characters, copies, "amax")


def multi_label_losses(scores: Tensor, copies: Tensor, characters: Tensor, allowed: Tensor, targets: Tensor) -> Tensor:
    """The original's loss: binary cross entropy of all V + K sigmoids, summed for each position, (N,).

    Wanted are 1 for the target's entry and for every copy of it, and 0 for all else; what may not be copied does not
    count.

    Args:
        scores: scores of the vocabulary, (N, V).
        copies: scores of the info characters, (N, K).
        characters: ids of the info characters, (N, K).
        allowed: True where an info character may be copied, (N, K).
        targets: character ids, (N,).
    """
    entries = torch.zeros_like(scores, dtype=torch.float32).scatter_(1, targets[:, None], 1.0)
    wanted = torch.cat([entries, (characters == targets[:, None]).float()], dim=1)
    losses = functional.binary_cross_entropy_with_logits(
        torch.cat([scores.float(), copies.float()], dim=1), wanted, reduction="none"
    )
    size = scores.shape[1]
    return losses[:, :size].sum(dim=1) + (losses[:, size:] * allowed).sum(dim=1)


def may_be_copied(characters: Tensor) -> Tensor:
    """Which info characters may be copied: all but padding, separator and unknown ones; the same shape."""
    return is_real(characters) & (characters != SEP) & (characters != UNK)


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
        self.config: M4CConfig = config
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
        return Pointed(self.pointer_key(states), characters, may_be_copied(characters))

    def _copies(self, hidden: Tensor, pointed: Pointed) -> Tensor:
        """Scores of the info characters from hidden states, (B, T, D) to (B, T, K)."""
        return self.pointer_query(hidden) @ pointed.keys.transpose(1, 2) / math.sqrt(hidden.shape[2])

    def _all_scores(
        self, hidden: Tensor, pointed: Pointed, rows: Tensor, columns: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Arguments of `copied_log_probabilities` at some places of hidden states (B, T, D)."""
        copies = self._copies(hidden, pointed)[rows, columns]
        return self.logits(hidden[rows, columns]), copies, pointed.characters[rows], pointed.allowed[rows]

    def _score(self, hidden: Tensor, pointed: Pointed, rows: Tensor, columns: Tensor) -> Tensor:
        """Log-probabilities, or with `copying.loss=bce` scores, (N, V), at some places of hidden states (B, T, D)."""
        together = highest_scores if self.config.copying.loss == "bce" else copied_log_probabilities
        return together(*self._all_scores(hidden, pointed, rows, columns))

    def _as_read(self, tokens: Tensor, characters: Tensor, info: Tensor) -> Tensor:
        """Tokens of caption characters as the decoder reads them, by `copying.types` and `copying.input`.

        Args:
            tokens: the tokens, (B, T, D).
            characters: ids of the caption characters, (B, T).
            info: ids of the info characters, (B, K).
        """
        if self.types is None and self.config.copying.input == "word":
            return tokens
        same = characters[:, :, None] == info[:, None, :]
        if self.types is not None:
            tokens = tokens + self.types(same.any(dim=2).long())
        if self.config.copying.input == "pointer":
            same = same & may_be_copied(info)[:, None, :]
            place = same.long().argmax(dim=2)  # the first, if there are several
            code = self.words.positions[place] + self.segments.weight[INFO]
            tokens = tokens + same.any(dim=2, keepdim=True) * code
        return tokens

    def _states(self, batch: Batch, given: Tensor) -> tuple[Tensor, Pointed]:
        """Output states of the caption positions, (B, T, D), and what can be copied."""
        prefix, real = self.prefix(batch)
        characters = batch.info[batch.image_of_box]
        captions = self._as_read(self.captions(given), given, characters)
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
        if self.config.copying.loss == "bce":
            every = self._all_scores(hidden, pointed, places[0], places[1])
            return summed(multi_label_losses(*every, targets[places[0], places[1]]), targets, places, cg.reduce)
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
        tokens = self._as_read(
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
        """Share of the probability of each real caption character that comes from copies, (n,).

        It is that of one softmax over all scores, for which `copying.loss=bce` does not train.
        """
        given, targets = batch.captions[:, :-1], batch.captions[:, 1:]
        hidden, pointed = self._states(batch, given)
        wanted = is_real(targets)
        copies, scores = self._copies(hidden, pointed)[wanted], self.logits(hidden[wanted])
        pointed = pointed[wanted.nonzero()[:, 0]]
        joint = torch.cat([scores, copies.masked_fill(~pointed.allowed, -torch.inf)], dim=1).softmax(dim=1)
        same = pointed.characters == targets[wanted][:, None]
        copied = (joint[:, scores.shape[1] :] * same).sum(dim=1)
        return copied / (copied + joint.gather(1, targets[wanted][:, None]).squeeze(1))
