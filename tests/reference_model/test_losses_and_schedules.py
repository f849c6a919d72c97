"""Losses against loops over their formulas; schedules against the values worked out from equations 6 to 8."""

import math

import pytest
import torch

from reference_model.batch import PAD
from reference_model.config import MatchingConfig, TrainConfig
from reference_model.losses import generation_loss, matching_logit, matching_loss, smoothed_divergence
from reference_model.training.matching import level_shares, shares_at
from reference_model.training.schedule import rates

#: step: p1, p2, p3 of equations 6 to 8 before normalisation.
SHARES = {
    100: (0.796214, 0.203503, 0.000283),
    1_000: (0.502377, 0.494794, 0.002828),
    4_000: (0.380731, 0.607956, 0.011314),
    10_000: (0.316979, 0.654737, 0.028284),
    50_000: (0.229740, 0.628839, 0.141421),
    100_000: (0.200000, 0.517157, 0.282843),
    200_000: (0.174110, 0.260204, 0.565685),
}


@pytest.mark.parametrize(("step", "expected"), SHARES.items())
def test_progressive_levels(step: int, expected: tuple[float, float, float]) -> None:
    """A wrong exponent, or the levels in the wrong order."""
    assert level_shares(step) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("normalise", ["clip", "divide"])
@pytest.mark.parametrize("step", [1, 10, 32, 33, 1000, 296_663, 296_664, 300_000, 353_554, 10**7])
def test_levels_are_a_distribution_at_every_step(step: int, normalise: str) -> None:
    """The paper's own shares add up to more than 1 below step 33 and above step 296,663."""
    shares = level_shares(step, normalise)
    assert sum(shares) == pytest.approx(1)
    assert min(shares) >= 0


def test_level_one_ends_where_level_three_is_all() -> None:
    """What the paper's text says happens in the end."""
    assert level_shares(353_554) == pytest.approx((0, 0, 1), abs=1e-5)


def test_landmarks_of_the_schedule() -> None:
    """The peak of level II and the crossings, found by walking the steps."""
    steps = range(1, 200_000, 7)
    shares = [level_shares(s) for s in steps]
    peak = max(zip(shares, steps, strict=True), key=lambda pair: pair[0][1])
    assert peak[1] == pytest.approx(19_593, abs=400)
    assert peak[0][1] == pytest.approx(0.6675, abs=1e-4)
    second_above_first = next(s for share, s in zip(shares, steps, strict=True) if share[1] > share[0])
    assert second_above_first == pytest.approx(1_040, abs=7)
    later = ((share, s) for share, s in zip(shares, steps, strict=True) if s > 20_000)
    third_above_second = next(s for share, s in later if share[2] > share[1])
    assert third_above_second == pytest.approx(143_904, abs=7)


def test_short_runs_see_the_whole_schedule() -> None:
    """Without stretching, a run of 1,000 updates would stay at level I and never see level III."""
    cm = MatchingConfig(strategy="progressive")
    assert shares_at(cm, 999, 0, 1000) == pytest.approx(level_shares(200_000))
    unstretched = MatchingConfig(strategy="progressive", time_scale=False)
    assert shares_at(unstretched, 999, 0, 1000) == pytest.approx(level_shares(1000))
    only_matching = MatchingConfig(strategy="progressive", step="cm_only", time_scale=False)
    assert shares_at(only_matching, 999, 249, 1000) == pytest.approx(level_shares(250))


def test_trapezoid_rates() -> None:
    """A rate that falls at the end of pre-training, or that has not fallen to all but 0 at the end of the run."""
    train = TrainConfig(
        schedule="trapezoid", rate=0.004, warmup=10, fall=0.5, pretrain_updates=100, finetune_updates=100
    )
    found = [rates(train, 128, update) for update in range(200)]
    assert all(main == backbone for main, backbone in found)
    main = [rate for rate, _ in found]
    assert main[:2] == pytest.approx([0.0004, 0.0008])
    assert set(main[9:101]) == {0.004}
    assert main[150] == pytest.approx(0.002)
    assert main[199] == pytest.approx(0.00004)


def test_dropping_rates() -> None:
    """The recipes of the baselines' authors: each drop once, at its share of the run."""
    train = TrainConfig(
        schedule="drops", rate=1.0, warmup=2, drops=(0.5, 0.75), drop=0.1, pretrain_updates=60, finetune_updates=40
    )
    found = [rates(train, 128, update)[0] for update in (0, 1, 49, 50, 74, 75, 99)]
    assert found == pytest.approx([0.5, 1, 1, 0.1, 0.1, 0.01, 0.01])


@pytest.mark.parametrize(
    ("step", "rate"),
    [(1, 1.235e-7), (100, 1.235e-5), (1000, 1.235e-4), (4000, 4.941e-4), (10_000, 3.125e-4), (200_000, 6.99e-5)],
)
def test_noam_rates(step: int, rate: float) -> None:
    """Values of the release's schedule at d = 1024, warm-up 4000; the backbone's rate stays put."""
    main, backbone = rates(TrainConfig(), 1024, step - 1)
    assert main == pytest.approx(rate, rel=1e-3)
    assert backbone == 3e-5


def test_fine_tuning_halves_five_times_in_its_first_quarter() -> None:
    """After 10K, 20K, 30K, 40K and 50K of 200K updates, as released."""
    train = TrainConfig(pretrain_updates=10, finetune_updates=200_000)
    at = {into: rates(train, 1024, 10 + into)[0] for into in (0, 9_999, 10_000, 49_999, 50_000, 199_999)}
    assert [at[k] / 4e-5 for k in at] == [1, 1, 1 / 2, 1 / 16, 1 / 32, 1 / 32]


def _divergence(logits: torch.Tensor, target: int, smoothing: float) -> float:
    """The release's label smoothing, class by class."""
    v = len(logits)
    log_p = torch.log_softmax(logits.double(), 0).tolist()
    total = 0.0
    for c in range(v):
        t = 1 - smoothing if c == target else 0.0 if c == PAD else smoothing / (v - 2)
        if t > 0:
            total += t * (math.log(t) - log_p[c])
    return total


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.3])
def test_label_smoothing_is_the_release_s(smoothing: float) -> None:
    """PyTorch's own smoothing spreads over all classes, PAD and target included."""
    torch.manual_seed(0)
    logits, targets = 3 * torch.randn(40, 11), torch.randint(2, 11, (40,))
    found = smoothed_divergence(logits, targets, smoothing)
    expected = [_divergence(row, int(t), smoothing) for row, t in zip(logits, targets, strict=True)]
    assert found.tolist() == pytest.approx(expected, abs=1e-5)
    pytorch = torch.nn.functional.cross_entropy(logits, targets, label_smoothing=smoothing, reduction="none")
    assert smoothing == 0 or not torch.allclose(found, pytorch, atol=1e-3)


def test_reductions_differ_by_caption_length() -> None:
    """The mean over all characters is not the mean over captions of their means."""
    torch.manual_seed(0)
    targets = torch.tensor([[5, 6, PAD, PAD], [7, 8, 9, 3]])
    real = targets != PAD
    logits, places = torch.randn(int(real.sum()), 10), real.nonzero().T
    each = smoothed_divergence(logits, targets[real], 0.1)
    assert generation_loss(logits, targets, places, 0.1, "token") == pytest.approx(float(each.sum()))
    by_caption = float(each[:2].mean() + each[2:].mean())
    assert generation_loss(logits, targets, places, 0.1, "caption") == pytest.approx(by_caption, rel=1e-6)


def test_both_matching_heads_are_the_same_function() -> None:
    """A sigmoid on one logit equals a softmax over two on their difference."""
    two, labels = torch.randn(20, 2), torch.randint(0, 2, (20,))
    one = matching_logit(two)[:, None]
    assert matching_loss(one, labels) == pytest.approx(float(matching_loss(two, labels)), rel=1e-5)
