"""Inter-rater agreement beyond chance: Krippendorff's alpha.

Invariant: ratings are only compared for equality (nominal data), and missing ratings are ignored.
"""

import math

import numpy as np


def krippendorff_alpha(ratings: np.ndarray) -> float:
    """Krippendorff's alpha for nominal data, with missing ratings.

    Source: K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), section C: 1 - (n - 1) * (coincidences
    off the diagonal) / (sum of n_c * n_k over categories c != k), over the units with two ratings or more.

    Args:
        ratings: ratings, shape (raters, units); any numbers as categories, NaN where a rater has not rated a unit.

    Returns:
        1 for perfect agreement, 0 for agreement by chance, negative below that; NaN where it is not defined: no unit
        has two ratings, or all ratings are the same.
    """
    categories = np.unique(ratings[~np.isnan(ratings)])
    counts = (ratings[:, :, None] == categories).sum(axis=0)  # (units, categories)
    counts = counts[counts.sum(axis=1) >= 2]
    raters = counts.sum(axis=1)
    observed = math.fsum(((raters**2 - (counts**2).sum(axis=1)) / (raters - 1)).tolist())
    of_category = counts.sum(axis=0)
    total = int(of_category.sum())
    expected = total**2 - int((of_category**2).sum())
    return 1 - (total - 1) * observed / expected if expected else math.nan
