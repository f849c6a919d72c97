"""Training: the loop from the first update to the last, on one device or many, and through any interruption.

Invariants:
* an update's samples, negatives and dropout are functions of (seed, update, rank), and weights and optimiser state are
  saved exactly, so a resumed run ends with the weights of an uninterrupted one, bit for bit (on a CPU, or a GPU with
  `train.deterministic`);
* SIGTERM, SIGHUP and Ctrl-C save and end; SIGKILL and a power cut lose what came after the last save;
* a GPU is never waited for but to log, to validate and to save; a loss that is no number is found there, and nothing is
  saved after it;
* damaged files are never gone on from: the checkpoint before the damaged one leads to the same weights.
"""

import contextlib
import inspect
import json
import math
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from benchmark.cli import note, stderr
from benchmark.errors import InputError, Interrupted
from benchmark.files import replace_when_complete
from benchmark.processes import ending_signals
from reference_model.batch import Batch
from reference_model.config import Config
from reference_model.precision import autocast, kernels
from reference_model.training.batches import UpdatePlan, Updates, training_batches
from reference_model.training.checkpoint import Checkpoint, copy_best, find_checkpoint, save_best, save_last
from reference_model.training.distributed import World
from reference_model.training.evaluation import validate
from reference_model.training.features import keep_features
from reference_model.training.inputs import PreparedSplit
from reference_model.training.optimiser import Optimiser
from reference_model.training.schedule import rates
from reference_model.training.vocabulary import Vocabulary

#: Names of the tasks in the log: Caption Generation, Caption Matching.
TASKS = ("cg", "cm")


class Trainer:
    """A run, from its newest checkpoint to its last update.

    Args:
        model: a module with `loss(batch)` and `generate(batch)`; its parameters under a `backbone` get the backbone's
            learning rate. Each trained parameter has a gradient after each backward pass; a method `idle(matching)`,
            if it has one, names those that a task does not train.
        config: configuration of the run.
        seed: random seed for data order, negatives and dropout.
        data: the training split.
        validation: the validation split, or None to train without.
        vocabulary: vocabulary of both splits.
        folder: folder of the run; `checkpoint/` and `log.jsonl` are written there.
        world: the processes of the run.
    """

    def __init__(
        self,
        model: nn.Module,
        config: Config,
        *,
        seed: int,
        data: PreparedSplit,
        validation: PreparedSplit | None,
        vocabulary: Vocabulary,
        folder: Path,
        world: World,
    ) -> None:
        self.config, self.seed, self.world, self.folder = config, seed, world, folder
        self.data, self.validation, self.vocabulary = data, validation, vocabulary
        self.plan = UpdatePlan(config, data.n_images, data.n_boxes, seed)
        self.model = in_step(model, config, world).to(world.device)
        self.update, self.best = 0, -1.0
        self.optimiser = self._optimiser()
        self._losses = torch.zeros(len(TASKS), dtype=torch.float64, device=world.device)
        self._fresh = [0, 0]  # number of updates of each task whose losses are in `_losses`
        self._logged = _nothing()
        self._stop = 0
        self._belongs = {
            "config": config.hash,
            "seed": seed,
            "data": data.split.fingerprint.hexdigest(),
            "vocabulary": vocabulary.sha256,
        }
        self._damaged = False
        self._file: TextIO | None = None
        if world.size > self.plan.items_per_update:
            raise InputError(
                f"{world.size} processes for updates of {self.plan.items_per_update} images: "
                "use fewer processes, or a larger batch"
            )

    @property
    def checkpoint(self) -> Path:
        """File of the newest state, from which an interrupted run goes on."""
        return self.folder / "checkpoint" / "last.safetensors"

    @property
    def best_weights(self) -> Path:
        """File of the weights with the best validation CIDEr; of the last ones if there is no validation split."""
        return self.folder / "checkpoint" / "best.safetensors"

    def _optimiser(self) -> Optimiser:
        """A fresh optimiser for the stage that the next update belongs to."""
        train = self.config.train
        fine = train.schedule == "noam" and self.update >= train.pretrain_updates
        return Optimiser(self.model, train, fine=fine)

    def network(self) -> nn.Module:
        """The model in the form that is trained: compiled if the run wants it, and one of many on many devices."""
        network: nn.Module = self.model
        if self.config.train.compile:
            # Once for each task and length of info, and again where a size is 1.
            torch._dynamo.config.recompile_limit = 64
            network = torch.compile(network)  # type: ignore[assignment]
        if self.world.size == 1:
            return network
        options: dict[str, Any] = {"gradient_as_bucket_view": True}
        if self.config.model.batch_norm != "local":  # then all devices have the same statistics anyway
            known = inspect.signature(DistributedDataParallel).parameters
            options["forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"] = False
        return DistributedDataParallel(network, **options)

    def train(self) -> None:
        """Run the updates that are left, saving and validating in between.

        Raises:
            Interrupted: after a signal, when everything is saved.
            InputError: if the checkpoints in the folder are not of this run or all damaged, or the loss is no longer a
                number.
        """
        train = self.config.train
        warning = self._resume()
        for data in filter(None, (self.data, self.validation)):
            keep_features(data, self.model, self.config)
        network = self.network()
        updates = Updates(self.plan, self.data, self.world.rank, self.world.size)
        pin = self.world.device.type == "cuda"
        with kernels(train), self._signals(), self._progress() as show, self._log() as log:
            batches = training_batches(updates, self.update, train.workers, pin=pin)
            if warning:
                log({"update": self.update, "warning": warning})
            started = time.perf_counter()
            for pieces in batches:
                if train.schedule == "noam" and self.update == train.pretrain_updates:
                    self.optimiser = self._optimiser()
                task = int(self.plan.is_matching(self.update))
                self._losses[task] += self.step(network, pieces)
                self._fresh[task] += 1
                self.update += 1
                done = self.update == self.plan.updates
                logs = done or self.update % train.log_every == 0
                stop = self.world.largest(self._stop) if logs or self.world.size == 1 else 0
                saves = done or stop or self.update % train.save_every == 0
                validates = self.validation and (done or self.update % train.validate_every == 0)
                if logs or saves or validates:
                    self._read(time.perf_counter() - started)
                    started = time.perf_counter()
                lines = list(self._lines()) if logs else []
                for line in lines:
                    log(line)
                if logs:
                    self._logged = _nothing()
                show(sum(piece.n_boxes for piece in pieces), lines[-1]["loss"] if lines else None)
                if validates:
                    log({"update": self.update, "validation": self._validate()})
                elif done and self.world.is_main:
                    save_best(self.best_weights, self.model, {**self._belongs, "update": self.update})
                if saves:
                    self._save()
                if validates or saves:
                    started = time.perf_counter()
                if stop and not done:
                    raise Interrupted(
                        f"stopped after update {self.update} of {self.plan.updates}; run again to go on", signal=stop
                    )

    def step(self, network: nn.Module, pieces: list[Any]) -> torch.Tensor:
        """Run one update; returns this device's share of its loss, on the device, which may still be computing it."""
        device, size = self.world.device, self.world.size
        self.optimiser.set_rates(*rates(self.config.train, self.config.model.width, self.update))
        network.train()
        torch.manual_seed((self.seed << 40) + self.update * size + self.world.rank)
        total = torch.zeros((), device=device)
        for i, piece in enumerate(pieces):
            sync: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()
            if isinstance(network, DistributedDataParallel) and i < len(pieces) - 1:
                sync = network.no_sync()
            batch = piece.to(device)
            if self.config.train.compile:
                mark_dynamic(batch)
            with sync:
                with autocast(device, self.config.train):
                    # The divisor is another one in each update, for which compiled code would be made anew.
                    loss = network(replace(batch, normaliser=1.0)) / batch.normaliser
                # DistributedDataParallel averages gradients; the losses of all devices are meant to add up.
                (loss * size).backward()
            total += loss.detach()
        idle: Callable[..., list[nn.Parameter]] = getattr(self.model, "idle", lambda matching: [])
        for parameter in idle(matching=pieces[0].labels is not None):
            parameter.grad = None  # else the optimiser's momentum would move what this update does not train
        if self.config.train.clip_value:
            nn.utils.clip_grad_value_(self.model.parameters(), self.config.train.clip_value)
        if self.config.train.clip:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.config.train.clip)
        self.optimiser.step()
        return total

    def _read(self, seconds: float) -> None:
        """Wait for the device, and add the losses of the updates since the last time to those for the next line.

        Raises:
            InputError: if one of them is not a number.
        """
        waited = time.perf_counter()
        sums = self.world.total(self._losses)
        self._losses.zero_()
        updates = sum(self._fresh)
        for i, loss in enumerate(sums):
            self._logged["loss"][i] += loss
            self._logged["updates"][i] += self._fresh[i]
        self._fresh = [0, 0]
        self._logged["seconds"] += seconds + time.perf_counter() - waited
        if not all(map(math.isfinite, sums)):
            where = f"one of the updates {self.update - updates + 1} to {self.update}"
            raise InputError(f"the loss is not a number at {where}; try a lower train.rate")

    def _lines(self) -> Iterator[dict[str, Any]]:
        """Lines of the log: for each task the mean loss since its line before, and seconds per update."""
        updates = self._logged["updates"]
        for task, loss, n in zip(TASKS, self._logged["loss"], updates, strict=True):
            if n:
                seconds = self._logged["seconds"] / sum(updates)
                yield {"update": self.update, "task": task, "loss": loss / n, "updates": n, "seconds": seconds}

    def _validate(self) -> dict[str, float]:
        """Scores on validation images; saves the weights if their CIDEr is the best so far."""
        assert self.validation is not None
        with autocast(self.world.device, self.config.train):
            scores = validate(
                self.model, self.validation, self.vocabulary, self.config.train.validate_images, self.world
            )
        if scores["CIDEr"] > self.best:
            self.best = scores["CIDEr"]
            if self.world.is_main:
                save_best(self.best_weights, self.model, {**self._belongs, "update": self.update, "scores": scores})
        return scores

    def _save(self) -> None:
        if self.world.is_main:
            if self._file is not None:  # first, so that the log is never behind the checkpoint
                self._file.flush()
                os.fsync(self._file.fileno())
            state = {**self._belongs, "update": self.update, "best": self.best, "logged": self._logged}
            save_last(self.checkpoint, self.model, self.optimiser, state, keep=not self._damaged)
            self._damaged = False
        self.world.barrier()

    def _resume(self) -> str:
        """Go back to the newest whole checkpoint; returns what was wrong with a newer one."""
        found = find_checkpoint(self.checkpoint, self._belongs)
        if found is None:
            return ""
        self.update, self.best = found.state["update"], found.state["best"]
        self._logged = found.state.get("logged", _nothing())
        # At the very start of fine-tuning the optimiser is made anew anyway.
        fresh = self.config.train.schedule == "noam" and self.update == self.config.train.pretrain_updates
        self.optimiser = self._optimiser()
        found.load(self.model, None if fresh else self.optimiser)
        if self.best >= 0:
            self._check_best()
        self._damaged = self.checkpoint.exists() and found.path != self.checkpoint
        return self._told(found)

    def _check_best(self) -> None:
        """Make sure, before anything is trained, that the best weights so far will be there in the end."""
        best = find_checkpoint(self.best_weights, self._belongs)
        if best is None:
            raise InputError(
                f"{self.best_weights} is missing, the weights with the best validation score so far; copy it here, or "
                f"delete the folder {self.best_weights.parent} to train again from the start"
            )
        if self._told(best) and self.world.is_main:
            copy_best(best.path, self.best_weights)

    def _told(self, found: Checkpoint) -> str:
        """Say why the first of two files was not used, if it was not; returns what was said."""
        text = f"{found.warning}; using {found.path.name}" if found.warning else ""
        if text and self.world.is_main:
            note(f"warning: {text}")
        return text

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Let SIGTERM, SIGHUP and Ctrl-C finish the update, save and stop; a second Ctrl-C stops at once."""

        def ask(number: int, frame: FrameType | None) -> None:
            if self._stop and number == signal.SIGINT:
                raise KeyboardInterrupt
            self._stop = number

        before = {number: signal.signal(number, ask) for number in (*ending_signals(), signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextlib.contextmanager
    def _progress(self) -> Iterator[Any]:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]:.3f}  {task.fields[rate]:.0f} captions/s"),
            TimeRemainingColumn(),
        )
        quiet = not (self.world.is_main and stderr.is_terminal)
        with Progress(*columns, console=stderr, disable=quiet) as bars:
            task = bars.add_task(
                self.config.name, total=self.plan.updates, completed=self.update, loss=float("nan"), rate=0.0
            )
            started, seen = time.perf_counter(), 0

            def show(captions: int, loss: float | None) -> None:
                nonlocal seen
                seen += captions * self.world.size
                told: dict[str, Any] = {} if loss is None else {"loss": loss}
                bars.update(task, advance=1, rate=seen / (time.perf_counter() - started), **told)

            yield show

    @contextlib.contextmanager
    def _log(self) -> Iterator[Any]:
        """Write `log.jsonl`, the lines of `_lines` and one per validation, and the same as TensorBoard scalars."""
        if not self.world.is_main:
            yield lambda entry: None
            return
        from torch.utils.tensorboard import SummaryWriter

        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "log.jsonl"
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
        # Lines after the checkpoint will be written again.
        kept = [line for line in lines if _update_of(line) <= self.update]
        with replace_when_complete(path) as partial:
            partial.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
        board_folder = str(self.folder / "tensorboard")
        with path.open("a", encoding="utf-8") as file, SummaryWriter(board_folder, purge_step=self.update) as board:
            self._file = file

            def log(entry: dict[str, Any]) -> None:
                file.write(json.dumps(entry, ensure_ascii=False) + "\n")
                file.flush()
                if "validation" in entry:
                    for name, value in entry["validation"].items():
                        board.add_scalar(f"validation/{name}", value, entry["update"])
                elif "loss" in entry:
                    board.add_scalar(f"loss/{entry['task']}", entry["loss"], entry["update"])

            yield log
        self._file = None


def in_step(model: nn.Module, config: Config, world: World) -> nn.Module:
    """The model with batch norms that share their statistics among devices, if the configuration wants that.

    Raises:
        InputError: if the devices are CPUs, for which PyTorch has none.
    """
    if config.model.batch_norm != "synced" or world.size == 1:
        return model
    if world.device.type == "cpu":
        raise InputError(
            f"model.batch_norm: got synced on {world.size} CPU processes, expected local or frozen: PyTorch "
            "synchronises batch norms on GPUs only"
        )
    synced: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
    return synced


def mark_dynamic(batch: Batch) -> None:
    """Tell the compiler which sizes differ from batch to batch: the numbers of images, boxes and targets."""
    for name, value in vars(batch).items():
        if isinstance(value, torch.Tensor):
            torch._dynamo.maybe_mark_dynamic(value, 1 if name == "targets" else 0)


def _nothing() -> dict[str, Any]:
    """What the next line of the log begins with: sums of losses and numbers of updates by task, and seconds."""
    return {"loss": [0.0, 0.0], "updates": [0, 0], "seconds": 0.0}


def _update_of(line: str) -> float:
    """The update of a log line; one that was cut off or emptied by a crash counts as after everything."""
    try:
        return float(json.loads(line)["update"])
    except (ValueError, KeyError, TypeError):
        return float("inf")
