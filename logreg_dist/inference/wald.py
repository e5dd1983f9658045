"""Wald tests and intervals, one record per term."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class WaldTable:
    """Inference for p terms; every array has shape (p,) and NaN where a term has no estimate.

    Attributes
    ----------
    estimate, std_error, conf_low, conf_high : ndarray
        Log-odds per unit of the column.
    z, p_value : ndarray
        For the hypothesis that the coefficient is 0; two-sided.
    odds_ratio, odds_ratio_low, odds_ratio_high : ndarray
        Exponentials of estimate and limits; inf beyond the range of doubles.
    """

    estimate: FloatArray
    std_error: FloatArray
    z: FloatArray
    p_value: FloatArray
    conf_low: FloatArray
    conf_high: FloatArray
    odds_ratio: FloatArray
    odds_ratio_low: FloatArray
    odds_ratio_high: FloatArray


def wald_table(estimate: FloatArray, variance: FloatArray, confidence: float) -> WaldTable:
    """Compute z, p-values, confidence limits and odds ratios.

    The p-value is taken from the survival function, so it keeps its digits down to 1e-308
    instead of becoming 0 beyond ``|z| = 8.3``.

    Parameters
    ----------
    estimate, variance : ndarray (p,)
        NaN for aliased terms; NaN variances where there is no inference.
    confidence : float
        Coverage of the intervals, in (0, 1).

    Notes
    -----
    Agresti (2013), Categorical Data Analysis, section 5.2.

    Examples
    --------
    >>> table = wald_table(np.array([1.0, -20.0]), np.array([0.25, 1.0]), 0.95)
    >>> table.z.tolist(), [float(f"{p:.3g}") for p in table.p_value]
    ([2.0, -20.0], [0.0455, 5.51e-89])
    """
    std_error = np.sqrt(variance)
    half_width = stats.norm.isf((1.0 - confidence) / 2.0) * std_error
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        z = estimate / std_error
        return WaldTable(
            estimate=estimate,
            std_error=std_error,
            z=z,
            p_value=2.0 * stats.norm.sf(np.abs(z)),
            conf_low=estimate - half_width,
            conf_high=estimate + half_width,
            odds_ratio=np.exp(estimate),
            odds_ratio_low=np.exp(estimate - half_width),
            odds_ratio_high=np.exp(estimate + half_width),
        )
