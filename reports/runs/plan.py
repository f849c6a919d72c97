"""Plan of the runs that tables need: each run once, which of them exist, and what the others will cost."""

import sys
from dataclasses import dataclass
from pathlib import Path

from benchmark import cli
from benchmark.dataset.store import Split
from benchmark.grid import Cell, Content, Grid, duration
from reference_model.config import Config
from reference_model.registry import network
from reference_model.run_folder import run_folder
from reports.experiments import Table, TableRow
from reports.runs import estimate
from reports.runs.estimate import Cost
from reports.runs.stored import Run, check_data, find_runs, state

#: Names of the launchers; see `launchers`.
LAUNCHER_NAMES = ("local", "torchrun", "slurm", "ray")

#: Default number of seeds by profile; None for that of the table (`Table.seeds`).
SEEDS = {"paper": None, "mini": 1, "smoke": 1}


@dataclass(frozen=True)
class Job:
    """A run that must exist in the end: reused if it is complete, else trained.

    Attributes:
        row: id of the first row that needs it.
        config: configuration to train.
        seed: random seed of the run.
        arguments: arguments of `reference_model.train` that give `config`.
        runs: folder of run folders.
        version: version of the network that the run must have been trained with.
        keep_old: whether to accept a run of any version.
        command: training command, which the arguments are appended to.
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
        """Name of the job in messages."""
        return f"{self.row} seed {self.seed}"

    @property
    def key(self) -> tuple[str, int]:
        """Key of the run; jobs with equal keys share it."""
        return self.config.hash, self.seed

    @property
    def run(self) -> Run:
        """The job's run, in the folder where it is or will be."""
        found = find_runs([self.runs], self.config, self.seed)
        return found[0] if found else Run(run_folder(self.runs, self.config, self.seed))

    @property
    def updates(self) -> int:
        """Number of updates of the whole run."""
        return self.config.train.pretrain_updates + self.config.train.finetune_updates


@dataclass(frozen=True)
class RunPlan:
    """The runs that tables need, each once, and which of them exist.

    Attributes:
        tables: tables to plan for.
        profile: model sizes of the runs: paper, mini or smoke.
        asked_seeds: number of seeds per row; None for the default.
        changes: settings changed in all rows alike, such as "train.batch=8".
        splits: splits of the data set, by name.
        runs: folder of run folders.
        results: folder of stored results that may be reused; None to train everything here.
        keep_old: whether to reuse runs trained by other versions of their networks.
        command: training command, and the arguments appended to every run's own.
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
        """Folders to search for runs; stored results come first if they may be reused."""
        return [self.results, self.runs] if self.results else [self.runs]

    def jobs(self) -> list[Job]:
        """All jobs, one for each run; rows with equal hashes share a job."""
        found: dict[tuple[str, int], Job] = {}
        for table in self.tables:
            for row in table.trained:
                config = row.config(self.profile, self.changes)
                for seed in self.seeds(table, row):
                    job = self._job(row, seed)
                    found.setdefault((config.hash, seed), job)
        return list(found.values())

    def seeds(self, table: Table, row: TableRow) -> list[int]:
        """Seeds of a row: as many as asked for; else, with --stored, the stored ones or one; else the default."""
        if self.results and not self.asked_seeds:
            runs = find_runs(self.roots, row.config(self.profile, self.changes))
            return sorted({int(run.folder.name.removeprefix("seed")) for run in runs if run.complete}) or [1]
        return list(range(1, 1 + (self.asked_seeds or SEEDS[self.profile] or table.seeds)))

    def _job(self, row: TableRow, seed: int) -> Job:
        config = row.config(self.profile, self.changes)
        start, ending = self.command
        sizes = ("--profile", self.profile, "--seed", str(seed), "--runs", str(self.runs))
        arguments = (row.variant, *row.settings(self.profile, self.changes), *sizes, *ending)
        version = network(config.system).version
        return Job(row.id, config, seed, arguments, self.runs, version, self.keep_old, start)

    def run_of(self, job: Job) -> Run | None:
        """The complete run of a job that may be used; None if there is none.

        Raises:
            InputError: if a run was trained on other data.
        """
        for run in find_runs(self.roots, job.config, job.seed):
            check_data(run, self.splits["train"])
            # Stored results are used whatever their version; `summary` says how many are of another one.
            old = self.keep_old or self._is_stored(run)
            if state(run, job.version, keep_old=old) == "complete":
                return run
        return None

    def _is_stored(self, run: Run) -> bool:
        return self.results is not None and run.folder.is_relative_to(self.results)

    def todo(self) -> list[Job]:
        """Jobs without a run that may be used."""
        return [job for job in self.jobs() if self.run_of(job) is None]

    def complete(self) -> dict[str, list[Run]]:
        """Runs to use, by hash of their configuration, in order of seeds."""
        found: dict[str, list[Run]] = {}
        for job in self.jobs():
            if run := self.run_of(job):
                found.setdefault(job.config.hash, []).append(run)
        return found

    def costs(self, jobs: int = 1) -> dict[str, Cost]:
        """Cost of each configuration to be trained, by hash: from finished runs, else measured by so many processes."""
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
                found |= dict(estimate.measure(unknown, self.splits, jobs))
        return found

    def grid(self, costs: dict[str, Cost]) -> Grid:
        """The plan as a table: for each row its run, how many seeds exist, and the cost of the others."""
        gpu = ["one H100, projected", "disk, memory"] if self.profile == "paper" else []
        columns = ["row", "system", "run", "seeds", "complete", "time of a run", "source of the time", *gpu]
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
        """The plan in sentences: runs that exist, runs to train, time and energy."""
        jobs, todo = self.jobs(), self.todo()
        lines = [f"{len(jobs) - len(todo)} of {len(jobs)} runs are complete, {len(todo)} to train"]
        used = [(job, run) for job in jobs if (run := self.run_of(job))]
        if self.results:
            old = sum(run.made_by.get("version") != job.version for job, run in used)
            stored = sum(self._is_stored(run) for _, run in used)
            lines.append(
                f"{stored} runs reused from stored results; {old} trained by another version of their networks"
            )
        begun = [job for job in todo if (job.run.folder / "checkpoint").exists()]
        states = [state(job.run, job.version, keep_old=self.keep_old) for job in begun]
        if n := states.count("begun"):
            lines.append(f"{n} of them begun; they continue from their checkpoints")
        if n := states.count("other version"):
            lines.append(
                f"{n} trained by other or unknown versions of their networks: "
                "moved aside and trained anew (to reuse them: --keep-old)"
            )
        known = [(job, cost.seconds) for job in todo if (cost := costs.get(job.config.hash)) and cost.seconds]
        if known:
            left = [seconds * (1 - min(1.0, share_done(job))) for job, seconds in known]
            time, energy = duration(estimate.wall_time(left, at_once)), estimate.projected_energy(sum(left))
            lines.append(f"about {time} with {at_once} at once, one thread each (measured here, without start-up)")
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
    """Share of a job's updates that are done, from 0 to 0.99; predicting at the end is not counted."""
    if state(job.run, job.version, keep_old=job.keep_old) != "begun":
        return 0.0
    return min(0.99, job.run.updates_done / job.updates)


def _cost_cells(cost: Cost | None) -> list[Content]:
    if cost is None:
        return [None] * 4
    gpu = None if cost.gpu_hours is None else duration(cost.gpu_hours * 3600)
    disk = None if cost.disk is None else Cell(cost.disk / 1e6, "{:,.0f} MB")
    return [duration(cost.seconds), cost.how, gpu, disk]
