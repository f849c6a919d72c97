"""Figure A7: images by category, as the paper's word cloud and as a bar chart, whose lengths can be compared.

Invariants: every image is counted once, those without a category in a bar of their own; categories beyond the `MOST`
largest share the last bar, and the CSV file lists all of them; words of the cloud never overlap and never leave it;
their heights grow with the root of the count, so that their areas compare.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from reports.figures.drawing import COLOURS, canvas, save, shown
from reports.figures.material import Material, MissingInputError

MOST = 50  # the paper's number of categories

Rectangle = tuple[float, float, float, float]  # x1, y1, x2, y2


def draw(material: Material, folder: Path) -> list[Path]:
    """Write the figure; returns the paths of its files."""
    by_split = {name: Counter(split.categories) for name, split in material.splits.items()}
    total = sum(by_split.values(), Counter())
    ordered = sorted(total.items(), key=lambda pair: (-pair[1], pair[0]))
    rows = [[name, count, *(counted[name] for counted in by_split.values())] for name, count in ordered]
    words = [(shown(name, 16), count) for name, count in ordered[:MOST] if name.strip()]
    if not words:
        raise MissingInputError("it needs categories; no image of this data set has one")
    bars = [(shown(name, 16) if name.strip() else "no category", count) for name, count in ordered[:MOST]]
    if rest := ordered[MOST:]:
        bars.append((f"{len(rest)} others", sum(count for _, count in rest)))
    with canvas(1, 2, (7, max(4, 1.3 + 0.19 * len(bars)))) as (figure, (cloud, axis)):
        drawn = axis.barh(range(len(bars)), [count for _, count in bars], color=COLOURS[0])
        axis.bar_label(drawn, [f"{count:,}" for _, count in bars], padding=3, fontsize=8)
        axis.set(xlabel=f"images, of {total.total():,} in {', '.join(by_split)}", yticks=range(len(bars)))
        axis.set_yticklabels([name for name, _ in bars], fontsize=8)
        axis.set_ylim(len(bars) - 0.4, -0.6)
        axis.margins(x=0.1)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3, axis="x")
        axis.set_axisbelow(True)
        title = f"Figure A7: {len(total)} categories ({material.data_label})"
        _cloud(figure, cloud, words)
        return save(figure, folder, "figureA7", title, ["category", "images", *by_split], rows)


def _cloud(figure: Any, axis: Any, words: Sequence[tuple[str, int]]) -> None:
    """Draw words into the axis, the most frequent in the middle."""
    axis.set(xticks=[], yticks=[], xlim=(0, 1), ylim=(0, 1), title="size: root of the number of images")
    figure.draw_without_rendering()  # sets the size of the axis
    area = axis.get_window_extent()
    pixels = figure.dpi / 72  # per typographic point
    largest = max(math.sqrt(count) for _, count in words)
    widths = [_width(name) for name, _ in words]
    relative = [math.sqrt(count) / largest for _, count in words]
    size = 60.0
    while True:
        extents = [(w * r * size * pixels, 1.25 * r * size * pixels) for w, r in zip(widths, relative, strict=True)]
        placed = place(extents, area.width, area.height)
        if placed is not None:
            break
        size *= 0.93
    for i, ((name, _), (x1, y1, x2, y2)) in enumerate(zip(words, placed, strict=True)):
        middle = ((x1 + x2) / 2 / area.width, (y1 + y2) / 2 / area.height)
        style = {"fontsize": size * relative[i], "color": COLOURS[i % len(COLOURS)]}
        axis.text(*middle, name, ha="center", va="center", transform=axis.transAxes, **style)


def _width(text: str) -> float:
    """Width of a text in em, with a gap; never less than the font takes."""
    from matplotlib.textpath import TextPath

    return float(TextPath((0, 0), text, size=1).get_extents().width) + 0.25


def place(extents: Sequence[tuple[float, float]], width: float, height: float) -> list[Rectangle] | None:
    """Place rectangles without overlap, each at the first free position on a spiral from the middle.

    Args:
        extents: widths and heights of the rectangles, in the order of placement.
        width: width of the area.
        height: height of the area.

    Returns:
        The rectangles in the same order; None if they do not all fit.
    """
    placed: list[Rectangle] = []
    for w, h in extents:
        for x, y in _spiral(width, height):
            x1, y1, x2, y2 = x - w / 2, y - h / 2, x + w / 2, y + h / 2
            inside = x1 >= 0 and y1 >= 0 and x2 <= width and y2 <= height
            if inside and not any(x1 < c and a < x2 and y1 < d and b < y2 for a, b, c, d in placed):
                placed.append((x1, y1, x2, y2))
                break
        else:
            return None
    return placed


def _spiral(width: float, height: float) -> Iterator[tuple[float, float]]:
    """Points on a spiral from the middle outwards, stretched to the area's shape."""
    steps = 1500
    for k in range(steps):
        angle, radius = 0.25 * k, 0.5 * math.sqrt(k / steps)
        yield width * (0.5 + radius * math.cos(angle)), height * (0.5 + radius * math.sin(angle))
