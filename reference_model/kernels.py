"""Linear maps, dropout and attention, each in the form that is fast where it runs; the same mathematics everywhere.

GPUs and compiled models get PyTorch's own. On CPUs PyTorch leaves speed on the table:

* single-precision products go to MKL, which uses half of an AMD processor; oneDNN, which does the convolutions, uses
  nearly all of it;
* the numbers of a dropout mask are drawn one by one, on one core: a fifth of training at mini size.

Invariant: nothing here has parameters of its own, so weights and checkpoints know nothing of it.
"""

import contextlib
import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

_ONEDNN: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
#: Multiplications from which oneDNN's product is worth its fixed cost, about 30 microseconds a call.
_WORTH_ONEDNN = 4_000_000

_only_pytorch = False


@contextlib.contextmanager
def pytorch_kernels() -> Iterator[None]:
    """PyTorch's own forms everywhere: to compare with, and because its counter of arithmetic knows no others."""
    global _only_pytorch
    before, _only_pytorch = _only_pytorch, True
    try:
        yield
    finally:
        _only_pytorch = before


def _on_cpu(x: Tensor) -> bool:
    """Whether the CPU forms apply."""
    return x.device.type == "cpu" and not _only_pytorch and not torch.compiler.is_compiling()


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`functional.linear`: (..., D) to (..., E)."""
    single = x.dtype == torch.float32 and not torch.is_autocast_enabled(x.device.type)
    if _ONEDNN and single and _on_cpu(x) and x.numel() * len(weight) >= _WORTH_ONEDNN:
        return functional.linear(x.to_mkldnn(), weight, bias).to_dense()
    return functional.linear(x, weight, bias)


class Linear(nn.Linear):
    """`nn.Linear`."""

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) to (..., E)."""
        return linear(x, self.weight, self.bias)


def dropout(x: Tensor, p: float) -> Tensor:
    """`functional.dropout` in training; on CPUs 64 random bits serve four numbers, and p is rounded to 16 bits."""
    if not 0 < p < 1 or not _on_cpu(x):
        return functional.dropout(x, p)
    dropped = round(p * 2**16)
    bits = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None).view(torch.int16)
    kept = bits[: x.numel()].view(x.shape) >= dropped - 2**15
    return x * kept.to(x.dtype).mul_(2**16 / (2**16 - dropped))


class Dropout(nn.Dropout):
    """`nn.Dropout`."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return dropout(x, self.p) if self.training else x


def attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor, p: float) -> Tensor:
    """Scaled dot-product attention, with dropout of its weights.

    Args:
        query: (B, H, Q, D).
        key: (B, H, S, D).
        value: (B, H, S, D).
        mask: True where a query may look, to be broadcast to (B, H, Q, S).
        p: share of weights to drop, 0 outside training.

    Returns:
        (B, H, Q, D).
    """
    if p == 0 or not _on_cpu(query):
        return functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=p)
    # PyTorch has no fused form with dropout on CPUs either; this one draws fewer numbers.
    scores = query @ key.transpose(2, 3) / math.sqrt(query.shape[3])
    weights = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(dim=3)
    return dropout(weights, p) @ value
