"""Entries of our own runs: one for each distinct run, accepted by the checker, made again when seeds are added."""

import json
from pathlib import Path

import pytest

pytest.importorskip("pydantic")

from run_folders import write_results

from benchmark.dataset.store import Split
from benchmark.errors import InputError
from benchmark.leaderboard.accepted import read_hashes
from benchmark.leaderboard.check import Checker
from benchmark.leaderboard.entries import HASH_LIST, all_entries
from benchmark.leaderboard.metadata import read_metadata
from reference_model.registry import named
from reference_model.run_folder import run_folder, write_config
from reports import make_entries
from reports.make_entries import AUTHORS

SUBMISSIONS = Path(__file__).parents[2] / "submissions"


def stored(results: Path, splits: dict[str, Split], variant: str, seed: int) -> None:
    """Results as `reports.store_results` keeps them: some captions right, the others of other boxes."""
    config = named(variant, "mini")
    folder = run_folder(results / "mini", config, seed)
    folder.mkdir(parents=True)
    write_config(folder, config, seed, splits["train"].dataset, splits["train"].fingerprint.hexdigest())
    turn = 3 * seed + ord(variant[0]) % 13
    for name in ("val", "test"):
        captions = splits[name].captions
        write_results(folder, splits[name], captions[turn:] + captions[:turn], ".gz")
    command = {"command": f"train {variant} {seed}"} if variant != "no-image" else {}  # noted by `reproduce` alone
    (folder / "made_by.json").write_text(json.dumps(command | {"machine": "Linux x86_64"}))


def test_entries_pass_and_take_in_more_seeds(tmp_path: Path, splits: dict[str, Split]) -> None:
    """Entries that our own checker refuses, twins of one run, or old seeds left standing."""
    results, submissions, data = tmp_path / "results", tmp_path / "submissions", str(splits["test"].directory)

    def make(date: str) -> list[Path]:
        make_entries.main(date, "a@example.org", "mini", data, results, submissions)
        return sorted(submissions.iterdir())

    for variant in ("baseline", "no-image"):
        stored(results, splits, variant, 1)
    first = make("2027-01-31")
    assert [path.name for path in first] == [
        "20270131_m4c-w-o-copying-baseline-scaled-down",
        "20270131_no-image-scaled-down",
    ]
    stored(results, splits, "baseline", 2)
    assert make("2027-02-28") == first, "an entry keeps its day"
    both, blind = (read_metadata(path / "metadata.yaml") for path in first)
    assert (both.seeds, both.training_command) == ([1, 2], "train baseline 1\ntrain baseline 2")
    assert blind.training_command == "python -m reference_model.train no-image --profile mini --seed 1"
    assert both.authors == [AUTHORS]
    assert (both.uses_external_data, blind.uses_external_data) == (True, False)
    assert both.n_params > blind.n_params > 0
    checker = Checker(splits)
    assert [checker.check(path).failures for path in first] == [[], []]


def test_entries_of_others_stay(tmp_path: Path, splits: dict[str, Split]) -> None:
    """A stranger's entry of the same name and day, overwritten."""
    results, submissions = tmp_path / "results", tmp_path / "submissions"
    stored(results, splits, "context", 1)
    theirs = submissions / "20270131_context-scaled-down"
    theirs.mkdir(parents=True)
    (theirs / "metadata.yaml").write_text("name: mine")
    with pytest.raises(InputError, match="entry of others"):
        make_entries.main("2027-01-31", "a@example.org", "mini", str(splits["test"].directory), results, submissions)
    assert (theirs / "metadata.yaml").read_text() == "name: mine"
    with pytest.raises(InputError, match="no results"):
        make_entries.main("", "a@example.org", "mini", str(splits["test"].directory), tmp_path / "none", submissions)


@pytest.mark.skipif(not SUBMISSIONS.is_dir(), reason="no entries are committed")
def test_committed_entries_pass_every_check(embedded: dict[str, Split]) -> None:
    """A board that is empty on a clean clone, since a change of the scorer or of the checks refuses our own entries."""
    checker = Checker(embedded, read_hashes(SUBMISSIONS / HASH_LIST), maintainer=True)
    reports = [checker.check(path) for path in all_entries(SUBMISSIONS)]
    assert reports
    assert [failure for report in reports for failure in report.failures] == []
    assert {report.status for report in reports} == {"re-scored"}
