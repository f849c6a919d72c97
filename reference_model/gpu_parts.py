"""What `gpu_check` measures: each part does one thing on one device and yields what it finds, row by row.

Invariants:
* every number is measured or counted, none is projected;
* a part keeps to its seconds as well as it can; `gpu_check` ends it if it does not.
"""

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.dataset.store import Split
from reference_model.config import Config, TrainConfig, override
from reference_model.registry import named

if TYPE_CHECKING:  # torch takes seconds to import, and --help needs none
    import torch

    from reference_model.batch import Batch
    from reference_model.training.trainer import Trainer

#: Number of entries of the paper's vocabulary.
VOCABULARY = 6263
PRECISIONS = ("bf16", "tf32", "fp32")
BEAM = 3
#: Largest relative difference of a loss between the CPU and the device: kernels add in other orders, and ten updates
#: enlarge what the first one differs by.
TOLERANCE = 1e-3
ROWS = ("m2-tatt", "context", "full")
#: A training of fewer updates would say nothing about its scores.
FEWEST_UPDATES = 200

Row = dict[str, Any]


@dataclass(frozen=True)
class Check:
    """What is checked, and on what.

    Attributes:
        splits: a data set with `train`, `val` and `test`.
        small: whether networks are small and rounds few, for a CPU.
    """

    splits: dict[str, Split]
    small: bool

    @cached_property
    def device(self) -> "torch.device":
        """The GPU if there is one, else the CPU."""
        from reference_model.training.distributed import default_device

        return default_device()

    def config(self, *overrides: str) -> Config:
        """The configuration whose speed is measured: `full` at the paper's size, or small."""
        small = ("model.width=32", "model.layers=1", "train.batch=24", "train.workers=1", "train.cache_images=false")
        config = named("full", "mini" if self.small else "paper")
        return override(config, [*(small if self.small else ()), "model.backbone_weights=none", *overrides])

    def trainer(self, config: Config, device: "torch.device", vocabulary_size: int = 0) -> "Trainer":
        """A trainer of a fresh network, whose steps are those of a run."""
        import torch

        from reference_model.run_folder import build_model
        from reference_model.training.distributed import World
        from reference_model.training.features import keep_features
        from reference_model.training.inputs import PreparedSplit
        from reference_model.training.trainer import Trainer
        from reference_model.training.vocabulary import Vocabulary

        vocabulary = Vocabulary.of_split(self.splits["train"], config.inputs.vocabulary)
        data = PreparedSplit(self.splits["train"], config.inputs, vocabulary, keep_images=config.keeps_pictures)
        torch.manual_seed(1)
        model = build_model(config, max(len(vocabulary), vocabulary_size)).to(device)
        keep_features(data, model, config)
        return Trainer(
            model,
            config,
            seed=1,
            data=data,
            validation=None,
            vocabulary=vocabulary,
            folder=Path(os.devnull),
            world=World(0, 1, device),
        )

    def prepare(self) -> None:
        """Make whatever the parts read that is kept from one time to the next."""
        from reference_model.run_folder import build_model
        from reference_model.training.features import keep_features
        from reference_model.training.inputs import PreparedSplit
        from reference_model.training.vocabulary import Vocabulary

        configs = [self.config(), _equal_config(), *(_row_config(variant, self.small) for variant in ROWS)]
        for config in configs:
            vocabulary = Vocabulary.of_split(self.splits["train"], config.inputs.vocabulary)
            for split in self.splits.values():
                data = PreparedSplit(split, config.inputs, vocabulary, seed=1, keep_images=config.keeps_pictures)
                keep_features(data, build_model(config, len(vocabulary)).to(self.device), config)

    def wait(self) -> None:
        """Wait until the device has done everything."""
        import torch

        if self.device.type == "cuda":
            torch.cuda.synchronize()


def equality(check: Check, seconds: float) -> Iterator[Row]:
    """The losses of ten updates at mini size in fp32, on the CPU and on the device, from the same weights."""
    import torch

    from reference_model.precision import kernels
    from reference_model.training.batches import Updates

    config, losses = _equal_config(), []
    for device in (torch.device("cpu"), check.device):
        trainer = check.trainer(config, device)
        updates, some = Updates(trainer.plan, trainer.data), []
        with kernels(config.train):
            for trainer.update in range(10):
                some.append(float(trainer.step(trainer.model, updates[trainer.update])))
        losses.append(some)
    difference = max(abs(a - b) / abs(a) for a, b in zip(*losses, strict=True))
    yield {
        "cpu": losses[0],
        "device": losses[1],
        "largest_relative_difference": difference,
        "tolerance": TOLERANCE,
        "equal": difference <= TOLERANCE,
    }


def _equal_config() -> Config:
    return override(named("full", "mini"), ["train.batch=24", "cm.batches=cycle"])


def _row_config(variant: str, small: bool) -> Config:
    return named(variant, "smoke" if small else "mini")


def training(check: Check, seconds: float) -> Iterator[Row]:
    """Updates a second in each precision, with the optimiser's share."""
    for precision in PRECISIONS:
        yield _updates(check, check.config(f"train.precision={precision}"), seconds / len(PRECISIONS))


def compiled(check: Check, seconds: float) -> Iterator[Row]:
    """The same with compiled code; the first update compiles, which took an H100's machine two minutes in bf16."""
    precision = "bf16" if check.device.type == "cuda" else "fp32"
    yield _updates(check, check.config(f"train.precision={precision}", "train.compile=true"), seconds / 2)


def _updates(check: Check, config: Config, seconds: float) -> Row:
    """The speed of a configuration's updates in a few seconds, on batches that lie ready in memory."""
    import torch

    from reference_model.measure import count_flops, peak
    from reference_model.precision import kernels
    from reference_model.training.batches import Updates

    trainer = check.trainer(config, check.device, VOCABULARY)
    trainer.update = trainer.plan.pretrain_updates  # Caption Generation, as are three of four before
    updates = Updates(trainer.plan, trainer.data)
    pieces = [updates[trainer.update + i] for i in range(2)]
    cuda = check.device.type == "cuda"
    if cuda:
        pieces = [[piece.pin_memory() for piece in update] for update in pieces]
    network = trainer.network()

    def some(rounds: int) -> float:
        check.wait()
        started = time.perf_counter()
        for i in range(rounds):
            trainer.step(network, pieces[i % len(pieces)])
        check.wait()
        return time.perf_counter() - started

    with kernels(config.train):
        first = some(1)
        if cuda:
            torch.cuda.reset_peak_memory_stats()
        block = 2 if check.small else 4
        some(block)
        times = [some(block)]
        while sum(times) + times[-1] < seconds - first and len(times) < 20:
            times.append(some(block))
        memory = torch.cuda.max_memory_allocated() if cuda else None
        flop = count_flops(lambda: trainer.step(trainer.model, pieces[0]))
    rate = block / sorted(times)[len(times) // 2]
    top = peak(torch.cuda.get_device_name(check.device), config.train.precision) if cuda else None
    return {
        "precision": config.train.precision,
        "compiled": config.train.compile,
        "captions_per_update": sum(piece.n_boxes for update in pieces for piece in update) / len(pieces),
        "first_update_seconds": first,
        "updates_per_second": rate,
        "flop_per_update": flop,
        "flop_per_second": flop * rate,
        "peak_flop_per_second": top,
        "share_of_peak": flop * rate / top if top else None,
        "memory_bytes": memory,
    }


def decoding(check: Check, seconds: float) -> Iterator[Row]:
    """Captions a second by greedy and beam search; from fresh weights hardly any ends before the length limit."""
    from reference_model.measure import fastest
    from reference_model.precision import autocast, kernels

    for precision in ("fp32", "bf16"):
        config = check.config(f"train.precision={precision}")
        trainer = check.trainer(config, check.device, VOCABULARY)
        batch = _to_decode(trainer, 20 if check.small else 256).to(check.device)
        trainer.model.eval()
        for search, beam in (("greedy", 1), (f"beam of {BEAM}", BEAM)):

            def write(model: Any = trainer.model, train: TrainConfig = config.train, beam: int = beam) -> None:
                with autocast(check.device, train):
                    model.generate(batch, beam=beam)  # noqa: B023
                check.wait()

            with kernels(config.train):
                write()
                best = fastest({"write": write}, range(2 if check.small else 5), enough=seconds / 12)["write"]
            yield {"search": search, "precision": precision, "captions_per_second": batch.n_boxes / best}


def _to_decode(trainer: "Trainer", captions: int) -> "Batch":
    import numpy as np

    from reference_model.training.batches import collate

    return collate(trainer.data, np.arange(min(captions, trainer.data.n_boxes)), sos=True)


def loader(check: Check, seconds: float) -> Iterator[Row]:
    """Images a second from the files through the loader alone: read, decode, mask, resize, collate, pin."""
    from reference_model.training.batches import Updates, training_batches

    config = check.config()
    trainer = check.trainer(config, check.device)
    updates = Updates(trainer.plan, trainer.data)
    for workers in sorted({0, config.train.workers, len(os.sched_getaffinity(0))}):
        images, started = 0, 0.0
        first, pin = trainer.plan.pretrain_updates, check.device.type == "cuda"
        for pieces in training_batches(updates, first, workers, pin=pin):
            if not started:  # the processes have begun
                started = time.perf_counter()
                continue
            images += sum(len(piece.info) for piece in pieces)
            if time.perf_counter() - started > seconds / 4:
                break
        yield {"workers": workers, "images_per_second": images / (time.perf_counter() - started)}


def rows(check: Check, seconds: float) -> Iterator[Row]:
    """Three rows of Table 2 at mini size from the first update to the scores, with as many updates as there is time."""
    from reference_model.train import train
    from reference_model.training.batches import Updates

    ends = time.monotonic() + seconds
    for i, variant in enumerate(ROWS):
        config = _row_config(variant, check.small)
        trainer = check.trainer(config, check.device)
        updates, whole = Updates(trainer.plan, trainer.data), trainer.plan.updates
        for trainer.update in range(3 if check.small else 30):
            if trainer.update == (1 if check.small else 10):
                check.wait()
                started = time.perf_counter()
            trainer.step(trainer.model, updates[trainer.update])
        check.wait()
        each = (time.perf_counter() - started) / (2 if check.small else 20)
        left = (ends - time.monotonic()) / (len(ROWS) - i)
        done = min(whole, int(0.6 * left / each))  # the rest is for validation, captions and scores
        if done < min(FEWEST_UPDATES, whole):
            yield {"variant": variant, "left_out": f"{left:.0f} s are left, and an update takes {1e3 * each:.0f} ms"}
            continue
        first = done * config.train.pretrain_updates // whole
        settings = [f"train.pretrain_updates={first}", f"train.finetune_updates={done - first}"]
        config = override(config, [*settings, f"train.validate_every={done}", f"train.save_every={done}"])
        began = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="caponimage-gpu-check-") as folder:
            run = train(config, check.splits, seed=1, runs=Path(folder))
            scores = json.loads((run / "scores.test.json").read_text(encoding="utf-8"))["scores"]
        yield {
            "variant": variant,
            "updates": done,
            "of_updates": whole,
            "updates_per_second": 1 / each,
            "seconds": time.perf_counter() - began,
            "scores": {name: scores[name] for name in ("BLEU-4", "METEOR", "CIDEr") if name in scores},
        }


#: For each part, in order, its weight in the time that is left, and what runs it.
PARTS: dict[str, tuple[float, Callable[[Check, float], Iterator[Row]]]] = {
    "equality": (1, equality),
    "training": (3, training),
    "decoding": (2, decoding),
    "loader": (1, loader),
    "rows": (8, rows),
    "compile": (6, compiled),
}
