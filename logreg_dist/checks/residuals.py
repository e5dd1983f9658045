"""Probabilities and Pearson residuals of single rows. Runs on executors."""

from __future__ import annotations

import numpy as np

from logreg_dist.kernel.block import FloatArray


def probabilities(eta: FloatArray) -> FloatArray:
    """Return ``1 / (1 + exp(-eta))``, shape (m,), of linear predictors, with the exact limits.

    Examples
    --------
    >>> probabilities(np.array([0.0, 800.0, -1e4])).tolist()
    [0.5, 1.0, 0.0]
    """
    e = np.exp(-np.abs(eta))
    found: FloatArray = np.where(eta >= 0.0, 1.0, e) / (1.0 + e)
    return found


def pearson_residuals(eta: FloatArray, y: FloatArray, weight: FloatArray | None) -> FloatArray:
    """Return ``(y - mu) sqrt(weight / (mu (1 - mu)))``, shape (m,); infinite only where that is.

    Of a label of 0 or 1 it is ``-exp(eta / 2)`` or ``exp(-eta / 2)``, which keeps all digits where mu is near 1
    and is no quotient of two zeros where it is 1.

    Parameters
    ----------
    eta : ndarray (m,)
        Linear predictor, log-odds.
    y : ndarray (m,)
        Label, or the share of events.
    weight : ndarray (m,) or None
        Prior weight, all 1 when None.

    Notes
    -----
    McCullagh and Nelder (1989), section 2.4.1.

    Examples
    --------
    >>> pearson_residuals(np.array([0.0, 800.0, 0.0]), np.array([0.0, 1.0, 0.75]), np.array([1.0, 1, 4])).tolist()
    [-1.0, 1.9151695967140057e-174, 1.0]
    """
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        half = np.exp(0.5 * np.abs(eta))
        towards = np.where(eta >= 0.0, 1.0, -1.0) * (2.0 * y - 1.0)  # 1: on the side of the label
        single = (2.0 * y - 1.0) * np.where(towards > 0, 1.0 / half, half)
        mu = probabilities(eta)
        shares = (y - mu) * (half + 1.0 / half)  # 1 / sqrt(mu (1 - mu)) is 2 cosh(eta / 2)
        found = np.where((y == 0.0) | (y == 1.0), single, shares)
    return found if weight is None else found * np.sqrt(weight)
