"""Systems without a model for the layout tracks: ceilings, floors, and layouts that win single metrics by a trick.

Each predicts boxes with captions, so its file serves both tracks. Randomness comes from `Random.random` alone, seeded
by the image, so files are equal on every machine.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from random import Random

import numpy as np

from ..dataset.store import Split
from ..scoring.blind import bigram_counts, most_frequent_caption
from .layouts import Layouts

SEED = "caponimage-layout-1"

#: Cells of a side in which typical layouts are compared; layouts drawn from mini's law, and how many of those whose
#: product stands nearest are chosen from; images compared at once.
_CELLS, _POOL, _NEAREST, _CHUNK = 16, 8000, 20, 500

_Predictor = Callable[[Split, Split], Layouts]


def references(train: Split, split: Split) -> Layouts:
    """The references as predictions: the ceiling of similarity and captions, and the level of all other metrics."""
    return Layouts.of_split(split, captions=True)


def nearest_training_layout(train: Split, split: Split) -> Layouts:
    """Layout and captions of the training image with the most similar title and attributes, within the category.

    Similarity: cosine of hashed character-bigram counts, of the first 20,000 training images; images of another
    category count only where the category is not among them.
    """
    counts = bigram_counts(train)
    norms = np.maximum(np.sqrt((counts**2).sum(axis=1)), 1)
    numbers = {name: i for i, name in enumerate(sorted({*train.categories, *split.categories}))}
    ours, theirs = (np.array([numbers[name] for name in each.categories]) for each in (split, train))
    theirs = theirs[: len(counts)]
    sources: list[int] = []
    for first in range(0, split.n_images, _CHUNK):
        similarity = bigram_counts(split, first, first + _CHUNK) @ counts.T / norms
        similarity += 1e6 * (ours[first : first + _CHUNK, np.newaxis] == theirs)
        sources += similarity.argmax(axis=1).tolist()
    return _of_training(train, sources)


def typical_layout(train: Split, split: Split) -> Layouts:
    """The most typical training layout of the category, with its captions.

    It has the most frequent number of boxes of its category, and among those it is the one whose covered cells, of
    16 x 16, are nearest to the mean of the category; a category that is not in train has that of all images.
    """
    counts = np.diff(train.offsets)
    covered = _covered_cells(train)
    typical: dict[str | None, int] = {}
    members: dict[str | None, list[int]] = {None: list(range(train.n_images))}
    for image, category in enumerate(train.categories):
        members.setdefault(category, []).append(image)
    for name, images in members.items():
        usual = Counter(counts[images].tolist())
        n = min(usual, key=lambda count: (-usual[count], count))
        mean = covered[images].mean(axis=0)
        alike = [image for image in images if counts[image] == n]
        typical[name] = alike[int(np.abs(covered[alike] - mean).sum(axis=1).argmin())]
    return _of_training(train, [typical.get(category, typical[None]) for category in split.categories])


def random_boxes(train: Split, split: Split) -> Layouts:
    """Boxes between two points that are uniform on the canvas; their number and captions are drawn from train."""
    counts, texts = np.diff(train.offsets).tolist(), train.captions
    boxes, captions = [], []
    for image_id in split.image_ids:
        random = Random(f"{SEED}/random/{image_id}").random
        n = counts[int(random() * len(counts))]
        points = [[random() for _ in range(4)] for _ in range(n)]
        boxes.append([[min(a, c), min(b, d), max(a, c), max(b, d)] for a, b, c, d in points])
        captions.append([texts[int(random() * len(texts))] for _ in range(n)])
    return Layouts.of(boxes, captions)


def no_box(train: Split, split: Split) -> Layouts:
    """No box on any image: it wins overlap, misalignment, occlusion and unreadability."""
    return Layouts.of([[] for _ in split.image_ids], [[] for _ in split.image_ids])


def one_small_box(train: Split, split: Split) -> Layouts:
    """One small box in the upper left corner with the most frequent caption: all but unreadability, and it is valid."""
    [caption] = set(most_frequent_caption(train, split))
    return Layouts.of([[[0.02, 0.02, 0.12, 0.06]]] * split.n_images, [[caption]] * split.n_images)


def whole_canvas(train: Split, split: Split) -> Layouts:
    """One box over the whole canvas with the most frequent caption: it wins utility."""
    [caption] = set(most_frequent_caption(train, split))
    return Layouts.of([[[0.0, 0.0, 1.0, 1.0]]] * split.n_images, [[caption]] * split.n_images)


def blind_law(train: Split, split: Split) -> Layouts:
    """A fresh draw of mini's law for each image, which does not know where its product stands; captions by the law."""
    return _of_law(split, seen=False)


def seeing_law(train: Split, split: Split) -> Layouts:
    """A draw of mini's law among those whose product stands as in the image; captions by the law.

    It is what a model that samples layouts perfectly could reach. The law given the places of the products is not
    known in closed form: of 8,000 draws, one of the 20 whose areas for products are nearest is taken.
    """
    return _of_law(split, seen=True)


def _of_law(split: Split, *, seen: bool) -> Layouts:
    from ..dataset.mini.canvases import samples_of  # the generator, which takes seconds
    from ..dataset.mini.kinds import KINDS
    from ..dataset.mini.layouts import sample_layout
    from ..dataset.mini.samples import captions

    drawn = (sample_layout(Random(f"{SEED}/law/{i}")) for i in range(_POOL))
    pool = [layout for layout in drawn if 2 <= len(layout.places) < len(KINDS)]
    areas = np.array([[*layout.areas[0], *layout.areas[-1]] for layout in pool])
    sizes = np.array([layout.size for layout in pool])
    boxes, texts = [], []
    for sample in samples_of(split):
        random = Random(f"{SEED}/law/{sample.image_id}")
        fits = np.flatnonzero((sizes == sample.layout.size).all(axis=1))
        if seen:
            own = np.array([*sample.layout.areas[0], *sample.layout.areas[-1]])
            order = np.argsort(np.abs(areas[fits] - own).sum(axis=1), kind="stable")
            fits = fits[order[:_NEAREST]]
        layout = pool[int(fits[int(random.random() * len(fits))])]
        boxes.append([list(place.box) for place in layout.places])
        texts.append(captions(random, sample.product, layout)[1])
    return Layouts.of(boxes, texts)


def _of_training(train: Split, sources: Sequence[int]) -> Layouts:
    """Layouts and captions of some training images."""
    boxes, texts, offsets = train.boxes.tolist(), train.captions, train.offsets.tolist()
    ranges = [(offsets[i], offsets[i + 1]) for i in sources]
    return Layouts.of([boxes[a:b] for a, b in ranges], [texts[a:b] for a, b in ranges])


def _covered_cells(split: Split) -> np.ndarray:
    """Which cells of each image have their middle under a box; float64, shape (n_images, _CELLS ** 2)."""
    middles = (np.arange(_CELLS) + 0.5) / _CELLS
    x1, y1, x2, y2 = (split.boxes[:, k, np.newaxis] for k in range(4))
    columns, rows = (x1 <= middles) & (middles < x2), (y1 <= middles) & (middles < y2)
    cells = (rows[:, :, np.newaxis] & columns[:, np.newaxis]).reshape(-1, _CELLS**2)
    return np.logical_or.reduceat(cells, split.offsets[:-1], axis=0).astype(np.float64)


#: Name -> function from the train split and a split to layouts; in the order of the tables.
SYSTEMS: Mapping[str, _Predictor] = {
    "references": references,
    "nearest training layout": nearest_training_layout,
    "typical layout": typical_layout,
    "random boxes": random_boxes,
    "no box": no_box,
    "one small box": one_small_box,
    "whole canvas": whole_canvas,
}
#: The same for systems that only mini has.
LAWS: Mapping[str, _Predictor] = {"law, product seen": seeing_law, "law, blind": blind_law}
