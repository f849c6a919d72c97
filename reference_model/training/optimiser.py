"""The optimiser of a run: Adam for all parameters, or Muon for the matrices of hidden layers and Adam for the rest.

PyTorch has a Muon, too, but it always computes in bf16: on a CPU without bf16 instructions a step of the mini profile's
`context` takes 340 to 480 ms with it, and about 20 ms here, in fp32 with equal shapes together.

Invariants:
* each trained parameter belongs to one group, and groups come in the order of `rates`: those of the backbone last;
* state is read and written by parameter, whichever optimiser holds it, so checkpoints need not know of either.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from reference_model.config import TrainConfig

#: Coefficients of the quintic iteration, and the number of its steps (Jordan, 2024).
_QUINTIC, _STEPS = (3.4445, -4.7750, 2.0315), 5

#: A matrix with a side shorter than this is no hidden layer but a score, such as "the caption belongs to the box".
_SHORTEST_SIDE = 16


class Muon(torch.optim.Optimizer):
    """Momentum whose steps are brought near the nearest orthogonal matrix (Jordan, 2024).

    Steps are as large as Adam's usual ones, 0.2 sqrt(the longer side) in spectral norm, so that one rate serves both
    (Liu et al., 2025, arXiv 2502.16982).

    Args:
        matrices: two-dimensional parameters.
        stacked: parameters that are four matrices one below the other, such as those of an LSTM's gates; each of the
            four is brought near an orthogonal matrix on its own.
        momentum: share of the earlier gradients that stays.
    """

    def __init__(
        self, matrices: Sequence[nn.Parameter], stacked: Sequence[nn.Parameter] = (), momentum: float = 0.95
    ) -> None:
        groups = ({"params": list(matrices), "parts": 1}, {"params": list(stacked), "parts": 4})
        super().__init__([group for group in groups if group["params"]], {"lr": 0.0, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update all matrices that have a gradient."""
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[tuple[Tensor, Tensor]]] = {}
            for matrix in group["params"]:
                if matrix.grad is None:
                    continue
                state = self.state[matrix]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(matrix)
                buffer = state["momentum_buffer"].lerp_(matrix.grad, 1 - group["momentum"])
                by_shape.setdefault(matrix.shape, []).append((matrix, matrix.grad.lerp(buffer, group["momentum"])))
            for shape, pairs in by_shape.items():
                rows, columns = shape[0] // group["parts"], shape[1]
                gradients = torch.stack([gradient for _, gradient in pairs])
                steps = orthogonal(gradients.view(-1, rows, columns)).reshape(gradients.shape)
                for (matrix, _), step in zip(pairs, steps, strict=True):
                    matrix.sub_(step, alpha=group["lr"] * 0.2 * max(rows, columns) ** 0.5)


def orthogonal(matrices: Tensor) -> Tensor:
    """Matrices with the same singular vectors, and singular values brought near 1; (N, R, C), fp32.

    Five steps of Newton and Schulz's iteration, with coefficients that make small singular values grow fast. Those
    above 0.002 of the matrix's norm end between 0.68 and 1.21; smaller ones grow up to 485-fold.
    """
    x = matrices.float()
    tall = x.shape[1] > x.shape[2]
    if tall:
        x = x.mT
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    a, b, c = _QUINTIC
    if x.shape[2] < 2 * x.shape[1]:
        for _ in range(_STEPS):
            square = x @ x.mT
            x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    else:
        # All factors are polynomials of the first square, so those of a wide matrix are multiplied before it is.
        square = x @ x.mT
        product = identity = torch.eye(x.shape[1], device=x.device).expand_as(square)
        for step in range(_STEPS):
            factor = torch.baddbmm(square, square, square, beta=b, alpha=c) + a * identity
            product = factor @ product if step else factor
            if step < _STEPS - 1:
                square = factor @ square @ factor
        x = product @ x
    return (x.mT if tall else x).to(matrices.dtype)


class Optimiser:
    """One or two optimisers as one.

    Args:
        model: network whose trained parameters are updated; those under a `backbone` form a group of their own.
        train: options of the optimiser.
        fine: whether this is the fine-tuning stage of the paper's schedule, which has an Adam of its own.
    """

    def __init__(self, model: nn.Module, train: TrainConfig, *, fine: bool) -> None:
        trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
        backbone = [p for name, p in trained.items() if ".backbone." in name]
        hidden, gates = hidden_matrices(model) if train.optimiser == "muon" else ([], [])
        taken = set(map(id, [*backbone, *hidden, *gates]))
        main = [p for p in trained.values() if id(p) not in taken]
        adam = torch.optim.Adam(
            [{"params": main}, {"params": backbone}] if backbone else [{"params": main}],
            betas=train.finetune_betas if fine else train.betas,
            eps=1e-8 if fine else train.eps,
            fused=True,
        )
        self._parts: list[torch.optim.Optimizer] = [adam]
        if hidden or gates:
            self._parts = [Muon(hidden, gates), adam]
        self._has_backbone = bool(backbone)

    def set_rates(self, main: float, backbone: float) -> None:
        """Set the learning rates of the next step."""
        groups = list(chain.from_iterable(part.param_groups for part in self._parts))
        for group in groups:
            group["lr"] = main
        if self._has_backbone:
            groups[-1]["lr"] = backbone

    def step(self) -> None:
        """Update the parameters by their gradients, and forget those."""
        for part in self._parts:
            part.step()
            part.zero_grad(set_to_none=True)

    @property
    def state(self) -> dict[Tensor, dict[str, Any]]:
        """State of each parameter that has been updated, by name."""
        return {parameter: values for part in self._parts for parameter, values in part.state.items()}

    def load_state(self, state: Mapping[Tensor, dict[str, Any]]) -> None:
        """Take over what `state` gave."""
        for part in self._parts:
            mine = set(chain.from_iterable(group["params"] for group in part.param_groups))
            part.state.clear()
            part.state.update({parameter: values for parameter, values in state.items() if parameter in mine})


def hidden_matrices(model: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Weights that turn hidden states into hidden states, which Muon is for (Jordan, 2024).

    They are the matrices of linear layers and LSTM cells, but for those of the backbone, those whose result is the
    logits of the vocabulary (`model.output`), and those whose result is a few scores.

    Returns:
        Matrices of linear layers, and those of LSTM cells, each for four gates.
    """
    logits = getattr(model, "output", None)
    found: tuple[dict[nn.Parameter, None], dict[nn.Parameter, None]] = ({}, {})
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.LSTMCell) and module is not logits and ".backbone" not in name:
            for parameter in module.parameters(recurse=False):
                if parameter.dim() == 2 and min(parameter.shape) >= _SHORTEST_SIDE and parameter.requires_grad:
                    found[isinstance(module, nn.LSTMCell)][parameter] = None
    return list(found[0]), list(found[1])
