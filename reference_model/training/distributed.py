"""Ranks, devices and communication of a run in one process, or in many under torchrun."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from benchmark.errors import InputError

T = TypeVar("T")

#: How long a process waits for the others. One of them alone makes the vocabulary and, at the end, predicts and scores;
#: NCCL's own 10 minutes would end the others meanwhile. If one dies, torchrun ends all at once, without this wait.
PATIENCE = timedelta(hours=4)

#: How gloo says that another process is gone; it raises plain RuntimeErrors.
_LOST = re.compile(r"gloo[/\\]transport|[Cc]onnection (closed|reset)|Timed out waiting")


@dataclass(frozen=True)
class World:
    """The place of this process among those of a run.

    Attributes:
        rank: number of this process, from 0.
        size: number of processes.
        device: what this process computes on.
    """

    rank: int
    size: int
    device: torch.device

    @property
    def is_main(self) -> bool:
        """Whether this process prints, logs and saves."""
        return self.rank == 0

    def gather(self, value: T) -> list[T]:
        """The values of all processes, in order of rank, on every process."""
        if self.size == 1:
            return [value]
        gathered: list[T | None] = [None] * self.size
        dist.all_gather_object(gathered, value)
        return gathered  # type: ignore[return-value]

    def total(self, values: Tensor) -> list[float]:
        """The sums of a tensor's numbers over all processes; waits for the device."""
        if self.size > 1:
            dist.all_reduce(values)
        return values.tolist()

    def largest(self, value: int) -> int:
        """The largest of the values of all processes."""
        if self.size == 1:
            return value
        values = torch.tensor(value, device=self.device)
        dist.all_reduce(values, dist.ReduceOp.MAX)
        return int(values)

    def barrier(self) -> None:
        """Wait for all processes."""
        if self.size > 1:
            dist.barrier()


def default_device() -> torch.device:
    """The GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def join_world() -> Iterator[World]:
    """Join the processes that torchrun started (nccl on GPUs, gloo on CPUs), or stand alone.

    Raises:
        InputError: if another of the processes has ended during the block, or does not answer any more.
    """
    cuda = torch.cuda.is_available()
    if "RANK" not in os.environ:
        yield World(0, 1, default_device())
        return
    local = int(os.environ.get("LOCAL_RANK", "0"))
    if cuda:
        torch.cuda.set_device(local)
    dist.init_process_group("nccl" if cuda else "gloo", timeout=PATIENCE)
    try:
        device = torch.device("cuda", local) if cuda else torch.device("cpu")
        yield World(dist.get_rank(), dist.get_world_size(), device)
    except RuntimeError as error:
        if not isinstance(error, dist.DistError) and not _LOST.search(str(error)):
            raise
        raise InputError(
            f"process {dist.get_rank()} of {dist.get_world_size()}: another process of this training has ended or does "
            "not answer any more; what was saved is kept, and the same command goes on from there"
        ) from None
    finally:
        dist.destroy_process_group()
