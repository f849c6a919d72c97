"""`--dry-run`: what a run will take, from a few measured steps on this machine, and projected to GPUs.

Nothing is stored. What is measured, counted and merely projected is told apart in the table.
"""

from functools import partial

import torch
from torch import nn

from benchmark.dataset.store import Split
from benchmark.grid import Cell, Grid, duration, number
from reference_model.batch import Batch
from reference_model.config import Config, TrainConfig
from reference_model.measure import (
    Trial,
    assumption,
    count_flops,
    count_parameters,
    fastest,
    gpu_seconds,
)
from reference_model.precision import autocast
from reference_model.training.distributed import default_device

MEASURED_CAPTIONS, MEASURED_STEPS = 40, 3


def plan_table(config: Config, splits: dict[str, Split]) -> Grid:
    """The plan of a run: updates, captions, parameters, memory, time.

    Args:
        config: configuration of the run; the backbone's pre-trained weights are not needed.
        splits: the data set, with `train` at least.
    """
    trial = Trial.of(config, splits)
    plan, model = trial.plan, trial.model.to(default_device())
    parameters, backbone = count_parameters(config, trial.vocabulary_size)
    batch = trial.batch(plan.updates - 1, MEASURED_CAPTIONS).to(default_device())
    step = partial(trial.train, batch)
    flops = count_flops(step) / batch.n_boxes
    activations = _activations(model, batch, config.train) / batch.n_boxes
    seconds = fastest({"step": step}, range(MEASURED_STEPS))["step"] / batch.n_boxes
    optimising = fastest({"step": trial.optimise()}, range(MEASURED_STEPS))["step"]

    before, steps = trial.before()
    before_flops = steps * count_flops(before) if steps else 0.0
    before_seconds = steps * fastest({"step": before}, range(MEASURED_STEPS))["step"] if steps else 0.0
    precision = config.train.precision
    at_once = min(config.train.micro_batch or config.train.batch, config.train.batch)
    grid = Grid(
        f"plan of {config.name}, {config.profile} profile, on {splits['train'].dataset}", ["", "value", "how known"]
    )
    gibibytes = "{:.2f} GiB"
    grid.add("updates", f"{plan.pretrain_updates:,} with matching + {plan.updates - plan.pretrain_updates:,}", "set")
    grid.add("captions per update", number(plan.captions / plan.updates, 0), "counted")
    grid.add("captions seen", Cell(plan.captions, f"{{:,.0f}} ({plan.captions / plan.n_boxes:.1f} epochs)"), "counted")
    grid.add("parameters", Cell(parameters, f"{{:,}} (backbone {backbone:,})"), "counted")
    grid.add("weights, gradients, Adam", Cell(16 * parameters / 2**30, gibibytes), "counted")
    grid.add(f"activations, {at_once} captions", Cell(activations * at_once / 2**30, gibibytes), "measured, scaled")
    grid.add("arithmetic per caption", Cell(flops / 1e9, "{:.2f} GFLOP forward and backward"), "counted")
    threads = torch.get_num_threads()
    grid.add("time per caption here", Cell(seconds * 1e3, f"{{:.2f}} ms, {threads} threads, {precision}"), "measured")
    grid.add("optimiser, per update here", Cell(optimising * 1e3, "{:.1f} ms"), "measured")
    if steps:
        at_most = f"at most {duration(before_seconds)}, {steps:,} steps"
        grid.add("before the first update, here", at_most, "measured, scaled")
        on_gpu = gpu_seconds(before_flops, "fp32")
        grid.add("the same, one H100", f"at most {duration(on_gpu)}", assumption("fp32"))
    grid.add(
        "whole run here", duration(seconds * plan.captions + optimising * plan.updates + before_seconds), "projected"
    )
    on_gpu = gpu_seconds(flops * plan.captions, precision) + gpu_seconds(before_flops, "fp32")
    grid.add("whole run, one H100", duration(on_gpu), assumption(precision))
    return grid


def _activations(model: nn.Module, batch: Batch, train: TrainConfig) -> float:
    """Bytes kept for the backward pass with PyTorch's kernels, each storage once; parameters do not count."""
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor), autocast(batch.info.device, train):
        loss = model(batch)
    loss.backward()
    model.zero_grad()
    return float(sum(kept.values()))
