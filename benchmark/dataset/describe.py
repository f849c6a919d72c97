"""Tables of a data set: statistics beside the paper's, roles, and for mini the scores of the best predictors."""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from rich.progress import track

from ..cli import stderr
from ..grid import SYNTHETIC_NOTE, Cell, Content, Grid, count, number, percent
from ..metrics import diversity
from ..metrics.corpus import Corpus, characters, offsets_of
from .mini import SIZES, is_mini
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
    "captions that occur once, per cent": (lambda split: percent(_once(split)), "-"),
    "Div@1 of the references": (lambda split: _div(split, 1), "90.13"),
    "Div@2 of the references": (lambda split: _div(split, 2), "75.53"),
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


def yardsticks_table(splits: dict[str, Split], n_images: int) -> Grid | None:
    """Scores of the best predictors on the first images of mini's test split; None for other data.

    Args:
        splits: splits of a data set.
        n_images: number of images to look at, at most.
    """
    if not all(is_mini(split.dataset) and name in SIZES for name, split in splits.items()):
        return None
    if "test" not in splits:
        return None
    from .mini.samples import drawn_again, samples
    from .mini.yardsticks import REMOVALS, Judge, Yardstick, bits_per_character, reached, yardsticks

    made = [sample for _, sample in samples({"test": splits["test"].n_images})]  # depends on no other split
    looked_at = made[:n_images]
    captions = [caption for sample in looked_at for caption in sample.drawn]
    judge = Judge([caption for sample in made for caption in sample.drawn])
    found: dict[str, list[Yardstick]] = {name: [] for name in REMOVALS}
    steps = [(name, sample) for name in REMOVALS for sample in looked_at]
    for name, sample in track(steps, "yardsticks", console=stderr, disable=not stderr.is_terminal, transient=True):
        found[name] += yardsticks(sample, REMOVALS[name], judge)
    grid = Grid(
        f"yardsticks on {len(looked_at):,} of {len(made):,} images of test",
        [
            "",
            "most probable: CIDEr",
            "exact match, %",
            "best expected CIDEr: CIDEr",
            "exact match, %",
            "bits per character",
        ],
    )
    for name, boxes in found.items():
        cells: list[Content] = []
        for predictions in ([each.probable for each in boxes], [each.expected for each in boxes]):
            scores = reached(predictions, made)
            cells += [_estimate(scores.cider, scores.cider_error), _estimate(scores.exact, scores.exact_error)]
        grid.add(name, *cells, number(bits_per_character(boxes, captions)))
    div1, div2 = _diversity([drawn_again(sample, 1) for sample in made])
    grid.notes = [
        "scores of the most probable caption, and of the caption of highest expected CIDEr, under the law by which the "
        "captions were drawn (docs/data.md), with standard errors; bits of the references under that law",
        f"captions drawn anew from the law for all images of test: Div@1 {div1:.2f}, Div@2 {div2:.2f}",
    ]
    return grid


def _estimate(mean: float, error: float) -> Cell:
    return Cell(mean, f"{{:.1f}} ± {error:.1f}")


def _diversity(images: Sequence[Sequence[str]]) -> tuple[float, float]:
    """Div@1 and Div@2 of the captions of each image, in per cent."""
    captions = [caption for image in images for caption in image]
    offsets = offsets_of(np.array([len(image) for image in images]))
    corpus = Corpus.from_captions(predictions=captions, references=captions, offsets=offsets)
    first, second = 100 * diversity.aggregate(diversity.statistics(corpus).sum(axis=0))
    return float(first), float(second)


def _div(split: Split, n: int) -> Cell:
    bounds = split.offsets.tolist()
    return number(_diversity([split.captions[a:b] for a, b in pairwise(bounds)])[n - 1])


def _once(split: Split) -> float:
    """Share of the boxes whose caption no other box of the split has."""
    return sum(n == 1 for n in Counter(split.captions).values()) / max(1, split.n_boxes)


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
