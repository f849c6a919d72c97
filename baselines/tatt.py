"""Encoder of product info for M2 and RSTNet: transformer layers over an image's info characters.

Shapes: I images, K info characters, D width.
"""

from torch import Tensor, nn

from baselines.attention import Attention, FeedForward
from baselines.config import TattConfig


class InfoEncoderLayer(nn.Module):
    """Self-attention and a feed-forward block, post-norm as the layers of the image's encoder."""

    def __init__(self, config: TattConfig) -> None:
        super().__init__()
        model = config.model
        self.attention = Attention(model.width, model.heads)
        self.norm, self.drop = nn.LayerNorm(model.width), nn.Dropout(model.dropout)
        self.feed_forward = FeedForward(model.width, model.feed_forward, model.dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Apply the layer, (I, K, D) to (I, K, D).

        Args:
            x: the characters.
            mask: True where a character is real, (I, 1, 1, K).
        """
        found = self.attention(x, self.attention.keys_values(x), mask)
        return self.feed_forward(self.norm(x + self.drop(found)))


class InfoEncoder(nn.Module):
    """A stack of `tatt.encoder_layers` layers; without any, product info stays as it is."""

    def __init__(self, config: TattConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(InfoEncoderLayer(config) for _ in range(config.tatt.encoder_layers))

    def forward(self, info: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Encode product info, once per image; see `Inputs.info` for argument and result."""
        x, real = info
        for layer in self.layers:
            x = layer(x, real[:, None, None])
        return x, real
