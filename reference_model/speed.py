"""`python -m reference_model.speed`: what this implementation saves over the naive form, in one run on one machine.

The naive form is what the released code does with the same network: one CNN pass per caption, product info padded to 60
characters and captions to their longest, every position through every layer, word probabilities at padded positions
too, PyTorch's own kernels. It decodes with the keys and values of the prefix kept, reading all characters of a caption
anew at every step; a plainer form, without any cache, is timed beside it.

Invariants:
* both forms compute the same losses and captions from the same weights and inputs (tested);
* what is compared is timed in turn, so a busy machine is busy for all; the fastest round counts;
* weights and inputs are random: speed does not depend on them, except that no caption ends early (for neither form).
"""

import io
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated

import numpy as np
import torch
import typer
from PIL import Image
from torch import Tensor
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from benchmark import cli
from benchmark.dataset import open_split
from benchmark.errors import InputError
from benchmark.formatting import Grid, number
from reference_model.batch import EOS, PAD, SOS, SPECIALS, Batch
from reference_model.config import Config, InputConfig, override
from reference_model.embeddings import is_real
from reference_model.kernels import linear, pytorch_kernels
from reference_model.losses import generation_loss
from reference_model.model import ReferenceModel
from reference_model.plan import GPU_FLOPS, GPU_SHARE
from reference_model.training.batches import generation_batches
from reference_model.training.decoding import greedy
from reference_model.training.inputs import PreparedSplit, prepare_picture
from reference_model.training.vocabulary import Vocabulary
from reference_model.transformer import LayerCache, generation_mask
from reference_model.variants import named

#: Profile -> entries of the vocabulary: the paper's, and that of the embedded data set.
VOCABULARY = {"paper": 6263, "mini": 1367}
IMAGES, BOXES, INFO = 8, 5, 35
#: Characters of captions, over and over: 5 on average, 2 to 8.
LENGTHS = (8, 2, 5, 3, 7, 4, 6)
BOXES_PER_IMAGE, GPUS = 4.8, 8

Clock = Callable[[], float]
Work = Callable[[], object]


def main(
    size: Annotated[str, typer.Option(help="paper, mini, or both.")] = "both",
    threads: Annotated[int, typer.Option(help="Of the CPU.", min=1)] = 2,
    repeats: Annotated[int, typer.Option(help="Rounds after a warm-up; the fastest counts.", min=1)] = 2,
    clock: Annotated[
        str, typer.Option(help="wall, or cpu: seconds of this process, for one thread on a busy machine.")
    ] = "wall",
    data_loading: Annotated[
        int, typer.Option(help="Pictures of the embedded data set to load, too; 0: none.", min=0, max=1000)
    ] = 0,
) -> None:
    """Compare the naive form with ours, and both with the machine's peak; minutes at paper size, seconds at mini size.

    Examples::

        python -m reference_model.speed --size mini
        python -m reference_model.speed --threads 1 --clock cpu               # where others compute, too
        OMP_WAIT_POLICY=PASSIVE python -m reference_model.speed --threads 2   # likewise
        python -m reference_model.speed --size paper --data-loading 500
    """
    if size not in (*VOCABULARY, "both"):
        raise InputError(f"--size: got {size!r}, expected paper, mini or both")
    if clock not in ("wall", "cpu"):
        raise InputError(f"--clock: got {clock!r}, expected wall or cpu")
    torch.set_num_threads(threads)
    watch: Clock = time.perf_counter if clock == "wall" else lambda: time.process_time() / threads
    load = f"load of the machine {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    peaks = matrix_peaks(watch)
    for profile in VOCABULARY if size == "both" else (size,):
        config = override(named("context", profile), ["model.backbone_weights=none"])
        for grid in comparison(config, VOCABULARY[profile], repeats, watch, peaks):
            grid.notes.append(f"{threads} threads of {os.cpu_count()} cores, {clock} time; {load}")
            grid.show(cli.stdout)
    if data_loading:
        loading(data_loading, watch).show(cli.stdout)


def random_batch(config: Config, vocabulary_size: int, *, images: int = IMAGES, boxes: int = BOXES) -> Batch:
    """Images with as many boxes each, and everything else at random."""
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


def per_caption(batch: Batch, inputs: InputConfig) -> Batch:
    """The naive form of a batch: picture and info repeated for every box, texts padded to their longest."""

    def padded(characters: Tensor, length: int) -> Tensor:
        return functional.pad(characters, (0, length - characters.shape[1]), value=PAD)

    return replace(
        batch,
        images=None if batch.images is None else batch.images[batch.image_of_box],
        info=padded(batch.info[batch.image_of_box], inputs.max_info),
        image_of_box=torch.arange(batch.n_boxes),
        captions=padded(batch.captions, inputs.max_caption),
    )


def one_box_of_each(batch: Batch, images: int) -> list[Batch]:
    """A per-caption batch in pieces that hold every image once: small, with the batch statistics of ours."""
    boxes = batch.n_boxes // images
    pieces = []
    for box in range(boxes):
        rows = {name: value[box::boxes] for name, value in vars(batch).items() if isinstance(value, Tensor)}
        pieces.append(replace(batch, **rows | {"image_of_box": torch.arange(images)}))  # type: ignore[arg-type]
    return pieces


def naive_loss(model: ReferenceModel, batch: Batch) -> Tensor:
    """`ReferenceModel.loss` for Caption Generation, with everything computed at every position."""
    given, targets = batch.captions[:, :-1], batch.captions[:, 1:]
    prefix, real = model.prefix(batch)
    tokens = torch.cat([prefix, model.captions(given)], dim=1)
    hidden = model.transformer(tokens, generation_mask(real, is_real(given)))
    logits = model.logits(hidden[:, prefix.shape[1] :])
    wanted, cg = is_real(targets), model.config.cg
    return generation_loss(logits[wanted], targets, wanted, cg.label_smoothing, cg.reduce) / batch.normaliser


@dataclass
class Reading:
    """What a naive decoder remembers: the prefix, which of it is real, the characters so far, and perhaps a cache."""

    prefix: Tensor
    real: Tensor
    characters: Tensor
    cache: list[LayerCache] | None

    def reorder(self, rows: Tensor) -> None:
        """Not needed by greedy search."""
        raise NotImplementedError


@dataclass(frozen=True)
class NaiveDecoder:
    """A model decoded by reading all characters of a caption at every step.

    Args:
        model: in evaluation mode.
        cached: keep the keys and values of the prefix, as the released code; else read the prefix anew, too.
    """

    model: ReferenceModel
    cached: bool

    def start(self, batch: Batch) -> Reading:
        """Read the prefix."""
        prefix, real = self.model.prefix(batch)
        cache = None
        if self.cached:
            cache = self.model.transformer.cache(room=prefix.shape[1] + self.model.config.inputs.max_caption)
            self.model.transformer(prefix, real[:, None, None, :], cache)
        return Reading(prefix, real, batch.captions[:, :0], cache)

    def step(self, state: Reading, characters: Tensor, position: int) -> Tensor:
        """Logits of the next character, (B, V)."""
        state.characters = torch.cat([state.characters, characters[:, None]], dim=1)
        tokens = self.model.captions(state.characters)
        mask = generation_mask(state.real, torch.ones_like(state.characters, dtype=torch.bool))
        length = state.real.shape[1]
        if state.cache is None:
            tokens = torch.cat([state.prefix, tokens], dim=1)
        else:
            mask = mask[:, :, length:]
            for layer in state.cache:
                layer.length = length  # forget the caption
        return self.model.logits(self.model.transformer(tokens, mask, state.cache)[:, -1])


def counted(work: Work) -> float:
    """Floating-point operations of matrix products and convolutions."""
    with pytorch_kernels(), FlopCounterMode(display=False) as counter:
        work()
    return float(counter.get_total_flops())


def fastest(works: Mapping[str, Work], repeats: int, clock: Clock) -> dict[str, float]:
    """Seconds of the fastest round of each, after a warm-up, in turn."""
    seconds = dict.fromkeys(works, math.inf)
    for repeat in range(repeats + 1):
        for name, work in works.items():
            started = clock()
            work()
            if repeat:
                seconds[name] = min(seconds[name], clock() - started)
    return seconds


def matrix_peaks(clock: Clock) -> dict[str, float]:
    """Floating-point operations per second in a large fp32 matrix product, by who computes it."""
    side = 2048
    a, b = torch.randn(side, side), torch.randn(side, side)
    seconds = fastest({"torch.matmul": lambda: a @ b, "our kernels": lambda: linear(a, b, None)}, 5, clock)
    return {name: 2 * side**3 / value for name, value in seconds.items()}


@dataclass(frozen=True)
class Works:
    """A network and some images in both forms; every method is work to be timed or counted."""

    model: ReferenceModel
    ours: Batch
    naive: Batch

    @classmethod
    def of(cls, config: Config, vocabulary_size: int, images: int = IMAGES) -> "Works":
        """With random weights and inputs."""
        torch.manual_seed(1)
        ours = random_batch(config, vocabulary_size, images=images)
        return cls(ReferenceModel(config, vocabulary_size), ours, per_caption(ours, config.inputs))

    def train(self) -> None:
        """Forward and backward, ours."""
        self.model.train().zero_grad()
        torch.autograd.backward(self.model.loss(self.ours))

    def train_naively(self) -> None:
        """Forward and backward of the naive form."""
        self.model.train().zero_grad()
        for piece in one_box_of_each(self.naive, len(self.ours.info)):
            torch.autograd.backward(naive_loss(self.model, piece))

    def write(self) -> list[list[int]]:
        """Greedy captions, ours."""
        return self.model.eval().generate(self.ours)

    def write_naively(self, *, cached: bool = True) -> list[list[int]]:
        """Greedy captions in the naive form."""
        decoder = NaiveDecoder(self.model.eval(), cached)
        return greedy(decoder, self.naive, self.model.config.inputs.max_caption - 1)

    def cnn(self, *, backward: bool) -> None:
        """The backbone alone, once per image."""
        assert self.model.image is not None
        assert self.ours.images is not None
        self.model.train(backward).zero_grad()
        with torch.set_grad_enabled(backward):
            features = self.model.image.backbone(self.model.image.normalised(self.ours.images))
            if backward:
                torch.autograd.backward(features.sum())


def comparison(
    config: Config, vocabulary_size: int, repeats: int, clock: Clock, peaks: dict[str, float]
) -> tuple[Grid, Grid]:
    """The naive form beside ours, and how ours uses the machine.

    Args:
        config: of the network; no pre-trained weights.
        vocabulary_size: V.
        repeats: see `fastest`.
        clock: in seconds.
        peaks: of `matrix_peaks`.
    """
    works, one_image = (Works.of(config, vocabulary_size, images) for images in (IMAGES, 1))
    training = _measured(works.train, works.train_naively, partial(works.cnn, backward=True), repeats, clock)
    writing = _measured(works.write, works.write_naively, partial(works.cnn, backward=False), repeats, clock)
    started = clock()
    with pytorch_kernels():
        works.write_naively(cached=False)
    uncached = {"naive": clock() - started, "ours": writing["ours"]}

    n, m, inputs = works.ours.n_boxes, config.model, config.inputs
    title = f"{config.profile} size ({inputs.pixels} px, L={m.layers}, d={m.width}, V={vocabulary_size}), {n} captions"
    times = Grid(f"{title}: milliseconds per caption, fp32", ["", *_COMPARED, "naive / ours", "same kernels"])
    times.notes = [
        f"naive: CNN once per caption, info padded to {inputs.max_info}, captions to {inputs.max_caption}, every "
        f"position through every layer, training in pieces of {IMAGES}; with PyTorch's kernels, then with ours"
    ]
    for name, seconds in {
        "forward + backward": training,
        "greedy decoding; naive caches the prefix, as released": writing,
        "greedy decoding; naive caches nothing": uncached,
    }.items():
        found = [seconds.get(column) for column in _COMPARED]
        times.rows.append(
            [
                name,
                *(number(None if value is None else value / n * 1e3) for value in found),
                *("-" if value is None else f"{value / seconds['ours']:.2f}x" for value in found[:2]),
            ]
        )

    # Arithmetic per caption is the same for one image, and counting is slow.
    arithmetic, naive_arithmetic = (
        counted(work) / one_image.ours.n_boxes for work in (one_image.train, one_image.train_naively)
    )
    speed = arithmetic * n / training["ours"]
    positions = inputs.grid**2 // inputs.pool**2 + 1 + INFO + works.ours.captions.shape[1] - 1
    machine = Grid(f"{title}: how ours uses the machine", ["", "value", "how known"])
    machine.rows = [
        *([f"fp32 matrix product, {name}", f"{peak / 1e9:.0f} GFLOP/s", "measured"] for name, peak in peaks.items()),
        ["arithmetic per caption, naive", f"{naive_arithmetic / 1e9:.2f} GFLOP forward and backward", "counted"],
        ["arithmetic per caption, ours", f"{arithmetic / 1e9:.2f} GFLOP forward and backward", "counted"],
        ["forward + backward", f"{speed / 1e9:.0f} GFLOP/s", "counted / measured"],
        *([f"of the peak of {name}", f"{speed / peak:.0%}", "counted / measured"] for name, peak in peaks.items()),
        ["tokens", f"{n * positions / training['ours']:,.0f} per second, {positions} per caption", "measured"],
        ["CNN : the rest, forward + backward", _shares(training), "measured"],
        ["CNN : the rest, greedy decoding", _shares(writing), "measured"],
        ["bf16 autocast, forward + backward", _bf16_gain(training, n), "measured"],
        ["bf16 autocast, greedy decoding", _bf16_gain(writing, n), "measured"],
    ]
    return times, machine


_COMPARED = ("naive", "naive, our kernels", "ours")


def _measured(ours: Work, naive: Work, cnn: Work, repeats: int, clock: Clock) -> dict[str, float]:
    """Seconds of both forms, of the CNN alone, and of ours with bf16 autocast."""

    def plainly() -> None:
        with pytorch_kernels():
            naive()

    def bf16() -> None:
        with torch.autocast("cpu", torch.bfloat16):
            ours()

    works = {"naive": plainly, "naive, our kernels": naive, "ours": ours, "cnn": cnn, "bf16": bf16}
    return fastest(works, repeats, clock)


def _shares(seconds: dict[str, float]) -> str:
    share = seconds["cnn"] / seconds["ours"]
    return f"{share:.0%} : {1 - share:.0%}"


def _bf16_gain(seconds: dict[str, float], n: int) -> str:
    return f"{seconds['bf16'] / n * 1e3:.2f} ms per caption, fp32 / bf16 {seconds['ours'] / seconds['bf16']:.2f}x"


def loading(n_images: int, clock: Clock) -> Grid:
    """Images per second that one process loads, against what GPUs would take.

    Args:
        n_images: how many to load.
        clock: in seconds.
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
        name: n_images / seconds for name, seconds in fastest({"drawn": drawn, "shaded": shaded}, 2, clock).items()
    }

    one_image = Works.of(config, VOCABULARY["paper"], images=1)
    arithmetic = counted(one_image.train) / one_image.ours.n_boxes
    needed = GPUS * GPU_FLOPS * GPU_SHARE / arithmetic / BOXES_PER_IMAGE
    grid = Grid("data loading at paper size: read, decode, mask, resize, collate", ["", "value", "how known"])
    grid.rows = [
        ["one process, the embedded data set's pictures", f"{rates['drawn']:,.0f} images/s", "measured"],
        ["one process, shading with a little noise, like photographs", f"{rates['shaded']:,.0f} images/s", "measured"],
        [
            f"{GPUS} H100 would take",
            f"{needed:,.0f} images/s",
            f"projected: {GPU_SHARE:.0%} of {GPU_FLOPS / 1e12:.0f} TFLOP/s each, {BOXES_PER_IMAGE} boxes per image",
        ],
        [
            "processes per GPU that feed them (train.workers)",
            f"{math.ceil(needed / min(rates.values()) / GPUS)}",
            "projected from the slower pictures, a core each",
        ],
    ]
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
