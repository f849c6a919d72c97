"""Which parameters Muon updates, against the definition of its step."""

import pytest
import torch
from torch import nn

from reference_model.config import TrainConfig
from reference_model.registry import named
from reference_model.run_folder import build_model
from reference_model.training.optimiser import Optimiser, hidden_matrices


@pytest.mark.parametrize("variant", ["full", "m4c-copy", "updown-tatt", "m2-tatt", "rstnet"])
def test_muon_is_for_the_matrices_of_hidden_layers(variant: str) -> None:
    """Embeddings, logits, scores and the frozen backbone, whose gradients are no hidden layer's, given to Muon."""
    model = build_model(named(variant, "smoke"), 50)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found = {names[id(parameter)] for parameter in hidden_matrices(model)}
    assert found
    kept_out = ("words", "segments", "grid", "backbone", "matching_head", "bias", "norm", "score")
    assert not [name for name in found if name == "output.weight" or any(part in name for part in kept_out)]
    left = [
        name
        for name, parameter in model.named_parameters()
        if parameter.dim() == 2 and name not in found and parameter.requires_grad
    ]
    assert not [name for name in left if "layers" in name and name.endswith("weight")], left


def test_a_step_of_muon_has_the_size_of_adams() -> None:
    """A matrix whose step is not orthogonal, or so large that one rate cannot serve both optimisers."""
    torch.manual_seed(1)
    layer = nn.Sequential(nn.Linear(64, 32))
    optimiser = Optimiser(layer, TrainConfig(optimiser="muon", schedule="trapezoid"), fine=False)
    before = layer[0].weight.detach().clone()
    layer(torch.randn(8, 64)).square().sum().backward()
    optimiser.set_rates(0.01, 0.01)
    optimiser.step()
    step = layer[0].weight.detach() - before
    singular = torch.linalg.svdvals(step)
    # Moonshot's factor, 0.2 sqrt(the longer side), on singular values that the iteration brings near 1. Eight samples
    # give a gradient of rank 8.
    assert singular[:8] / (0.01 * 0.2 * 8) == pytest.approx([1.0] * 8, abs=0.4)
    assert layer[0].weight.grad is None


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
