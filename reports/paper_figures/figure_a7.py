"""Figure A7: images by category. Bars rather than the paper's word cloud: lengths can be read, font sizes cannot.

Invariant: every image is counted once; what does not fit the picture stands in its last bar, and all of it in the CSV.
"""

from collections import Counter
from pathlib import Path

from reports.paper_figures.drawing import COLOURS, canvas, save, shown
from reports.paper_figures.material import Material

MOST = 50  # the paper's number of categories


def draw(material: Material, folder: Path) -> list[Path]:
    """Write the figure; returns its files."""
    by_split = {name: Counter(split.categories) for name, split in material.splits.items()}
    total = sum(by_split.values(), Counter())
    ordered = sorted(total.items(), key=lambda pair: (-pair[1], pair[0]))
    rows = [[name, count, *(counted[name] for counted in by_split.values())] for name, count in ordered]
    bars = [(shown(name, 16), count) for name, count in ordered[:MOST]]
    if rest := ordered[MOST:]:
        bars.append((f"{len(rest)} others", sum(count for _, count in rest)))
    with canvas(size=(8, max(2.5, 1.3 + 0.24 * len(bars)))) as (figure, (axis,)):
        drawn = axis.barh(range(len(bars)), [count for _, count in bars], color=COLOURS[0])
        axis.bar_label(drawn, [f"{count:,}" for _, count in bars], padding=3, fontsize=9)
        axis.set(xlabel=f"images, of {total.total():,} in {', '.join(by_split)}", yticks=range(len(bars)))
        axis.set_yticklabels([name for name, _ in bars])
        axis.set_ylim(len(bars) - 0.4, -0.6)
        axis.margins(x=0.1)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3, axis="x")
        axis.set_axisbelow(True)
        title = f"Figure A7: {len(total)} categories ({material.label})"
        return save(figure, folder, "figureA7", title, ["category", "images", *by_split], rows)
