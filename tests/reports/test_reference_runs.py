"""The report of the reference runs: from stored prediction files alone, and no average over different things."""

from pathlib import Path

import pytest
from PIL import Image
from tiny_runs import tiny

from benchmark.dataset.store import Split
from benchmark.errors import InputError
from benchmark.predictions import write_predictions
from reference_model.train import train
from reports.reference_runs import draw_curves, find_runs, tables


@pytest.fixture(scope="module")
def runs(splits: dict[str, Split], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for variant, seeds in (("baseline", (1, 2)), ("no-image", (1, 2)), ("no-locations", (1,))):
        for seed in seeds:
            train(tiny(variant), splits, seed=seed, runs=folder)
    return folder


def test_scores_come_from_the_prediction_files(runs: Path, splits: dict[str, Split]) -> None:
    """A report that trusts stored scores would show numbers nobody can recompute."""
    found = find_runs(runs)
    assert list(found) == ["baseline", "no-locations", "no-image"]
    path = found["baseline"].folders[0] / "preds.test.jsonl"
    before = path.read_bytes()
    write_predictions(path, splits["test"], splits["test"].captions)
    second = found["baseline"].folders[1] / "preds.test.jsonl"
    kept = second.read_bytes()
    write_predictions(second, splits["test"], splits["test"].captions)
    scores, claims, roles = tables(found, splits["test"])
    path.write_bytes(before)
    second.write_bytes(kept)
    exact = scores.columns.index("Exact")
    assert scores.rows[0][exact].startswith("100.00 ± 0.00")
    assert claims.rows[0][-1] == "holds"
    assert "CIDEr" in claims.rows[0]
    assert set(roles.rows[0][1:]) == {"100.0"}
    assert any("synthetic" in note for note in scores.notes)


def test_claims_without_their_runs_are_left_out(runs: Path, splits: dict[str, Split]) -> None:
    """A claim about a variant that was not trained."""
    claims = tables(find_runs(runs), splits["val"])[1]
    assert not any("context" in row[0] for row in claims.rows)
    assert {row[0].split(":")[0] for row in claims.rows} == {"location matters", "the image matters"}


def test_different_configurations_are_not_averaged(runs: Path, splits: dict[str, Split], tmp_path: Path) -> None:
    """Two sizes of one variant, taken for two seeds."""
    for width in ("32", "64"):
        train(tiny("no-image", f"model.width={width}"), splits, seed=1, runs=tmp_path)
    with pytest.raises(InputError, match="several configurations"):
        find_runs(tmp_path)


def test_curves_are_drawn(runs: Path, tmp_path: Path) -> None:
    """An empty picture, or a line that cannot be drawn for a run of few updates."""
    path = tmp_path / "curves.png"
    draw_curves(find_runs(runs), path)
    with Image.open(path) as picture:
        assert picture.width > 800
        colours = picture.convert("RGB").getcolors(1 << 24)
        assert colours is not None
        assert len(colours) > 50
