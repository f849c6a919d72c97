"""The runner, with trainings that take no time: reuse, locks, interruptions, failures."""

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmark.locks import locked
from reference_model.config import Config, override
from reference_model.run_folder import run_folder
from reports.runs.code_version import code_version
from reports.runs.launchers import local
from reports.runs.plan import Job
from reports.runs.runner import Outcome, work
from reports.runs.stored import Run

FAKE = Path(__file__).parent / "fake_training.py"


def job(
    runs: Path, mode: str = "ok", *, seed: int = 1, updates: int = 10, version: str = "new", layers: int = 2
) -> Job:
    config = override(Config(), [f"model.layers={layers}", f"train.pretrain_updates={updates}"])
    folder = run_folder(runs, config, seed)
    arguments = (str(folder), mode, str(updates), version)
    return Job(f"row-{layers}", config, seed, arguments, runs, version, command=(sys.executable, str(FAKE)))


def outcomes(jobs: list[Job], at_once: int = 2) -> dict[str, Outcome]:
    return {outcome.job.name: outcome for outcome in local(jobs, at_once, {}) if outcome}


def starts(one: Job) -> list[str]:
    return (one.run.folder / "starts.txt").read_text().split()


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_a_complete_run_is_not_made_again(tmp_path: Path) -> None:
    """Hours of training repeated because a table is printed twice."""
    one = job(tmp_path)
    assert outcomes([one])[one.name].verdict == "trained"
    assert outcomes([one])[one.name].verdict == "reused"
    assert starts(one) == ["0"]
    assert one.run.made_by["version"] == "new"
    assert one.run.made_by["code"] == code_version("reference")
    assert one.run.made_by["seconds"] > 0


def test_a_run_of_another_version_is_moved_aside(tmp_path: Path) -> None:
    """Numbers of a model that the code no longer describes; or hours of work deleted."""
    old, new = job(tmp_path, version="old"), job(tmp_path)
    work(old)
    assert outcomes([new])[new.name].verdict == "trained"
    kept = list(tmp_path.glob("set-aside/*/*/seed1.1"))
    assert [Run(path).made_by["version"] for path in kept] == ["old"]
    assert Run(kept[0]).complete
    assert new.run.made_by["version"] == "new"


def test_keep_old_takes_runs_of_another_version(tmp_path: Path) -> None:
    """A reader who wants last month's runs in the table."""
    work(job(tmp_path, version="old"))
    assert outcomes([replace(job(tmp_path), keep_old=True)])["row-2 seed 1"].verdict == "reused"


def test_a_run_found_under_another_name_is_reused(tmp_path: Path) -> None:
    """Reuse follows from the configuration's hash, not from the variant's name."""
    one = job(tmp_path)
    work(one)
    other = replace(one, config=replace(one.config, name="alias"))
    assert outcomes([other])[one.name].verdict == "reused"


def test_a_failed_run_stops_no_other(tmp_path: Path) -> None:
    """One broken row of thirteen must not cost the night."""
    jobs = [job(tmp_path), job(tmp_path, "fail", layers=3), job(tmp_path, layers=4), job(tmp_path, layers=5)]
    jobs[2] = replace(jobs[2], command=("/no/such/program",))
    found = outcomes(jobs, at_once=1)
    assert [found[j.name].verdict for j in jobs] == ["trained", "failed", "failed", "trained"]
    assert found["row-3 seed 1"].why == "exit code 3: ValueError: the disk is made of cheese"
    assert "/no/such/program" in found["row-4 seed 1"].why
    again = outcomes([job(tmp_path, layers=3)])
    assert again["row-3 seed 1"].verdict == "trained"


def test_killed_training_goes_on_where_it_was(tmp_path: Path) -> None:
    """Kill -9, an out-of-memory killer, a power cut."""
    one = job(tmp_path, "slow", updates=40)
    runner = subprocess.Popen([sys.executable, "-c", _work(one)])
    until(lambda: one.run.updates_done > 3)
    child = int(subprocess.run(["pgrep", "-P", str(runner.pid)], capture_output=True, text=True).stdout)
    os.kill(child, signal.SIGKILL)
    assert runner.wait(20) == 0
    assert not one.run.complete
    result = work(job(tmp_path, "ok", updates=40))
    assert result is not None
    assert result.verdict == "trained"
    first, second = starts(one)
    assert first == "0"
    assert int(second) > 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_reach_the_training_which_saves(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C that leaves orphans, or a training that ends without having saved."""
    one = job(tmp_path, "slow", updates=400)
    runner = subprocess.Popen([sys.executable, "-c", _work(one, "sys.exit(outcome.verdict != 'interrupted')")])
    until(lambda: one.run.updates_done > 3)
    runner.send_signal(number)
    assert runner.wait(20) == 0
    assert "stopped after update" in (one.run.folder / "output.txt").read_text()


def test_a_dead_runners_training_is_waited_for(tmp_path: Path) -> None:
    """The runner is killed, its training is not: a second runner must not write into the same files."""
    one = job(tmp_path, "slow", updates=60)
    runner = subprocess.Popen([sys.executable, "-c", _work(one)])
    until(lambda: one.run.updates_done > 3)
    runner.kill()
    runner.wait()
    assert work(one, wait=False) is None
    result = work(one)
    assert result is not None
    assert result.verdict == "reused"
    assert starts(one) == ["0"]


def test_two_runners_share_the_work(tmp_path: Path) -> None:
    """Two terminals, one list of runs: each run is trained once."""
    jobs = [job(tmp_path, "slow", layers=layers) for layers in range(2, 6)]
    code = (
        "from reports.runs.launchers import local\nfound = [o.verdict for o in local(jobs, 1, {}) if o]\nprint(*found)"
    )
    runners = [
        subprocess.Popen([sys.executable, "-c", _jobs(jobs) + code], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    verdicts = [runner.communicate(timeout=60)[0].split() for runner in runners]
    assert sorted(verdicts[0] + verdicts[1]) == ["reused"] * 4 + ["trained"] * 4
    assert [starts(one) for one in jobs] == [["0"]] * 4


def test_the_lock_is_the_kernels(tmp_path: Path) -> None:
    """A lock file left by a crash must not block forever."""
    folder = tmp_path / "seed1"
    (tmp_path / ".seed1.lock").write_text("left behind")
    with locked(folder, wait=False) as mine:
        assert mine is not None
        with locked(folder, wait=False) as second:
            assert second is None
        with locked(folder, wait=True, stop=lambda: True) as second:
            assert second is None
    with locked(folder, wait=False) as again:
        assert again is not None


def _jobs(jobs: list[Job]) -> str:
    """Source that makes the same jobs in another process."""
    return f"import pickle, sys\nsys.path.insert(0, {str(Path.cwd())!r})\njobs = pickle.loads({pickle.dumps(jobs)!r})\n"


def _work(one: Job, then: str = "") -> str:
    return f"{_jobs([one])}from reports.runs.runner import work\noutcome = work(jobs[0])\n{then}\n"
