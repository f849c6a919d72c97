"""The prefix-LM transformer: pre-norm layers over prefix and caption (paper, section 4.2; details as released).

Shapes: B boxes, P prefix positions, T caption positions, S = P + T, D width, H heads.

Invariants:
* masks are boolean, True where a query may look; a padded key is never seen, and no prefix position sees a caption
  position under Caption Generation;
* attention is given a mask in the form that its fast kernels take as it is (`additive`), made once for all layers;
* with a cache, the keys and values of ALL earlier positions are kept (the released cache drops one), so decoding step
  by step gives the logits of the full pass;
* after the last attention, only the positions whose output is needed are computed.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

ALL = slice(None)

#: On GPUs the fused attention that takes a mask (memory-efficient) wants each of its rows to begin at a multiple of so
#: many numbers, else it copies the mask in every layer (`preprocess_mask` in PyTorch's attention.cpp).
_ALIGNED = 8


def generation_mask(prefix: Tensor, caption: Tensor) -> Tensor:
    """The mask of Caption Generation: all see the prefix, a caption position also sees the caption up to itself.

    Args:
        prefix: True where a prefix position is real, (B, P).
        caption: True where a caption position is real, (B, T).

    Returns:
        The mask, (B, 1, S, S), to be broadcast over heads.
    """
    p, t = prefix.shape[1], caption.shape[1]
    keys = torch.cat([prefix, caption], dim=1)[:, None, None, :]
    position = torch.arange(p + t, device=keys.device)
    visible = (position[None, :] < p) | (position[None, :] <= position[:, None])
    return keys & visible


def matching_mask(prefix: Tensor, caption: Tensor) -> Tensor:
    """The mask of Caption Matching: every position sees all real positions; (B, 1, 1, S)."""
    return torch.cat([prefix, caption], dim=1)[:, None, None, :]


def additive(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """A mask as numbers that are added to the logits, 0 or minus infinity, with aligned rows; the same shape.

    Args:
        mask: True where a query may look, (..., S).
        dtype: type of queries and keys.
    """
    length = mask.shape[-1]
    room = _ALIGNED * ((length + _ALIGNED - 1) // _ALIGNED)
    aligned = torch.full((*mask.shape[:-1], room), -torch.inf, dtype=dtype, device=mask.device)[..., :length]
    return aligned.masked_fill_(mask, 0.0)


def product_type(x: Tensor) -> torch.dtype:
    """The type in which matrix products of a tensor are computed: autocast's where it is on, else the tensor's own."""
    kind = x.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype


class AuthorsNorm(nn.Module):
    """The release's norm: unbiased standard deviation, epsilon outside the root (paper_vs_code: norm)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last dimension, (..., D) to (..., D)."""
        centred = x - x.mean(dim=-1, keepdim=True)
        return self.weight * centred / (x.std(dim=-1, keepdim=True) + 1e-6) + self.bias


def norm(width: int, kind: str) -> nn.Module:
    """Layer normalisation over the last dimension, of a kind of `ModelConfig.norm` (paper_vs_code: norm)."""
    return nn.LayerNorm(width, eps=1e-6) if kind == "layernorm" else AuthorsNorm(width)


def gelu(x: Tensor, kind: str) -> Tensor:
    """GELU, or the release's formula with sqrt(pi / 2) for sqrt(2 / pi) (paper_vs_code: gelu)."""
    if kind == "exact":
        return functional.gelu(x)
    return 0.5 * x * (1 + torch.tanh(math.sqrt(math.pi / 2) * (x + 0.044715 * x**3)))


class LayerCache:
    """Keys and values of a layer at the positions read so far, (B, H, S, D / H), in buffers of a fixed length.

    Args:
        capacity: the largest number of positions that will be read.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity, self.length = capacity, 0
        self.keys = self.values = torch.empty(0)

    def extend(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Add the keys and values of new positions, and return those of all."""
        if self.length == 0:
            shape = (*key.shape[:2], self.capacity, key.shape[3])
            self.keys, self.values = key.new_empty(shape), value.new_empty(shape)
        new = slice(self.length, self.length + key.shape[2])
        self.keys[:, :, new], self.values[:, :, new] = key, value
        self.length = new.stop
        return self.keys[:, :, : self.length], self.values[:, :, : self.length]

    def reorder(self, rows: Tensor) -> None:
        """Select and reorder rows, as beam search requires."""
        self.keys, self.values = self.keys[rows], self.values[rows]


class Layer(nn.Module):
    """A pre-norm layer: x + Drop(Attention(Norm(x))), then x + Drop(FeedForward(Norm(x)))."""

    def __init__(
        self, width: int, heads: int, feed_forward: int, dropout: float, *, norm_kind: str, gelu_kind: str
    ) -> None:
        super().__init__()
        self.heads, self.gelu_kind, self.dropout = heads, gelu_kind, dropout
        self.attention_norm, self.feed_forward_norm = norm(width, norm_kind), norm(width, norm_kind)
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)
        self.expand = nn.Linear(width, feed_forward)
        self.contract = nn.Linear(feed_forward, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor, cache: LayerCache | None = None, keep: slice = ALL) -> Tensor:
        """Apply the layer to new positions.

        Args:
            x: the Q new positions, (B, Q, D).
            mask: `additive` mask of the new positions, (B, 1, Q or 1, S); S counts earlier positions, too.
            cache: keys and values of earlier positions; those of the new ones are added.
            keep: the W positions whose output is needed; the rest only serve as keys and values.

        Returns:
            Output of the kept positions, (B, W, D).
        """
        h = self.attention_norm(x)
        h = h.to(product_type(h))  # once, where autocast would convert it for each of the three products
        key, value = self._split(self.key(h)), self._split(self.value(h))
        if cache is not None:
            key, value = cache.extend(key, value)
        x, query = x[:, keep], self._split(self.query(h[:, keep]))
        mask = mask if mask.shape[2] == 1 else mask[:, :, keep]
        dropout = self.dropout if self.training else 0.0
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout)
        x = x + self.drop(self.output(attended.transpose(1, 2).flatten(2)))
        h = self.drop(gelu(self.expand(self.feed_forward_norm(x)), self.gelu_kind))
        return x + self.drop(self.contract(h))

    def _split(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:2], self.heads, x.shape[2] // self.heads).transpose(1, 2)


class Transformer(nn.Module):
    """A stack of layers and a final norm."""

    def __init__(
        self,
        *,
        layers: int,
        width: int,
        heads: int,
        feed_forward: int,
        dropout: float,
        norm_kind: str = "layernorm",
        gelu_kind: str = "exact",
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            Layer(width, heads, feed_forward, dropout, norm_kind=norm_kind, gelu_kind=gelu_kind) for _ in range(layers)
        )
        self.norm = norm(width, norm_kind)

    def cache(self, capacity: int) -> list[LayerCache]:
        """An empty cache of each layer for at most `capacity` positions; `forward` fills it."""
        return [LayerCache(capacity) for _ in self.layers]

    def forward(self, x: Tensor, mask: Tensor, cache: list[LayerCache] | None = None, keep: slice = ALL) -> Tensor:
        """Apply all layers; see `Layer.forward`. Positions that are not kept skip most of the last layer.

        The mask is boolean here: True where a new position may look.
        """
        mask = additive(mask, product_type(x))
        for i, layer in enumerate(self.layers):
            last = i == len(self.layers) - 1
            x = layer(x, mask, cache[i] if cache else None, keep if last else ALL)
        return self.norm(x)
