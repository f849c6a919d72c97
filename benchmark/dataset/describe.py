"""Tables of a data set: statistics beside the paper's, and for mini the best exact match that is possible."""

from collections import Counter
from collections.abc import Callable

import numpy as np

from ..grid import SYNTHETIC_NOTE, Cell, Content, Grid, count, number, percent
from ..metrics.corpus import characters
from .mini import NAME, SIZES
from .schema import EVALUATED_SPLITS
from .store import Split

#: Statistic -> (its value for a split, the paper's value for CapOnImage2M; sections 3, A.3 to A.9).
STATISTICS: dict[str, tuple[Callable[[Split], Content], str]] = {
    "images": (lambda split: count(split.n_images), "2.06M / 20K / 20K"),
    "captions": (lambda split: count(split.n_boxes), "10.07M in all"),
    "captions per image": (lambda split: _spread(np.diff(split.offsets)), "4.8 (from 2)"),
    "characters per caption": (lambda split: _spread(_lengths(split)), "4.9 (2 to 10)"),
    "characters of title and attributes": (lambda split: number(float(np.mean(_info_lengths(split))), 1), "34.8"),
    "categories": (lambda split: len(set(split.categories)), "50"),
    "distinct captions": (lambda split: count(len(set(split.captions))), "-"),
    "distinct characters": (lambda split: count(_alphabet(split)), "6,263 with special tokens"),
    "image sizes": (lambda split: _sizes(split), "short side 256"),
    "aspect ratio of boxes, median": (lambda split: number(float(np.median(split.aspect_ratios)), 1), "-"),
    "texts without a caption per image": (lambda split: number(_decoys(split), 1), "-"),
}


def statistics_table(splits: dict[str, Split]) -> Grid:
    """Statistics of each split, one column each, beside the paper's."""
    grid = Grid(next(iter(splits.values())).dataset, ["", *splits, "CapOnImage2M (paper)"])
    for name, (value, paper) in STATISTICS.items():
        grid.add(name, *map(value, splits.values()), paper)
    if any(split.synthetic for split in splits.values()):
        grid.notes.append(SYNTHETIC_NOTE)
    return grid


def roles_table(splits: dict[str, Split]) -> Grid | None:
    """Share of the captions of each role, in per cent; None for real data, which has no roles."""
    counts = {name: Counter(split.roles or ()) for name, split in splits.items()}
    roles = sorted({role for found in counts.values() for role in found})
    if not roles:
        return None
    grid = Grid("roles of the captions, per cent", ["role", *splits])
    for role in roles:
        grid.add(role, *(percent(found[role] / max(1, splits[name].n_boxes)) for name, found in counts.items()))
    return grid


def ceilings_table(splits: dict[str, Split]) -> Grid | None:
    """Highest possible exact match on mini, in per cent, by the input that is removed; None for other data."""
    if not all(split.dataset in (NAME, f"{NAME}-resized") and name in SIZES for name, split in splits.items()):
        return None
    from .mini.build import in_building_order
    from .mini.ceilings import ceilings
    from .mini.samples import Sample, samples

    by_split: dict[str, list[Sample]] = {name: [] for name in splits}
    for name, sample in samples(in_building_order({name: split.n_images for name, split in splits.items()})):
        by_split[name].append(sample)
    columns = {name: ceilings(by_split[name]) for name in EVALUATED_SPLITS if name in splits}
    grid = Grid("ceilings of exact match, per cent", ["", *columns])
    for removed in next(iter(columns.values()), {}):
        grid.add(removed, *(percent(found[removed]) for found in columns.values()))
    grid.notes = [
        "highest exact match that any model can reach, known from the generator (docs/data.md); "
        "one caption in twenty is unexplained by any input",
        "without location: an upper bound, one caption of each image",
    ]
    return grid


def _spread(values: np.ndarray) -> Cell:
    return Cell(float(values.mean()), f"{{:.2f}} ({values.min()} to {values.max()})")


def _lengths(split: Split) -> np.ndarray:
    return np.array([len(characters(caption)) for caption in split.captions])


def _info_lengths(split: Split) -> list[int]:
    return [len(characters(t + a)) for t, a in zip(split.titles, split.attributes, strict=True)]


def _alphabet(split: Split) -> int:
    return len(set().union(*map(characters, (*split.captions, *split.titles, *split.attributes))))


def _sizes(split: Split) -> str:
    sizes = Counter(map(tuple, split.sizes.tolist())).most_common(3)
    return ", ".join(f"{w}x{h}" for (w, h), _ in sizes)


def _decoys(split: Split) -> float:
    return float((split.masked_box_counts - np.diff(split.offsets)).mean())
