"""What the decoders of M2 and RSTNet share: what each layer attends to, and the caption so far.

Shapes: B boxes, S encoder outputs, K info characters, D width, H heads.
"""

from dataclasses import dataclass

from torch import Tensor

from baselines.attention import Attention
from reference_model.transformer import LayerCache

KeysValues = tuple[Tensor, Tensor]


@dataclass
class Seen:
    """Keys and values that one decoder layer attends to besides the caption.

    Attributes:
        levels: keys and values, (B, H, S, D / H) each, of the encoder's layers that the decoder layer attends to: of
            all in M2, of the last one in RSTNet.
        info: keys and values of product info, (B, H, K, D / H) each, and a mask, True where a character of it is real,
            (B, 1, 1, K); None for a variant without.
    """

    levels: list[KeysValues]
    info: tuple[KeysValues, Tensor] | None = None

    def add_info(self, attention: Attention, info: tuple[Tensor, Tensor], image_of_box: Tensor) -> None:
        """Add product info, whose keys and values are computed once per image and then copied to its boxes.

        Args:
            attention: the layer's attention to product info.
            info: see `Inputs.info`.
            image_of_box: see `Batch`.
        """
        keys, values = attention.keys_values(info[0])
        self.info = (keys[image_of_box], values[image_of_box]), info[1][image_of_box][:, None, None]

    def reorder(self, rows: Tensor) -> None:
        """Select and reorder rows, as beam search requires."""
        self.levels = [(keys[rows], values[rows]) for keys, values in self.levels]
        if self.info is not None:
            (keys, values), mask = self.info
            self.info = (keys[rows], values[rows]), mask[rows]


@dataclass
class DecoderState:
    """For each decoder layer, what it attends to, and its keys and values of the caption so far."""

    seen: list[Seen]
    caches: list[LayerCache]

    def reorder(self, rows: Tensor) -> None:
        """Select and reorder rows, as beam search requires."""
        for seen in self.seen:
            seen.reorder(rows)
        for cache in self.caches:
            if cache.length:
                cache.reorder(rows)


def attend_to_caption(attention: Attention, x: Tensor, mask: Tensor | None, cache: LayerCache | None) -> Tensor:
    """Self-attention of new positions of a caption, (B, Q, D) to (B, Q, D).

    Args:
        attention: the layer's attention.
        x: the new positions.
        mask: True where a new position may look in the caption so far, (B or 1, 1, Q, S); None: everywhere.
        cache: keys and values of earlier positions; those of the new ones are added.
    """
    keys_values = attention.keys_values(x)
    if cache is not None:
        keys_values = cache.extend(*keys_values)
    return attention(x, keys_values, mask)
