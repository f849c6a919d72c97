"""Launchers of training jobs: on this machine, on Slurm (through submitit) or on Ray.

A launcher takes jobs and how many of them may run at once. It yields the outcome of each job as it ends, and None about
twice a second in between, so that its caller can show progress. After a signal to stop, it starts no more jobs and lets
the running ones save and end.
"""

import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from benchmark.errors import InputError
from reports.runs.plan import LAUNCHER_NAMES, Job
from reports.runs.runner import CHILDREN, Outcome, work

Launcher = Callable[[Sequence[Job], int, Mapping[str, Any]], Iterator[Outcome | None]]

_TICK = 0.5


def local(jobs: Sequence[Job], at_once: int, resources: Mapping[str, Any]) -> Iterator[Outcome | None]:
    """Run jobs as child processes; a run locked by another process is tried again later. Takes no resources."""
    if resources:
        raise InputError(
            f"--resource {', '.join(resources)}: local runs take no resources; choose their number with --jobs"
        )
    waiting, done = deque(jobs), queue.SimpleQueue[Outcome]()

    def worker() -> None:
        while True:
            try:
                job = waiting.popleft()
            except IndexError:
                return
            try:
                outcome = work(job, wait=False)
            except Exception as error:  # a full disk must not leave the main thread waiting
                outcome = Outcome(job, "failed", 0.0, f"{type(error).__name__}: {error}")
            if outcome is None:
                waiting.append(job)
                time.sleep(1)
            else:
                done.put(outcome)

    threads = [threading.Thread(target=worker, daemon=True) for _ in range(min(at_once, len(jobs)))]
    for thread in threads:
        thread.start()
    for _ in jobs:
        while True:
            try:
                yield done.get(timeout=_TICK)
                break
            except queue.Empty:
                yield None
    for thread in threads:
        thread.join()


def slurm(jobs: Sequence[Job], at_once: int, resources: Mapping[str, Any]) -> Iterator[Outcome | None]:
    """Run jobs as a Slurm array; resources as submitit's AutoExecutor takes them (`cluster=local` for a trial)."""
    try:
        import submitit
    except ImportError:
        raise InputError("--launcher slurm needs submitit: pip install 'caponimage[cluster]'") from None
    settings = dict(resources)
    executor = submitit.AutoExecutor(folder=jobs[0].runs / "slurm", cluster=settings.pop("cluster", None))
    executor.update_parameters(name="caponimage", slurm_array_parallelism=at_once, **settings)
    pending = dict(zip(executor.map_array(work, jobs), jobs, strict=True))
    cancelled = False
    while pending:
        if CHILDREN.stopping and not cancelled:
            for submitted in pending:
                submitted.cancel(check=False)
            cancelled = True  # once only: a second signal would not wait for a training to save
        for submitted, job in list(pending.items()):
            if submitted.done():
                del pending[submitted]
                yield _outcome(job, submitted.result)
        time.sleep(_TICK)
        yield None


def ray(jobs: Sequence[Job], at_once: int, resources: Mapping[str, Any]) -> Iterator[Outcome | None]:
    """Run jobs as Ray tasks; resources as `ray.remote` takes them. Ray decides how many run at once."""
    try:
        import ray as engine
    except ImportError:
        raise InputError("--launcher ray needs Ray: pip install 'caponimage[ray]'") from None
    if not engine.is_initialized():
        engine.init(log_to_driver=False)
    # A worker's main thread belongs to Ray, so signals are passed on by cancelling, which interrupts the task.
    remote = engine.remote(max_retries=0, **({"num_cpus": 1} | dict(resources)))(work)
    pending: dict[Any, Job] = {remote.remote(job): job for job in jobs}

    def result(reference: Any) -> Outcome | None:
        return engine.get(reference)

    cancelled = False
    while pending:
        if CHILDREN.stopping and not cancelled:
            for reference in pending:
                engine.cancel(reference)
            cancelled = True
        ready, _ = engine.wait(list(pending), num_returns=1, timeout=_TICK)
        for reference in ready:
            yield _outcome(pending.pop(reference), partial(result, reference))
        yield None


LAUNCHERS: dict[str, Launcher] = dict(zip(LAUNCHER_NAMES, (local, local, slurm, ray), strict=True))


def torchrun(processes: str) -> tuple[str, ...]:
    """Command that trains one run with several processes: a number of them, or "auto" for one per device."""
    standalone = ("--standalone", f"--nproc-per-node={processes}")
    return (sys.executable, "-m", "torch.distributed.run", *standalone, "-m", "reference_model.train")


def _outcome(job: Job, result: Callable[[], Outcome | None]) -> Outcome:
    """Outcome that a remote `work` returned, or a failed one if it died."""
    try:
        return result() or Outcome(job, "failed", 0.0, "no outcome")
    except Exception as error:
        if CHILDREN.stopping:
            return Outcome(job, "interrupted")
        lines = [line for line in str(error).splitlines() if line.strip()] or [""]
        return Outcome(job, "failed", 0.0, f"{type(error).__name__}: {lines[-1].strip()}")
