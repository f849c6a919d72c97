"""The language signal: hidden states of a frozen language model for the caption so far, at the captioner's width.

Shapes: B captions, T characters, W width of the language model, D width.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from baselines.attention import Attention, FeedForward, causal_mask
from baselines.decoder import attend_to_caption
from baselines.rstnet.config import RSTNetConfig
from baselines.rstnet.language_model import BertModel, CharacterModel
from reference_model.embeddings import Words, sinusoid
from reference_model.transformer import LayerCache


@dataclass
class SignalState:
    """Keys and values of the characters so far; a model without a cache reads them all again."""

    caches: list[LayerCache] = field(default_factory=list)
    own: LayerCache | None = None
    characters: Tensor | None = None

    def reorder(self, rows: Tensor) -> None:
        """Select and reorder rows, as beam search requires."""
        for cache in [*self.caches, self.own]:
            if cache is not None and cache.length:
                cache.reorder(rows)
        if self.characters is not None:
            self.characters = self.characters[rows]


class LanguageSignal(nn.Module):
    """Language model (frozen), a linear map to D, sinusoids, and one masked layer (both trained with the captioner)."""

    def __init__(self, config: RSTNetConfig, vocabulary_size: int) -> None:
        super().__init__()
        options, d, length = config.language_model, config.model.width, config.inputs.max_caption
        self.kind, self.width = options.kind, d
        self.language_model: CharacterModel | BertModel | None = None
        if options.kind == "char":
            self.language_model = CharacterModel(options, vocabulary_size, length)
        elif options.kind == "bert":
            self.language_model = BertModel(options.path, vocabulary_size)
        if self.language_model is not None:
            self.language_model.requires_grad_(False)
            self.project = nn.Linear(self.language_model.width, d)
        self.attention, self.norm = Attention(d, config.model.heads), nn.LayerNorm(d)
        self.feed_forward = FeedForward(d, config.model.feed_forward, config.model.dropout)
        self.drop = nn.Dropout(config.model.dropout)
        self.positions: Tensor
        self.register_buffer("positions", sinusoid(length, d, authors=False), persistent=False)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2 and not name.startswith("language_model"):
                nn.init.xavier_uniform_(parameter)

    def train(self, mode: bool = True) -> "LanguageSignal":
        """Training or evaluation mode; a frozen language model has no dropout."""
        super().train(mode)
        if self.language_model is not None:
            self.language_model.eval()
        return self

    def start(self, capacity: int) -> SignalState:
        """An empty state for captions of at most `capacity` characters."""
        known = self.language_model
        caches = known.transformer.cache(capacity) if isinstance(known, CharacterModel) else []
        return SignalState(caches, LayerCache(capacity))

    def forward(self, characters: Tensor, words: Words, first: int = 0, state: SignalState | None = None) -> Tensor:
        """The signal at characters that start at position `first`; (B, T) to (B, T, D)."""
        x = self._read(characters, words, first, state) + self.positions[first : first + characters.shape[1]]
        own = state.own if state is not None else None
        mask = causal_mask(characters.shape[1], x.device) if own is None else None
        x = self.norm(x + self.drop(attend_to_caption(self.attention, x, mask, own)))
        return self.feed_forward(x)

    def _read(self, characters: Tensor, words: Words, first: int, state: SignalState | None) -> Tensor:
        if self.kind == "zero":
            return torch.zeros(*characters.shape, self.width, device=characters.device)
        if self.kind == "onehot":
            return words.table(characters) * words.scale
        with torch.no_grad():
            if isinstance(self.language_model, CharacterModel):
                known = self.language_model(characters, first, state.caches if state is not None else None)
            else:
                assert self.language_model is not None
                if state is not None:
                    before = [state.characters] if state.characters is not None else []
                    state.characters = torch.cat([*before, characters], dim=1)
                everything = characters if state is None or state.characters is None else state.characters
                known = self.language_model(everything)[:, -characters.shape[1] :]
        return self.project(known)
