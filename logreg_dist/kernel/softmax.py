"""The arithmetic of single rows with several classes: from linear predictors to probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logreg_dist.kernel.block import FloatArray


@dataclass(frozen=True)
class ClassTerms:
    """What each of m rows adds to the sums, with k classes beside the reference.

    Attributes
    ----------
    deviance : float
        Sum over the rows of ``-2 weight * log-likelihood``.
    mu : ndarray (k + 1, m)
        Probability of each class, the reference last.
    rest : ndarray (k + 1, m)
        ``1 - mu`` with all its digits, also where `mu` is nearly 1.
    residual : ndarray (k, m)
        ``weight * (1[y = class] - mu)``.
    """

    deviance: float
    mu: FloatArray
    rest: FloatArray
    residual: FloatArray


def class_terms(
    eta: FloatArray, y: NDArray[np.intp], weight: FloatArray | None, scratch: FloatArray | None = None
) -> ClassTerms:
    """Compute deviance, probabilities and residuals from the linear predictors.

    Only exponentials of differences to a row's largest linear predictor are formed, which lie in [0, 1]:
    the result is finite for every finite `eta`.

    Parameters
    ----------
    eta : ndarray (k, m)
        Linear predictors against the reference, log-odds.
    y : ndarray (m,) of int
        Class of each row: ``0 .. k - 1``, and k for the reference.
    weight : ndarray (m,) or None
        Prior weight >= 0; None means 1.
    scratch : ndarray (3, k + 1, m) or None
        Memory to work in, see `class_scratch`: the result lies in it, and `eta` may lie in the first k rows. None
        allocates it.

    Examples
    --------
    >>> terms = class_terms(np.array([[0.0, 800.0], [0.0, 0.0]]), np.array([2, 0]), None)
    >>> terms.mu.round(6).tolist()
    [[0.333333, 1.0], [0.333333, 0.0], [0.333333, 0.0]]
    >>> round(terms.deviance - 2 * float(np.log(3)), 9), np.abs(terms.residual[:, 1]).tolist()
    (0.0, [0.0, 0.0])
    """
    n_free, n_rows = eta.shape
    mu, rest, memory = class_scratch(n_free, n_rows) if scratch is None else scratch
    rows = np.arange(n_rows)
    mu[:n_free] = eta
    mu[n_free] = 0.0
    highest = mu.max(axis=0)
    # What a row loses is linear in eta but for log1p of the odds against its likeliest class: far out on
    # the right side it is exactly 0.
    loss = highest - mu[y, rows]
    mu -= highest
    np.exp(mu, out=mu)
    likeliest = mu == 1.0
    np.copyto(mu, 0.0, where=likeliest)
    odds_against = mu.sum(axis=0)
    if np.count_nonzero(likeliest) > n_rows:  # several are equally likely: all but one count against it
        odds_against += likeliest.sum(axis=0) - 1
    loss += np.log1p(odds_against)
    np.copyto(mu, 1.0, where=likeliest)
    total = 1.0 + odds_against
    mu /= total
    np.subtract(1.0, mu, out=rest)
    np.copyto(rest, odds_against / total, where=likeliest)
    residual = np.negative(mu[:n_free], out=memory[:n_free])
    free = np.flatnonzero(y < n_free)
    residual[y[free], free] = rest[y[free], free]
    if weight is None:
        return ClassTerms(2.0 * float(loss.sum()), mu, rest, residual)
    residual *= weight
    return ClassTerms(2.0 * float(weight @ loss), mu, rest, residual)


def class_scratch(n_free: int, n_rows: int) -> FloatArray:
    """Return memory for `class_terms`; new memory costs several times the arithmetic on it."""
    return np.empty((3, n_free + 1, n_rows))
