"""The optimiser of a run: Adam for all parameters, or Muon for the matrices of hidden layers and Adam for the rest.

Invariants:
* each trained parameter belongs to one group, and groups come in the order of `rates`: those of the backbone last;
* state is read and written by parameter, whichever optimiser holds it, so checkpoints need not know of either.
"""

from collections.abc import Mapping
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from reference_model.config import TrainConfig

#: A matrix with a side shorter than this is no hidden layer but a score, such as "the caption belongs to the box".
_SHORTEST_SIDE = 16


class Optimiser:
    """One or two of PyTorch's optimisers as one.

    Args:
        model: network whose trained parameters are updated; those under a `backbone` form a group of their own.
        train: options of the optimiser.
        fine: whether this is the fine-tuning stage of the paper's schedule, which has an Adam of its own.
    """

    def __init__(self, model: nn.Module, train: TrainConfig, *, fine: bool) -> None:
        trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
        backbone = [p for name, p in trained.items() if ".backbone." in name]
        hidden = hidden_matrices(model) if train.optimiser == "muon" else []
        taken = set(map(id, [*backbone, *hidden]))
        main = [p for p in trained.values() if id(p) not in taken]
        adam = torch.optim.Adam(
            [{"params": main}, {"params": backbone}] if backbone else [{"params": main}],
            betas=train.finetune_betas if fine else train.betas,
            eps=1e-8 if fine else train.eps,
            fused=True,
        )
        self._parts: list[torch.optim.Optimizer] = [adam]
        if hidden:
            # Steps as large as Adam's, so that one rate serves both.
            self._parts = [torch.optim.Muon(hidden, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"), adam]
        self._n_backbone = len(backbone[:1])

    def set_rates(self, main: float, backbone: float) -> None:
        """Set the learning rates of the next step."""
        groups = list(chain.from_iterable(part.param_groups for part in self._parts))
        for i, group in enumerate(groups):
            group["lr"] = backbone if i >= len(groups) - self._n_backbone else main

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


def hidden_matrices(model: nn.Module) -> list[nn.Parameter]:
    """Weights that turn hidden states into hidden states, which Muon is for (Jordan, 2024).

    They are the matrices of linear layers and LSTM cells, but for those of the backbone, those whose result is the
    logits of the vocabulary (`model.output`), and those whose result is a few scores.
    """
    logits = getattr(model, "output", None)
    found = [
        parameter
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | nn.LSTMCell) and module is not logits and ".backbone" not in name
        for parameter in module.parameters(recurse=False)
        if parameter.dim() == 2 and min(parameter.shape) >= _SHORTEST_SIDE and parameter.requires_grad
    ]
    return list(dict.fromkeys(found))
