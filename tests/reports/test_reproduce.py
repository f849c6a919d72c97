"""The command line from plan to tables, and the stored results that come with this project."""

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmark.dataset.store import Split
from benchmark.scoring.evaluation import evaluate
from benchmark.scoring.receipt import first_difference, make_receipt, read_receipt
from reference_model.registry import network
from reference_model.run_folder import read_config
from reports.runs.stored import RESULTS, Run, find_runs, state


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "reports.reproduce", *map(str, arguments)]


def reproduce(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["table9"], "no table 'table9'; expected one of table2, table3"),
        (["table2", "--only", "T2-fulll"], "no row 'T2-fulll'"),
        (["table2", "--launcher", "pigeon"], "--launcher: got 'pigeon'"),
        (["table2", "--profile", "huge"], "--profile: got 'huge'"),
        (["table2", "--resource", "gpus"], "expected KEY=VALUE"),
    ],
)
def test_wrong_words(arguments: list[str], said: str, directory: Path) -> None:
    """A traceback, or an hour of work before a misspelt option is found."""
    done = reproduce(*arguments, "--data", directory)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_plan_touches_nothing(tmp_path: Path, directory: Path) -> None:
    """--dry-run: every row, what is one run, time and energy; and no run begun."""
    done = reproduce("table2", "--profile", "smoke", "--data", directory, "--runs", tmp_path / "runs", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "T2-full" in done.stdout
    assert "0 of 2 runs are complete, 2 to train" in done.stdout
    assert "kWh (projected: 10 W for a busy core)" in done.stdout
    assert "measured steps" in done.stdout
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_from_nothing_to_the_table_through_ctrl_c_and_kill(tmp_path: Path, directory: Path) -> None:
    """Interrupted at any point it goes on; the end is a table, and a second time nothing is trained."""
    runs, output = tmp_path / "runs", tmp_path / "output"
    more = ("--profile", "smoke", "--data", directory, "--runs", runs, "--jobs", "1", "--output", output)
    longer = ("--set", "train.finetune_updates=60", "--set", "train.save_every=2")
    arguments = ("table3", *more, *longer)
    signals = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGKILL: -9}
    for number, code in signals.items():
        running = subprocess.Popen(command(*arguments), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        before = _updates(runs)
        end = time.monotonic() + 120
        while _updates(runs) < before + 4 and time.monotonic() < end:
            time.sleep(0.05)
        os.kill(running.pid, number)
        said = running.communicate(timeout=60)[1]
        assert running.returncode == code, said
    last = reproduce(*arguments)
    assert last.returncode == 0, last.stderr
    assert "SCALED DOWN" in last.stdout
    assert "Table 3: Caption Matching" in last.stdout  # no claims: none compares the two rows of the smoke profile
    for suffix in ("md", "tex", "csv"):
        assert (output / f"table3.{suffix}").stat().st_size > 500
    assert (output / "table3_curves.png").exists()
    for log in runs.glob("*/*/seed1/log.jsonl"):
        updates = [line for line in log.read_text().splitlines() if "seconds" in line]
        assert len(updates) == 66  # none twice, none left out
    again = reproduce(*arguments)
    assert "2 of 2 runs are complete, 0 to train" in again.stdout
    assert again.stdout.partition("Table 3")[2] == last.stdout.partition("Table 3")[2]


def _updates(runs: Path) -> int:
    return sum(Run(path.parent).updates_done for path in runs.glob("*/*/seed1/log.jsonl"))


STORED = sorted(RESULTS.glob("mini/*/*/seed*"))


@pytest.mark.skipif(not STORED, reason="no results are stored yet")
def test_a_stored_receipt_is_what_its_predictions_score(embedded: dict[str, Split]) -> None:
    """Committed numbers that the committed predictions do not give."""
    for name in ("val", "test"):
        captions = Run(STORED[0]).captions(embedded[name])
        again = make_receipt(embedded[name], evaluate(embedded[name], captions), slices=False)
        assert first_difference(read_receipt(STORED[0] / f"scores.{name}.json"), again) is None


@pytest.mark.skipif(not STORED, reason="no results are stored yet")
def test_without_locations_all_boxes_of_an_image_have_one_caption(embedded: dict[str, Split]) -> None:
    """A location that reaches the model `no-locations` by another way."""
    split = embedded["test"]
    for folder in RESULTS.glob("mini/no-locations/*/seed*"):
        captions = Run(folder).captions(split)
        for first, last in itertools.pairwise(split.offsets.tolist()):
            assert len(set(captions[first:last])) == 1


@pytest.mark.slow
@pytest.mark.skipif(not list(RESULTS.glob("mini/*.csv")), reason="no tables are stored yet")
def test_the_stored_tables_are_rebuilt_bit_for_bit(tmp_path: Path) -> None:
    """The table in the README, from the stored predictions alone."""
    stored = sorted(path for path in (RESULTS / "mini").iterdir() if path.suffix in (".md", ".csv", ".tex"))
    names = sorted(path.stem for path in stored if path.suffix == ".csv")
    done = reproduce(*names, "--stored", "--runs", tmp_path / "none", "--output", tmp_path)
    assert done.returncode == 0, done.stderr
    for path in stored:
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


@pytest.mark.skipif(not STORED, reason="no results are stored yet")
@pytest.mark.usefixtures("embedded")
def test_without_a_claim_to_test_there_is_no_table_of_claims(tmp_path: Path) -> None:
    """A head without rows, and notes on tests that nobody made."""
    done = reproduce("table2", "--stored", "--only", "T2-full", "--runs", tmp_path / "none", "--output", tmp_path)
    assert done.returncode == 0, done.stderr
    written = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir() if path.suffix != ".png"}
    assert {"table2.md", "table2.tex", "table2_summary.md"} <= written.keys()
    for text in (done.stdout, *written.values()):
        assert "full" in text
        assert "claim" not in text


@pytest.mark.skipif(not (RESULTS / "mini/table2_summary.md").exists(), reason="no tables are stored yet")
def test_the_readme_shows_the_stored_table() -> None:
    """A README whose numbers are older than the results."""
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    assert (RESULTS / "mini/table2_summary.md").read_text("utf-8") in readme


@pytest.mark.skipif(not STORED, reason="no results are stored yet")
def test_todays_code_accepts_every_stored_run() -> None:
    """A raised version or a changed configuration that outdates stored results without anybody noticing."""
    refused = []
    for folder in STORED:
        run, (config, seed) = Run(folder), read_config(folder)
        found = find_runs([RESULTS / "mini"], config, seed)
        if found != [run] or state(run, network(config.system).version, keep_old=False) != "complete":
            refused.append(folder.relative_to(RESULTS).as_posix())
    assert not refused, "train these again and store them: python -m reports.reproduce, python -m reports.store_results"
