"""Tests and intervals of linear combinations of the estimates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from logreg_dist.inference.column_tests import wald_statistic
from logreg_dist.inference.delta_method import combined_variance
from logreg_dist.inference.wald import wald_table
from logreg_dist.solver.linear_system import find_dependences

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Contrast:
    """A linear combination of coefficients with its test and interval.

    Attributes
    ----------
    text : str
        What it is, in terms or levels.
    estimate, std_error, conf_low, conf_high : float
        Log-odds.
    z, p_value : float
        Wald test of its being 0, two-sided.
    odds_ratio, odds_ratio_low, odds_ratio_high : float
        Exponentials of estimate and limits (with several classes relative-risk ratios); inf beyond the range of doubles.
    confidence : float
        Coverage of the intervals.
    weights : tuple of pairs of str and float
        The terms with what each is multiplied by; terms that count 0 left out.
    standard_errors : str
        Which covariance they come from: ``model``, ``hc0``, ..., ``cluster``.
    """

    text: str
    estimate: float
    std_error: float
    z: float
    p_value: float
    conf_low: float
    conf_high: float
    odds_ratio: float
    odds_ratio_low: float
    odds_ratio_high: float
    confidence: float
    weights: tuple[tuple[str, float], ...]
    standard_errors: str = "model"


@dataclass(frozen=True)
class JointContrast:
    """The hypothesis that several contrasts are all 0.

    Attributes
    ----------
    contrasts : tuple of Contrast
    wald, p_value : float
        Chi-squared statistic and its p-value.
    df : int
        Contrasts that do not follow from the others.
    """

    contrasts: tuple[Contrast, ...]
    wald: float
    df: int
    p_value: float


def contrast_of(
    names: Sequence[str],
    weights: FloatArray,
    estimate: FloatArray,
    covariance: FloatArray,
    *,
    confidence: float,
    text: str,
    standard_errors: str = "model",
) -> Contrast | None:
    """Return ``c'b`` with the standard error ``sqrt(c'V c)``; None where there is no variance but rounding.

    Parameters
    ----------
    names : sequence of str
        Of the k terms with an estimate.
    weights, estimate : ndarray (k,)
    covariance : ndarray (k, k)
    confidence : float
    text : str
    standard_errors : str
        Which covariance it is.

    Notes
    -----
    McCullagh and Nelder (1989), section 4.4.4, and linearity.

    Examples
    --------
    >>> found = contrast_of(["a", "b"], np.array([1.0, -1.0]), np.array([3.0, 1.0]), np.diag([0.5, 0.5]),
    ...                     confidence=0.95, text="a against b")
    >>> found.estimate, found.std_error, found.z, round(found.p_value, 6), found.weights
    (2.0, 1.0, 2.0, 0.0455, (('a', 1.0), ('b', -1.0)))
    """
    used = np.flatnonzero(weights)
    variance = combined_variance(weights, covariance)
    if variance is None:
        return None
    table = wald_table(np.array([weights[used] @ estimate[used]]), np.array([variance]), confidence)
    values = {name: float(getattr(table, name)[0]) for name in table.__dataclass_fields__}
    return Contrast(
        text=text,
        confidence=confidence,
        weights=tuple((names[k], float(weights[k])) for k in used.tolist()),
        standard_errors=standard_errors,
        **values,
    )


def joint_contrast(
    contrasts: Sequence[Contrast], weights: FloatArray, estimate: FloatArray, covariance: FloatArray
) -> JointContrast | None:
    """Return Wald's test of all contrasts together; None where their covariance is singular for another reason.

    Contrasts that follow from earlier ones add nothing: the hypothesis is that of the others.

    Parameters
    ----------
    contrasts : sequence of Contrast
        Of the rows of `weights`.
    weights : ndarray (m, k)
    estimate : ndarray (k,)
    covariance : ndarray (k, k)

    Examples
    --------
    >>> L, b, V = np.array([[1.0, 0], [0, 1], [1, 1]]), np.array([1.0, 2.0]), np.diag([1.0, 4.0])
    >>> found = joint_contrast([], L, b, V)
    >>> found.wald, found.df, round(found.p_value, 6)
    (2.0, 2, 0.367879)
    """
    # Dependent as combinations of terms in units of their standard errors, which no unit of a column changes.
    scaled = weights * np.sqrt(np.diag(covariance))
    follows = [one.position for one in find_dependences(scaled @ scaled.T)]
    rows = np.delete(weights, follows, axis=0)
    statistic = wald_statistic(rows @ estimate, rows @ covariance @ rows.T)
    if statistic is None:
        return None
    df = len(rows)
    return JointContrast(tuple(contrasts), statistic, df, float(stats.chi2.sf(statistic, df)))
