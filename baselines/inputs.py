"""Inputs of the baselines: image cells, the box and product info as vectors of the model's width.

Shapes: I images, B boxes, G cells, K info characters, D width.

Invariants:
* cells and boxes speak one code: one pair of grid tables (equation 2 of the paper); neighbours are never given;
* padded info characters are told apart by their ids, never by the values of their vectors.
"""

import torch
from torch import Tensor, nn

from reference_model.batch import Batch
from reference_model.config import Config
from reference_model.embeddings import IMAGE, INFO, LOCATION, GridCode, GridFeatures, LocationToken, Words, is_real


class Inputs(nn.Module):
    """Vectors of the inputs: Norm(Drop(ReLU(W v + b))) and a code for each cell, W_loc e + b for the box.

    Args:
        config: configuration of the run.
        norm: whether cells are normalised.
    """

    def __init__(self, config: Config, *, norm: bool) -> None:
        super().__init__()
        model, inputs = config.model, config.inputs
        self.pool = inputs.pool
        self.grid = GridCode(inputs.grid, model.width)
        self.segments = nn.Embedding(4, model.width)
        self.location = LocationToken(model, inputs)
        self.features = GridFeatures(model, inputs)
        self.project = nn.Linear(self.features.channels, model.width)
        self.norm = nn.LayerNorm(model.width) if norm else nn.Identity()
        self.drop = nn.Dropout(model.dropout)

    def cells(self, batch: Batch) -> Tensor:
        """The cells of each image, (I, G, D)."""
        cells = self.norm(self.drop(torch.relu(self.project(self.features.of(batch)))))
        return cells + self.grid.cells(self.pool) + self.segments.weight[IMAGE]

    def box(self, batch: Batch) -> Tensor:
        """The vector of each box, (B, D)."""
        return self.location(batch.cells, self.grid) + self.segments.weight[LOCATION]

    def regions(self, batch: Batch) -> Tensor:
        """The cells of each box's image and, behind them, the box, (B, G + 1, D)."""
        return torch.cat([self.cells(batch)[batch.image_of_box], self.box(batch)[:, None]], dim=1)

    def info(self, batch: Batch, words: Words) -> tuple[Tensor, Tensor]:
        """The characters of each image's product info, (I, K, D), and which of them are real, (I, K)."""
        return words(batch.info) + self.segments.weight[INFO], is_real(batch.info)
