"""Which parameters Muon updates, against the definition of its step."""

import pytest
import torch
from torch import nn

from reference_model.config import TrainConfig
from reference_model.registry import named
from reference_model.run_folder import build_model
from reference_model.training.optimiser import Muon, Optimiser, hidden_matrices, orthogonal


@pytest.mark.parametrize("variant", ["full", "m4c-copy", "updown-tatt", "m2-tatt", "rstnet"])
def test_muon_is_for_the_matrices_of_hidden_layers(variant: str) -> None:
    """Embeddings, logits, scores and the frozen backbone, whose gradients are no hidden layer's, given to Muon."""
    model = build_model(named(variant, "smoke"), 50)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    hidden, gates = hidden_matrices(model)
    found = {names[id(parameter)] for parameter in (*hidden, *gates)}
    assert {names[id(parameter)].split(".")[0] for parameter in gates} == (
        {"lstm1", "lstm2"} if variant == "updown-tatt" else set()
    )
    assert found
    kept_out = ("words", "segments", "grid", "backbone", "matching_head", "bias", "norm", "score")
    assert not [name for name in found if name == "output.weight" or any(part in name for part in kept_out)]
    left = [
        name
        for name, parameter in model.named_parameters()
        if parameter.dim() == 2 and name not in found and parameter.requires_grad
    ]
    assert not [name for name in left if "layers" in name and name.endswith("weight")], left


@pytest.mark.parametrize("shape", [(64, 48), (128, 32), (32, 128), (48, 48)])
def test_muon_goes_as_pytorchs_does(shape: tuple[int, int]) -> None:
    """A momentum, a scale or a coefficient that is not the published method's; PyTorch's computes in bf16."""
    torch.manual_seed(1)
    start = torch.randn(shape)
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    ours_by = Muon([ours])
    theirs_by = torch.optim.Muon([theirs], lr=0.01, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")
    ours_by.param_groups[0]["lr"] = 0.01
    for _ in range(4):
        ours.grad = torch.randn(shape)
        theirs.grad = ours.grad.clone()
        ours_by.step()
        theirs_by.step()
    assert torch.norm(ours - theirs) < 0.02 * torch.norm(theirs - start)


def test_gates_are_four_matrices() -> None:
    """An LSTM's weights taken for one tall matrix, which costs more and mixes the gates."""
    torch.manual_seed(1)
    start, gradient = torch.randn(4, 32, 48), torch.randn(4, 32, 48)
    stacked, single = nn.Parameter(start.view(128, 48).clone()), [nn.Parameter(part.clone()) for part in start]
    together, apart = Muon([], [stacked]), Muon(single)
    stacked.grad = gradient.view(128, 48).clone()
    for parameter, part in zip(single, gradient, strict=True):
        parameter.grad = part.clone()
    for optimiser in (together, apart):
        optimiser.param_groups[0]["lr"] = 0.1
        optimiser.step()
    assert torch.allclose(stacked.view(4, 32, 48), torch.stack(list(single)), atol=1e-6)
    assert not torch.allclose(stacked.view(4, 32, 48), start)


@pytest.mark.parametrize("rows", [24, 40, 48, 96])
def test_orthogonal(rows: int) -> None:
    """Small singular values that stay small, or singular vectors that turn, in matrices nearly square and tall."""
    torch.manual_seed(1)
    left, _ = torch.linalg.qr(torch.randn(rows, 24))
    right, _ = torch.linalg.qr(torch.randn(24, 24))
    matrix = left @ torch.diag(torch.logspace(0, -2, 24)) @ right.T
    found = left.T @ orthogonal(matrix[None])[0] @ right
    assert float((found - torch.diag(found.diagonal())).abs().max()) < 1e-4
    assert found.diagonal().tolist() == pytest.approx([1.0] * 24, abs=0.35)


def test_state_comes_back_to_the_parameter_that_it_belongs_to() -> None:
    """A resumed run whose momentum went to the other optimiser, or was dropped."""
    torch.manual_seed(1)
    layer = nn.Sequential(nn.Linear(32, 32))
    train = TrainConfig(optimiser="muon", schedule="trapezoid")
    first, second = Optimiser(layer, train, fine=False), Optimiser(layer, train, fine=False)
    layer(torch.randn(4, 32)).square().sum().backward()
    first.step()
    second.load_state(first.state)
    assert second.state.keys() == set(layer.parameters())
    assert "momentum_buffer" in second.state[layer[0].weight]
    assert "exp_avg" in second.state[layer[0].bias]
