"""The runs that some tables need: each once, which of them are there, and what the rest costs."""

import sys
from dataclasses import dataclass
from pathlib import Path

from benchmark import cli
from benchmark.dataset.store import Split
from benchmark.grid import Cell, Content, Grid
from reference_model.config import Config
from reference_model.measure import duration
from reference_model.registry import network
from reference_model.run_folder import run_folder
from reports.experiments import Table, TableRow
from reports.runs import estimate
from reports.runs.estimate import Cost
from reports.runs.stored import Run, check_data, find_runs, state

#: Where runs can be made; see `launchers`.
LAUNCHER_NAMES = ("local", "torchrun", "slurm", "ray")

#: Seeds of a profile; None: as many as the paper (or our plan for it) has.
SEEDS = {"paper": None, "mini": 1, "smoke": 1}


@dataclass(frozen=True)
class Job:
    """A run to be there in the end.

    Attributes:
        row: id of the first row that needs it.
        config: what to train.
        seed: of everything random.
        arguments: of `reference_model.train`, which lead to `config`.
        runs: folder of run folders.
        version: the version of its system that the run must be made by.
        keep_old: accept a run of any version.
        command: what trains; the arguments are put behind it.
    """

    row: str
    config: Config
    seed: int
    arguments: tuple[str, ...]
    runs: Path
    version: str
    keep_old: bool = False
    command: tuple[str, ...] = (sys.executable, "-m", "reference_model.train")

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.row} seed {self.seed}"

    @property
    def key(self) -> tuple[str, int]:
        """Jobs with equal keys are one run."""
        return self.config.hash, self.seed

    @property
    def run(self) -> Run:
        """Its run, wherever it is or will be."""
        found = find_runs([self.runs], self.config, self.seed)
        return found[0] if found else Run(run_folder(self.runs, self.config, self.seed))

    @property
    def updates(self) -> int:
        """Of the whole run."""
        return self.config.train.pretrain_updates + self.config.train.finetune_updates


@dataclass(frozen=True)
class RunPlan:
    """The runs that some tables need, each once, and what is there of them.

    Attributes:
        tables: which.
        profile: sizes of the runs.
        asked_seeds: runs of each row, or None for as many as usual.
        changes: made to all rows alike.
        splits: of the data set.
        runs: folder of run folders.
        results: folder of stored results that may be reused; None to train everything here.
        keep_old: reuse runs made by other versions of their systems.
        command: what trains, and the arguments that every run ends with.
    """

    tables: list[Table]
    profile: str
    asked_seeds: int | None
    changes: tuple[str, ...]
    splits: dict[str, Split]
    runs: Path
    results: Path | None
    keep_old: bool
    command: tuple[tuple[str, ...], tuple[str, ...]]

    @property
    def roots(self) -> list[Path]:
        """Where runs may be: stored ones first, if they are asked for."""
        return [self.results, self.runs] if self.results else [self.runs]

    def jobs(self) -> list[Job]:
        """One for each run; rows with equal hashes share it."""
        found: dict[tuple[str, int], Job] = {}
        for table in self.tables:
            for row in table.trained:
                config = row.config(self.profile, self.changes)
                for seed in self.seeds(table, row):
                    job = self._job(row, seed)
                    found.setdefault((config.hash, seed), job)
        return list(found.values())

    def seeds(self, table: Table, row: TableRow) -> list[int]:
        """Of a row: as many as asked; else, with --stored, those that are there, or one; else as many as usual."""
        if self.results and not self.asked_seeds:
            runs = find_runs(self.roots, row.config(self.profile, self.changes))
            return sorted({int(run.folder.name.removeprefix("seed")) for run in runs if run.complete}) or [1]
        return list(range(1, 1 + (self.asked_seeds or SEEDS[self.profile] or table.seeds)))

    def _job(self, row: TableRow, seed: int) -> Job:
        config = row.config(self.profile, self.changes)
        start, ending = self.command
        sizes = ("--profile", self.profile, "--seed", str(seed), "--runs", str(self.runs))
        arguments = (row.variant, *row.overrides, *self.changes, *sizes, *ending)
        version = network(config.system).version
        return Job(row.id, config, seed, arguments, self.runs, version, self.keep_old, start)

    def run_of(self, job: Job) -> Run | None:
        """The complete run of a job, if there is one that may be used.

        Raises:
            InputError: if it was made from other data.
        """
        for run in find_runs(self.roots, job.config, job.seed):
            check_data(run, self.splits["train"])
            # Stored results are asked for as they are; `summary` says how many another version has made.
            old = self.keep_old or self._is_stored(run)
            if state(run, job.version, keep_old=old) == "complete":
                return run
        return None

    def _is_stored(self, run: Run) -> bool:
        return self.results is not None and run.folder.is_relative_to(self.results)

    def todo(self) -> list[Job]:
        """The jobs without a run to use."""
        return [job for job in self.jobs() if self.run_of(job) is None]

    def complete(self) -> dict[str, list[Run]]:
        """The runs to use, by hash, in order of seeds."""
        found: dict[str, list[Run]] = {}
        for job in self.jobs():
            if run := self.run_of(job):
                found.setdefault(job.config.hash, []).append(run)
        return found

    def costs(self) -> dict[str, Cost]:
        """Of each configuration that is to be trained: from a finished run, else measured."""
        found: dict[str, Cost] = {}
        unknown = {}
        for job in self.todo():
            seconds = [
                s for run in find_runs(self.roots, job.config) if run.complete and (s := run.made_by.get("seconds"))
            ]
            if seconds:
                found[job.config.hash] = Cost(sum(seconds) / len(seconds), "finished run")
            elif job.config.hash not in unknown:
                unknown[job.config.hash] = job.config
        if unknown:
            with cli.stderr.status("measuring a few steps of each row ..."):
                found |= dict(estimate.measure(unknown, self.splits))
        return found

    def grid(self, costs: dict[str, Cost]) -> Grid:
        """Row by row: which run, what is there, what it costs."""
        gpu = ["one H100, projected", "disk, memory"] if self.profile == "paper" else []
        columns = ["row", "system", "run", "seeds", "there", "one run here", "how known", *gpu]
        grid = Grid(f"plan, {self.profile} profile, data {self.splits['train'].dataset}", columns)
        first: dict[str, str] = {}
        jobs = self.jobs()
        for table in self.tables:
            for row in table.rows:
                if not row.variant:
                    grid.add(row.id, row.label, "no training", *[None] * (len(columns) - 3))
                    continue
                config = row.config(self.profile, self.changes)
                mine = [job for job in jobs if job.config.hash == config.hash]
                there = sum(self.run_of(job) is not None for job in mine)
                shared = first.setdefault(config.hash, row.id)
                run = f"{row.variant}/{config.hash}" if shared == row.id else f"= {shared}"
                cost = costs.get(config.hash)
                cells = _cost_cells(cost if shared == row.id else None)[: len(columns) - 5]
                grid.add(row.id, row.label, run, len(mine), f"{there} of {len(mine)}", *cells)
        return grid

    def summary(self, costs: dict[str, Cost], at_once: int) -> list[str]:
        """What is left to do, in words."""
        jobs, todo = self.jobs(), self.todo()
        lines = [f"{len(jobs) - len(todo)} of {len(jobs)} runs are there, {len(todo)} to train"]
        used = [(job, run) for job in jobs if (run := self.run_of(job))]
        if self.results:
            old = sum(run.made_by.get("version") != job.version for job, run in used)
            stored = sum(self._is_stored(run) for _, run in used)
            lines.append(f"{stored} runs reused from stored results; {old} made by another version of their systems")
        begun = [job for job in todo if (job.run.folder / "checkpoint").exists()]
        states = [state(job.run, job.version, keep_old=self.keep_old) for job in begun]
        if n := states.count("begun"):
            lines.append(f"{n} of them begun; they go on where they were")
        if n := states.count("other version"):
            lines.append(
                f"{n} there, but made by other versions of their systems, or naming none: "
                "moved aside and trained anew (or --keep-old)"
            )
        known = [(job, cost.seconds) for job in todo if (cost := costs.get(job.config.hash)) and cost.seconds]
        if known:
            left = [seconds * (1 - min(1.0, share_done(job))) for job, seconds in known]
            time, energy = duration(estimate.wall_time(left, at_once)), estimate.projected_energy(sum(left))
            lines.append(f"about {time} with {at_once} at once, one thread each (measured here; beside start-up)")
            if self.profile != "paper":
                lines.append(f"about {energy:.2g} kWh (projected: {estimate.WATTS_PER_CORE:g} W for a busy core)")
        hours = [cost.gpu_hours for job in todo if (cost := costs.get(job.config.hash)) and cost.gpu_hours]
        if self.profile == "paper" and hours:
            energy = estimate.projected_energy(3600 * sum(hours), estimate.WATTS_PER_GPU)
            lines.append(f"about {sum(hours):,.0f} hours on one H100 in all (projected, see reference_model.measure)")
            lines.append(
                f"about {energy:,.0f} kWh on such GPUs (projected: {estimate.WATTS_PER_GPU:g} W for a busy one)"
            )
        return lines


def share_done(job: Job) -> float:
    """Share of a job's updates that are behind it; predictions, at the end, are not counted."""
    if state(job.run, job.version, keep_old=job.keep_old) != "begun":
        return 0.0
    return min(0.99, job.run.updates_done / job.updates)


def _cost_cells(cost: Cost | None) -> list[Content]:
    if cost is None:
        return [None] * 4
    gpu = None if cost.gpu_hours is None else duration(cost.gpu_hours * 3600)
    disk = None if cost.disk is None else Cell(cost.disk / 1e6, "{:,.0f} MB")
    return [duration(cost.seconds), cost.how, gpu, disk]
