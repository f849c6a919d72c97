"""The batch that a model is given: some images with their boxes.

The image is the unit: a picture and its product info stand once, and every box points to them by `image_of_box`. With
one box per image (`TrainConfig.grouped` off) the same form holds the per-caption batches of the release.

Shapes: I images, B boxes, N neighbours, K info characters, T caption characters, M targets, G cells, C channels.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

UNK, PAD, SOS, EOS, SEP = range(5)
SPECIALS = ("<unk>", "<pad>", "<sos>", "<eos>", "<sep>")


def target_places(captions: Tensor) -> Tensor:
    """See `Batch.target_places`."""
    return torch.stack((captions[:, 1:] != PAD).nonzero(as_tuple=True))


@dataclass(frozen=True)
class Batch:
    """The tensors of one forward pass."""

    images: Tensor | None  # (I, 3, H, W) uint8, text blacked out; None for models without image, or with `features`
    info: Tensor  # (I, K) characters of title and attributes, PAD at the end
    image_of_box: Tensor  # (B,) index of each box's image
    boxes: Tensor  # (B, 4) float32, [x1, y1, x2, y2] as ratios of the image
    cells: Tensor  # (B, 1 + N, 4) grid indices of the box and its neighbours; -1: no such neighbour
    captions: Tensor  # (B, T) [SOS] characters [EOS], PAD at the end; (B, 1) for generation
    labels: Tensor | None = None  # (B,) 1 where the caption belongs here, for Caption Matching; None: generation
    levels: Tensor | None = None  # (B,) 0: positive, 1 to 3: level of the negative
    targets: Tensor | None = None  # (2, M) see `target_places`; None: not known yet
    features: Tensor | None = None  # (I, G, C) of a frozen backbone, which stand for `images`; None: not known yet
    normaliser: float = 1.0  # divisor of the summed loss: the number of targets of the whole update, over all devices

    @property
    def n_boxes(self) -> int:
        """Number of boxes, B."""
        return len(self.image_of_box)

    def target_places(self) -> Tensor:
        """Rows and columns of the characters to predict, in `captions` from its second column on; (2, M).

        Batches of the trainer bring them along: to find them on a GPU, the program must wait for it.
        """
        return target_places(self.captions) if self.targets is None else self.targets

    def of_boxes(self, rows: Tensor) -> "Batch":
        """Inputs of some boxes of the same images, in the order of `rows`, without captions to learn from."""
        return dataclasses.replace(
            self, image_of_box=self.image_of_box[rows], boxes=self.boxes[rows], cells=self.cells[rows]
        )

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch on a device."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> "Batch":
        """The same batch in pinned memory, for fast copies to a GPU."""
        return self._each(Tensor.pin_memory)

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        changed: dict[str, Any] = {name: change(v) for name, v in vars(self).items() if isinstance(v, Tensor)}
        return dataclasses.replace(self, **changed)
