"""`--dry-run`: what a run will take, from a few measured steps on this machine, and projected to GPUs.

Nothing is stored. What is measured, counted and merely projected is told apart in the table.
"""

import time
from dataclasses import replace

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmark.dataset.store import Split
from benchmark.grid import Grid
from reference_model.batch import Batch
from reference_model.config import Config
from reference_model.run_folder import build_model
from reference_model.training.batches import UpdatePlan, Updates
from reference_model.training.distributed import default_device
from reference_model.training.inputs import PreparedSplit
from reference_model.training.vocabulary import Vocabulary

MEASURED_CAPTIONS, MEASURED_STEPS = 40, 3
#: bf16 dense peak of an H100 SXM (data sheet), and the share of it that such models usually reach; both assumptions.
GPU_FLOPS, GPU_SHARE = 989e12, 0.35


def plan_table(config: Config, splits: dict[str, Split]) -> Grid:
    """The plan of a run: updates, captions, parameters, memory, time.

    Args:
        config: of the run; the backbone's pre-trained weights are not needed.
        splits: `train` at least.
    """
    config = replace(config, model=replace(config.model, backbone_weights="none"))
    train = splits["train"]
    vocabulary = Vocabulary.of_split(train, config.inputs.vocabulary)
    data = PreparedSplit(train, config.inputs, vocabulary, keep_images=config.train.cache_images)
    plan = UpdatePlan(config, data.n_images, data.n_boxes, seed=1)
    model = build_model(config, len(vocabulary)).to(default_device())
    parameters = sum(p.numel() for p in model.parameters())
    backbone = sum(p.numel() for name, p in model.named_parameters() if ".backbone." in name)

    piece = replace(config, train=replace(config.train, batch=MEASURED_CAPTIONS, micro_batch=0))
    batch = Updates(replace(plan, config=piece), data)[plan.updates - 1][0].to(default_device())
    flops = _flops(model, batch) / batch.n_boxes
    activations = _activations(model, batch) / batch.n_boxes
    seconds = _seconds(model, batch) / batch.n_boxes

    captions = plan.captions
    at_once = min(config.train.micro_batch or config.train.batch, config.train.batch)
    grid = Grid(f"plan of {config.name}, {config.profile} profile, on {train.dataset}", ["", "value", "how known"])
    grid.rows = [
        ["updates", f"{plan.pretrain_updates:,} with matching + {plan.updates - plan.pretrain_updates:,}", "set"],
        ["captions per update", f"{captions / plan.updates:.0f}", "counted"],
        ["captions seen", f"{captions:,.0f} ({captions / data.n_boxes:.1f} epochs)", "counted"],
        ["parameters", f"{parameters:,} (backbone {backbone:,})", "counted"],
        ["weights, gradients, Adam", f"{16 * parameters / 2**30:.2f} GiB", "counted"],
        [f"activations, {at_once} captions", f"{activations * at_once / 2**30:.2f} GiB", "measured, scaled"],
        ["arithmetic per caption", f"{flops / 1e9:.2f} GFLOP forward and backward", "counted"],
        ["time per caption here", f"{seconds * 1e3:.2f} ms, {torch.get_num_threads()} threads", "measured"],
        ["whole run here", _duration(seconds * captions), "projected"],
        [
            "whole run, one H100",
            _duration(flops * captions / (GPU_FLOPS * GPU_SHARE)),
            f"projected: {GPU_SHARE:.0%} of {GPU_FLOPS / 1e12:.0f} TFLOP/s",
        ],
    ]
    return grid


def _flops(model: nn.Module, batch: Batch) -> float:
    with FlopCounterMode(display=False) as counter:
        model(batch).backward()
    model.zero_grad()
    return float(counter.get_total_flops())


def _activations(model: nn.Module, batch: Batch) -> float:
    """Bytes kept for the backward pass with PyTorch's kernels, each storage once; parameters do not count."""
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = model(batch)
    loss.backward()
    model.zero_grad()
    return float(sum(kept.values()))


def _seconds(model: nn.Module, batch: Batch) -> float:
    """Of the fastest of a few steps, without the optimiser's share, which is small."""

    def step() -> float:
        started = time.perf_counter()
        model(batch).backward()
        if batch.info.is_cuda:
            torch.cuda.synchronize()
        return time.perf_counter() - started

    return min(step() for _ in range(MEASURED_STEPS))


def _duration(seconds: float) -> str:
    if seconds < 5400:
        return f"{seconds / 60:.1f} minutes"
    return f"{seconds / 3600:.1f} hours" if seconds < 200 * 3600 else f"{seconds / 86400:,.0f} days"
