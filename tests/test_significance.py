"""Bootstrap and randomisation against loops that a reader can check, and against their promised properties."""

import os
import subprocess
import sys

import numpy as np
import pytest

from benchmark.scoring import significance
from benchmark.scoring.significance import interval, mean_and_deviation, paired_difference, resampled_sums


def mean_of_boxes(sums: np.ndarray) -> np.ndarray:
    """One metric: a mean over boxes from (sum, boxes)."""
    return sums[..., :1] / sums[..., 1:]


@pytest.fixture
def statistics() -> np.ndarray:
    """Sum of scores and number of boxes of 300 images."""
    random = np.random.default_rng(7)
    boxes = random.integers(2, 9, 300)
    return np.stack([[random.random(n).sum() for n in boxes], boxes], axis=1).astype(float)


def test_resamples_are_counts_of_images_drawn_with_replacement(statistics: np.ndarray) -> None:
    """Brute force: draw images with the same raw random numbers in a plain loop, add up their rows."""
    sums = resampled_sums(statistics, resamples=20, seed=3)
    generator = np.random.PCG64(3)
    for row in sums:
        drawn = [(int(generator.random_raw()) >> 32) * 300 >> 32 for _ in range(300)]
        assert row == pytest.approx(sum(statistics[i] for i in drawn), abs=1e-3)
        assert row[1] == sum(statistics[i][1] for i in drawn)


def test_resampling_is_of_images_not_of_boxes(statistics: np.ndarray) -> None:
    """When all boxes of an image score alike, resampling boxes would give intervals too narrow by sqrt(boxes)."""
    clustered = statistics.copy()
    clustered[:, 0] = np.where(np.arange(300) % 2, clustered[:, 1], 0)  # images all right or all wrong
    values = mean_of_boxes(resampled_sums(clustered))
    boxes = clustered[:, 1].sum()
    p = clustered[:, 0].sum() / boxes
    assert values.std() > 1.8 * np.sqrt(p * (1 - p) / boxes)


def test_interval_covers() -> None:
    """95 % intervals should miss the true mean about one time in twenty."""
    random = np.random.default_rng(11)
    missed = 0
    for _ in range(200):
        sample = np.stack([random.random(80), np.ones(80)], axis=1)
        low, high = interval(mean_of_boxes(resampled_sums(sample, resamples=400)))
        missed += not low[0] <= 0.5 <= high[0]
    assert 2 <= missed <= 24


def test_interval_ends_are_order_statistics() -> None:
    """The 26th smallest and largest of 1,000 values: an interpolation rule would differ between libraries."""
    values = np.random.default_rng(0).permutation(1000)[:, None].astype(float)
    low, high = interval(values)
    assert (low[0], high[0]) == (25.0, 974.0)


def test_same_system_is_not_different(statistics: np.ndarray) -> None:
    """Ties must count as "as extreme", or identical systems would come out significant."""
    difference = paired_difference([statistics], [statistics], mean_of_boxes, randomisations=200)
    assert difference.value == 0
    assert difference.p_bootstrap == 1
    assert difference.p_randomisation == 1


def test_p_values_are_uniform_without_a_difference() -> None:
    """Two systems that differ by chance only: p < 0.05 about one time in twenty, for both tests."""
    random = np.random.default_rng(5)
    rejected = np.zeros(2)
    for seed in range(150):
        a, b = (np.stack([random.random(60), np.ones(60)], axis=1) for _ in range(2))
        d = paired_difference([a], [b], mean_of_boxes, resamples=300, randomisations=300, seed=seed)
        rejected += [d.p_bootstrap[0] < 0.05, d.p_randomisation[0] < 0.05]
    assert (rejected >= 1).all()
    assert (rejected <= 19).all()


def test_a_large_difference_is_found_and_resolvable_is_below_it(statistics: np.ndarray) -> None:
    """Power: one system better by 0.1 on every image."""
    better = statistics + np.array([0.1, 0]) * statistics[:, 1:]
    noise = np.random.default_rng(2).normal(0, 0.3, 300)
    better[:, 0] += noise
    d = paired_difference([better], [statistics], mean_of_boxes)
    assert d.low[0] <= 0.1 <= d.high[0]
    assert d.p_bootstrap[0] < 0.01
    assert d.p_randomisation[0] < 0.01
    assert d.resolvable[0] < 0.1


def test_seeds_are_averaged_and_unequal_seeds_have_no_randomisation(statistics: np.ndarray) -> None:
    """Comparing the best seed instead of the mean."""
    worse = statistics - np.array([0.5, 0])
    d = paired_difference([statistics, worse], [statistics], mean_of_boxes, resamples=50)
    expected = (mean_of_boxes(worse.sum(axis=0)) - mean_of_boxes(statistics.sum(axis=0))) / 2
    assert d.value == pytest.approx(expected)
    assert np.isnan(d.p_randomisation)


def test_randomisation_equals_a_loop(statistics: np.ndarray) -> None:
    """Swapping sums through a matrix product must equal swapping rows."""
    a, b = statistics[:50], statistics[50:100]
    d = paired_difference([a], [b], mean_of_boxes, randomisations=99, seed=2)
    observed = abs(mean_of_boxes(a.sum(axis=0)) - mean_of_boxes(b.sum(axis=0)))
    as_large = 1
    for flips in np.concatenate(list(significance._coin_flips(50, 99, 2))):
        swapped = np.where(flips[:, None] == 1, b, a), np.where(flips[:, None] == 1, a, b)
        as_large += abs(np.subtract(*(mean_of_boxes(s.sum(axis=0)) for s in swapped))) >= observed - 1e-6
    assert d.p_randomisation == pytest.approx(as_large / 100)


def test_same_bits_with_any_number_of_threads() -> None:
    """A BLAS that splits the sum over threads rounds differently; exact sums cannot."""
    program = (
        "import numpy as np, hashlib; from benchmark.scoring.significance import resampled_sums;"
        "s = np.random.Generator(np.random.PCG64(0)).random((4000, 30)) * 10;"
        "print(hashlib.sha256(resampled_sums(s, 200).tobytes()).hexdigest())"
    )
    threads = ["1", "2", "5"]
    variables = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    digests = {
        subprocess.check_output([sys.executable, "-c", program], env=os.environ | dict.fromkeys(variables, n))
        for n in threads
    }
    assert len(digests) == 1


def test_deviation_is_unbiased_and_undefined_for_one_seed() -> None:
    """Dividing by n instead of n - 1, and printing "± 0.00" for a single run."""
    assert mean_and_deviation([1.0, 2.0, 3.0]) == (2.0, 1.0)
    mean, deviation = mean_and_deviation([4.0])
    assert mean == 4.0
    assert np.isnan(deviation)
