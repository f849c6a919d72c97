"""Runs all jobs of a plan, the longest first, with one progress bar, and reports at the end which of them failed."""

import shlex
import sys
import time

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmark import cli
from benchmark.grid import Grid, duration
from reports.runs.estimate import Cost
from reports.runs.launchers import LAUNCHERS
from reports.runs.plan import Job, share_done
from reports.runs.runner import CHILDREN, Outcome


def run_all(
    jobs: list[Job], launcher: str, at_once: int, resources: dict[str, str | int], costs: dict[str, Cost]
) -> bool:
    """Run jobs, show their progress, and report at the end which of them failed.

    Args:
        jobs: jobs to run, at least one.
        launcher: name of a launcher.
        at_once: number of jobs that may run at once.
        resources: resources that each job asks its cluster for.
        costs: cost of each configuration, by its hash; it orders the jobs and weighs them in the progress bar.

    Returns:
        Whether a job failed. Exits the process with 128 + its number if a signal stopped the work.
    """
    outcomes = _show_progress(jobs, launcher, at_once, resources, costs)
    _finish(outcomes)
    return any(outcome.verdict == "failed" for outcome in outcomes)


def _show_progress(
    jobs: list[Job], launcher: str, at_once: int, resources: dict[str, str | int], costs: dict[str, Cost]
) -> list[Outcome]:
    """Run jobs behind a progress bar, print a line as each one ends, and return their outcomes."""
    weights = {job.key: (cost.seconds if (cost := costs.get(job.config.hash)) else None) or 1.0 for job in jobs}
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    # The longest first, so that no place is idle at the end while another one has a long job left.
    jobs = sorted(jobs, key=lambda job: weights[job.key] * (1 - share_done(job)), reverse=True)
    quiet = not cli.stderr.is_terminal
    outcomes: list[Outcome] = []
    started = time.monotonic()
    with (
        CHILDREN.signals(),
        Progress(*columns, TimeRemainingColumn(), console=cli.stderr, disable=quiet, speed_estimate_period=600) as bars,
    ):
        bar = bars.add_task(f"{len(jobs)} runs", total=sum(weights.values()))
        for outcome in LAUNCHERS[launcher](jobs, at_once, resources):
            if outcome is None and quiet:
                continue
            if outcome is not None:
                outcomes.append(outcome)
            ended = {o.job.key for o in outcomes}
            done = sum(weights[j.key] * (1.0 if j.key in ended else share_done(j)) for j in jobs)
            bars.update(bar, completed=done, description=f"{len(ended)} of {len(jobs)} runs")
            if outcome is not None and outcome.verdict != "interrupted":
                left = (sum(weights.values()) - done) / done * (time.monotonic() - started)
                line = f"[{len(outcomes)}/{len(jobs)}] {outcome.job.name}: {outcome.verdict}"
                took = f" in {duration(outcome.seconds)}" if outcome.verdict == "trained" else ""
                why = f" ({outcome.why})" if outcome.why else ""
                cli.note(f"{line}{took}{why}, about {duration(left)} left")
    return outcomes


def _finish(outcomes: list[Outcome]) -> None:
    """Report failed jobs; exit the process if a signal stopped the work."""
    failed = [outcome for outcome in outcomes if outcome.verdict == "failed"]
    if failed:
        grid = Grid("failed", ["run", "why", "its output"])
        for o in failed:
            grid.add(o.job.name, o.why[:160], str(o.job.run.folder / "output.txt"))
        grid.show(cli.stderr)
    if failed or CHILDREN.stopping:
        again = "to try again" if failed else "stopped; to go on"
        command = shlex.join(["python", "-m", "reports.reproduce", *sys.argv[1:]])
        cli.note(f"{again}: {command}")
    if CHILDREN.stopping:
        sys.exit(128 + CHILDREN.signal)
