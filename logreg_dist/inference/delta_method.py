"""The delta method: how sure a function of the estimates is."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from logreg_dist.inference.records import MarginalEffect

FloatArray = NDArray[np.float64]

# Of the variance that a combination would have, were all its terms perfectly correlated.
NOTHING_LEFT = 1e-14


def marginal_effect(
    effect: float,
    gradient: FloatArray,
    covariance: FloatArray,
    *,
    column: str,
    level: str | None,
    kind: str,
    confidence: float,
) -> MarginalEffect | None:
    """Return an effect with the variance ``gradient' covariance gradient``, and its Wald test.

    None where there is no variance but rounding: it may be negative, and a standard error of 0 would be a certainty that
    nobody has.

    Parameters
    ----------
    effect : float
    gradient : ndarray (p,)
        Its derivatives by the coefficients.
    covariance : ndarray (p, p)
        Of the coefficients, 0 for those without an estimate.
    column, level, kind
        As in `MarginalEffect`.
    confidence : float
        Coverage of the interval, in (0, 1).

    Notes
    -----
    Agresti (2013), Categorical Data Analysis, section 16.1.

    Examples
    --------
    >>> found = marginal_effect(
    ...     0.2, np.array([0.5]), np.array([[0.04]]), column="x", level=None, kind="slope", confidence=0.95
    ... )
    >>> round(found.std_error, 12), round(found.z, 12), round(found.conf_low, 6)
    (0.1, 2.0, 0.004004)
    """
    variance = combined_variance(gradient, covariance)
    if variance is None:
        return None
    std_error = math.sqrt(variance)
    half_width = float(stats.norm.isf((1.0 - confidence) / 2.0)) * std_error
    z = effect / std_error
    return MarginalEffect(
        column=column,
        level=level,
        kind=kind,
        effect=effect,
        std_error=std_error,
        z=z,
        p_value=float(2.0 * stats.norm.sf(abs(z))),
        conf_low=effect - half_width,
        conf_high=effect + half_width,
    )


def combined_variance(weights: FloatArray, covariance: FloatArray) -> float | None:
    """Return ``weights' covariance weights``; None where nothing is left of it but rounding.

    Parameters
    ----------
    weights : ndarray (p,)
    covariance : ndarray (p, p)

    Examples
    --------
    >>> combined_variance(np.array([1.0, -1.0]), np.diag([1.0, 3.0]))
    4.0
    >>> combined_variance(np.array([1.0, -1.0]), np.ones((2, 2))) is None
    True
    """
    used = np.flatnonzero(weights)
    spread = covariance[np.ix_(used, used)]
    variance = float(weights[used] @ spread @ weights[used])
    largest = float(np.abs(weights[used] * np.sqrt(np.diag(spread))).sum()) ** 2
    return variance if variance > NOTHING_LEFT * largest else None
