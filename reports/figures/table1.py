"""Table 1: data sets compared, as the paper prints them, and this one measured; statistics of each split below.

The columns "dense" and "task" are left out: they say what a data set is for, nothing that could be measured.
"""

from pathlib import Path

import numpy as np

from benchmark import paper
from benchmark.dataset.describe import statistics_table
from benchmark.grid import Grid
from benchmark.metrics.tokens import characters
from reports.figures.drawing import csv_text
from reports.figures.material import Material
from reports.tables.files import write_pages

COLUMNS = ("data set", "images", "texts", "mean length", "source")


def draw(material: Material, folder: Path) -> list[Path]:
    """Write `table1.md`, `.tex`, `.html` and `.csv`; returns the paths.

    Raises:
        NotThereError: if no split has captions.
    """
    splits = material.with_references
    first = next(iter(splits.values()))
    images = sum(split.n_images for split in material.splits.values())
    texts = sum(split.n_boxes for split in material.splits.values())
    lengths = np.array([len(characters(caption)) for split in splits.values() for caption in split.captions])
    measured = (first.dataset, f"{images:,}", f"{texts:,}", f"{lengths.mean():.2f}", "measured")
    printed = [
        (row["dataset"], row["n_images_raw"], row["n_texts_raw"], str(row["avg_len"]), "paper")
        for row in paper.numbers()["table1"]["rows"]
    ]
    grid = Grid("Table 1: data sets", COLUMNS, [*printed, measured])
    if first.synthetic:
        grid.notes.append(material.data_label)
    rows = [*printed, (first.dataset, images, texts, float(lengths.mean()), "measured")]
    return write_pages(folder, "table1", grid.title, [grid, statistics_table(splits)], csv_text(COLUMNS, rows))
