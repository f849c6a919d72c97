"""Table 1: the paper's comparison of data sets, beside the same statistics of this data set and its splits.

The paper's columns "dense" and "task" are left out: they describe the purpose of a data set and cannot be measured.
"""

from pathlib import Path

import numpy as np

from benchmark import paper
from benchmark.dataset.describe import statistics_table
from benchmark.grid import Cell, Grid, count, number, write_tables
from benchmark.metrics.corpus import characters
from reports.figures.material import Material

COLUMNS = ("data set", "images", "texts", "mean length", "source")


def grid(material: Material) -> Grid:
    """The table as a grid; numbers that the paper rounds, such as "2.1M", are shown as it prints them.

    Raises:
        MissingInputError: if no split has captions.
    """
    splits = material.with_references
    first = next(iter(splits.values()))
    images = sum(split.n_images for split in material.splits.values())
    texts = sum(split.n_boxes for split in material.splits.values())
    lengths = np.array([len(characters(caption)) for split in splits.values() for caption in split.captions])
    found = Grid("Table 1: data sets", COLUMNS)
    for row in paper.numbers()["table1"]["rows"]:
        sizes = (Cell(row[what], row[f"{what}_raw"]) for what in ("n_images", "n_texts"))
        found.add(row["dataset"], *sizes, Cell(row["avg_len"]), "paper")
    found.add(first.dataset, count(images), count(texts), number(float(lengths.mean())), "measured")
    if first.synthetic:
        found.notes.append(material.data_label)
    return found


def draw(material: Material, folder: Path) -> list[Path]:
    """Write `table1.md`, `.tex` and `.csv`; returns the paths.

    Raises:
        MissingInputError: if no split has captions.
    """
    found = grid(material)
    return write_tables(folder, "table1", [found, statistics_table(material.with_references)], found.csv())
