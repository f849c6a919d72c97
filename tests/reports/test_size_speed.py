"""Seconds per caption of the points of Figure 4."""

import math
from pathlib import Path

from tiny_runs import tiny

from benchmark.dataset.store import Split
from reports import size_speed
from reports.tables import sizes


def test_what_is_measured_is_found_again_by_configuration(
    tmp_path: Path, splits: dict[str, Split], directory: Path
) -> None:
    """Times of one point under the name of another, or of an update instead of a caption."""
    configs = {"small": tiny("context"), "large": tiny("context", "model.layers=3", "model.width=96")}
    found = size_speed.measure(configs, splits, turns=2)
    assert list(found) == ["small", "large"]
    assert all(0 < seconds < math.inf for one in found.values() for seconds in (one.training, one.decoding))
    assert sizes.read_seconds(tmp_path, "smoke") == {}
    size_speed.main("smoke", str(directory), tmp_path)
    kept = sizes.read_seconds(tmp_path, "smoke")
    table = size_speed.tables("smoke")["figure4"]
    assert kept.keys() == {row.config("smoke").hash for row in table.trained if not row.control}
