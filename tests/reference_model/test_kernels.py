"""The CPU forms of linear maps, dropout and attention against PyTorch's own."""

import pytest
import torch
from torch.nn import functional

from reference_model.kernels import Dropout, attention, dropout, linear, pytorch_kernels

#: So small that nothing is dropped, yet the code of dropout runs.
NEARLY_ZERO = 1e-9


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rows", [(3, 5), (40, 60), (0, 7)])
def test_linear(rows: tuple[int, int], bias: bool) -> None:
    """Below and above the size from which another library computes it; values and all gradients."""
    torch.manual_seed(0)
    x = torch.randn(rows[1], rows[0], 128).transpose(0, 1).requires_grad_()  # not contiguous
    weight = torch.randn(256, 128, requires_grad=True)
    inputs = [x, weight, *([torch.randn(256, requires_grad=True)] if bias else [])]
    found, expected = linear(x, weight, inputs[2] if bias else None), functional.linear(*inputs)
    assert torch.allclose(found, expected, atol=1e-4)
    upstream = torch.randn_like(expected)
    for a, b in zip(
        torch.autograd.grad(found, inputs, upstream), torch.autograd.grad(expected, inputs, upstream), strict=True
    ):
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("shape", [(1_000_003,), (40, 7, 129)])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout(p: float, shape: tuple[int, ...]) -> None:
    """The wrong share dropped, an output that is smaller or larger on average, or a gradient of other positions."""
    torch.manual_seed(0)
    x = torch.ones(shape, requires_grad=True)
    y = dropout(x, p)
    n, kept = x.numel(), y != 0
    assert float(kept.float().mean()) == pytest.approx(1 - p, abs=4 * (p * (1 - p) / n) ** 0.5)
    assert torch.allclose(y[kept], torch.tensor(1 / (1 - p)), rtol=1e-3)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert torch.equal(gradient, y)


def test_dropped_positions_are_independent() -> None:
    """Four numbers share a draw of 64 bits; if they shared bits, neighbours would fall together."""
    torch.manual_seed(0)
    dropped = (dropout(torch.ones(400_000, 4), 0.3) == 0).double()
    assert torch.allclose(dropped.mean(dim=0), torch.tensor(0.3, dtype=torch.double), atol=3e-3)
    assert torch.allclose(torch.corrcoef(dropped.T), torch.eye(4, dtype=torch.double), atol=7e-3)


def test_dropout_follows_the_seed() -> None:
    """A resumed run must draw what the uninterrupted one drew."""
    x = torch.ones(1001)
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(dropout(x, 0.5))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert torch.equal(Dropout(0.5).eval()(x), x)
    assert torch.equal(dropout(x, 0.0), x)
    assert not dropout(x, 1.0).any()


@pytest.mark.parametrize("queries", [1, 6])
def test_attention(queries: int) -> None:
    """A wrong scale, a mask the wrong way round, or rows that see nothing and turn into NaN."""
    torch.manual_seed(0)
    query, key, value = (torch.randn(3, 2, n, 8) for n in (queries, 6, 6))
    mask = torch.rand(3, 1, queries, 6) > 0.4
    mask[..., 0] = True
    expected = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    for p in (0.0, NEARLY_ZERO):
        assert torch.allclose(attention(query, key, value, mask, p), expected, atol=1e-6)
    mask[0] = False
    assert not attention(query, key, value, mask, NEARLY_ZERO).isnan().any()


def test_pytorch_kernels_can_be_asked_for() -> None:
    """What the naive form is timed with, and what arithmetic is counted in."""
    x = torch.ones(1000)

    def drawn() -> torch.Tensor:
        torch.manual_seed(1)
        return dropout(x, 0.5)

    ours = drawn()
    with pytorch_kernels():
        torch.manual_seed(1)
        assert torch.equal(functional.dropout(x, 0.5), drawn())
    assert torch.equal(ours, drawn())
