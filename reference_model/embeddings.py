"""The transformer's input tokens, made from a batch (paper, section 4.1, equations 1 to 4).

Shapes: I images, B boxes, G image tokens, K info characters, T caption characters, D width, g grid side.

Invariant: one word table serves info, captions and the output; one pair of grid tables serves image cells and all
boxes.
"""

import math

import torch
from torch import Tensor, nn

from reference_model.backbone import CHANNELS, backbone
from reference_model.batch import PAD, Batch
from reference_model.config import SINE_POSITIONS, InputConfig, ModelConfig

#: Rows of the table of segment embeddings, SE in equations 1, 3 and 4.
IMAGE, LOCATION, INFO, CAPTION = range(4)

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, for each channel


class GridCode(nn.Module):
    """The spatial embeddings [Emb_h(x); Emb_v(y)], shared by image cells and box corners."""

    def __init__(self, side: int, width: int) -> None:
        super().__init__()
        self.columns, self.rows = nn.Embedding(side, width // 2), nn.Embedding(side, width // 2)

    def cells(self, pool: int = 1) -> Tensor:
        """The codes of all cells, row by row, or their means over pool x pool cells; (G, D)."""
        x, y = (_halved(table.weight, pool) for table in (self.columns, self.rows))
        side = len(x)
        return torch.cat([x.repeat(side, 1), y.repeat_interleave(side, dim=0)], dim=1)

    def boxes(self, cells: Tensor) -> Tensor:
        """Codes of boxes by equation 2: corner indices (..., 4) to [h(x1); v(y1); h(x2); v(y2)], (..., 2 D)."""
        x1, y1, x2, y2 = cells.unbind(-1)
        return torch.cat([self.columns(x1), self.rows(y1), self.columns(x2), self.rows(y2)], dim=-1)


def _halved(codes: Tensor, pool: int) -> Tensor:
    """Means of `pool` neighbouring codes of one axis, (g, D / 2) to (g / pool, D / 2)."""
    return codes.reshape(-1, pool, codes.shape[1]).mean(dim=1)


class Pixels(nn.Module):
    """Pixels from uint8 to ImageNet's mean and deviation; a black pixel becomes about -2."""

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name, values in (("mean", _MEAN), ("deviation", _STD)):
            self.register_buffer(name, 255 * torch.tensor(values)[:, None, None], persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Normalise images, (I, 3, H, W)."""
        return (images - self.mean) / self.deviation


class GridFeatures(nn.Module):
    """The features of a picture's G = (g / pool) squared cells, row by row; all networks start from them.

    A frozen backbone stays in evaluation mode and is not trained.
    """

    def __init__(self, model: ModelConfig, inputs: InputConfig) -> None:
        super().__init__()
        self.pixels = Pixels()
        self.cells_per_side = inputs.grid // inputs.pool
        self.channels = CHANNELS[model.backbone]
        self.frozen = model.freeze_backbone
        self.backbone = backbone(model.backbone, model.backbone_weights, freeze_batch_norm=model.batch_norm == "frozen")
        self.backbone.requires_grad_(not self.frozen)

    def train(self, mode: bool = True) -> "GridFeatures":
        """Training or evaluation mode."""
        super().train(mode)
        if self.frozen:
            self.backbone.eval()
        return self

    def of(self, batch: Batch) -> Tensor:
        """Features of a batch's images, (I, G, C): those that it brings along, or those of its pictures."""
        if batch.features is not None:
            return batch.features
        assert batch.images is not None, "a batch without pictures, for a model that looks at them"
        features: Tensor = self(batch.images)
        return features

    def forward(self, images: Tensor) -> Tensor:
        """Grid features of images: (I, 3, H, W) uint8 to (I, G, C)."""
        features = self.backbone(self.pixels(images))
        if features.shape[2:] != (self.cells_per_side, self.cells_per_side):
            # On GPUs its backward pass is the one step here that has no deterministic form.
            features = nn.functional.adaptive_avg_pool2d(features, self.cells_per_side)
        return features.flatten(2).transpose(1, 2)


class ImageTokens(nn.Module):
    """Image tokens, equation 1: grid features with the codes of their cells."""

    def __init__(self, model: ModelConfig, inputs: InputConfig) -> None:
        super().__init__()
        self.scale, self.pool = embed_scale(model), inputs.pool
        self.features = GridFeatures(model, inputs)
        self.project = nn.Linear(self.features.channels, model.width)
        self.norm = nn.LayerNorm(model.width) if model.balanced_inputs else None

    def forward(self, features: Tensor, grid: GridCode) -> Tensor:
        """Tokens by equation 1 but for the segment embedding, (I, G, C) to (I, G, D).

        `ReferenceModel.prefix` adds the segment embedding SE_v.
        """
        tokens = self.project(features)
        tokens = self.norm(tokens) if self.norm is not None else tokens * self.scale
        return tokens + grid.cells(self.pool)


class LocationToken(nn.Module):
    """Location tokens, equation 3: a box with its neighbours.

    Without neighbours, for which the paper has no formula, a token is W_loc e_cur.
    """

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
        """Tokens by equation 3 but for the segment embedding, (B, D), from grid indices of boxes and neighbours.

        Args:
            cells: the box and its N neighbours, -1 where there is none, (B, 1 + N, 4).
            grid: the codes of equation 2.
        """
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
    """The factor of image and word embeddings (paper_vs_code: embed-scale)."""
    return math.sqrt(model.width) if model.embed_scale == "sqrt" else 1.0


class Words(nn.Module):
    """Word tokens, equation 4, for characters of info and captions.

    The reference model uses the table for its output, too.

    Args:
        model: width, scale and kind of positions.
        vocabulary_size: number of entries of the vocabulary, V.
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
        """Tokens by equation 4 but for the segment embedding, (..., T) to (..., T, D).

        Args:
            characters: ids.
            first: position of the first character.
        """
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
    """True where a position holds a character and no padding; same shape."""
    return characters != PAD
