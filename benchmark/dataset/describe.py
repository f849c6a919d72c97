"""A data set's statistics beside the paper's, and for mini the best scores reachable with each input removed."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from ..grid import SYNTHETIC_NOTE, Grid
from ..metrics.tokens import characters
from .schema import EVALUATED_SPLITS
from .store import Split

#: Statistic -> (its value for a split, the paper's value for CapOnImage2M; sections 3, A.3 to A.9).
STATISTICS: dict[str, tuple[Callable[[Split], str], str]] = {
    "images": (lambda split: f"{split.n_images:,}", "2.06M / 20K / 20K"),
    "captions": (lambda split: f"{split.n_boxes:,}", "10.07M in all"),
    "captions per image": (lambda split: _spread(np.diff(split.offsets)), "4.8 (from 2)"),
    "characters per caption": (lambda split: _spread(_lengths(split)), "4.9 (2 to 10)"),
    "characters of title and attributes": (lambda split: f"{np.mean(_info_lengths(split)):.1f}", "34.8"),
    "categories": (lambda split: str(len(set(split.categories))), "50"),
    "distinct captions": (lambda split: f"{len(set(split.captions)):,}", "-"),
    "distinct characters": (lambda split: f"{_alphabet(split):,}", "6,263 with special tokens"),
    "image sizes": (lambda split: _sizes(split), "short side 256"),
    "aspect ratio of boxes, median": (lambda split: f"{np.median(split.aspect_ratios):.1f}", "-"),
    "texts without a caption per image": (lambda split: f"{_decoys(split):.1f}", "-"),
}


def statistics_table(splits: dict[str, Split]) -> Grid:
    """One column per split, and the paper's."""
    grid = Grid(next(iter(splits.values())).dataset, ["", *splits, "CapOnImage2M (paper)"])
    for name, (value, paper) in STATISTICS.items():
        grid.rows.append([name, *(map(value, splits.values())), paper])
    if any(split.synthetic for split in splits.values()):
        grid.notes.append(SYNTHETIC_NOTE)
    return grid


def roles_table(splits: dict[str, Split]) -> Grid | None:
    """Share of the captions of each role, per cent; None for real data, whose roles nobody knows."""
    counts = {name: Counter(split.roles or ()) for name, split in splits.items()}
    roles = sorted({role for count in counts.values() for role in count})
    if not roles:
        return None
    rows: list[Sequence[str]] = [
        [role, *(f"{100 * count[role] / max(1, splits[name].n_boxes):.1f}" for name, count in counts.items())]
        for role in roles
    ]
    return Grid("what the captions are, per cent", ["role", *splits], rows)


def ceilings_table(splits: dict[str, Split]) -> Grid:
    """Best exact match on mini, per cent, by what a model does without."""
    from .mini.build import in_building_order
    from .mini.ceilings import ceilings
    from .mini.samples import Sample, samples

    of_split: dict[str, list[Sample]] = {name: [] for name in splits}
    for name, sample in samples(in_building_order({name: split.n_images for name, split in splits.items()})):
        of_split[name].append(sample)
    columns = {name: ceilings(of_split[name]) for name in EVALUATED_SPLITS if name in splits}
    rows: list[Sequence[str]] = [
        [what, *(f"{100 * c[what]:.1f}" for c in columns.values())] for what in next(iter(columns.values()), {})
    ]
    notes = [
        "highest exact match that any model can reach, known from the generator (docs/data.md); "
        "one caption in twenty is unexplained by any input",
        "without location: an upper bound, one caption of each image",
    ]
    return Grid("ceilings of exact match, per cent", ["", *columns], rows, notes)


def _spread(values: np.ndarray) -> str:
    return f"{values.mean():.2f} ({values.min()} to {values.max()})"


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
