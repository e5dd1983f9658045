"""The delta method: how sure a function of the estimates is."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from logreg_dist.inference.records import MarginalEffect

FloatArray = NDArray[np.float64]


def marginal_effect(
    effect: float,
    gradient: FloatArray,
    covariance: FloatArray,
    *,
    column: str,
    level: str | None,
    kind: str,
    confidence: float,
) -> MarginalEffect:
    """Return an effect with the variance ``gradient' covariance gradient``, and its Wald test.

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
    std_error = math.sqrt(float(gradient @ covariance @ gradient))
    half_width = float(stats.norm.isf((1.0 - confidence) / 2.0)) * std_error
    z = effect / std_error if std_error > 0 else None
    return MarginalEffect(
        column=column,
        level=level,
        kind=kind,
        effect=effect,
        std_error=std_error,
        z=z,
        p_value=None if z is None else float(2.0 * stats.norm.sf(abs(z))),
        conf_low=effect - half_width,
        conf_high=effect + half_width,
    )
