"""Learning curves of a table's rows: validation CIDEr and exact match by training update."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.files import replace_when_complete
from reports.runs.stored import Run


def draw_curves(runs: Mapping[str, Sequence[Run]], path: Path, title: str) -> None:
    """Draw validation CIDEr and exact match by update, as means over seeds.

    Args:
        runs: complete runs by the name of their system, one run a seed.
        path: file to write the picture to.
        title: description of the data, shown in the picture's title.
    """
    figure, axes = _axes(2)
    # Rows that share a run share a line, which is labelled with all their names.
    names: dict[tuple[Path, ...], list[str]] = {}
    for name, seeds in runs.items():
        names.setdefault(tuple(run.folder for run in seeds), []).append(name)
    for i, (first, *others) in enumerate(names.values()):
        seeds, name = runs[first], " = ".join([first, *others])
        line = ("-", "--")[i // 10 % 2]  # matplotlib has ten colours
        logs = [run.validations for run in seeds]
        updates = sorted(set.intersection(*(set(log) for log in logs)))
        for axis, metric in zip(axes, ("CIDEr", "Exact"), strict=True):
            means = [np.mean([log[u][metric] for log in logs]) for u in updates]
            axis.plot(updates, means, line, label=name, marker=".")
    for axis, metric in zip(axes, ("CIDEr", "exact match, per cent"), strict=True):
        axis.set(xlabel="update", ylabel=metric, ylim=(0, None))
    axes[1].legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5))
    _save(figure, path, f"validation images during training ({title})")


def _axes(n: int) -> tuple[Any, Any]:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, n, figsize=(5.5 * n, 4.2), layout="constrained")
    for axis in axes:
        axis.grid(alpha=0.3)
    return figure, axes


def _save(figure: Any, path: Path, title: str) -> None:
    from matplotlib import pyplot

    figure.suptitle(title)
    with replace_when_complete(path) as partial:
        figure.savefig(partial, dpi=110)
    pyplot.close(figure)
