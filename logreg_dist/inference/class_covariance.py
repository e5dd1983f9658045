"""The covariance of the estimates of several classes, in the units of the columns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from logreg_dist.inference.covariance import uncentred
from logreg_dist.solver.linear_system import factorise

FloatArray = NDArray[np.float64]


def uncentred_classes(beta: FloatArray, centres: FloatArray, intercept: int | None) -> FloatArray:
    """Return coefficients (k, p) of centred columns in the units of the columns; only intercepts change.

    Examples
    --------
    >>> uncentred_classes(np.array([[1.0, 2.0], [0.0, 1.0]]), np.array([0.0, 3.0]), 0).tolist()
    [[-5.0, 2.0], [-3.0, 1.0]]
    """
    return np.array([uncentred(row, centres, intercept) for row in beta])


def class_covariance(
    information: FloatArray, estimable: NDArray[np.bool_], centres: FloatArray, intercept: int | None
) -> FloatArray:
    """Return the covariance of the n estimable coefficients, (n, n), in the units of the columns.

    Parameters
    ----------
    information : ndarray (k p, k p)
        Joint, at the estimates, of the centred columns, class after class.
    estimable : ndarray (k p,) of bool
    centres : ndarray (p,)
        What was subtracted from each term's column.
    intercept : int or None
        Its position among the terms of a class; None without one, and nothing was centred.

    Raises
    ------
    SingularInformation
        When the part of the estimable coefficients is singular after all.

    Examples
    --------
    Two classes with an intercept of variance 1/2 and a slope of variance 1/4, centred at 3:

    >>> information = np.diag([2.0, 4.0, 2.0, 4.0])
    >>> found = class_covariance(information, np.ones(4, dtype=bool), np.array([0.0, 3.0]), 0)
    >>> found.tolist()
    [[2.75, -0.75, 0.0, 0.0], [-0.75, 0.25, 0.0, 0.0], [0.0, 0.0, 2.75, -0.75], [0.0, 0.0, -0.75, 0.25]]
    """
    spread = factorise(information[np.ix_(estimable, estimable)]).inverse()
    if intercept is None:
        return spread
    undo, places = _undo(estimable, centres, intercept)
    rows = undo @ spread
    spread[places], spread[:, places] = rows, rows.T
    spread[np.ix_(places, places)] = rows @ undo.T
    return spread


def class_variances(
    information: FloatArray, estimable: NDArray[np.bool_], centres: FloatArray, intercept: int | None
) -> FloatArray:
    """Return the variances alone, (k p,), NaN where there is no estimate; parameters as `class_covariance`.

    Examples
    --------
    >>> information = np.diag([2.0, 4.0, 2.0, 4.0])
    >>> class_variances(information, np.ones(4, dtype=bool), np.array([0.0, 3.0]), 0).tolist()
    [2.75, 0.25, 2.75, 0.25]
    """
    factor = factorise(information[np.ix_(estimable, estimable)])
    spread = factor.inverse_diagonal()
    if intercept is not None:
        undo, places = _undo(estimable, centres, intercept)
        for row, place in zip(undo, places, strict=True):
            spread[place] = float(row @ factor.solve(row))
    found = np.full(len(estimable), np.nan)
    found[estimable] = spread
    return found


def _undo(
    estimable: NDArray[np.bool_], centres: FloatArray, intercept: int
) -> tuple[FloatArray, NDArray[np.intp]]:
    """Return what each class's intercept is made of, (classes, n), and the intercepts' places among the n."""
    p = len(centres)
    one = -centres
    one[intercept] += 1.0
    own = [k for k in range(len(estimable) // p) if estimable[k * p + intercept]]
    rows = np.zeros((len(own), len(estimable)))
    for row, k in zip(rows, own, strict=True):
        row[k * p : (k + 1) * p] = one
    places = np.cumsum(estimable) - 1
    return rows[:, estimable], places[[k * p + intercept for k in own]]
