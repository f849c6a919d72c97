"""`python -m reference_model.scale`: what a run takes on 8, 64 and 256 GPUs, on paper.

Invariants:
* nothing is timed: arithmetic and sizes are counted from the network and the data set, everything else is projected
  from `Assumptions`, each of which is told, and can be another by an option;
* a number is told with how it is known.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import typer

from benchmark import cli
from benchmark.dataset import open_dataset
from benchmark.dataset.store import Split
from benchmark.errors import InputError
from benchmark.grid import Cell, Content, Grid, count, duration
from benchmark.paper import CAPTIONS_PER_IMAGE, TRAINING_IMAGES
from reference_model.config import Config
from reference_model.registry import PROFILE_HELP, configured

#: Images of the update whose arithmetic is counted.
COUNTED_IMAGES = 4
#: Largest value of an option: beyond any machine, and no infinity.
_MOST = 1e18


@dataclass(frozen=True)
class Assumptions:
    """What the plan believes of machines and pictures without having measured it.

    Attributes:
        gpus_per_node: GPUs of a machine.
        within: bytes a second that an all-reduce moves for each GPU of one machine (NVLink of H100: 450 GB/s a way).
        between: the same between machines (400 Gbit/s for each GPU, at 80 %).
        disk: bytes a second at which a checkpoint is written to a shared file system.
        picture: bytes of a picture (PNG, short side 256 pixels, like photographs).
        loads: pictures a second that one process reads, decodes, masks and resizes (`reference_model.speed` measured
            356 of the slowest kind, a core each).
        launches: seconds that the CPU takes to start the kernels of one update, which no GPU is faster than.
    """

    gpus_per_node: int = 8
    within: float = 300e9
    between: float = 40e9
    disk: float = 1e9
    picture: float = 120e3
    loads: float = 356.0
    launches: float = 0.03


@dataclass(frozen=True)
class Costs:
    """What one update costs, counted.

    Attributes:
        flops: floating-point operations of one caption, forward and backward.
        parameters: number of the network's parameters.
        seconds: seconds of one caption on one GPU, projected from `flops`.
    """

    flops: float
    parameters: int
    seconds: float


@dataclass(frozen=True)
class Point:
    """A run on a number of GPUs with a number of captions per update; seconds are those of one update."""

    gpus: int
    images: int  # per update
    captions: float  # per update
    updates: float
    costs: Costs
    assumed: Assumptions

    @property
    def images_per_gpu(self) -> int:
        """Images of the GPU that has the most of them: an image is not divided, and the others wait."""
        return math.ceil(self.images / self.gpus)

    @property
    def arithmetic(self) -> float:
        """Seconds of the GPU with the most images."""
        return self.images_per_gpu * self.captions / self.images * self.costs.seconds

    @property
    def traffic(self) -> float:
        """Bytes that each GPU sends in the all-reduce of the fp32 gradients (ring)."""
        return 2 * (self.gpus - 1) / self.gpus * 4 * self.costs.parameters

    @property
    def reduction(self) -> float:
        """Seconds of the all-reduce."""
        one_node = self.gpus <= self.assumed.gpus_per_node
        return self.traffic / (self.assumed.within if one_node else self.assumed.between)

    @property
    def update(self) -> float:
        """Seconds of an update whose all-reduce is hidden behind the backward pass as far as that lasts."""
        return max(self.arithmetic, self.reduction, self.assumed.launches)

    @property
    def bound(self) -> str:
        """What an update waits for."""
        names = {self.arithmetic: "arithmetic", self.reduction: "network", self.assumed.launches: "kernel launches"}
        return names[self.update]

    @property
    def efficiency(self) -> float:
        """Share of the time in which GPUs compute, if arithmetic alone took the measured share of their peak."""
        return self.captions * self.costs.seconds / self.gpus / self.update

    @property
    def loading(self) -> float:
        """Images a second, over all GPUs."""
        return self.images / self.update

    @property
    def checkpoint(self) -> float:
        """Bytes of one state of a run: weights and Adam's two moments, fp32."""
        return 12.0 * self.costs.parameters


def main(
    variant: Annotated[str, typer.Argument(help="Variant to plan.")] = "full",
    overrides: Annotated[list[str] | None, typer.Argument(help="Settings, such as `train.batch=3200`.")] = None,
    profile: Annotated[str, typer.Option(help=PROFILE_HELP)] = "paper",
    data: cli.Data = None,
    gpus: Annotated[list[int] | None, typer.Option(help="Number of GPUs; repeat it. [default: 8, 64, 256]")] = None,
    captions_per_gpu: Annotated[
        list[int] | None,
        typer.Option(help="Captions per GPU and update of further plans; repeat it. [default: 48, 400]"),
    ] = None,
    picture_bytes: Annotated[float, typer.Option(help="Bytes of a picture.", min=1, max=_MOST)] = Assumptions.picture,
    loads: Annotated[
        float, typer.Option(help="Pictures a second of one loading process.", min=1, max=_MOST)
    ] = Assumptions.loads,
    network: Annotated[
        float, typer.Option(help="Bytes a second for each GPU between machines.", min=1, max=_MOST)
    ] = Assumptions.between,
    disk: Annotated[
        float, typer.Option(help="Bytes a second of writing a checkpoint.", min=1, max=_MOST)
    ] = Assumptions.disk,
) -> None:
    """Plan a run at the size of CapOnImage2M: time, traffic, loading, checkpoints; what breaks down, and where.

    Characters and lengths of texts are those of `--data`; numbers of images and captions those of the paper.

    Examples::

        python -m reference_model.scale
        python -m reference_model.scale full train.batch=3200 --gpus 64 --network 25e9
    """
    wanted, shares = gpus or [8, 64, 256], captions_per_gpu or [48, 400]
    for option, values in (("--gpus", wanted), ("--captions-per-gpu", shares)):
        if min(values) < 1:
            raise InputError(f"{option}: got {min(values)}, expected numbers from 1 on")
    config = configured(variant, profile, "paper", overrides)
    assumed = replace(Assumptions(), picture=picture_bytes, loads=loads, between=network, disk=disk)
    costs = count_costs(config, open_dataset(data))
    same = config.train.batch
    plans = {f"{same:,} captions per update": dict.fromkeys(wanted, same)}
    for share in shares:
        plans[f"{share} captions per GPU and update, as many in all"] = {n: share * n for n in wanted}
    for title, captions in plans.items():
        plan_table(f"{config.name}, {title}", config, captions, costs, assumed).show(cli.stdout)


def count_costs(config: Config, splits: Mapping[str, Split]) -> Costs:
    """Count what a caption costs: its arithmetic in a real update with blank pictures, and the network's size."""
    import numpy as np
    import torch

    from reference_model.measure import count_flops, count_parameters, gpu_seconds, without_weights
    from reference_model.run_folder import build_model
    from reference_model.training.batches import collate
    from reference_model.training.inputs import PreparedSplit
    from reference_model.training.vocabulary import Vocabulary

    vocabulary = Vocabulary.of_split(splits["train"], config.inputs.vocabulary)
    data = PreparedSplit(splits.get("val", splits["train"]), replace(config.inputs, image=False), vocabulary)
    batch = collate(data, np.arange(data.arrays["box_offsets"][min(COUNTED_IMAGES, data.n_images)]))
    if config.inputs.image:
        side = config.inputs.pixels
        batch = replace(batch, images=torch.zeros(len(batch.info), 3, side, side, dtype=torch.uint8))
    model = build_model(without_weights(config), len(vocabulary)).train()
    flops = count_flops(lambda: torch.autograd.backward(model(batch))) / batch.n_boxes
    return Costs(flops, count_parameters(config, len(vocabulary))[0], gpu_seconds(flops, config.train.precision))


def points(config: Config, captions: Mapping[int, int], costs: Costs, assumed: Assumptions) -> list[Point]:
    """The runs of a plan.

    Args:
        config: the configuration, whose updates and captions decide how many captions a run sees in all.
        captions: for each number of GPUs, the captions of an update.
        costs: what an update costs.
        assumed: what is assumed.
    """
    train = config.train
    seen = (train.pretrain_updates + train.finetune_updates) * train.batch
    found = []
    for gpus, batch in captions.items():
        images = max(1, round(batch / CAPTIONS_PER_IMAGE))
        found.append(Point(gpus, images, float(batch), seen / batch, costs, assumed))
    return found


def plan_table(title: str, config: Config, captions: Mapping[int, int], costs: Costs, assumed: Assumptions) -> Grid:
    """The plan as a table with a column for each number of GPUs; see `points`."""
    runs = points(config, captions, costs, assumed)
    grid = Grid(title, ["", *(f"{run.gpus} GPUs" for run in runs), "how known"])

    def add(name: str, values: Sequence[Content], how: str) -> None:
        possible = [value if run.gpus <= run.images else "-" for value, run in zip(values, runs, strict=True)]
        grid.add(name, *possible, how)

    def cells(values: Sequence[float], form: str) -> list[Content]:
        return [Cell(value, form) for value in values]

    from reference_model.measure import assumption

    grid.add("captions per update", *(count(round(run.captions)) for run in runs), "set")
    grid.add("images per update", *(count(run.images) for run in runs), f"counted: {CAPTIONS_PER_IMAGE} captions each")
    possible = [run.gpus <= run.images for run in runs]
    grid.add("trains at all", *("yes" if each else "no: a GPU without an image" for each in possible), "counted")
    add("most images on one GPU, the others wait", [count(run.images_per_gpu) for run in runs], "counted")
    add("updates", [count(round(run.updates)) for run in runs], "counted")
    arithmetic = cells([1e3 * run.arithmetic for run in runs], "{:,.1f}")
    add("arithmetic of an update, ms", arithmetic, assumption(config.train.precision))
    add("gradients sent by a GPU, MB", cells([run.traffic / 1e6 for run in runs], "{:,.0f}"), "counted, fp32 ring")
    add(
        "the same, ms",
        cells([1e3 * run.reduction for run in runs], "{:,.1f}"),
        f"assumed: {assumed.within / 1e9:.0f} GB/s in a machine of {assumed.gpus_per_node}, "
        f"{assumed.between / 1e9:.0f} between",
    )
    add("an update waits for", [run.bound for run in runs], f"assumed: launches {1e3 * assumed.launches:.0f} ms")
    add("efficiency", cells([100 * run.efficiency for run in runs], "{:.0f} %"), "projected")
    add("whole run", [duration(run.updates * run.update) for run in runs], "projected")
    add("images read a second", cells([run.loading for run in runs], "{:,.0f}"), "projected")
    add(
        "bytes read a second, MB",
        cells([run.loading * assumed.picture / 1e6 for run in runs], "{:,.0f}"),
        f"assumed: {assumed.picture / 1e3:.0f} kB a picture",
    )
    add(
        "loading processes per GPU",
        [count(math.ceil(run.loading / run.gpus / assumed.loads)) for run in runs],
        f"{assumed.loads:.0f} pictures/s each",
    )
    add("a checkpoint, GB", cells([run.checkpoint / 1e9 for run in runs], "{:.2f}"), "counted")
    every = config.train.save_every
    add(
        f"time for one every {every:,} updates",
        cells([100 * run.checkpoint / assumed.disk / (every * run.update) for run in runs], "{:.1f} %"),
        f"assumed: {assumed.disk / 1e9:.1f} GB/s",
    )
    grid.notes = [
        f"counted: {costs.flops / 1e9:.1f} GFLOP a caption, {costs.parameters:,} parameters; "
        f"{TRAINING_IMAGES:,} images",
        "other numbers of captions per update are other trainings: rates and results at them were never tried",
    ]
    return grid


if __name__ == "__main__":
    cli.run(main)
