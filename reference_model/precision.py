"""What a run's arithmetic is computed in, by `TrainConfig.precision`, and which kernels may compute it on a GPU.

Invariant: what is set for a run is set back after it, so nothing that the process computes later depends on it.
"""

import contextlib
import os
from collections.abc import Iterator

import torch

from reference_model.config import TrainConfig


@contextlib.contextmanager
def kernels(train: TrainConfig) -> Iterator[None]:
    """Choose the kernels of a run: TF32 or not, and the fastest ones or those that repeat bit for bit.

    PyTorch's own default is TF32 in convolutions and fp32 in matrix products; here it is the same in both.
    """
    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn.conv  # type: ignore[attr-defined]
    before = products.fp32_precision, convolutions.fp32_precision
    benchmark, strict = torch.backends.cudnn.benchmark, torch.are_deterministic_algorithms_enabled()
    chosen = "tf32" if train.precision == "tf32" else "ieee"
    products.fp32_precision = convolutions.fp32_precision = chosen
    torch.backends.cudnn.benchmark = not train.deterministic  # tries all kernels for a shape when it first comes
    if train.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when cuBLAS is first used
        torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        products.fp32_precision, convolutions.fp32_precision = before
        torch.backends.cudnn.benchmark = benchmark
        torch.use_deterministic_algorithms(strict)


def autocast(device: torch.device, train: TrainConfig) -> torch.autocast:
    """The context of a forward pass: matrix products and convolutions in bf16 if the run wants it."""
    return torch.autocast(device.type, torch.bfloat16, enabled=train.precision == "bf16")
