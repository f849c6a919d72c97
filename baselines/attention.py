"""Multi-head attention and feed-forward blocks of the encoder-decoder baselines (post-norm, ReLU).

Shapes: B boxes, Q queries, S keys, D width, H heads.
"""

import torch
from torch import Tensor, nn


class Attention(nn.Module):
    """Multi-head attention whose keys and values can be computed once and used at many steps."""

    def __init__(self, width: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.value, self.output = nn.Linear(width, width), nn.Linear(width, width)

    def split(self, x: Tensor) -> Tensor:
        """Split vectors into heads, (B, S, D) to (B, H, S, D / H)."""
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)

    def keys_values(self, x: Tensor, values: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Keys and values of vectors, (B, H, S, D / H) each.

        Args:
            x: vectors for the keys, (B, S, D).
            values: vectors for the values, (B, S, D); None for the same.
        """
        return self.split(self.key(x)), self.split(self.value(x if values is None else values))

    def forward(self, x: Tensor, keys_values: tuple[Tensor, Tensor], mask: Tensor | None = None) -> Tensor:
        """Attend to keys and values.

        Args:
            x: the queries, (B, Q, D).
            keys_values: see `keys_values`.
            mask: True where a query may look, (B or 1, 1 or H, Q or 1, S), with the last dimension contiguous, as the
                kernels of GPUs require; None: every query looks everywhere.

        Returns:
            What each query found, (B, Q, D).
        """
        p = self.dropout if self.training else 0.0
        query = self.split(self.query(x))
        found = nn.functional.scaled_dot_product_attention(query, *keys_values, attn_mask=mask, dropout_p=p)
        return self.output(found.transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    """A post-norm feed-forward block: Norm(x + Drop(W2 Drop(ReLU(W1 x))))."""

    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.expand, self.contract = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.norm, self.drop = nn.LayerNorm(width), nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block to the last dimension, (..., D) to (..., D)."""
        hidden = self.drop(torch.relu(self.expand(x)))
        return self.norm(x + self.drop(self.contract(hidden)))


def causal_mask(length: int, device: torch.device) -> Tensor:
    """A mask that lets each position see itself and the positions before; (1, 1, T, T)."""
    return torch.ones(length, length, dtype=torch.bool, device=device).tril()[None, None]
