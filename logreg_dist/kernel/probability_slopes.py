"""How the probability of rows changes with their log-odds: derivatives and differences, each with all its digits."""

from __future__ import annotations

import numpy as np

from logreg_dist.kernel.block import FloatArray


def probability_slopes(eta: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return ``mu (1 - mu)`` and its derivative ``mu (1 - mu) (1 - 2 mu)``, both (m,).

    Parameters
    ----------
    eta : ndarray (m,)
        Linear predictor, log-odds; any finite number.

    Examples
    --------
    >>> [found.tolist() for found in probability_slopes(np.array([0.0, 800.0]))]
    [[0.25, 0.0], [-0.0, -0.0]]
    """
    e = np.exp(-np.abs(eta))
    first = e / np.square(1.0 + e)
    return first, first * -np.copysign((1.0 - e) / (1.0 + e), eta)


def probability_change(start: FloatArray, end: FloatArray) -> FloatArray:
    """Return ``mu(end) - mu(start)``, shape (m,), without the cancellation of that difference.

    It is ``mu(high) (1 - mu(low)) (1 - exp(low - high))`` with the sign of the change.

    Parameters
    ----------
    start, end : ndarray (m,)
        Linear predictors, log-odds.

    Examples
    --------
    >>> probability_change(np.array([0.0, 40.0]), np.array([0.0, 41.0])).tolist()
    [0.0, 2.6854720659566005e-18]
    """
    low, high = np.minimum(start, end), np.maximum(start, end)
    with np.errstate(over="ignore"):  # 1 / (1 + inf) is the right answer
        size = -np.expm1(low - high) / (1.0 + np.exp(-high)) / (1.0 + np.exp(low))
    change: FloatArray = np.copysign(size, end - start)
    return change
