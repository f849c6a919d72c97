"""Bradley-Terry strengths: from who was preferred to whom, a number for each system, with intervals.

The model (Bradley and Terry, 1952) says that system a is preferred to system b with probability
1 / (1 + exp(strength b - strength a)). Its maximum likelihood estimate is a logistic regression without intercept and
penalty, for which scikit-learn is used.

Two choices:
* a tie is half a win for either side. Davidson's model (1970) has a parameter for ties instead, and its strengths are
  those among the decided votes alone: systems that nobody can tell apart on nine of ten images would get strengths as
  far apart as if the tenth were all. Here, the difference of two systems is the log odds of their shares of wins;
* half a win either way is added to each pair that was compared, as Haldane and Anscombe (1956) do with log odds: a
  system that never lost has no finite strength otherwise, and many bootstrap resamples of few images are like that.
"""

from dataclasses import dataclass

import numpy as np

from ..scoring.significance import interval, resampled_sums


@dataclass(frozen=True)
class Strengths:
    """Strengths of some systems, their mean being zero; arrays of shape (n_systems,).

    Attributes:
        value: strengths; NaN if comparisons do not connect all systems.
        low, high: ends of their 95 % intervals, over bootstrap resamples of the images.
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray


def strengths(wins: np.ndarray) -> Strengths:
    """Strengths with intervals.

    Args:
        wins: for each image, how often the system of the row was preferred to that of the column, shape
            (n_images, n_systems, n_systems); ties as half a win for both.
    """
    n = wins.shape[-1]
    total = wins.sum(axis=0)
    compared = (total + total.T > 0).astype(np.float64)
    if not n or not np.linalg.matrix_power(compared + np.eye(n), n).all():
        undefined = np.full(n, np.nan)
        return Strengths(undefined, undefined, undefined)
    resampled = resampled_sums(wins.reshape(len(wins), n * n)).reshape(-1, n, n)
    fitted = bradley_terry(np.concatenate([total[None], resampled]) + 0.5 * compared)
    low, high = interval(fitted[1:])
    return Strengths(fitted[0], low, high)


def bradley_terry(wins: np.ndarray) -> np.ndarray:
    """Maximum likelihood strengths of several tables of wins, all fitted in one regression.

    The tables share no parameter, so a regression with a block of columns for each gives what one for each would, in a
    hundredth of the time.

    Args:
        wins: wins of the row over the column, shape (tables, n_systems, n_systems). In each table, every system must
            have won against, or through others against, every other one, or its strength is not finite.

    Returns:
        Strengths, shape (tables, n_systems); the mean of each table is zero.
    """
    from scipy.sparse import csr_matrix, vstack
    from sklearn.linear_model import LogisticRegression

    tables, n, _ = wins.shape
    if n < 2:
        return np.zeros((tables, n))
    table, winner, loser = np.nonzero(wins)
    count = wins[table, winner, loser]
    cases = np.arange(len(table))
    columns = np.concatenate([table * n + winner, table * n + loser])
    signs = np.repeat([1.0, -1.0], len(table))
    design = csr_matrix((signs, (np.concatenate([cases, cases]), columns)), shape=(len(table), tables * n))
    # Each comparison from both sides: the regression must see wins and losses, and the estimate is the same.
    outcome = np.repeat([1, 0], len(table))
    regression = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-13, max_iter=10_000)
    regression.fit(vstack([design, -design]), outcome, np.concatenate([count, count]))
    found = regression.coef_[0].reshape(tables, n)
    return np.asarray(found - found.mean(axis=1, keepdims=True))
