"""Runs on disk, and their committed form, the stored results: finding, reading and storing them.

A run is found by its configuration's hash, whatever variant it was made for. Two layouts are read alike:

* run folders, as `reference_model.train` writes them (`RUNS/<variant>/<hash>/seed<k>/`); to their `made_by.json`, which
  names the network's version and the processors, the runner adds the command, the seconds and a hash of the source;
* stored results (`reports/results/<profile>/<variant>/<hash>/seed<k>/`), the committed part of a run, without weights.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from benchmark.dataset.schema import EVALUATED_SPLITS
from benchmark.dataset.store import Split
from benchmark.errors import InputError
from benchmark.files import folder_when_complete
from benchmark.predictions import read_predictions, write_predictions
from benchmark.shell import quoted
from reference_model import run_folder
from reference_model.config import Config
from reference_model.run_folder import is_complete, made_by, note, read_config, read_json

RESULTS = Path(__file__).parents[1] / "results"

State = Literal["complete", "begun", "missing", "other version"]


@dataclass(frozen=True)
class Run:
    """A run's folder, complete or not."""

    folder: Path

    @property
    def complete(self) -> bool:
        """Whether the run was trained to its end and has its predictions."""
        return is_complete(self.folder)

    @cached_property
    def content(self) -> dict[str, Any]:
        """Content of `config.json`: seed, data, fingerprint of the training split, configuration; empty if missing.

        Raises:
            DamagedError: if it is damaged.
        """
        path = self.folder / "config.json"
        return read_json(path) if path.exists() else {}

    @property
    def made_by(self) -> dict[str, Any]:
        """Content of `made_by.json`: version, processors, and the runner's notes (see `run_folder.made_by`)."""
        return made_by(self.folder)

    def note(self, **more: Any) -> None:
        """Add entries to `made_by.json`."""
        note(self.folder, **more)

    def captions(self, split: Split) -> list[str]:
        """This run's predicted captions for a split, one per box, in the split's order.

        Raises:
            InputError: if the predictions are missing or do not fit the split.
        """
        packed = self.folder / f"preds.{split.name}.jsonl.gz"
        return read_predictions(packed if packed.exists() else packed.with_suffix(""), split)

    @property
    def _log(self) -> list[dict[str, Any]]:
        path = self.folder / "log.jsonl"
        return _log_lines(path.read_text(encoding="utf-8", errors="replace")) if path.exists() else []

    @property
    def updates_done(self) -> int:
        """Number of updates done, according to the log."""
        entries = _log_lines(_tail(self.folder / "log.jsonl"))
        return max((entry["update"] for entry in entries), default=0)

    @property
    def validations(self) -> dict[int, dict[str, float]]:
        """Validation scores by update."""
        return {entry["update"]: entry["validation"] for entry in self._log if "validation" in entry}

    @property
    def seconds_per_update(self) -> float | None:
        """Median of the seconds in the log; from `made_by.json` if the log holds none."""
        seconds = sorted(entry["seconds"] for entry in self._log if "seconds" in entry)
        return seconds[len(seconds) // 2] if seconds else self.made_by.get("seconds_per_update")


def find_runs(roots: Sequence[Path], config: Config, seed: int | None = None) -> list[Run]:
    """Find the runs of a configuration, of one seed or of all; complete runs first, then in order of roots."""
    name = "seed*" if seed is None else f"seed{seed}"
    found = [Run(path) for root in roots for path in sorted(root.glob(f"*/{config.hash}/{name}"))]
    return sorted(found, key=lambda run: not run.complete)


def state(run: Run | None, version: str, *, keep_old: bool) -> State:
    """State of a run: complete, begun, missing, or of another version of its network.

    Args:
        run: run of the wanted configuration and seed; None if there is none.
        version: present version of the run's network.
        keep_old: whether to accept runs of other or unknown versions.
    """
    if run is None or not (run.complete or (run.folder / "checkpoint").exists()):
        return "missing"
    if run.made_by.get("version") != version and not keep_old:
        return "other version"
    return "complete" if run.complete else "begun"


def set_aside(run: Run, runs: Path) -> Path:
    """Move a run out of the way of a new one, without deleting anything; returns its new folder."""
    base = runs / "set-aside" / run.folder.relative_to(runs)
    place = next(p for n in range(1, 10_000) if not (p := base.with_name(f"{base.name}.{n}")).exists())
    place.parent.mkdir(parents=True, exist_ok=True)
    return run.folder.rename(place)


def store(run: Run, splits: dict[str, Split], results: Path = RESULTS) -> Path:
    """Store the committed part of a complete run: configuration, packed predictions, receipts, validation scores.

    Args:
        run: complete run.
        splits: splits of its data set, by name.
        results: folder in which `<profile>/<variant>/<hash>/seed<k>` is written.

    Returns:
        The folder written.

    Raises:
        InputError: if the run is not complete, or was trained on other data.
    """
    config, seed = read_config(run.folder)
    if not run.complete:
        options = f"--profile {config.profile} --runs {quoted(run.folder.parents[2])}"
        raise InputError(f"{run.folder} is not complete; continue it: python -m reports.reproduce all {options}")
    check_data(run, splits["train"])
    target = results / config.profile / config.name / config.hash / f"seed{seed}"
    with folder_when_complete(target) as folder:
        for name in (
            "config.json",
            "made_by.json",
            "prepared.json",
            *(f"scores.{split}.json" for split in EVALUATED_SPLITS),
        ):
            if (run.folder / name).exists():
                shutil.copyfile(run.folder / name, folder / name)
        for split in EVALUATED_SPLITS:
            write_predictions(folder / f"preds.{split}.jsonl.gz", splits[split], run.captions(splits[split]))
        lines = (json.dumps({"update": u, "validation": scores}) for u, scores in run.validations.items())
        (folder / "log.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        Run(folder).note(seconds_per_update=run.seconds_per_update)
    return target


def check_data(run: Run, train: Split) -> None:
    """Refuse a run that was trained on other data; see `run_folder.check_data`."""
    run_folder.check_data(run.folder, train)


def _tail(path: Path, size: int = 4096) -> str:
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - size))
        return file.read().decode(errors="replace")


def _log_lines(text: str) -> list[dict[str, Any]]:
    """Entries of a log, without lines that a crash has cut off or emptied."""
    entries = []
    for line in text.splitlines():
        try:
            entries.append(json.loads(line))
        except ValueError:
            continue
    return [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("update"), int)]
