"""RSTNet (Zhang et al., CVPR 2021), for boxes on an image.

The encoder adds relations between cells to its attention; the decoder's last layer chooses between image and language.

Shapes: B boxes, G cells, N = G + 1 encoder inputs, T caption characters, K info characters, D width, H heads.

Invariants:
* the box enters as one more region: RSTNet's geometry is made for boxes, so it needs no special case;
* the language signal at a character does not depend on later ones (tested);
* visualness, 1 minus the weight of the signal, is between 0 and 1.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from baselines.attention import Attention, FeedForward, causal_mask
from baselines.captioner import Captioner
from baselines.decoder import DecoderState, KeysValues, Seen, attend_to_caption
from baselines.inputs import Inputs
from baselines.rstnet.config import RSTNetConfig
from baselines.rstnet.geometry import box_positions, cell_boxes, relations
from baselines.rstnet.language_model import install
from baselines.rstnet.signal import LanguageSignal, SignalState
from baselines.tatt import InfoEncoder
from reference_model.batch import Batch
from reference_model.embeddings import Words, is_real
from reference_model.training.inputs import PreparedSplit
from reference_model.training.vocabulary import Vocabulary
from reference_model.transformer import LayerCache


class Residual(nn.Module):
    """The norms of a block: its own around the attention, and an outer one around the block."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.own, self.outer, self.drop = nn.LayerNorm(width), nn.LayerNorm(width), nn.Dropout(dropout)

    def forward(self, x: Tensor, query: Tensor, found: Tensor) -> Tensor:
        """Add what attention found: Norm(x + Drop(Norm(query + Drop(found))))."""
        return self.outer(x + self.drop(self.own(query + self.drop(found))))


class RSTNetEncoderLayer(nn.Module):
    """Self-attention with relations between regions added to its logits, and a feed-forward block."""

    def __init__(self, config: RSTNetConfig) -> None:
        super().__init__()
        model = config.model
        self.attention = Attention(model.width, model.heads)
        self.residual = Residual(model.width, model.dropout)
        self.drop = nn.Dropout(model.dropout)
        self.feed_forward = FeedForward(model.width, model.feed_forward, model.dropout)

    def forward(self, x: Tensor, positions: Tensor, geometry: Tensor) -> Tensor:
        """Apply the layer.

        Args:
            x: the regions, (B, N, D).
            positions: sine codes, added to queries and keys, not to values, (B, N, D).
            geometry: log relations, added to the logits, (B, H, N, N).
        """
        asked = x + positions
        keys, values = self.attention.keys_values(asked, x)
        scores = self.attention.split(self.attention.query(asked)) @ keys.transpose(2, 3)
        weights = self.drop((scores / math.sqrt(keys.shape[3]) + geometry).softmax(dim=3))
        found = self.attention.output((weights @ values).transpose(1, 2).flatten(2))
        return self.feed_forward(self.residual(x, asked, found))


class RSTNetDecoderLayer(nn.Module):
    """Self-attention, attention to the image (and in the adaptive layer the language signal) and to product info."""

    def __init__(self, config: RSTNetConfig, *, adaptive: bool) -> None:
        super().__init__()
        model = config.model
        d = model.width
        self.self_attention, self.self_residual = Attention(d, model.heads), Residual(d, model.dropout)
        self.image_attention, self.image_residual = Attention(d, model.heads), Residual(d, model.dropout)
        self.signal = nn.Linear(d, d) if adaptive else None
        if config.inputs.info:
            self.info_attention, self.info_residual = Attention(d, model.heads), Residual(d, model.dropout)
        self.feed_forward = FeedForward(d, model.feed_forward, model.dropout)

    def look(self, x: Tensor, positions: Tensor, info: tuple[Tensor, Tensor] | None, image_of_box: Tensor) -> Seen:
        """Keys (with positions) and values (without) of the encoder's output, and of product info; see `Seen`."""
        seen = Seen([self.image_attention.keys_values(x + positions, x)])
        if info is not None:
            seen.add_info(self.info_attention, info, image_of_box)
        return seen

    def forward(
        self, x: Tensor, mask: Tensor | None, seen: Seen, signal: Tensor | None = None, cache: LayerCache | None = None
    ) -> Tensor:
        """Apply the layer to new positions, (B, Q, D) to (B, Q, D).

        Args:
            x: the new positions.
            mask: True where a new position may look in the caption so far, (B or 1, 1, Q, S); None: everywhere.
            seen: encoder outputs to attend to.
            signal: the language signal at the new positions, (B, Q, D), for the adaptive layer.
            cache: keys and values of earlier positions; those of the new ones are added.
        """
        [image], x = seen.levels, self.attend_self(x, mask, cache)
        if self.signal is None or signal is None:
            found = self.image_attention(x, image)
        else:
            found = self.attend_adaptively(x, image, signal)[0]
        x = self.image_residual(x, x, found)
        if seen.info is not None:
            x = self.info_residual(x, x, self.info_attention(x, *seen.info))
        return self.feed_forward(x)

    def attend_self(self, x: Tensor, mask: Tensor | None, cache: LayerCache | None = None) -> Tensor:
        """Apply the self-attention block alone; see `forward`."""
        return self.self_residual(x, x, attend_to_caption(self.self_attention, x, mask, cache))

    def attend_adaptively(self, x: Tensor, image: KeysValues, signal: Tensor) -> tuple[Tensor, Tensor]:
        """Attention over the image and each position's own signal; what was found, and visualness (B, H, Q)."""
        query, (keys, values) = self.image_attention.split(self.image_attention.query(x)), image
        assert self.signal is not None
        own = self.image_attention.split(self.signal(signal))  # key and value at once
        scores = torch.cat([query @ keys.transpose(2, 3), (query * own).sum(dim=3, keepdim=True)], dim=3)
        weights = (scores / math.sqrt(keys.shape[3])).softmax(dim=3)
        found = weights[..., :-1] @ values + weights[..., -1:] * own
        return self.image_attention.output(found.transpose(1, 2).flatten(2)), 1 - weights[..., -1]


@dataclass
class RSTNetState(DecoderState):
    """State of the decoder and of the language signal."""

    signal: SignalState

    def reorder(self, rows: Tensor) -> None:
        """Select and reorder rows, as beam search requires."""
        super().reorder(rows)
        self.signal.reorder(rows)


class RSTNet(Captioner):
    """RSTNet with the box as one more region and, with product info, attention over it (TAtt)."""

    def __init__(self, config: RSTNetConfig, vocabulary_size: int) -> None:
        super().__init__()
        self.config: RSTNetConfig = config
        model = config.model
        self.words = Words(model, vocabulary_size)
        self.inputs = Inputs(config, norm=True)
        self.relation = nn.Linear(64, model.heads)
        self.encoder = nn.ModuleList(RSTNetEncoderLayer(config) for _ in range(model.layers))
        layers = [RSTNetDecoderLayer(config, adaptive=False) for _ in range(model.layers)]
        self.decoder = nn.ModuleList([*layers, RSTNetDecoderLayer(config, adaptive=True)])
        self.info_encoder = InfoEncoder(config)
        self.output = nn.Linear(model.width, vocabulary_size, bias=False)
        self.initialise()
        # Last: a pre-trained language model must not be initialised away.
        self.signal = LanguageSignal(config, vocabulary_size)

    def _geometry(self, boxes: Tensor) -> Tensor:
        """Log relations of cells and box, (B, H, N, N); those among cells are the same for all boxes."""
        side = self.inputs.features.cells_per_side
        cells, own = cell_boxes(side, boxes.device), boxes[:, None]
        among = self._log_relation(relations(cells, cells))
        n, count = len(cells), len(boxes)
        table = among.new_empty(count, self.config.model.heads, n + 1, n + 1)
        table[:, :, :n, :n] = among
        table[:, :, :n, n:] = self._log_relation(relations(cells.expand(count, -1, -1), own))
        table[:, :, n:, :n] = self._log_relation(relations(own, cells.expand(count, -1, -1)))
        table[:, :, n:, n:] = self._log_relation(relations(own, own))
        return table

    def _log_relation(self, features: Tensor) -> Tensor:
        """Logarithm of a relation for each head, (..., N, M, 64) to (..., H, N, M)."""
        return torch.log(torch.relu(self.relation(features)).clamp(min=1e-6)).movedim(-1, -3)

    def _look(self, batch: Batch) -> list[Seen]:
        d, side = self.config.model.width, self.inputs.features.cells_per_side
        x = self.inputs.regions(batch)
        cells = cell_boxes(side, x.device).expand(len(x), -1, -1)
        positions = box_positions(torch.cat([cells, batch.boxes[:, None]], dim=1), d, 1 / side)
        geometry = self._geometry(batch.boxes)
        for layer in self.encoder:
            x = layer(x, positions, geometry)
        info = self.info_encoder(self.inputs.info(batch, self.words)) if self.config.inputs.info else None
        return [cast(RSTNetDecoderLayer, layer).look(x, positions, info, batch.image_of_box) for layer in self.decoder]

    def hidden(self, batch: Batch, given: Tensor) -> Tensor:
        """Decoder states at all positions. Padding stands behind all real characters, so the causal masks hide it."""
        x, mask = self.words(given), causal_mask(given.shape[1], given.device)
        signal = self.signal(given, self.words)
        for layer, seen in zip(self.decoder, self._look(batch), strict=True):
            x = layer(x, mask, seen, signal)
        return x

    def start(self, batch: Batch) -> RSTNetState:
        """Encode the batch, and begin with empty caches of the decoder layers and of the language signal."""
        capacity = self.config.inputs.max_caption
        caches = [LayerCache(capacity) for _ in self.decoder]
        return RSTNetState(self._look(batch), caches, self.signal.start(capacity))

    def step(self, state: RSTNetState, characters: Tensor, position: int) -> Tensor:
        """Run language signal and decoder on one new character of each caption; returns the logits of the next."""
        x = self.words(characters[:, None], position)
        signal = self.signal(characters[:, None], self.words, position, state.signal)
        for layer, seen, cache in zip(self.decoder, state.seen, state.caches, strict=True):
            x = layer(x, None, seen, signal, cache)
        return self.output(x[:, 0])

    @torch.inference_mode()
    def visualness(self, batch: Batch) -> Tensor:
        """Share of the adaptive layer's weight that lies on the image at each real caption position, (n,)."""
        given = batch.captions[:, :-1]
        x, mask, looked = self.words(given), causal_mask(given.shape[1], given.device), self._look(batch)
        for layer, seen in zip(self.decoder[:-1], looked, strict=False):
            x = layer(x, mask, seen)
        last = self.decoder[-1]
        assert isinstance(last, RSTNetDecoderLayer)
        signal = self.signal(given, self.words)
        _, visual = last.attend_adaptively(last.attend_self(x, mask), looked[-1].levels[0], signal)
        return visual.mean(dim=1)[is_real(batch.captions[:, 1:])]


def prepare(
    model: RSTNet, config: RSTNetConfig, splits: Mapping[str, PreparedSplit], vocabulary: Vocabulary, seed: int
) -> dict[str, Any]:
    """Give a fresh RSTNet its language model; see `install` and `Network.prepare`. All rows of one seed share it."""
    return install(model.signal.language_model, config.language_model, splits, vocabulary, seed)
