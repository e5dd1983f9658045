"""Tests of whole columns: all coefficients of one together, everything else in the model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from logreg_dist.inference.records import ColumnTest
from logreg_dist.solver.linear_system import SingularInformation, factorise, find_dependences

FloatArray = NDArray[np.float64]


def column_tests(
    columns: Sequence[str | None], estimate: FloatArray, covariance: FloatArray
) -> tuple[ColumnTest, ...]:
    """Return Wald's test of each column, in the order in which columns first appear.

    The statistic is ``b' V^-1 b`` of the estimates b of the column and their block V of the covariance, on as
    many degrees of freedom as there are estimates: type III. Of a column that also stands in an interaction it is
    the hypothesis that it has no effect where the other part is 0, or at its reference level.

    Parameters
    ----------
    columns : sequence of str or None
        The column of each of the k terms with an estimate, of all classes; None for intercepts.
    estimate : ndarray (k,)
        Log-odds per unit of the column.
    covariance : ndarray (k, k)
        Of the estimates; a robust one makes the tests robust.

    Returns
    -------
    tuple of ColumnTest
        Statistic and p-values are None where the block of the covariance is singular, as a robust one is with fewer
        clusters than the column has terms. P-values come from the survival function and keep their digits down to
        1e-300.

    Notes
    -----
    Wald (1943), Trans. Am. Math. Soc. 54, 426-482; the test of ``car::Anova(type = "III", test.statistic = "Wald")``.
    Adjusted are the p-values of all columns that have one: see `holm` and `benjamini_hochberg`.

    Examples
    --------
    >>> [age, plan] = column_tests(["age", "plan", "plan"], np.array([3.0, 1.0, 2.0]), np.diag([1.0, 1.0, 4.0]))
    >>> age.df, age.wald, plan.df, plan.wald
    (1, 9.0, 2, 2.0)
    >>> round(plan.wald_p_value, 6), round(age.wald_p_holm, 6)  # exp(-1), and twice 0.0027
    (0.367879, 0.0054)
    """
    found = [
        (name, wald_statistic(estimate[places], covariance[np.ix_(places, places)]), len(places))
        for name, places in places_by_column(columns).items()
    ]
    p_values = [chi_squared_p(statistic, df) for _, statistic, df in found]
    tested = [k for k, p in enumerate(p_values) if p is not None]
    known = np.array([p for p in p_values if p is not None])
    holms = dict(zip(tested, holm(known).tolist(), strict=True))
    bhs = dict(zip(tested, benjamini_hochberg(known).tolist(), strict=True))
    return tuple(
        ColumnTest(name, df, statistic, p_values[k], holms.get(k), bhs.get(k))
        for k, (name, statistic, df) in enumerate(found)
    )


def places_by_column(columns: Sequence[str | None]) -> dict[str, NDArray[np.intp]]:
    """Return where the terms of each column are, in the order in which columns first appear; no intercepts.

    Examples
    --------
    >>> {name: places.tolist() for name, places in places_by_column([None, "b", "a", "b"]).items()}
    {'b': [1, 3], 'a': [2]}
    """
    places: dict[str, list[int]] = {}
    for k, name in enumerate(columns):
        if name is not None:
            places.setdefault(name, []).append(k)
    return {name: np.array(own, dtype=np.intp) for name, own in places.items()}


def holm(p_values: FloatArray) -> FloatArray:
    """Return p-values (m,) adjusted so that a false rejection among all m is as rare as the level says.

    Notes
    -----
    Holm (1979), Scand. J. Statist. 6(2), 65-70: valid however the tests depend on each other.

    Examples
    --------
    >>> holm(np.array([0.04, 0.01, 0.03])).tolist()
    [0.06, 0.03, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    raised = p_values[order] * np.arange(len(order), 0, -1)
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(np.maximum.accumulate(raised), 1.0)
    return adjusted


def benjamini_hochberg(p_values: FloatArray) -> FloatArray:
    """Return p-values (m,) adjusted so that the share of false ones among the rejected is at most the level.

    Notes
    -----
    Benjamini and Hochberg (1995), J. R. Statist. Soc. B 57(1), 289-300; for independent tests or positively
    dependent ones (Benjamini and Yekutieli 2001).

    Examples
    --------
    >>> [round(p, 12) for p in benjamini_hochberg(np.array([0.04, 0.01, 0.03])).tolist()]
    [0.04, 0.03, 0.04]
    """
    m = len(p_values)
    order = np.argsort(p_values, kind="stable")[::-1]
    raised = p_values[order] * (m / np.arange(m, 0, -1))
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(np.minimum.accumulate(raised), 1.0)
    return adjusted


def wald_statistic(estimate: FloatArray, covariance: FloatArray) -> float | None:
    """Return ``b' V^-1 b`` of estimates (d,) and their covariance (d, d); None where it is singular.

    Examples
    --------
    >>> wald_statistic(np.array([1.0, 2.0]), np.diag([1.0, 4.0])), wald_statistic(np.ones(2), np.ones((2, 2)))
    (2.0, None)
    """
    # A matrix that is singular but for rounding may still have a factor, with statistics of any size.
    if find_dependences(covariance):
        return None
    try:
        found = float(estimate @ factorise(covariance).solve(estimate))
    except SingularInformation:
        return None
    return found if np.isfinite(found) else None


def chi_squared_p(statistic: float | None, df: int = 1) -> float | None:
    """Return the probability of a chi-squared variable above `statistic`; None without one.

    Examples
    --------
    >>> round(chi_squared_p(2.0, 2), 6), chi_squared_p(None)
    (0.367879, None)
    """
    return None if statistic is None else float(stats.chi2.sf(statistic, df))
