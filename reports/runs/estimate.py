"""What runs will take, before they are begun: from finished runs, else from a few measured steps.

Told apart: `seconds` are measured (a finished run's, or steps of this machine with one thread, times their number);
GPU hours and energy are projected from stated assumptions.
"""

import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from benchmark.dataset.store import Split
from reference_model.config import Config
from reference_model.measure import Trial, Work, count_flops, count_parameters, fastest, gpu_seconds
from reference_model.training.batches import collate

#: Of a busy core, with its share of memory and power supply; an assumption, not measured.
WATTS_PER_CORE = 10.0

#: Of a busy GPU (H100 SXM, data sheet); an assumption, not measured.
WATTS_PER_GPU = 700.0

#: Updates of more captions are measured with this many, and scaled.
_TRIAL_CAPTIONS, _LARGE_BATCH = 16, 100


@dataclass(frozen=True)
class Cost:
    """Of one run.

    Attributes:
        seconds: here, with one thread; None if it could not be measured.
        how: "finished run", "measured steps", or why there is no number.
        gpu_hours: projected for one H100, see `reference_model.measure`; None if it was not counted.
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
    torch.set_num_threads(1)
    trial = Trial.of(config, splits)
    plan, data = trial.plan, trial.data
    # The last update, and where there is Caption Matching, one of it.
    numbers = [plan.updates - 1, *[u for u in range(plan.pretrain_updates) if plan.is_matching(u)][:1]]
    matching = sum(plan.is_matching(u) for u in range(min(plan.pretrain_updates, 1000)))
    share = matching / max(1, min(plan.pretrain_updates, 1000)) * plan.pretrain_updates / plan.updates

    seconds, flops = [], []
    for number in numbers:
        batch = trial.batch(number, _TRIAL_CAPTIONS if config.train.batch > _LARGE_BATCH else config.train.batch)
        step = partial(trial.train, batch)
        flops.append(count_flops(step) / batch.n_boxes)
        seconds.append(_seconds(step) / batch.n_boxes)
    weights = [1 - share, share] if len(numbers) > 1 else [1.0]
    total = plan.captions * sum(w * s for w, s in zip(weights, seconds, strict=True))
    work = plan.captions * sum(w * f for w, f in zip(weights, flops, strict=True))

    boxes = np.arange(data.arrays["box_offsets"][min(10, data.n_images)])
    generating = _seconds(partial(trial.decode, collate(data, boxes, sos=True))) / len(boxes)
    validations = plan.updates / config.train.validate_every
    checked = min(config.train.validate_images, splits["val"].n_images) / splits["val"].n_images * splits["val"].n_boxes
    total += generating * (validations * checked + splits["val"].n_boxes + splits["test"].n_boxes)
    parameters, _ = count_parameters(config, trial.vocabulary_size)
    return Cost(total, "measured steps", gpu_seconds(work) / 3600, parameters)


def _seconds(step: Work) -> float:
    """Seconds of the faster of two rounds; of one, if it takes long."""
    return fastest({"step": step}, range(2), enough=2)["step"]


def wall_time(seconds: Sequence[float], at_once: int) -> float:
    """Of jobs that run side by side, each as soon as a place is free."""
    places = [0.0] * max(1, at_once)
    for job in seconds:
        places.sort()
        places[0] += job
    return max(places)
