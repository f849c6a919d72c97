"""Systems without a model: the references, and three baselines that do not look at the image.

Tables show them for scale: a model that does not beat these baselines has learned nothing, and the references show
the highest value of each metric.
"""

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from random import Random

import numpy as np

from ..dataset.store import Split
from ..metrics.corpus import characters

#: Nearest training box: training images searched, nearest images kept, hashed bigrams, images compared at once.
_MAX_TRAIN_IMAGES, _NEIGHBOURS, _DIMENSIONS, _CHUNK = 20_000, 20, 2048, 500


def references(train: Split, split: Split) -> list[str]:
    """The references as predictions: the ceiling of every accuracy metric."""
    return split.captions


def most_frequent_caption(train: Split, split: Split) -> list[str]:
    """The most frequent training caption, for every box (ties: first in code point order)."""
    counts = Counter(train.captions)
    top = max(counts.values())
    return [min(caption for caption, count in counts.items() if count == top)] * split.n_boxes


def title_copy(train: Split, split: Split) -> list[str]:
    """The start of the title, with as many characters as the box holds (its aspect ratio), 2 to 10."""
    lengths = np.clip(np.rint(split.aspect_ratios), 2, 10).astype(int)
    titles = [characters(title) for title in split.titles]
    return [titles[i][:n] for i, n in zip(split.image_of_box.tolist(), lengths.tolist(), strict=True)]


def nearest_training_box(train: Split, split: Split) -> list[str]:
    """The caption of the nearest box (corner distance) on the 20 training images with the most similar info.

    Similarity: cosine of hashed character-bigram counts of title and attributes; only the first 20,000 images of the
    train split are used.
    """
    train_counts = bigram_counts(train)
    train_norms = np.sqrt((train_counts**2).sum(axis=1))
    captions = []
    for first in range(0, split.n_images, _CHUNK):
        counts = bigram_counts(split, first, first + _CHUNK)
        # Products of counts are exact in float32 with any BLAS; the norm of the image itself does not change the order.
        similarity = counts @ train_counts.T / np.maximum(train_norms, 1)
        nearest = np.argsort(-similarity, axis=1, kind="stable")[:, :_NEIGHBOURS]
        for i, images in enumerate(nearest.tolist(), start=first):
            candidates = np.concatenate([np.arange(train.offsets[j], train.offsets[j + 1]) for j in images])
            boxes = train.boxes[candidates]
            for box in split.boxes[split.offsets[i] : split.offsets[i + 1]]:
                captions.append(train.captions[candidates[np.abs(boxes - box).sum(axis=1).argmin()]])
    return captions


def perturbed(split: Split, seed: int = 0) -> list[str]:
    """Predictions about as good as a trained model's: a third exact, a third of other boxes, a third mixed."""
    random = Random(seed)
    references = split.captions
    captions = []
    for reference in references:
        fate = random.random()
        other = references[random.randrange(len(references))]
        captions.append(reference if fate < 1 / 3 else other if fate < 2 / 3 else reference[:2] + other[2:])
    return captions


def bigram_counts(split: Split, first: int = 0, last: int = _MAX_TRAIN_IMAGES) -> np.ndarray:
    """Character-bigram counts of title and attributes, hashed; float32, shape (images, 2048)."""
    infos = [title + attributes for title, attributes in zip(split.titles, split.attributes, strict=True)][first:last]
    counts = np.zeros((len(infos), _DIMENSIONS), np.float32)
    for row, info in zip(counts, map(characters, infos), strict=True):
        for a, b in pairwise(info):
            row[(31 * ord(a) + ord(b)) % _DIMENSIONS] += 1
    return counts


#: Name -> function from the train split and a split to captions; in the order of the tables.
SYSTEMS: dict[str, Callable[[Split, Split], list[str]]] = {
    "references": references,
    "nearest training box": nearest_training_box,
    "title copy": title_copy,
    "most frequent caption": most_frequent_caption,
}
