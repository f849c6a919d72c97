"""Figure A10: histograms of caption length and of captions per image, for each split.

Invariants: every caption and every image is counted; white space is no character, as in every metric.
"""

from collections import Counter
from pathlib import Path

from benchmark.dataset.store import Split
from benchmark.metrics.corpus import characters
from reports.figures.drawing import COLOURS, HATCHES, canvas, save
from reports.figures.material import Material

COLUMNS = ("panel", "split", "value", "count", "per_cent")
PANELS = {"caption length": "characters of a caption", "captions per image": "captions of an image"}
_OF = {"caption length": "captions", "captions per image": "images"}


def counts(split: Split) -> dict[str, Counter[int]]:
    """Number of occurrences of each value, by panel."""
    per_image = (split.offsets[1:] - split.offsets[:-1]).tolist()
    return {
        "caption length": Counter(len(characters(caption)) for caption in split.captions),
        "captions per image": Counter(per_image),
    }


def draw(material: Material, folder: Path) -> list[Path]:
    """Write the figure; returns the paths of its files.

    Raises:
        MissingInputError: if no split has captions.
    """
    counted = {name: counts(split) for name, split in material.with_references.items()}
    rows: list[tuple[str, str, int, int, float]] = []
    with canvas(1, 2, (6, 4.2)) as (figure, axes):
        for axis, (panel, what) in zip(axes, PANELS.items(), strict=True):
            width = 0.8 / len(counted)
            for i, (name, panels) in enumerate(counted.items()):
                values = sorted(panels[panel].items())
                total = sum(count for _, count in values)
                mean = sum(value * count for value, count in values) / total
                rows += [(panel, name, value, count, 100 * count / total) for value, count in values]
                axis.bar(
                    [value + (i - (len(counted) - 1) / 2) * width for value, _ in values],
                    [100 * count / total for _, count in values],
                    width,
                    color=COLOURS[i % len(COLOURS)],
                    hatch=HATCHES[i % len(HATCHES)],
                    edgecolor="white",
                    label=f"{name}, mean {mean:.2f} of {total:,} {_OF[panel]}",
                )
            axis.grid(alpha=0.3, axis="y")
            axis.set_axisbelow(True)
            axis.xaxis.get_major_locator().set_params(integer=True)
            axis.set(xlabel=what, ylabel=f"{_OF[panel]}, per cent")
            axis.margins(y=0.35)  # space for the legend
            axis.legend(fontsize=8, loc="upper right")
        title = f"Figure A10: caption lengths and captions per image ({material.data_label})"
        return save(figure, folder, "figureA10", title, COLUMNS, rows)
