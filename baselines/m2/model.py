"""Meshed-Memory Transformer (Cornia et al., CVPR 2020), for boxes on an image.

Shapes: B boxes, N encoder inputs (cells and the box), M memory slots, T caption characters, K info characters, D width.

Invariants:
* memory slots and sinusoids are installed after the network's initialisation, which would overwrite them;
* every decoder layer sees every encoder layer, each through a gate of its own; product info is one more such input.
"""

import math
from typing import cast

import torch
from torch import Tensor, nn

from baselines.attention import Attention, FeedForward, causal_mask
from baselines.captioner import Captioner
from baselines.decoder import DecoderState, KeysValues, Seen, attend_to_caption
from baselines.inputs import Inputs
from baselines.m2.config import M2Config
from baselines.tatt import InfoEncoder
from reference_model.batch import Batch
from reference_model.embeddings import Words
from reference_model.transformer import LayerCache


class MemoryAttention(Attention):
    """Attention whose keys and values have learned slots behind the ones of the input."""

    def __init__(self, width: int, heads: int, slots: int) -> None:
        super().__init__(width, heads)
        self.slots, self.head_width = slots, width // heads
        self.memory_keys, self.memory_values = (nn.Parameter(torch.empty(slots, width)) for _ in range(2))

    def install_memory(self) -> None:
        """Initialise the slots: keys N(0, 1 / d_k), values N(0, 1 / m), where these are standard deviations."""
        nn.init.normal_(self.memory_keys, std=1 / self.head_width)
        nn.init.normal_(self.memory_values, std=1 / self.slots)

    def keys_values(self, x: Tensor, values: Tensor | None = None) -> KeysValues:
        """Keys and values of the inputs and, behind them, of the memory slots, (B, H, N + M, D / H) each."""
        keys, own_values = super().keys_values(x, values)
        slots = (math.sqrt(self.head_width) * self.memory_keys, math.sqrt(self.slots) * self.memory_values)
        keys_slots, values_slots = (self.split(s[None]).expand(len(x), -1, -1, -1) for s in slots)
        return torch.cat([keys, keys_slots], dim=2), torch.cat([own_values, values_slots], dim=2)


class M2EncoderLayer(nn.Module):
    """Memory-augmented self-attention and a feed-forward block."""

    def __init__(self, config: M2Config) -> None:
        super().__init__()
        model = config.model
        self.attention = MemoryAttention(model.width, model.heads, config.m2.memory)
        self.norm, self.drop = nn.LayerNorm(model.width), nn.Dropout(model.dropout)
        self.feed_forward = FeedForward(model.width, model.feed_forward, model.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer, (B, N, D) to (B, N, D); cells and box are always there, so nothing is masked."""
        keys_values = self.attention.keys_values(x)
        return self.feed_forward(self.norm(x + self.drop(self.attention(x, keys_values))))


class M2DecoderLayer(nn.Module):
    """Causal self-attention, meshed cross-attention and a feed-forward block."""

    def __init__(self, config: M2Config) -> None:
        super().__init__()
        model = config.model
        d = model.width
        self.self_attention, self.self_norm = Attention(d, model.heads), nn.LayerNorm(d)
        self.cross_attention, self.cross_norm = Attention(d, model.heads), nn.LayerNorm(d)
        self.gates = nn.ModuleList(nn.Linear(2 * d, d) for _ in range(model.layers))
        if config.inputs.info:
            self.info_attention, self.info_norm = Attention(d, model.heads), nn.LayerNorm(d)
            self.info_gate = nn.Linear(2 * d, d)
        self.drop = nn.Dropout(model.dropout)
        self.feed_forward = FeedForward(d, model.feed_forward, model.dropout)

    def look(self, levels: list[Tensor], info: tuple[Tensor, Tensor] | None, image_of_box: Tensor) -> Seen:
        """Keys and values of all encoder layers' outputs and of product info; see `Seen`."""
        seen = Seen([self.cross_attention.keys_values(level) for level in levels])
        if info is not None:
            seen.add_info(self.info_attention, info, image_of_box)
        return seen

    def forward(self, x: Tensor, mask: Tensor | None, seen: Seen, cache: LayerCache | None = None) -> Tensor:
        """Apply the layer to new positions, (B, Q, D) to (B, Q, D).

        Args:
            x: the new positions.
            mask: True where a new position may look in the caption so far, (B or 1, 1, Q, S); None: everywhere.
            seen: encoder outputs to attend to.
            cache: keys and values of earlier positions; those of the new ones are added.
        """
        x = self.self_norm(x + self.drop(attend_to_caption(self.self_attention, x, mask, cache)))
        mixed = torch.zeros_like(x)
        for gate, level in zip(self.gates, seen.levels, strict=True):
            found = self.cross_norm(x + self.drop(self.cross_attention(x, level)))
            mixed = mixed + torch.sigmoid(gate(torch.cat([x, found], dim=2))) * found
        inputs = len(seen.levels)
        if seen.info is not None:
            found = self.info_norm(x + self.drop(self.info_attention(x, *seen.info)))
            mixed = mixed + torch.sigmoid(self.info_gate(torch.cat([x, found], dim=2))) * found
            inputs += 1
        return self.feed_forward(mixed / math.sqrt(inputs))


class M2Transformer(Captioner):
    """M2 with the box as one more encoder input and, with product info, one more input of the mesh (TAtt)."""

    def __init__(self, config: M2Config, vocabulary_size: int) -> None:
        super().__init__()
        self.config: M2Config = config
        model = config.model
        self.words = Words(model, vocabulary_size)
        self.inputs = Inputs(config, norm=True)
        self.encoder = nn.ModuleList(M2EncoderLayer(config) for _ in range(model.layers))
        self.decoder = nn.ModuleList(M2DecoderLayer(config) for _ in range(model.layers))
        self.info_encoder = InfoEncoder(config)
        self.output = nn.Linear(model.width, vocabulary_size, bias=False)
        self.initialise()
        for module in self.modules():
            if isinstance(module, MemoryAttention):
                module.install_memory()

    def _look(self, batch: Batch) -> list[Seen]:
        x = self.inputs.regions(batch)
        levels = []
        for layer in self.encoder:
            x = layer(x)
            levels.append(x)
        info = self.info_encoder(self.inputs.info(batch, self.words)) if self.config.inputs.info else None
        return [cast(M2DecoderLayer, layer).look(levels, info, batch.image_of_box) for layer in self.decoder]

    def hidden(self, batch: Batch, given: Tensor) -> Tensor:
        """Decoder states at all positions. Padding stands behind all real characters, so the causal mask hides it."""
        x, mask = self.words(given), causal_mask(given.shape[1], given.device)
        for layer, seen in zip(self.decoder, self._look(batch), strict=True):
            x = layer(x, mask, seen)
        return x

    def start(self, batch: Batch) -> DecoderState:
        """Encode the batch, and begin with empty caches of the decoder layers."""
        capacity = self.config.inputs.max_caption
        return DecoderState(self._look(batch), [LayerCache(capacity) for _ in self.decoder])

    def step(self, state: DecoderState, characters: Tensor, position: int) -> Tensor:
        """Run the decoder on one new character of each caption, and return the logits of the next."""
        x = self.words(characters[:, None], position)
        for layer, seen, cache in zip(self.decoder, state.seen, state.caches, strict=True):
            x = layer(x, None, seen, cache)
        return self.output(x[:, 0])
