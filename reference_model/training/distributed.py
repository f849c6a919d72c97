"""One process or many under torchrun: the little that differs."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist

T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """Where this process stands among those of a run."""

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

    def any(self, flag: bool) -> bool:
        """Whether the flag is set on any process."""
        return any(self.gather(flag))

    def barrier(self) -> None:
        """Wait for all processes."""
        if self.size > 1:
            dist.barrier()


def here() -> torch.device:
    """The GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def world() -> Iterator[World]:
    """Join the processes that torchrun started (nccl on GPUs, gloo on CPUs), or stand alone."""
    cuda = torch.cuda.is_available()
    if "RANK" not in os.environ:
        yield World(0, 1, here())
        return
    local = int(os.environ.get("LOCAL_RANK", "0"))
    if cuda:
        torch.cuda.set_device(local)
    dist.init_process_group("nccl" if cuda else "gloo")
    try:
        device = torch.device("cuda", local) if cuda else torch.device("cpu")
        yield World(dist.get_rank(), dist.get_world_size(), device)
    finally:
        dist.destroy_process_group()
