"""Bootstrap intervals and significance tests that resample images, since boxes of one image are dependent.

`docs/metrics.md` explains them. Every metric is a function of statistics added up over images, so a bootstrap resample
is a row of image counts, all resamples are one matrix product, and a metric's interval costs milliseconds.

Invariant: the same bits on every run, with any number of threads and any BLAS. Statistics are rounded to multiples of
2**-20 (integers are untouched), which makes every product and sum below exact in float64, so their order cannot matter;
random numbers are taken from PCG64's raw output, which numpy guarantees never to change.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES, RANDOMISATIONS, SEED = 1000, 10_000, 12345
LEVEL = 0.95

#: Function from per-image statistics summed over images, shape (..., K), to metric values, shape (..., M).
Aggregate = Callable[[np.ndarray], np.ndarray]

_QUANTUM = 2.0**-20
_COUNTS = 1 << 20  # counts of images in resamples held at once
_CHUNK = 1 << 22  # swaps of images held at once
_PAIRS = 1 << 21  # resampled differences held at once


def resampled_sums(statistics: np.ndarray, resamples: int = RESAMPLES, seed: int = SEED) -> np.ndarray:
    """Sums of per-image statistics over bootstrap resamples of the images.

    Args:
        statistics: additive statistics of each image, shape (n_images, K).
        resamples: number of resamples, each of n_images images drawn with replacement.
        seed: random seed of the draws; equal seeds draw equal images, which pairs two systems.

    Returns:
        float64, shape (resamples, K).
    """
    quanta = np.rint(statistics / _QUANTUM)
    chunks = [counts @ quanta for counts in _bootstrap_counts(len(statistics), resamples, seed)]
    return np.concatenate(chunks) * _QUANTUM


def _bootstrap_counts(n_images: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Counts of each image in each resample, in chunks of shape (some, n_images); each is gone with the next."""
    generator = np.random.PCG64(seed)
    half, images = np.uint64(32), np.uint64(n_images)
    room = np.empty((min(resamples, max(1, _COUNTS // n_images)), n_images))
    for first in range(0, resamples, len(room)):
        counts = room[: resamples - first]
        for row in counts:
            drawn = generator.random_raw(n_images)
            drawn >>= half
            drawn *= images
            drawn >>= half
            row[:] = np.bincount(drawn.view(np.int64), minlength=n_images)
        yield counts


def _coin_flips(n_images: int, trials: int, seed: int) -> Iterator[np.ndarray]:
    """A fair 0 or 1 for each trial and image, in chunks of shape (some, n_images)."""
    generator = np.random.PCG64(seed)
    per_chunk = max(1, _CHUNK // n_images)
    words = -(-n_images // 64)
    for first in range(0, trials, per_chunk):
        raw = generator.random_raw((min(per_chunk, trials - first), words)).astype("<u8")
        yield np.unpackbits(raw.view(np.uint8), axis=1, count=n_images, bitorder="little").astype(np.float64)


def interval(values: np.ndarray, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray]:
    """Percentile interval over resamples.

    Args:
        values: metric values of each resample, shape (resamples, M).
        level: coverage of the interval, between 0 and 1.

    Returns:
        Lower and upper ends, each of shape (M,): order statistics, so no interpolation rule is involved.
    """
    ordered = np.sort(values, axis=0)
    skip = math.floor((1 - level) / 2 * len(values))
    return ordered[skip], ordered[len(values) - 1 - skip]


@dataclass(frozen=True)
class Difference:
    """System A minus system B on the same images, per metric; arrays of shape (M,).

    Attributes:
        value: difference of the means over seeds.
        low: lower end of the paired bootstrap's 95 % interval.
        high: its upper end.
        p_bootstrap: two-sided p-value: twice the share of resamples on the other side of zero, at most 1.
        p_randomisation: two-sided p-value of approximate randomisation (Noreen 1989), which swaps the systems image by
            image; NaN when A and B have different numbers of seeds.
        resolvable: smallest true difference that a two-sided test at 5 % finds with 80 % power on this split:
            2.80 standard errors of the paired difference.
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p_bootstrap: np.ndarray
    p_randomisation: np.ndarray
    resolvable: np.ndarray


def paired_difference(
    a: Sequence[np.ndarray],
    b: Sequence[np.ndarray],
    aggregate: Aggregate,
    *,
    resamples: int = RESAMPLES,
    randomisations: int = RANDOMISATIONS,
    seed: int = SEED,
) -> Difference:
    """Compare two systems on one split.

    Args:
        a: per-image statistics of system A, shape (n_images, K) for each of its seeds.
        b: per-image statistics of system B, in the same form.
        aggregate: function from summed statistics to metric values.
        resamples: number of resamples of the paired bootstrap.
        randomisations: number of trials of the approximate randomisation test; 0 leaves it out.
        seed: random seed of both.

    Raises:
        ValueError: if the systems were not scored on the same images.
    """
    if len({len(statistics) for statistics in (*a, *b)}) != 1:
        raise ValueError("paired tests need the same images on both sides")

    def mean(runs: Sequence[np.ndarray]) -> np.ndarray:
        return np.mean([aggregate(sums) for sums in runs], axis=0)

    def resampled(runs: Sequence[np.ndarray]) -> np.ndarray:
        return mean([resampled_sums(statistics, resamples, seed) for statistics in runs])

    value = mean([s.sum(axis=0) for s in a]) - mean([s.sum(axis=0) for s in b])
    differences = resampled(a) - resampled(b)
    low, high = interval(differences)
    other_side = np.minimum((differences <= 0).sum(axis=0), (differences >= 0).sum(axis=0))
    p_bootstrap = np.minimum(1.0, 2 * (1 + other_side) / (1 + resamples))
    p_randomisation = np.full_like(value, np.nan)
    if len(a) == len(b) and randomisations:
        p_randomisation = _randomisation(a, b, mean, randomisations, seed)
    resolvable = 2.80 * differences.std(axis=0, ddof=1)
    return Difference(value, low, high, p_bootstrap, p_randomisation, resolvable)


def _randomisation(
    a: Sequence[np.ndarray],
    b: Sequence[np.ndarray],
    mean: Callable[[Sequence[np.ndarray]], np.ndarray],
    trials: int,
    seed: int,
) -> np.ndarray:
    """Share of random swaps whose difference is at least as large as the observed one."""
    swapped_a, swapped_b = [], []
    for one, other in zip(a, b, strict=True):
        mine, theirs = np.rint(one / _QUANTUM), np.rint(other / _QUANTUM)
        moved = np.concatenate([flips @ (mine - theirs) for flips in _coin_flips(len(one), trials, seed)])
        moved = np.concatenate(
            [np.zeros((1, moved.shape[1])), moved]
        )  # trial 0 swaps nothing and gives the observed difference
        swapped_a.append((mine.sum(axis=0) - moved) * _QUANTUM)
        swapped_b.append((theirs.sum(axis=0) + moved) * _QUANTUM)
    differences = np.abs(mean(swapped_a) - mean(swapped_b))
    # A rounding error must not decide between "as large" and "smaller".
    return np.asarray((differences >= differences[0] - 1e-9).sum(axis=0) / (1 + trials))


def step_down_max_t(observed: np.ndarray, resampled: np.ndarray) -> np.ndarray:
    """P-values of all pairs of systems, tested together by step-down max-T.

    Westfall and Young (1993); Romano and Wolf (2005).

    Args:
        observed: score of each system in one metric, shape (n_systems,).
        resampled: scores on bootstrap resamples, paired over systems, shape (resamples, n_systems).

    Returns:
        P-values, shape (n_systems, n_systems), symmetric, 1 on the diagonal and for systems whose resamples never
        differ.
    """
    n, resamples = len(observed), len(resampled)
    first, second = np.triu_indices(n, k=1)
    p_values = np.ones((n, n))
    if not len(first):
        return p_values
    difference = observed[first] - observed[second]

    def deviations() -> Iterator[np.ndarray]:
        """How far resampled differences lie from the observed ones, in chunks of shape (some resamples, pairs)."""
        per_chunk = max(1, _PAIRS // len(first))
        for start in range(0, resamples, per_chunk):
            part = resampled[start : start + per_chunk]
            yield part[:, first] - part[:, second] - difference

    error = np.sqrt(sum((d**2).sum(axis=0) for d in deviations()) / resamples)
    unlike = error > 0  # two systems whose resamples never differ tie
    error[~unlike] = 1
    statistic = np.abs(difference) / error * unlike
    order = np.argsort(-statistic, kind="stable")
    at_least = np.zeros(len(order), np.int64)
    for part in deviations():
        # The largest deviation among a pair and all that are less different, on each resample.
        studentised = (np.abs(part) / error)[:, order[::-1]]
        at_least += (np.maximum.accumulate(studentised, axis=1)[:, ::-1] >= statistic[order]).sum(axis=0)
    p_values[first[order], second[order]] = np.maximum.accumulate((1 + at_least) / (1 + resamples))
    return np.minimum(p_values, p_values.T)


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float]:
    """Mean and unbiased standard deviation over seeds; NaN deviation for a single seed."""
    mean = math.fsum(values) / len(values)
    if len(values) == 1:
        return mean, math.nan
    return mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
