"""Figure 4 b: mean caption length by aspect ratio of the box, references, full and baseline, with intervals.

Invariants: bins are those of `length_fit`; the 95 % intervals resample images, never boxes, and a bin seen on fewer
than `FEWEST_IMAGES` images has none.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmark.dataset.store import Split
from benchmark.metrics.length_fit import BIN_EDGES, aspect_bins
from benchmark.metrics.tokens import characters
from benchmark.significance import interval, resampled_sums
from reports.paper_figures.drawing import COLOURS, MARKERS, canvas, save
from reports.paper_figures.material import Material

SYSTEMS = ("full", "baseline")
FEWEST_IMAGES = 5
BINS = (*(f"{edge}-{edge + 1}" for edge in BIN_EDGES[:-1]), f"{BIN_EDGES[-1]}+")
COLUMNS = ("captions", "aspect_ratio", "boxes", "images", "mean_length", "low", "high")

Point = tuple[str, str, int, int, float, float, float]


def points(split: Split, captionings: Mapping[str, Sequence[str]]) -> list[Point]:
    """One row of `COLUMNS` for each captioning and bin that holds a box; NaN for an interval there is not.

    Args:
        split: the boxes.
        captionings: name -> one caption per box.
    """
    bins = aspect_bins(split.aspect_ratios)
    one_hot = np.eye(len(BIN_EDGES))[bins]
    boxes = np.add.reduceat(one_hot, split.offsets[:-1], axis=0)
    images = (boxes > 0).sum(axis=0)
    found: list[Point] = []
    for name, captions in captionings.items():
        lengths = np.array([len(characters(caption)) for caption in captions], dtype=np.float64)
        sums = np.add.reduceat(one_hot * lengths[:, None], split.offsets[:-1], axis=0)
        resampled = resampled_sums(np.concatenate([sums, boxes], axis=1))
        for k in np.flatnonzero(images).tolist():
            low = high = float("nan")
            if images[k] >= FEWEST_IMAGES:
                above, below = resampled[:, k], resampled[:, len(BIN_EDGES) + k]
                seen = below > 0
                ends = interval((above[seen] / below[seen])[:, None])
                low, high = (float(end[0]) for end in ends)
            n = int(boxes[:, k].sum())
            found.append((name, BINS[k], n, int(images[k]), float(sums[:, k].sum() / n), low, high))
    return found


def draw(material: Material, folder: Path) -> list[Path]:
    """Write the figure; returns its files."""
    split = material.evaluated
    captionings = {"references": split.captions, **{name: material.captions(name) for name in SYSTEMS}}
    rows = points(split, captionings)
    with canvas(size=(8, 4.8)) as (figure, (axis,)):
        styles = [("black", "s", "--"), (COLOURS[0], MARKERS[0], "-"), (COLOURS[3], MARKERS[1], ":")]
        for i, (name, (colour, marker, line)) in enumerate(zip(captionings, styles, strict=True)):
            mine = [row for row in rows if row[0] == name]
            x = np.array([BINS.index(row[1]) for row in mine]) + (i - 1) * 0.2
            mean, low, high = np.array([row[4:] for row in mine]).T
            axis.plot(x, mean, color=colour, marker=marker, markersize=4, linestyle=line, label=name)
            axis.errorbar(x, mean, (mean - low, high - mean), color=colour, linestyle="none", capsize=5)
        axis.grid(alpha=0.3)
        axis.set(
            xticks=range(len(BINS)),
            xticklabels=BINS,
            xlim=(-0.6, len(BINS) - 0.4),
            ylim=(0, None),
            xlabel="aspect ratio of the box (long side over short side)",
            ylabel="mean caption length, characters",
        )
        axis.legend(title="bars: 95 %, images resampled")
        title = f"Figure 4 b: caption length by aspect ratio, {split.name} ({material.label})"
        return save(figure, folder, "figure4b", title, COLUMNS, rows)
