"""Figure 4 b: mean caption length by aspect ratio of the box, for references, full and baseline.

Invariants: bins are those of `length_fit`; the 95 % intervals resample images, never boxes, and a bin found on fewer
than `FEWEST_IMAGES` images has no interval.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.dataset.store import Split
from benchmark.metrics.corpus import characters
from benchmark.metrics.length_fit import BIN_EDGES, aspect_bins
from benchmark.scoring.significance import interval, resampled_sums
from reports.figures.drawing import COLOURS, canvas, save
from reports.figures.material import Material

SYSTEMS = ("full", "baseline")
FEWEST_IMAGES = 5
BINS = (*(f"{edge}-{edge + 1}" for edge in BIN_EDGES[:-1]), f"{BIN_EDGES[-1]}+")
#: Colour, marker, line style, marker size and line width.
_STYLES = {
    "references": ("#999999", "s", "-", 9, 6),
    "full": (COLOURS[0], "o", "-", 6, 2),
    "baseline": (COLOURS[3], "^", ":", 3, 2),
}
COLUMNS = ("captions", "aspect_ratio", "boxes", "images", "mean_length", "low", "high")

Point = tuple[str, str, int, int, float, float, float]


def lengths_of(captions: Sequence[str]) -> np.ndarray:
    """Length of each caption in characters, shape (len(captions),)."""
    return np.array([len(characters(caption)) for caption in captions], dtype=np.float64)


def points(split: Split, lengths: Mapping[str, np.ndarray]) -> list[Point]:
    """Rows of `COLUMNS`, one for each set of captions and bin that holds a box; a missing interval is NaN.

    Args:
        split: split of the boxes.
        lengths: length, or difference of lengths, of each box's caption, by name of the set of captions.
    """
    bins = aspect_bins(split.aspect_ratios)
    one_hot = np.eye(len(BIN_EDGES))[bins]
    boxes = np.add.reduceat(one_hot, split.offsets[:-1], axis=0)
    images = (boxes > 0).sum(axis=0)
    found: list[Point] = []
    for name, of_box in lengths.items():
        sums = np.add.reduceat(one_hot * of_box[:, None], split.offsets[:-1], axis=0)
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
    """Write the figure; returns the paths of its files."""
    split = material.evaluated
    lengths = {"references": lengths_of(split.captions), **{n: lengths_of(material.captions(n)) for n in SYSTEMS}}
    gaps = {f"{name} - references": lengths[name] - lengths["references"] for name in SYSTEMS}
    panels = (points(split, lengths), points(split, gaps))
    with canvas(1, 2, (6.5, 4.6)) as (figure, axes):
        for axis, rows in zip(axes, panels, strict=True):
            for name in dict.fromkeys(row[0] for row in rows):
                _curve(axis, name, [row for row in rows if row[0] == name])
            axis.grid(alpha=0.3)
            axis.set(
                xticks=range(len(BINS)),
                xlim=(-0.6, len(BINS) - 0.4),
                xlabel="aspect ratio of the box (long side over short side)",
            )
            axis.set_xticklabels(BINS, fontsize=9)
            axis.legend(loc="upper left")
        axes[0].set(ylim=(0, None), ylabel="mean caption length, characters")
        axes[1].set(ylabel="mean difference, characters")
        axes[1].margins(y=0.3)  # space for the legend
        title = f"Figure 4 b: caption length by aspect ratio, {split.name} ({material.label})"
        note = "bands and bars: 95 %, images resampled"
        return save(figure, folder, "figure4b", title, COLUMNS, [row for rows in panels for row in rows], note)


def _curve(axis: Any, name: str, rows: Sequence[Point]) -> None:
    """Plot one curve; curves drawn first are wider, so that they stay visible where later ones cover them."""
    colour, marker, line, size, width = _STYLES[name.partition(" ")[0]]
    x = np.array([BINS.index(row[1]) for row in rows])
    mean, low, high = np.array([row[4:] for row in rows]).T
    axis.plot(x, mean, color=colour, marker=marker, markersize=size, linestyle=line, linewidth=width, label=name)
    axis.errorbar(x, mean, (mean - low, high - mean), color=colour, linestyle="none", capsize=size, linewidth=1)
    axis.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
