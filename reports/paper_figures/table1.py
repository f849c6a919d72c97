"""Table 1: data sets compared, as the paper prints them, and this one measured; statistics of each split below.

The columns "dense" and "task" are left out: they say what a data set is for, nothing that could be measured.
"""

from pathlib import Path

import numpy as np

from benchmark.dataset.describe import statistics_table
from benchmark.errors import InputError
from benchmark.files import replace_when_complete
from benchmark.formatting import Grid
from benchmark.metrics.tokens import characters
from reports.paper_figures.drawing import write_csv
from reports.paper_figures.material import LABEL, Material

COLUMNS = ("data set", "images", "texts", "mean length", "source")
#: As printed.
PAPER = (
    ("CapOnImage", "2.1M", "10.07M", "4.9", "paper"),
    ("Flickr30K", "30K", "150K", "12.3", "paper"),
    ("MSCOCO", "123K", "616K", "10.4", "paper"),
    ("VG", "108K", "5M", "5.7", "paper"),
    ("TextCaps", "28K", "142K", "12.4", "paper"),
    ("FACAD", "993K", "130K", "21.0", "paper"),
)


def draw(material: Material, folder: Path) -> list[Path]:
    """Write `table1.md` and `table1.csv`; returns the paths.

    Raises:
        InputError: if no split has captions.
    """
    splits = {name: split for name, split in material.splits.items() if split.has_references}
    if not splits:
        raise InputError("table1 needs captions; those of every split of this data set are hidden")
    first = next(iter(splits.values()))
    images = sum(split.n_images for split in material.splits.values())
    texts = sum(split.n_boxes for split in material.splits.values())
    lengths = np.array([len(characters(caption)) for split in splits.values() for caption in split.captions])
    measured = (first.dataset, str(images), str(texts), f"{lengths.mean():.2f}", "measured")
    grid = Grid("Table 1: data sets", COLUMNS, [*PAPER, measured])
    if first.synthetic:
        grid.notes.append(f"{first.dataset}: {LABEL}")
    paths = [folder / "table1.md"]
    with replace_when_complete(paths[0]) as partial:
        partial.write_text(f"{grid.markdown()}\n\n{statistics_table(splits).markdown()}\n", encoding="utf-8")
    rows = [*PAPER, (*measured[:3], float(lengths.mean()), "measured")]
    return [*paths, write_csv(folder / "table1.csv", COLUMNS, rows)]
