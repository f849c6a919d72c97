"""`python -m reference_model.speed`: times this implementation against the naive form, in one run on one machine.

Invariants:
* what is compared is timed in turn, so a busy machine is busy for all; the fastest round counts;
* weights and inputs are random: speed does not depend on them, except that no caption ends early (for neither form).
"""

import io
import math
import os
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated

import numpy as np
import torch
import typer
from PIL import Image
from torch import Tensor

from benchmark import cli
from benchmark.dataset import open_split
from benchmark.errors import InputError
from benchmark.grid import Cell, Grid, number
from reference_model.batch import EOS, PAD, SOS, SPECIALS, Batch
from reference_model.config import Config, override
from reference_model.measure import Clock, Work, assumption, count_flops, fastest, gpu_seconds
from reference_model.model import ReferenceModel
from reference_model.naive import NaiveDecoder, naive_loss, one_box_of_each, per_caption
from reference_model.registry import named
from reference_model.training.batches import generation_batches
from reference_model.training.decoding import greedy
from reference_model.training.inputs import PreparedSplit, prepare_picture
from reference_model.training.vocabulary import Vocabulary

#: For each profile, the number of entries of the vocabulary: the paper's, and the embedded data set's.
VOCABULARY = {"paper": 6263, "mini": 1367}
IMAGES, BOXES, INFO = 8, 5, 35
#: Numbers of characters of the captions, used over and over: 5 on average, 2 to 8.
LENGTHS = (8, 2, 5, 3, 7, 4, 6)
BOXES_PER_IMAGE, GPUS = 4.8, 8


def main(
    size: Annotated[str, typer.Option(help="Sizes of the network: paper, mini, or both.")] = "both",
    threads: Annotated[int, typer.Option(help="Number of CPU threads.", min=1)] = 2,
    repeats: Annotated[int, typer.Option(help="Rounds after the first; the fastest of all counts.", min=1)] = 2,
    clock: Annotated[
        str, typer.Option(help="wall, or cpu: seconds of this process, for one thread on a busy machine.")
    ] = "wall",
    data_loading: Annotated[
        int, typer.Option(help="Also time the loading of this many pictures (0: skip).", min=0, max=1000)
    ] = 0,
) -> None:
    """Compare the naive form with ours, and both with the machine's peak; minutes at paper size, seconds at mini size.

    Examples::

        python -m reference_model.speed --size mini
        # on a machine that is busy with other work
        python -m reference_model.speed --threads 1 --clock cpu
        OMP_WAIT_POLICY=PASSIVE python -m reference_model.speed --threads 2
        python -m reference_model.speed --size paper --data-loading 500
    """
    if size not in (*VOCABULARY, "both"):
        raise InputError(f"--size: got {size!r}, expected paper, mini or both")
    if clock not in ("wall", "cpu"):
        raise InputError(f"--clock: got {clock!r}, expected wall or cpu")
    torch.set_num_threads(threads)
    watch: Clock = time.perf_counter if clock == "wall" else lambda: time.process_time() / threads
    load = f"load of the machine {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    peak = matrix_peak(watch)
    for profile in VOCABULARY if size == "both" else (size,):
        config = override(named("context", profile), ["model.backbone_weights=none"])
        for grid in comparison(config, VOCABULARY[profile], repeats, watch, peak):
            grid.notes.append(f"{threads} threads of {os.cpu_count()} cores, {clock} time; {load}")
            grid.show(cli.stdout)
    if data_loading:
        loading(data_loading, watch).show(cli.stdout)


def random_batch(config: Config, vocabulary_size: int, *, images: int = IMAGES, boxes: int = BOXES) -> Batch:
    """A batch of `images` images with `boxes` boxes each, and everything else at random."""
    random = torch.Generator().manual_seed(1)
    n, inputs = images * boxes, config.inputs

    def characters(rows: int, length: int) -> Tensor:
        return torch.randint(len(SPECIALS), vocabulary_size, (rows, length), generator=random)

    lengths = torch.tensor(LENGTHS).repeat(math.ceil(n / len(LENGTHS)))[:n, None]
    captions = torch.cat([torch.full((n, 1), SOS), characters(n, max(LENGTHS) + 1)], dim=1)
    place = torch.arange(captions.shape[1])
    captions = captions.where(place <= lengths, PAD).where(place != lengths + 1, EOS)
    pixels = (images, 3, inputs.pixels, inputs.pixels)
    return Batch(
        images=torch.randint(0, 256, pixels, dtype=torch.uint8, generator=random) if inputs.image else None,
        info=characters(images, INFO),
        image_of_box=torch.arange(images).repeat_interleave(boxes),
        boxes=torch.rand(n, 4, generator=random),
        cells=torch.randint(0, inputs.grid, (n, 1 + inputs.n_neighbours, 4), generator=random),
        captions=captions,
        normaliser=float(lengths.sum() + n),
    )


def matrix_peak(clock: Clock) -> float:
    """Floating-point operations per second in a large fp32 matrix product."""
    side = 2048
    a, b = torch.randn(side, side), torch.randn(side, side)
    return 2 * side**3 / fastest({"product": lambda: a @ b}, range(6), clock)["product"]


@dataclass(frozen=True)
class Works:
    """A network and some images in both forms, with the work that is timed and counted.

    Attributes:
        model: the network.
        ours: the images with their boxes.
        naive: the same in the naive form.
        trained_on: `ours`, or with the features of a frozen backbone, which a run computes once for all its updates.
    """

    model: ReferenceModel
    ours: Batch
    naive: Batch
    trained_on: Batch

    @classmethod
    def of(cls, config: Config, vocabulary_size: int, images: int = IMAGES) -> "Works":
        """A network with random weights, and random inputs."""
        torch.manual_seed(1)
        ours, model = random_batch(config, vocabulary_size, images=images), ReferenceModel(config, vocabulary_size)
        trained_on = ours
        if config.keeps_features and model.image is not None:
            with torch.no_grad():
                trained_on = replace(ours, images=None, features=model.image.features.of(ours))
        return cls(model, ours, per_caption(ours, config.inputs), trained_on)

    def train(self) -> None:
        """Run our forward and backward pass."""
        self.model.train().zero_grad()
        torch.autograd.backward(self.model.loss(self.trained_on))

    def train_naively(self) -> None:
        """Run the forward and backward pass of the naive form."""
        self.model.train().zero_grad()
        for piece in one_box_of_each(self.naive, len(self.ours.info)):
            torch.autograd.backward(naive_loss(self.model, piece))

    def write(self) -> list[list[int]]:
        """Write greedy captions in our form."""
        return self.model.eval().generate(self.ours)

    def write_naively(self) -> list[list[int]]:
        """Write greedy captions in the naive form."""
        decoder = NaiveDecoder(self.model.eval())
        return greedy(decoder, self.naive, self.model.config.inputs.max_caption - 1)

    def cnn(self, *, backward: bool) -> None:
        """Run the backbone alone, once per image."""
        assert self.model.image is not None
        assert self.ours.images is not None
        self.model.train(backward).zero_grad()
        with torch.set_grad_enabled(backward):
            features = self.model.image.features(self.ours.images)
            if features.requires_grad:
                torch.autograd.backward(features.sum())


def comparison(config: Config, vocabulary_size: int, repeats: int, clock: Clock, peak: float) -> tuple[Grid, Grid]:
    """Two tables: the naive form beside ours, and how ours uses the machine.

    Args:
        config: configuration of the network, without pre-trained weights.
        vocabulary_size: number of entries of the vocabulary, V.
        repeats: rounds after the first; the fastest of all counts.
        clock: the time in seconds.
        peak: FLOP/s of `matrix_peak`.
    """
    works, one_image = (Works.of(config, vocabulary_size, images) for images in (IMAGES, 1))
    training = _measured(works.train, works.train_naively, partial(works.cnn, backward=True), repeats, clock)
    writing = _measured(works.write, works.write_naively, partial(works.cnn, backward=False), repeats, clock)

    n, m, inputs = works.ours.n_boxes, config.model, config.inputs
    title = f"{config.profile} size ({inputs.pixels} px, L={m.layers}, d={m.width}, V={vocabulary_size}), {n} captions"
    times = Grid(f"{title}: milliseconds per caption, fp32", ["", "naive", "ours", "naive / ours"])
    times.notes = [
        f"naive: CNN once per caption, info padded to {inputs.max_info}, captions to {inputs.max_caption}, every "
        f"position through every layer, training in pieces of {IMAGES}; it caches the prefix, as released"
    ]
    for name, seconds in (("forward + backward", training), ("greedy decoding", writing)):
        naive, ours = seconds["naive"], seconds["ours"]
        times.add(name, number(naive / n * 1e3), number(ours / n * 1e3), Cell(naive / ours, "{:.2f}x"))

    # Arithmetic per caption is the same for one image, and counting is slow.
    arithmetic, naive_arithmetic = (
        count_flops(work) / one_image.ours.n_boxes for work in (one_image.train, one_image.train_naively)
    )
    speed = arithmetic * n / training["ours"]
    positions = inputs.grid**2 // inputs.pool**2 + 1 + INFO + works.ours.captions.shape[1] - 1
    machine = Grid(f"{title}: how ours uses the machine", ["", "value", "how known"])
    work, rate = "{:.2f} GFLOP forward and backward", "{:.0f} GFLOP/s"
    tokens = Cell(n * positions / training["ours"], f"{{:,.0f}} per second, {positions} per caption")
    machine.add("fp32 matrix product", Cell(peak / 1e9, rate), "measured")
    machine.add("arithmetic per caption, naive", Cell(naive_arithmetic / 1e9, work), "counted")
    machine.add("arithmetic per caption, ours", Cell(arithmetic / 1e9, work), "counted")
    machine.add("forward + backward", Cell(speed / 1e9, rate), "counted / measured")
    machine.add("share of the matrix product's", Cell(speed / peak, "{:.0%}"), "counted / measured")
    machine.add("tokens", tokens, "measured")
    cnn = "none: its features are kept" if config.keeps_features else _shares(training)
    machine.add("CNN : the rest, forward + backward", cnn, "measured")
    machine.add("CNN : the rest, greedy decoding", _shares(writing), "measured")
    machine.add("bf16 autocast, forward + backward", _bf16_gain(training, n), "measured")
    machine.add("bf16 autocast, greedy decoding", _bf16_gain(writing, n), "measured")
    return times, machine


def _measured(ours: Work, naive: Work, cnn: Work, repeats: int, clock: Clock) -> dict[str, float]:
    """Seconds of both forms, of the CNN alone, and of our form with bf16 autocast."""

    def bf16() -> None:
        with torch.autocast("cpu", torch.bfloat16):
            ours()

    return fastest({"naive": naive, "ours": ours, "cnn": cnn, "bf16": bf16}, range(1 + repeats), clock)


def _shares(seconds: dict[str, float]) -> str:
    share = seconds["cnn"] / seconds["ours"]
    return f"{share:.0%} : {1 - share:.0%}"


def _bf16_gain(seconds: dict[str, float], n: int) -> str:
    return f"{seconds['bf16'] / n * 1e3:.2f} ms per caption, fp32 / bf16 {seconds['ours'] / seconds['bf16']:.2f}x"


def loading(n_images: int, clock: Clock) -> Grid:
    """Images per second that one process loads, against what GPUs would take.

    Args:
        n_images: number of pictures to load.
        clock: the time in seconds.
    """
    split = open_split("mini", "val")
    config = override(named("context", "paper"), ["model.backbone_weights=none"])
    data = PreparedSplit(split, config.inputs, Vocabulary.of_split(split))
    png = _shaded()
    masked = [[0.1, 0.1 * i, 0.5, 0.1 * i + 0.05] for i in range(7)]

    def drawn() -> None:
        for _ in generation_batches(data, n_images, 10 * BOXES):
            pass

    def shaded() -> None:
        for _ in range(n_images):
            prepare_picture(Image.open(png).convert("RGB"), masked, config.inputs)

    rates = {
        name: n_images / seconds
        for name, seconds in fastest({"drawn": drawn, "shaded": shaded}, range(3), clock).items()
    }

    one_image = Works.of(config, VOCABULARY["paper"], images=1)
    arithmetic = count_flops(one_image.train) / one_image.ours.n_boxes
    needed = GPUS / gpu_seconds(arithmetic) / BOXES_PER_IMAGE
    grid = Grid("data loading at paper size: read, decode, mask, resize, collate", ["", "value", "how known"])
    form = "{:,.0f} images/s"
    grid.add("one process, the embedded data set's pictures", Cell(rates["drawn"], form), "measured")
    grid.add("one process, shading with a little noise, like photographs", Cell(rates["shaded"], form), "measured")
    grid.add(
        f"{GPUS} H100 would take",
        Cell(needed, form),
        f"{assumption()} each, {BOXES_PER_IMAGE} boxes per image",
    )
    grid.add(
        "processes per GPU that feed them (train.workers)",
        math.ceil(needed / min(rates.values()) / GPUS),
        "projected from the slower pictures, a core each",
    )
    return grid


def _shaded() -> io.BytesIO:
    """A PNG that takes longest to decode: smooth, and just noisy enough that nothing repeats."""
    y, x = np.mgrid[:256, :320]
    colours = np.stack([128 + 60 * np.sin(x / 40 + k) + 50 * np.cos(y / 30 + k) for k in range(3)], axis=2)
    file = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 4, colours.shape)
    Image.fromarray((colours + noise).astype(np.uint8)).save(file, "png")
    return file


if __name__ == "__main__":
    cli.run(main)
