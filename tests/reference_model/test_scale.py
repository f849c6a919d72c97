"""The plan at full scale, and the simulation of its input pipeline, in a small form."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_runs import tiny

from benchmark.dataset.store import open_directory
from benchmark.paper import CAPTIONS_PER_IMAGE, TRAINING_IMAGES
from reference_model.measure import count_parameters
from reference_model.registry import named
from reference_model.scale import Assumptions, Costs, Point, count_costs, points
from reference_model.simulate import simulate, write_repeated
from reference_model.training.batches import UpdatePlan
from reference_model.training.vocabulary import Vocabulary

COSTS = Costs(flops=3e10, parameters=80_000_000, seconds=1e-4)


def point(gpus: int, captions: int) -> Point:
    [found] = points(named("full"), {gpus: captions}, COSTS, Assumptions())
    return found


@pytest.mark.parametrize("gpus", [1, 2, 7, 8])
def test_the_traffic_is_that_of_a_ring(gpus: int) -> None:
    """A plan that forgets that gradients go around twice: each GPU passes on n - 1 pieces of n, summed, then whole."""
    sent = 0.0
    for _ in ("sum", "spread"):
        for _ in range(gpus - 1):
            sent += 4 * COSTS.parameters / gpus
    assert point(gpus, 400).traffic == pytest.approx(sent)


def test_a_plan_has_the_updates_of_the_run() -> None:
    """More GPUs than images in an update, which training refuses, or a plan that sees other captions than the run."""
    config = named("full")
    plan = UpdatePlan(config, TRAINING_IMAGES, round(TRAINING_IMAGES * CAPTIONS_PER_IMAGE), seed=1)
    assert point(8, 400).images == plan.items_per_update
    assert point(8, 400).updates == plan.updates
    assert point(64, 3200).updates * 3200 == plan.updates * 400


def test_the_slowest_part_decides() -> None:
    """An efficiency above that of the arithmetic, or a GPU that is thought to have a part of an image."""
    assert point(64, 400).images_per_gpu == 2
    for gpus, captions in ((8, 400), (64, 400), (64, 25_600), (256, 102_400)):
        each = point(gpus, captions)
        assert each.update == max(each.arithmetic, each.reduction, Assumptions().launches)
        assert 0 < each.efficiency <= 1.0001
    assert point(8, 400).bound == "kernel launches"
    assert point(256, 102_400).bound == "arithmetic"
    slow = replace(point(64, 400), assumed=Assumptions(between=1e9))
    assert slow.bound == "network"


def test_counting_needs_no_pictures(directory: Path, tmp_path: Path) -> None:
    """A plan that waits for the drawing of thousands of pictures."""
    shutil.copytree(directory, tmp_path / "data", ignore=shutil.ignore_patterns("images"))
    splits, config = open_directory(tmp_path / "data"), tiny("full")
    costs = count_costs(config, splits)
    assert costs.parameters == count_parameters(config, len(Vocabulary.of_split(splits["train"])))[0]
    assert costs.flops > 0


def test_a_simulated_split_is_a_data_set(tmp_path: Path) -> None:
    """Rows that no check accepts, ids twice, or another fingerprint than that of the rows."""
    write_repeated(tmp_path, 25_000)
    split = open_directory(tmp_path)["train"]
    assert split.n_images == len(set(split.image_ids)) == 25_000
    assert (
        split.captions[: int(split.offsets[10])]
        == split.captions[int(split.offsets[10_000]) :][: int(split.offsets[10])]
    )


def test_the_simulation_goes_through_every_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A simulation that leaves out what a training does."""
    monkeypatch.setenv("CAPONIMAGE_CACHE", str(tmp_path / "cache"))
    grid = simulate(tmp_path / "data", 300, workers=0, updates=2)
    steps = [row.texts()[0] for row in grid.rows]
    assert steps[-1] == "load 2 updates"
    for step, word in zip(
        steps, ["make", "open", "open", "vocabulary", "prepare", "open", "shuffle", "load"], strict=True
    ):
        assert step.startswith(word)


def test_the_simulation_leaves_nothing(tmp_path: Path) -> None:
    """Gigabytes in the folder of temporary files, or in the cache."""
    command = [sys.executable, "-m", "reference_model.simulate", "--images", "200", "--updates", "1", "--workers", "1"]
    env = {"TMPDIR": str(tmp_path), "CAPONIMAGE_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    assert "load 1 updates" in done.stdout
    assert list(tmp_path.iterdir()) == []
