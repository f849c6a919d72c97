"""Relations between regions, and codes of their positions: fixed functions of boxes (RSTNet, section 3.2).

Shapes: N and M regions; a box is (x1, y1, x2, y2) as ratios of the image, (..., 4).
"""

import math

import torch
from torch import Tensor

_WAVES, _LONGEST, _FACTOR = 8, 1000.0, 100.0


def cell_boxes(side: int, device: torch.device) -> Tensor:
    """The cells of a side x side grid, row by row, (side * side, 4)."""
    y, x = torch.meshgrid(torch.arange(side, device=device), torch.arange(side, device=device), indexing="ij")
    return torch.stack([x, y, x + 1, y + 1], dim=-1).flatten(0, 1).float() / side


def relations(a: Tensor, b: Tensor) -> Tensor:
    """Sines and cosines of four log ratios of each pair of boxes; (..., N, 4) and (..., M, 4) to (..., N, M, 64).

    Widths and heights have 1 added, as in the original, where boxes were once counted in pixels.
    """
    (ax, ay, aw, ah), (bx, by, bw, bh) = (
        ((r[..., 0] + r[..., 2]) / 2, (r[..., 1] + r[..., 3]) / 2, r[..., 2] - r[..., 0] + 1, r[..., 3] - r[..., 1] + 1)
        for r in (a, b)
    )
    deltas = torch.stack(
        [
            ((ax[..., :, None] - bx[..., None, :]).abs() / aw[..., :, None]).clamp(min=1e-3).log(),
            ((ay[..., :, None] - by[..., None, :]).abs() / ah[..., :, None]).clamp(min=1e-3).log(),
            (aw[..., :, None] / bw[..., None, :]).log(),
            (ah[..., :, None] / bh[..., None, :]).log(),
        ],
        dim=-1,
    )
    waves = _FACTOR * _LONGEST ** (-torch.arange(_WAVES, device=a.device) / _WAVES)
    angles = (deltas[..., None] * waves).flatten(-2)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def box_positions(boxes: Tensor, width: int, cell: float) -> Tensor:
    """Sine codes of the boxes' centres, y before x; (..., 4) to (..., width).

    A grid cell gets what the original's counting from 1 gives it: its centre and half a cell, times 2 pi.

    Args:
        boxes: (..., 4).
        width: number of channels, half of them for each axis.
        cell: side of a grid cell as a ratio of the image.
    """
    centres = torch.stack([boxes[..., 1] + boxes[..., 3], boxes[..., 0] + boxes[..., 2]], dim=-1) / 2
    channel = torch.arange(width // 4, device=boxes.device) * 4 / width
    angles = (centres + cell / 2)[..., None] * 2 * math.pi / 10000**channel
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-3)
