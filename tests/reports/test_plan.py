"""Which runs a plan asks for."""

from pathlib import Path

from run_folders import write_results

from benchmark.dataset.schema import EVALUATED_SPLITS
from benchmark.dataset.store import Split
from reference_model.config import override
from reference_model.registry import named
from reference_model.run_folder import run_folder, write_config
from reports.experiments import Table, tables
from reports.runs.plan import RunPlan


def plan(folder: Path, wanted: list[Table], splits: dict[str, Split], seeds: int | None, *, stored: bool) -> RunPlan:
    results = folder / "results" if stored else None
    return RunPlan(wanted, "mini", seeds, (), splits, folder / "runs", results, False, ((), ()))


def store(folder: Path, splits: dict[str, Split], row_id: str, *seeds: int) -> None:
    rows = {row.id: row for table in tables("mini").values() for row in table.trained}
    config = rows[row_id].config("mini")
    for seed in seeds:
        run = run_folder(folder / "results", config, seed)
        run.mkdir(parents=True)
        write_config(run, config, seed, "made", splits["train"].fingerprint.hexdigest())
        for name in EVALUATED_SPLITS:
            write_results(run, splits[name], splits[name].captions)


def seeds_of(plan: RunPlan) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for job in plan.jobs():
        found.setdefault(job.config.name, []).append(job.seed)
    return found


def test_stored_seeds_are_all_used_and_ask_for_no_more(tmp_path: Path, splits: dict[str, Split]) -> None:
    """More seeds of one row that set off the training of all others; rows that hang on which tables are asked for."""
    store(tmp_path, splits, "T3-1", 1, 2, 3)
    store(tmp_path, splits, "T3-2", 1, 2)
    table3, tablea5 = tables("mini")["table3"], tables("mini")["tablea5"]
    alone = plan(tmp_path, [table3], splits, None, stored=True)
    assert seeds_of(alone) == {
        "context": [1, 2, 3],
        "full-level1": [1, 2],
        "full-level12": [1],
        "full-fixed": [1],
        "full": [1, 1],  # equal updates in all, and of generation
    }
    assert {(job.config.name, job.seed) for job in alone.todo()} == {
        ("full-level12", 1),
        ("full-fixed", 1),
        ("full", 1),
    }
    together = seeds_of(plan(tmp_path, [table3, tablea5], splits, None, stored=True))
    assert {name: together[name] for name in seeds_of(alone)} == seeds_of(alone)


def test_commands_train_what_their_rows_are(tmp_path: Path, splits: dict[str, Split]) -> None:
    """A row whose command leaves out one of its settings: trained as another row, and missing for ever."""
    for job in plan(tmp_path, list(tables("mini").values()), splits, 1, stored=False).jobs():
        settings = job.arguments[1 : job.arguments.index("--profile")]
        assert override(named(job.arguments[0], "mini"), list(settings)).hash == job.config.hash, job.row


def test_seeds_that_are_asked_for_are_those_used(tmp_path: Path, splits: dict[str, Split]) -> None:
    """A table of one seed that quietly averages three, or of three that has two."""
    store(tmp_path, splits, "T3-1", 1, 2, 3)
    table3 = [tables("mini")["table3"]]
    assert seeds_of(plan(tmp_path, table3, splits, 2, stored=True))["context"] == [1, 2]
    assert seeds_of(plan(tmp_path, table3, splits, None, stored=False))["context"] == [1]
