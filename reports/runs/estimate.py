"""Estimates the cost of runs before training: from finished runs, else from a few measured steps.

`seconds` are measured: those of a finished run, or of single steps on this machine with one thread, times their number.
GPU hours and energy are projected from stated assumptions.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from benchmark.dataset.store import Split
from benchmark.processes import Workers
from reference_model.config import Config

#: Power of a busy core, with its share of memory and power supply; an assumption, not measured.
WATTS_PER_CORE = 10.0

#: Power of a busy GPU (H100 SXM, data sheet); an assumption, not measured.
WATTS_PER_GPU = 700.0

#: Updates of more than `_LARGE_BATCH` captions are measured with `_TRIAL_CAPTIONS` and scaled.
_TRIAL_CAPTIONS, _LARGE_BATCH = 16, 100


@dataclass(frozen=True)
class Cost:
    """Estimated cost of one run.

    Attributes:
        seconds: training time on this machine with one thread; None if it could not be measured.
        how: source of the estimate: "finished run", "measured steps", or why there is none.
        gpu_hours: hours on one H100, projected (see `reference_model.measure`); None if not counted.
        parameters: number of the network's parameters; None if not counted.
    """

    seconds: float | None
    how: str
    gpu_hours: float | None = None
    parameters: int | None = None

    @property
    def disk(self) -> float | None:
        """Bytes of a run's checkpoints (weights, Adam's two moments, best weights); the run needs as much memory."""
        return None if self.parameters is None else 16.0 * self.parameters


def measure(configs: Mapping[str, Config], splits: dict[str, Split], jobs: int = 1) -> Iterator[tuple[str, Cost]]:
    """Measure the cost of each configuration by a few steps, in child processes so that their memory is released.

    Args:
        configs: configurations by any name.
        splits: the data set.
        jobs: number of processes; as many as will train at once, so that they are as slow as the runs will be.

    Yields:
        Name and cost, in the order of `configs`.
    """
    splits = {
        name: replace(split) for name, split in splits.items()
    }  # without open files, which cannot be sent to a process
    with Workers(jobs) as pool:
        waiting = {name: pool.submit(_measure, config, splits) for name, config in configs.items()}
        for name, future in waiting.items():
            try:
                yield name, future.result()
            except Exception as error:
                # A model that cannot be built fails when it is trained; the plan shows the others.
                yield name, Cost(None, f"not measured: {str(error) or type(error).__name__}".splitlines()[0][:80])


def projected_energy(seconds: float, watts: float = WATTS_PER_CORE) -> float:
    """Energy in kilowatt hours of so many seconds at a power of `watts`, by default one busy core."""
    return seconds * watts / 3.6e6


def _measure(config: Config, splits: dict[str, Split]) -> Cost:
    import numpy as np
    import torch  # takes seconds to import, and a plan in which nothing is unknown needs none

    from reference_model.measure import Trial, count_flops, count_parameters, fastest, gpu_seconds
    from reference_model.training.batches import collate

    torch.set_num_threads(1)

    def time_of(step: Callable[[], object]) -> float:
        """Seconds of the faster of two rounds, or of the only one if it takes long."""
        return fastest({"step": step}, range(2), enough=2)["step"]

    trial = Trial.of(config, splits)
    plan, data = trial.plan, trial.data
    # Measured are the last update and, if the run has Caption Matching, one update with it.
    numbers = [plan.updates - 1, *[u for u in range(plan.pretrain_updates) if plan.is_matching(u)][:1]]
    matching = sum(plan.is_matching(u) for u in range(min(plan.pretrain_updates, 1000)))
    share = matching / max(1, min(plan.pretrain_updates, 1000)) * plan.pretrain_updates / plan.updates

    seconds, flops = [], []
    for number in numbers:
        batch = trial.batch(number, _TRIAL_CAPTIONS if config.train.batch > _LARGE_BATCH else config.train.batch)
        step = partial(trial.train, batch)
        flops.append(count_flops(step) / batch.n_boxes)
        seconds.append(time_of(step) / batch.n_boxes)
    weights = [1 - share, share] if len(numbers) > 1 else [1.0]
    total = plan.captions * sum(w * s for w, s in zip(weights, seconds, strict=True))
    total += plan.updates * time_of(trial.optimise())
    work = plan.captions * sum(w * f for w, f in zip(weights, flops, strict=True))

    boxes = np.arange(data.arrays["box_offsets"][min(10, data.n_images)])
    generating = time_of(partial(trial.decode, trial.as_given(collate(data, boxes, sos=True)))) / len(boxes)
    validations = plan.updates / config.train.validate_every
    checked = min(config.train.validate_images, splits["val"].n_images) / splits["val"].n_images * splits["val"].n_boxes
    total += generating * (validations * checked + splits["val"].n_boxes + splits["test"].n_boxes)
    before, steps = trial.before()  # such as RSTNet's language model, which the rows of a seed share
    gpu_time = gpu_seconds(work, config.train.precision)
    if steps:
        total += steps * time_of(before)
        gpu_time += gpu_seconds(steps * count_flops(before), "fp32")
    parameters, _ = count_parameters(config, trial.vocabulary_size)
    return Cost(total, "measured steps", gpu_time / 3600, parameters)


def wall_time(seconds: Sequence[float], at_once: int) -> float:
    """Seconds until all jobs are done, if `at_once` run at a time, the longest first, each as soon as a place is free.

    Args:
        seconds: seconds of each job.
        at_once: number of jobs that run at a time.
    """
    places = [0.0] * max(1, at_once)
    for job in sorted(seconds, reverse=True):
        places.sort()
        places[0] += job
    return max(places)
