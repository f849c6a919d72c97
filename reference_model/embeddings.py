"""From a batch to the transformer's input tokens (paper, section 4.1, equations 1 to 4).

Shapes: I images, B boxes, G image tokens, K info characters, T caption characters, D width, g grid side.

Invariant: one word table serves info, captions and the output; one pair of grid tables serves image cells and all
boxes.
"""

import math

import torch
from torch import Tensor, nn

from reference_model.backbone import CHANNELS, backbone
from reference_model.batch import PAD
from reference_model.config import SINE_POSITIONS, InputConfig, ModelConfig

IMAGE, LOCATION, INFO, CAPTION = range(4)  # segments

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet


class GridCode(nn.Module):
    """[Emb_h(x); Emb_v(y)], shared by image cells and box corners."""

    def __init__(self, side: int, width: int) -> None:
        super().__init__()
        self.columns, self.rows = nn.Embedding(side, width // 2), nn.Embedding(side, width // 2)

    def cells(self, pool: int = 1) -> Tensor:
        """The codes of all cells, row by row, or their means over pool x pool cells; (G, D)."""
        x, y = (_halved(table.weight, pool) for table in (self.columns, self.rows))
        side = len(x)
        return torch.cat([x.repeat(side, 1), y.repeat_interleave(side, dim=0)], dim=1)

    def boxes(self, cells: Tensor) -> Tensor:
        """Equation 2: corner indices (..., 4) to [h(x1); v(y1); h(x2); v(y2)], (..., 2 D)."""
        x1, y1, x2, y2 = cells.unbind(-1)
        return torch.cat([self.columns(x1), self.rows(y1), self.columns(x2), self.rows(y2)], dim=-1)


def _halved(codes: Tensor, pool: int) -> Tensor:
    """Means of `pool` neighbouring codes; a cell's code has an independent half for each axis."""
    return codes.reshape(-1, pool, codes.shape[1]).mean(dim=1)


class GridFeatures(nn.Module):
    """Pictures to the features of G = (g / pool) squared cells, row by row; what every model here starts from.

    A frozen backbone stays in evaluation mode and is not trained.
    """

    def __init__(self, model: ModelConfig, inputs: InputConfig) -> None:
        super().__init__()
        self.cells_per_side = inputs.grid // inputs.pool
        self.channels = CHANNELS[model.backbone]
        self.frozen = model.freeze_backbone
        self.backbone = backbone(model.backbone, model.backbone_weights, freeze_batch_norm=model.freeze_batch_norm)
        self.backbone.requires_grad_(not self.frozen)

    def train(self, mode: bool = True) -> "GridFeatures":
        """Training or evaluation mode."""
        super().train(mode)
        if self.frozen:
            self.backbone.eval()
        return self

    @staticmethod
    def normalised(images: Tensor) -> Tensor:
        """Pixels from uint8 to ImageNet's mean and deviation; a blacked-out one becomes about -2."""
        mean, std = (255 * torch.tensor(values, device=images.device)[:, None, None] for values in (_MEAN, _STD))
        return (images - mean) / std

    def forward(self, images: Tensor) -> Tensor:
        """(I, 3, H, W) uint8 to (I, G, C)."""
        features = self.backbone(self.normalised(images))
        return nn.functional.adaptive_avg_pool2d(features, self.cells_per_side).flatten(2).transpose(1, 2)


class ImageTokens(nn.Module):
    """Equation 1: grid features with the codes of their cells."""

    def __init__(self, model: ModelConfig, inputs: InputConfig) -> None:
        super().__init__()
        self.scale, self.pool = embed_scale(model), inputs.pool
        self.features = GridFeatures(model, inputs)
        self.project = nn.Linear(self.features.channels, model.width)
        self.norm = nn.LayerNorm(model.width) if model.balanced_inputs else None

    def forward(self, images: Tensor, grid: GridCode) -> Tensor:
        """(I, 3, H, W) uint8 to the tokens of each image, (I, G, D)."""
        tokens = self.project(self.features(images))
        tokens = self.norm(tokens) if self.norm is not None else tokens * self.scale
        return tokens + grid.cells(self.pool)


class LocationToken(nn.Module):
    """Equation 3: a box and, with it, its neighbours; without neighbours l = W_loc e_cur (no formula in the paper)."""

    def __init__(self, model: ModelConfig, inputs: InputConfig) -> None:
        super().__init__()
        d = model.width
        self.context = None
        half = inputs.n_neighbours > 0 or inputs.location_half
        self.current = nn.Linear(2 * d, d // 2 if half else d, bias=inputs.location_bias)
        if inputs.n_neighbours:
            self.context = nn.Linear(2 * d * inputs.n_neighbours, d // 2, bias=inputs.location_bias)
        self.missing = nn.Parameter(torch.zeros(2 * d)) if inputs.missing_neighbour == "learned" else None
        self.norm = nn.LayerNorm(d) if model.balanced_inputs else None
        self.width = d

    def forward(self, cells: Tensor, grid: GridCode) -> Tensor:
        """Tokens (B, D) from the grid indices (B, 1 + N, 4) of boxes and neighbours."""
        codes = grid.boxes(cells.clamp(min=0))
        if self.missing is not None:
            codes = torch.where((cells < 0).all(dim=-1, keepdim=True), self.missing, codes)
        token = self.current(codes[:, 0])
        if self.context is not None:
            token = torch.cat([self.context(codes[:, 1:].flatten(1)), token], dim=1)
        elif token.shape[1] < self.width:
            token = torch.cat([torch.zeros_like(token), token], dim=1)
        return self.norm(token) if self.norm is not None else token


def embed_scale(model: ModelConfig) -> float:
    """What image and word embeddings are multiplied by (paper_vs_code: embed-scale)."""
    return math.sqrt(model.width) if model.embed_scale == "sqrt" else 1.0


class Words(nn.Module):
    """Equation 4: characters of info and captions; in the reference model the table is also the output matrix.

    Args:
        model: its width, scale and kind of positions.
        vocabulary_size: V.
        positioned: False for a decoder that reads one character after the other; positions are then left out.
    """

    def __init__(self, model: ModelConfig, vocabulary_size: int, *, positioned: bool = True) -> None:
        super().__init__()
        self.table = nn.Embedding(vocabulary_size, model.width)
        self.scale = embed_scale(model)
        self.positions: nn.Parameter | Tensor
        if not positioned:
            self.register_buffer("positions", torch.zeros(SINE_POSITIONS, 1), persistent=False)
        elif model.positions == "learned":
            self.positions = nn.Parameter(torch.empty(model.position_table, model.width))
        else:
            table = sinusoid(SINE_POSITIONS, model.width, authors=model.positions == "sine_authors")
            self.register_buffer("positions", table, persistent=False)

    def forward(self, characters: Tensor, first: int = 0) -> Tensor:
        """(..., T) to (..., T, D); `first` is the position of the first character."""
        return self.table(characters) * self.scale + self.positions[first : first + characters.shape[-1]]


def sinusoid(n: int, width: int, *, authors: bool) -> Tensor:
    """Fixed positions, (n, width): the standard sinusoid, or the release's with doubled exponents.

    See paper_vs_code: positions.
    """
    position = torch.arange(n, dtype=torch.float64)[:, None]
    channel = torch.arange(0, width, 2, dtype=torch.float64)[None]
    table = torch.empty(n, width, dtype=torch.float64)
    if authors:
        table[:, 0::2] = torch.sin(position / 10000 ** (2 * channel / width))
        table[:, 1::2] = torch.cos(position / 10000 ** (2 * (channel + 1) / width))
    else:
        table[:, 0::2] = torch.sin(position / 10000 ** (channel / width))
        table[:, 1::2] = torch.cos(position / 10000 ** (channel / width))
    return table.float()


def is_real(characters: Tensor) -> Tensor:
    """Which positions hold a character; boolean, same shape."""
    return characters != PAD
