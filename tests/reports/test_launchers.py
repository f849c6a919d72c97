"""The cluster launchers, on this machine: submitit's local executor, a local Ray, torchrun."""

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmark.errors import InputError
from reference_model.config import Config, override
from reference_model.run_folder import run_folder
from reports.runs.estimate import Cost, wall_time
from reports.runs.launchers import LAUNCHERS, torchrun
from reports.runs.plan import Job
from reports.runs.progress import run_all
from reports.runs.runner import CHILDREN, Outcome

FAKE = Path(__file__).parent / "fake_training.py"


def jobs(runs: Path, modes: Sequence[str] = ("ok", "fail", "ok"), updates: int = 10) -> list[Job]:
    """A job for each mode of the fake training."""
    made = []
    for layers, mode in enumerate(modes, start=2):
        config = override(Config(), [f"model.layers={layers}", f"train.pretrain_updates={updates}"])
        arguments = (str(run_folder(runs, config, 1)), mode, str(updates))
        made.append(Job(f"row-{layers}", config, 1, arguments, runs, "new", command=(sys.executable, str(FAKE))))
    return made


def verdicts(launcher: str, runs: Path, resources: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    found = [outcome for outcome in LAUNCHERS[launcher](jobs(runs), 2, resources) if outcome]
    return {outcome.job.row: (outcome.verdict, outcome.why) for outcome in found}


def check(launcher: str, runs: Path, resources: Mapping[str, Any]) -> None:
    """All are run, the failure is told as on this machine, and a second time nothing is run again."""
    why = "exit code 3: ValueError: the disk is made of cheese"
    first = verdicts(launcher, runs, resources)
    assert first == {"row-2": ("trained", ""), "row-3": ("failed", why), "row-4": ("trained", "")}
    second = verdicts(launcher, runs, resources)
    assert second == {"row-2": ("reused", ""), "row-3": ("failed", why), "row-4": ("reused", "")}
    assert all(job.run.complete for job in jobs(runs) if job.row != "row-3")


def stop(launcher: str, runs: Path, resources: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """What Ctrl-C does: the training saves and ends, and nothing counts as failed."""
    (one,) = jobs(runs, ["slow"], updates=2000)
    found = []
    for outcome in LAUNCHERS[launcher]([one], 1, resources):
        found += [outcome] if outcome else []
        if one.run.updates_done > 3:
            monkeypatch.setattr(CHILDREN, "stopping", True)
    assert [outcome.verdict for outcome in found] == ["interrupted"]
    output = one.run.folder / "output.txt"
    end = time.monotonic() + 10
    while "stopped after update" not in output.read_text() and time.monotonic() < end:
        time.sleep(0.1)
    assert "stopped after update" in output.read_text()


@pytest.mark.slow
def test_slurm_through_submitits_local_executor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs that cannot be pickled, outcomes that never come, a failed job that takes its array with it."""
    pytest.importorskip("submitit", reason="NOT TESTED: submitit is not installed: pip install 'caponimage[cluster]'")
    check("slurm", tmp_path, {"cluster": "local", "timeout_min": 5})
    stop("slurm", tmp_path, {"cluster": "local", "timeout_min": 5}, monkeypatch)


@pytest.mark.slow
def test_ray_on_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same with a local Ray."""
    ray = pytest.importorskip("ray", reason="NOT TESTED: Ray is not installed: pip install 'caponimage[ray]'")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        check("ray", tmp_path, {"num_cpus": 1})
        stop("ray", tmp_path, {"num_cpus": 1}, monkeypatch)
    finally:
        ray.shutdown()


def test_missing_engines_say_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ImportError in the middle of a plan."""
    for launcher, module, extra in (("slurm", "submitit", "cluster"), ("ray", "ray", "ray")):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(InputError, match=rf"caponimage\[{extra}\]"):
            list(LAUNCHERS[launcher](jobs(tmp_path), 1, {}))


def test_local_takes_no_resources(tmp_path: Path) -> None:
    """Resources that are asked for and silently not given."""
    with pytest.raises(InputError, match="gpus_per_node"):
        list(LAUNCHERS["local"](jobs(tmp_path), 1, {"gpus_per_node": 8}))


def test_torchruns_command() -> None:
    """What the documentation of torchrun asks for: every process of one machine, no fixed port."""
    command = torchrun("8")
    assert command[1:3] == ("-m", "torch.distributed.run")
    assert command[3:] == ("--standalone", "--nproc-per-node=8", "-m", "reference_model.train")


def test_the_longest_job_starts_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long job that is started last, while all other places are idle; a plan that counts another order."""
    three = jobs(tmp_path)
    started: list[str] = []

    def launcher(given: Sequence[Job], at_once: int, resources: Mapping[str, Any]) -> list[Outcome]:
        started.extend(job.row for job in given)
        return [Outcome(job, "reused") for job in given]

    monkeypatch.setitem(LAUNCHERS, "local", launcher)
    seconds = dict(zip((job.config.hash for job in three), (10.0, 30.0, 20.0), strict=True))
    run_all(three, "local", 2, {}, {hash_: Cost(s, "measured steps") for hash_, s in seconds.items()})
    assert started == ["row-3", "row-4", "row-2"]
    assert wall_time([10, 20, 30], 2) == 30
