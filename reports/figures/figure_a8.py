"""Figure A8: example images of the data set with their boxes, captions and product info, chosen by rule.

The rule takes the first split with captions and one image of each of its `EXAMPLES` largest categories: the one that
comes first in the random order of `examples.sample_images`. Categories of equal size are ordered by name.
"""

from collections import Counter
from pathlib import Path

import numpy as np

from benchmark.dataset.show import show
from benchmark.dataset.store import Split
from reports.figures.drawing import canvas, save
from reports.figures.examples import SEED, sample_images
from reports.figures.material import Material

EXAMPLES = 6
COLUMNS = ("image_id", "category", "title", "attributes", "box", "x1", "y1", "x2", "y2", "caption")


def images_by_category(split: Split, n: int) -> list[int]:
    """Positions of one image of each of the `n` largest categories, the largest category first."""
    sizes = Counter(split.categories)
    largest = sorted(sizes, key=lambda category: (-sizes[category], category))[:n]
    first: dict[str, int] = {}
    for i in sample_images(split, split.n_images):
        first.setdefault(split.categories[i], i)
    return [first[category] for category in largest]


def draw(material: Material, folder: Path) -> list[Path]:
    """Write the figure; returns the paths of its files.

    Raises:
        MissingInputError: if no split has captions.
    """
    split = next(iter(material.with_references.values()))
    positions = images_by_category(split, EXAMPLES)
    rows: list[tuple[object, ...]] = []
    across = min(2, len(positions))
    with canvas(-(-len(positions) // across), across, (7, 3.6)) as (figure, axes):
        for axis in axes:
            axis.axis("off")
        for axis, i in zip(axes, positions, strict=False):
            image_id = split.image_ids[i]
            axis.imshow(np.asarray(show(split, image_id)), interpolation="antialiased")
            info = (split.categories[i], split.titles[i], split.attributes[i])
            for k, box in enumerate(range(int(split.offsets[i]), int(split.offsets[i + 1]))):
                rows.append((image_id, *info, k, *map(float, split.boxes[box]), split.captions[box]))
        title = f"Figure A8: examples, {split.name} ({material.data_label})"
        note = f"one image of each of the {len(positions)} largest categories, drawn by seed {SEED}; "
        note += "beside it: title, attributes, category, and the captions of its boxes"
        return save(figure, folder, "figureA8", title, COLUMNS, rows, note)
