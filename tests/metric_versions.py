"""Metrics of other versions, for tests of what a raised version changes."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from benchmark import metrics
from benchmark.leaderboard import statistics_cache
from benchmark.scoring import receipt

_AS_THEY_ARE = metrics.METRICS


def set_versions(monkeypatch: pytest.MonkeyPatch, raised: Mapping[str, str]) -> None:
    """Until the test ends, some metrics have the versions given, and all others those that they really have."""
    changed = tuple(replace(metric, version=raised.get(metric.name, metric.version)) for metric in _AS_THEY_ARE)
    for module in (metrics, receipt, statistics_cache):
        monkeypatch.setattr(module, "METRICS", changed)
