"""Length fitness by hand, and Spearman against numpy's correlation of explicit ranks."""

import numpy as np
import pytest

from benchmark.metrics import exact, length_fit
from benchmark.metrics.corpus import Corpus


def test_rates_by_hand() -> None:
    """A box of ratio 4 holds four full-width characters or eight half-width ones."""
    predictions = ["温和不刺激啊", "温", "温和不刺激", "abcdefgh"]
    corpus = Corpus.from_captions(predictions=predictions, references=["温和"] * 4)
    statistics = length_fit.statistics(corpus, np.full(4, 4.0))
    assert statistics.tolist() == [[4, 1, 0, 1], [1, 0, 1, 1], [3, 0, 0, 1], [6, 0, 0, 1]]
    assert length_fit.aggregate(statistics.sum(axis=0)).tolist() == [14 / 4, 1 / 4, 1 / 4]


def test_bins_close_below_and_open_above() -> None:
    """A ratio of exactly 2 belongs to 2-3, and everything from 10 on to the last bin."""
    assert length_fit.aspect_bins(np.array([1.0, 1.99, 2.0, 9.99, 10.0, 55.0])).tolist() == [0, 0, 1, 8, 9, 9]


def test_curve_by_hand() -> None:
    """Means per bin, NaN where there is no box, distance weighted by boxes."""
    corpus = Corpus.from_captions(predictions=["好", "好用", "好用吗啊"], references=["好用", "好用", "好用吗啊"])
    curve = length_fit.length_curve(corpus, np.array([1.5, 1.5, 4.2]))
    assert curve.predictions[[0, 3]].tolist() == [1.5, 4.0]
    assert curve.references[[0, 3]].tolist() == [2.0, 4.0]
    assert np.isnan(curve.predictions[1])
    assert curve.distance == pytest.approx(2 * 0.5 / 3)


def test_spearman_with_ties() -> None:
    """Mean ranks for ties, as scipy's spearmanr: values checked against it."""
    random = np.random.default_rng(0)
    x, y = random.integers(2, 10, 500), random.normal(size=500)
    y[:250] = np.round(y[:250])

    def mean_ranks(values: np.ndarray) -> np.ndarray:
        return np.array([(values < v).sum() + ((values == v).sum() + 1) / 2 for v in values])

    expected = np.corrcoef(mean_ranks(x), mean_ranks(y))[0, 1]
    assert length_fit.spearman(x, y) == pytest.approx(expected, abs=1e-12)


def test_spearman_of_a_constant_is_undefined() -> None:
    """The most frequent caption has one length: no number may be invented."""
    assert np.isnan(length_fit.spearman(np.full(5, 3), np.arange(5.0)))


def test_exact_match_ignores_white_space_only() -> None:
    """Blanks are no tokens; case and width are."""
    corpus = Corpus.from_captions(predictions=["好 用", "A", "Ａ"], references=["好用", "a", "A"])
    assert exact.statistics(corpus)[:, 0].tolist() == [1, 0, 0]
