"""What networks cost: parameters, arithmetic and seconds, and what these would be on a GPU.

Parameters and floating-point operations are counted, seconds are measured on this machine, and GPU times are projected
from stated assumptions.
"""

import math
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pkgutil import resolve_name
from typing import Any, TypeVar

import torch
from torch import nn

from benchmark.dataset.store import Split
from reference_model.batch import Batch
from reference_model.config import Config
from reference_model.embeddings import GridFeatures
from reference_model.precision import autocast
from reference_model.registry import network
from reference_model.run_folder import build_model
from reference_model.training.batches import UpdatePlan, Updates
from reference_model.training.inputs import PreparedSplit
from reference_model.training.optimiser import Optimiser
from reference_model.training.vocabulary import Vocabulary

#: Dense peaks of GPUs in TFLOP/s by precision, from the makers' data sheets, for every device whose name holds the key;
#: the longest key counts. fp32 is without tensor cores.
PEAKS: dict[str, dict[str, float]] = {
    "H200": {"bf16": 989, "tf32": 494, "fp32": 67},
    "H100": {"bf16": 989, "tf32": 494, "fp32": 67},
    "H100 PCIe": {"bf16": 756, "tf32": 378, "fp32": 51},
    "H100 NVL": {"bf16": 835, "tf32": 417, "fp32": 60},
    "A100": {"bf16": 312, "tf32": 156, "fp32": 19.5},
    "L40S": {"bf16": 362, "tf32": 183, "fp32": 91.6},
    "L4": {"bf16": 121, "tf32": 60, "fp32": 30.3},
    "A10": {"bf16": 125, "tf32": 62.5, "fp32": 31.2},
    "RTX 4090": {"bf16": 165, "tf32": 82.6, "fp32": 82.6},
}
#: For each precision, the share of its peak that one NVIDIA H100 80GB HBM3 reached in training `full` at the paper's
#: size, 408 captions an update, not compiled: measured by `gpu_check` with PyTorch 2.11. Every projection assumes it,
#: whatever the network and the size of its updates.
GPU_SHARES = {"bf16": 0.176, "tf32": 0.226, "fp32": 0.542}

Clock = Callable[[], float]
Work = Callable[[], object]
Key = TypeVar("Key")


@dataclass(frozen=True)
class Trial:
    """A freshly initialised network, and data to try it on.

    Attributes:
        config: the configuration of the network, without pre-trained weights of the backbone.
        data: the split to try it on.
        plan: the updates of a run on this split.
        vocabulary_size: number of entries of the vocabulary.
        model: the network.
    """

    config: Config
    data: PreparedSplit
    plan: UpdatePlan
    vocabulary_size: int
    model: Any

    @classmethod
    def of(cls, config: Config, splits: Mapping[str, Split], name: str = "train") -> "Trial":
        """A configuration on a split of a data set, with the vocabulary of `train`."""
        config = without_weights(config)
        vocabulary = Vocabulary.of_split(splits["train"], config.inputs.vocabulary)
        data = PreparedSplit(splits[name], config.inputs, vocabulary, keep_images=config.keeps_pictures)
        plan = UpdatePlan(config, data.n_images, data.n_boxes, seed=1)
        return cls(config, data, plan, len(vocabulary), build_model(config, len(vocabulary)))

    def batch(self, update: int, captions: int) -> Batch:
        """An update, cut down to about so many captions, in one piece."""
        small = replace(self.config, train=replace(self.config.train, batch=captions, micro_batch=0))
        return self.as_given(Updates(replace(self.plan, config=small), self.data)[update][0])

    def as_given(self, batch: Batch) -> Batch:
        """The batch as runs get it: with the features of a frozen backbone, which they compute once for all updates."""
        networks = [module for module in self.model.modules() if isinstance(module, GridFeatures)]
        if not (self.config.keeps_features and networks):
            return batch
        [network] = networks
        with torch.no_grad():
            return replace(batch, images=None, features=network.of(batch.to(next(network.parameters()).device)))

    def train(self, batch: Batch) -> None:
        """One forward and backward pass in the run's precision, without the optimiser's step."""
        self.model.train()
        with autocast(batch.info.device, self.config.train):
            loss = self.model(batch)
        loss.backward()
        self.model.zero_grad()
        if batch.info.is_cuda:
            torch.cuda.synchronize()

    def optimise(self) -> Work:
        """A step of the run's optimiser, which takes equally long whatever the batch; the gradients are made up."""
        optimiser = Optimiser(self.model, self.config.train, fine=False)
        gradients = {p: p.detach().clone() for p in self.model.parameters() if p.requires_grad}

        def step() -> None:
            for parameter, gradient in gradients.items():
                parameter.grad = gradient
            optimiser.step()
            if any(p.is_cuda for p in gradients):
                torch.cuda.synchronize()

        return step

    def before(self) -> tuple[Work, int]:
        """One step of what the network does before its first update, and how many such steps there are at most."""
        trial = network(self.config.system).trial
        if not trial:
            return (lambda: None), 0
        step, steps = resolve_name(trial)(self.config, self.data, self.vocabulary_size)
        return step, steps

    def decode(self, batch: Batch) -> None:
        """Greedy captions of a batch; from fresh weights hardly any ends before the length limit."""
        self.model.eval().generate(batch, beam=1)


def without_weights(config: Config) -> Config:
    """A configuration that needs no pre-trained weights of the backbone, for counting and timing."""
    return replace(config, model=replace(config.model, backbone_weights="none"))


def count_parameters(config: Config, vocabulary_size: int) -> tuple[int, int]:
    """Number of parameters of the whole network, and of its backbone among them; no memory is allocated for them."""
    with torch.device("meta"):
        model: nn.Module = build_model(without_weights(config), vocabulary_size)
    counts = {name: parameter.numel() for name, parameter in model.named_parameters()}
    return sum(counts.values()), sum(count for name, count in counts.items() if ".backbone." in name)


def count_flops(work: Work) -> float:
    """Number of floating-point operations in the matrix products and convolutions of some work."""
    from torch.utils.flop_counter import FlopCounterMode  # takes a quarter of a second to import

    with FlopCounterMode(display=False) as counter:
        work()
    return float(counter.get_total_flops())


def fastest(
    works: Mapping[Key, Work], rounds: Iterable[object], clock: Clock = time.perf_counter, enough: float = math.inf
) -> dict[Key, float]:
    """Seconds of the fastest round of each work.

    The works take turns, so that a machine busy with other things is busy for all alike.

    Args:
        works: what to time, by any key.
        rounds: one element for each round, such as `range(3)`.
        clock: the time in seconds.
        enough: no further round once one has taken so many seconds.
    """
    best = dict.fromkeys(works, math.inf)
    for _ in rounds:
        longest = 0.0
        for key, work in works.items():
            started = clock()
            work()
            seconds = clock() - started
            best[key], longest = min(best[key], seconds), max(longest, seconds)
        if longest > enough:
            break
    return best


def peak(device: str, precision: str) -> float | None:
    """Peak of a GPU in FLOP/s, dense; None if the device is not in `PEAKS`.

    Args:
        device: its name, as `torch.cuda.get_device_name` gives it.
        precision: see `TrainConfig.precision`.
    """
    # "L40S" holds "L4", and "A10G", a slower card, holds "A10"; part of a card, or one for laptops, is another device.
    keys = [key for key in PEAKS if re.search(rf"\b{key}\b", device)]
    key = max(keys, key=len, default="")
    other = re.search(r"\b(MIG|NVL|PCIe|Laptop)\b", device.replace(key, ""))
    return 1e12 * PEAKS[key][precision] if key and not other else None


def assumption(precision: str = "bf16") -> str:
    """What `gpu_seconds` assumes, in words."""
    return f"projected: {GPU_SHARES[precision]:.1%} of {PEAKS['H100'][precision]:.0f} TFLOP/s ({precision})"


def gpu_seconds(flops: float, precision: str = "bf16") -> float:
    """Projected seconds of some arithmetic on one H100."""
    return flops / (1e12 * PEAKS["H100"][precision] * GPU_SHARES[precision])
