"""What runs will take, before they are begun: from finished runs, else from a few measured steps.

Told apart: `seconds` are measured (a finished run's, or steps of this machine with one thread, times their number);
GPU hours and energy are projected from stated assumptions.
"""

import multiprocessing
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from benchmark.dataset.store import Split
from reference_model.config import Config

#: Of a busy core, with its share of memory and power supply; an assumption, not measured.
WATTS_PER_CORE = 10.0

#: Of a busy GPU (H100 SXM, data sheet); an assumption, not measured.
WATTS_PER_GPU = 700.0

#: Updates of more captions are measured with this many, and scaled.
_CAPTIONS, _LARGE = 16, 100


@dataclass(frozen=True)
class Cost:
    """Of one run.

    Attributes:
        seconds: here, with one thread; None if it could not be measured.
        how: "finished run", "measured steps", or why there is no number.
        gpu_hours: projected for one H100, see `reference_model.plan`; None if it was not counted.
        parameters: of the network; None if it was not counted.
    """

    seconds: float | None
    how: str
    gpu_hours: float | None = None
    parameters: int | None = None

    @property
    def disk(self) -> float | None:
        """Bytes of a run's checkpoints: weights, Adam's two moments, and the best weights; as much in memory."""
        return None if self.parameters is None else 16.0 * self.parameters


def measure(configs: Mapping[str, Config], splits: dict[str, Split]) -> Iterator[tuple[str, Cost]]:
    """Cost of each configuration, by a few steps, in a process of its own (so that its memory is given back)."""
    splits = {name: replace(split) for name, split in splits.items()}  # without open files, which cannot travel
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        for name, config in configs.items():
            try:
                yield name, pool.submit(_measure, config, splits).result()
            except Exception as error:
                # A row that cannot be built will say so when it is trained; the plan goes on.
                yield name, Cost(None, f"not measured: {str(error) or type(error).__name__}".splitlines()[0][:80])


def projected_energy(seconds: float, watts: float = WATTS_PER_CORE) -> float:
    """Kilowatt hours of busy seconds of one core, or of what takes so many watts."""
    return seconds * watts / 3.6e6


def _measure(config: Config, splits: dict[str, Split]) -> Cost:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from reference_model.plan import GPU_FLOPS, GPU_SHARE
    from reference_model.run_folder import build_model
    from reference_model.training.batches import UpdatePlan, Updates, collate
    from reference_model.training.inputs import PreparedSplit
    from reference_model.training.vocabulary import Vocabulary

    torch.set_num_threads(1)
    config = replace(config, model=replace(config.model, backbone_weights="none"))
    train = splits["train"]
    vocabulary = Vocabulary.of_split(train, config.inputs.vocabulary)
    data = PreparedSplit(train, config.inputs, vocabulary, keep_images=config.train.cache_images)
    plan = UpdatePlan(config, data.n_images, data.n_boxes, seed=1)
    network: Any = build_model(config, len(vocabulary))

    large = config.train.batch > _LARGE
    piece = replace(
        config, train=replace(config.train, batch=_CAPTIONS if large else config.train.batch, micro_batch=0)
    )
    updates = Updates(replace(plan, config=piece), data)
    # The last update, and where there is Caption Matching, one of it.
    numbers = [plan.updates - 1, *[u for u in range(plan.pretrain_updates) if plan.is_matching(u)][:1]]
    matching = sum(plan.is_matching(u) for u in range(min(plan.pretrain_updates, 1000)))
    share = matching / max(1, min(plan.pretrain_updates, 1000)) * plan.pretrain_updates / plan.updates

    seconds, flops = [], []
    for number in numbers:
        batch = updates[number][0]
        step = partial(_step, network, batch)
        with FlopCounterMode(display=False) as counter:
            step()
        flops.append(counter.get_total_flops() / batch.n_boxes)
        seconds.append(_fastest(step) / batch.n_boxes)
    captions = plan.captions
    weights = [1 - share, share] if len(numbers) > 1 else [1.0]
    total = captions * sum(w * s for w, s in zip(weights, seconds, strict=True))
    work = captions * sum(w * f for w, f in zip(weights, flops, strict=True))

    with torch.inference_mode():
        network.eval()
        boxes = range(int(data.arrays["box_offsets"][min(10, data.n_images)]))
        prompts = collate(data, torch.tensor(boxes).numpy(), sos=True)
        generating = _fastest(lambda: network.generate(prompts, beam=1)) / len(boxes)
    validations = plan.updates / config.train.validate_every
    checked = min(config.train.validate_images, splits["val"].n_images) / splits["val"].n_images * splits["val"].n_boxes
    total += generating * (validations * checked + splits["val"].n_boxes + splits["test"].n_boxes)
    return Cost(
        total,
        "measured steps",
        work / (GPU_FLOPS * GPU_SHARE) / 3600,
        sum(p.numel() for p in network.parameters()),
    )


def _step(network: Any, batch: Any) -> None:
    network(batch).backward()


def _fastest(step: Any) -> float:
    def once() -> float:
        started = time.perf_counter()
        step()
        return time.perf_counter() - started

    first = once()
    return first if first > 2 else min(first, once())


def duration(seconds: float | None) -> str:
    """In words."""
    if seconds is None:
        return "?"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:,.1f} h"


def wall_time(seconds: Sequence[float], at_once: int) -> float:
    """Of jobs that run side by side, each as soon as a place is free."""
    places = [0.0] * max(1, at_once)
    for job in seconds:
        places.sort()
        places[0] += job
    return max(places)
