"""Counting and timing, without a glance at how fast the machine is."""

import numpy as np
import pytest
import torch
from tiny_runs import tiny

from benchmark.dataset.store import Split
from benchmark.grid import duration
from reference_model.dry_run import plan_table
from reference_model.measure import GPU_SHARES, Trial, assumption, count_parameters, fastest, gpu_seconds, peak
from reference_model.run_folder import build_model


def test_works_take_turns_and_the_fastest_round_counts() -> None:
    """One work after the other, so that a machine that gets busy slows only the last; or a mean, or the last round."""
    seconds = {"a": [5.0, 2.0, 3.0], "b": [1.0, 4.0, 1.5]}
    now, order = [0.0], []

    def work(name: str) -> None:
        now[0] += seconds[name][order.count(name)]
        order.append(name)

    works = {name: lambda name=name: work(name) for name in seconds}
    assert fastest(works, range(3), lambda: now[0]) == {"a": 2, "b": 1}
    assert order == ["a", "b"] * 3
    order.clear()
    assert fastest(works, range(3), lambda: now[0], enough=4.5) == {"a": 5, "b": 1}
    assert order == ["a", "b"]


def test_durations_are_in_words() -> None:
    """3,600 of something, or 0.0 days."""
    lengths = (None, 12, 600, 7200, 86400 * 20)
    assert [duration(seconds) for seconds in lengths] == ["?", "12 s", "10 min", "2.0 h", "20 days"]


def test_parameters_are_those_of_the_network() -> None:
    """Numbers of another network than the one that is trained, or a backbone that is not found by its name."""
    config = tiny("full")
    model = build_model(config, 50)
    total, backbone = count_parameters(config, 50)
    assert total == sum(p.numel() for p in model.parameters())
    assert backbone == sum(p.numel() for p in model.image.features.backbone.parameters()) > 0


def test_a_trial_is_of_the_run(splits: dict[str, Split]) -> None:
    """Steps of another size than asked for, or gradients that pile up from step to step."""
    trial = Trial.of(tiny("full"), splits)
    batch = trial.batch(trial.plan.updates - 1, captions=10)
    assert 5 <= batch.n_boxes <= 20
    assert batch.labels is None
    trial.train(batch)
    assert all(p.grad is None for p in trial.model.parameters())
    assert trial.model.training
    trial.decode(batch)
    assert not trial.model.training
    step = trial.optimise()
    for _ in range(2):
        before = {name: p.detach().clone() for name, p in trial.model.named_parameters() if p.requires_grad}
        step()
        assert all(p.grad is None for p in trial.model.parameters())
        assert any(not torch.equal(p, before[name]) for name, p in trial.model.named_parameters() if name in before)


def test_the_plan_of_a_run(splits: dict[str, Split]) -> None:
    """A plan whose counts are not those of the run."""
    config = tiny("full")
    grid = plan_table(config, splits)
    rows = dict(row.texts()[:2] for row in grid.rows)
    assert rows["updates"] == "6 with matching + 4"
    plan = Trial.of(config, splits).plan
    shown = [sum(np.diff(splits["train"].offsets)[plan.items_of(update)]) for update in range(plan.updates)]
    assert abs(float(rows["captions seen"].split()[0].replace(",", "")) - sum(shown)) < 0.1 * sum(shown)
    assert rows["parameters"].startswith(f"{count_parameters(config, Trial.of(config, splits).vocabulary_size)[0]:,} ")
    assert torch.get_num_threads() == 1


def test_peaks_are_found_by_the_names_of_devices() -> None:
    """An L40S taken for an L4, or an A100 for an A10; a share of the peak of a device that nobody knows."""
    assert peak("NVIDIA H100 80GB HBM3", "bf16") == 989e12
    assert peak("NVIDIA H100 PCIe", "tf32") == 378e12
    assert peak("NVIDIA A100-SXM4-80GB", "bf16") == 312e12
    assert peak("NVIDIA L40S", "fp32") == 91.6e12
    assert peak("NVIDIA L4", "fp32") == 30.3e12
    assert peak("NVIDIA A10", "bf16") == 125e12
    for other in ("NVIDIA A10G", "NVIDIA H200 NVL", "NVIDIA GeForce RTX 4090 Laptop GPU", "NVIDIA H100 MIG 1g.10gb"):
        assert peak(other, "bf16") is None
    assert peak("Radeon", "bf16") is None


def test_projections_read_the_precision() -> None:
    """Hours in bf16 promised for a run in fp32."""
    for precision, share in GPU_SHARES.items():
        assert gpu_seconds(1e18, precision) == pytest.approx(1e18 / (share * peak("H100", precision)))
    assert "(tf32)" in assumption("tf32")
