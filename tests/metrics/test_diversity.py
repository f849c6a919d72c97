"""Div@n against hand-counted images, a brute-force count, and the traps of the released scorer."""

from itertools import pairwise

import numpy as np
import pytest
from captions import offsets, pairs

from benchmark.metrics import diversity
from benchmark.metrics.corpus import Corpus


def images(*captions: list[str]) -> Corpus:
    flat = [caption for image in captions for caption in image]
    return Corpus.from_captions(
        predictions=flat, references=flat, offsets=np.cumsum([0, *(len(image) for image in captions)])
    )


@pytest.mark.parametrize(
    ("captions", "n", "expected"),
    [
        (["温和不刺激"], 1, 5 / 5),
        (["温和不刺激"], 2, 4 / 5),  # four bigrams over FIVE characters
        (["温和", "温和"], 1, 2 / 4),
        (["温和", "和温"], 2, 2 / 4),  # 和和 would cross a caption: not counted
        (["", "好"], 1, 1.0),
        (["", ""], 1, 0.0),
        (["1.5,升"], 1, 1.0),  # the released scorer splits at '.' and deletes ','
    ],
)
def test_counts_by_hand(captions: list[str], n: int, expected: float) -> None:
    assert diversity.per_image(images(captions), n) == [expected]


def test_denominator_option_counts_bigrams() -> None:
    """The usual Div@2 divides by bigrams: a perfect caption then scores 1."""
    assert diversity.per_image(images(["温和不刺激"]), 2, denominator="n-grams") == [1.0]


def test_equals_brute_force() -> None:
    """An id that collides between images or captions."""
    predictions, _ = pairs(3000)
    cuts = offsets(3000)
    corpus = Corpus.from_captions(predictions=predictions, references=predictions, offsets=cuts)
    for n in (1, 2):
        expected = []
        for first, last in pairwise(cuts):
            captions = corpus.predictions[first:last]
            distinct = {c[i : i + n] for c in captions for i in range(len(c) - n + 1)}
            expected.append(len(distinct) / max(1, sum(map(len, captions))))
        assert diversity.per_image(corpus, n).tolist() == expected


def test_mean_over_images_not_over_characters() -> None:
    """Pooling all characters would weigh talkative images more."""
    statistics = diversity.statistics(images(["啊啊啊啊啊啊"], ["好用"]))
    assert diversity.aggregate(statistics.sum(axis=0))[0] == pytest.approx((1 / 6 + 1.0) / 2)
