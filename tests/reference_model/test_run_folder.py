"""What training notes of itself in the folder of a run."""

from dataclasses import asdict, replace
from itertools import product
from pathlib import Path

import pytest
import torch
from tiny_runs import tiny

from benchmark.dataset.store import Split
from reference_model.processor import this_processor
from reference_model.registry import network
from reference_model.run_folder import made_by, note, note_training, run_folder
from reference_model.train import train

HERE = this_processor(torch.device("cpu"))
OTHER = replace(HERE, model="another")


def saved(folder: Path) -> Path:
    """A folder with something to go on from."""
    (folder / "checkpoint").mkdir(parents=True)
    (folder / "checkpoint" / "last.safetensors").touch()
    return folder


def test_training_notes_its_version_and_processor(
    splits: dict[str, Split], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run of plain `reference_model.train` that no table accepts, since nobody knows what made it."""
    config = tiny("no-image")
    note(run_folder(tmp_path, config, 1), command="python -m ...")
    folder = train(config, splits, seed=1, runs=tmp_path)
    version = network("reference").version
    made = {"command": "python -m ...", "version": version, "processors": [asdict(HERE)]}
    results = {f"{kind}.{split}" for kind, split in product(("preds", "scores"), ("test", "val"))}
    noted = made_by(folder)
    assert {name.rpartition(".")[0] for name in noted.pop("results")} == results
    assert noted == made
    note(folder, version="0")
    train(config, splits, seed=1, runs=tmp_path)
    assert f"made by version 0 of reference, which now has version {version}" in "".join(
        capsys.readouterr().err.split("\n")
    )
    assert made_by(folder)["version"] == "0"


def test_a_run_that_goes_on_elsewhere_says_so(tmp_path: Path) -> None:
    """The first machine forgotten, or the last; one named twice because the run was interrupted there."""
    note_training(saved(tmp_path), "1", HERE)
    for processor in (HERE, OTHER, HERE):
        note_training(tmp_path, "1", processor)
    assert made_by(tmp_path)["processors"] == [asdict(HERE), asdict(OTHER)]


def test_a_run_of_two_versions_is_of_neither(tmp_path: Path) -> None:
    """A run begun by older code that passes for one of today's after its last update."""
    folder = saved(tmp_path / "old")
    for version in ("1", "1", "2"):
        note_training(folder, version, HERE)
    assert made_by(folder)["version"] == "unknown, then 1, then 2"
    fresh = tmp_path / "fresh"
    note(fresh, version="1", processors=[asdict(OTHER)])  # ended before its first checkpoint
    note_training(fresh, "2", HERE)
    assert made_by(fresh) == {"version": "2", "processors": [asdict(HERE)]}
