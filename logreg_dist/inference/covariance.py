"""The covariance of the estimates in the units of the columns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from logreg_dist.solver.linear_system import factorise

FloatArray = NDArray[np.float64]


def covariance(information: FloatArray, estimable: NDArray[np.bool_]) -> FloatArray:
    """Return the inverse information, NaN in the rows and columns of aliased terms.

    Parameters
    ----------
    information : ndarray (p, p)
        At the estimates.
    estimable : ndarray (p,) of bool

    Returns
    -------
    ndarray (p, p)
        Units: those of the terms, multiplied.

    Raises
    ------
    SingularInformation
        When the part of the estimable terms is singular after all.

    Notes
    -----
    McCullagh and Nelder (1989), section 4.4.4: the asymptotic covariance of the maximum
    likelihood estimates is the inverse of the expected information, which for the canonical
    link is also the observed one.

    Examples
    --------
    >>> covariance(np.array([[4.0, 0], [0, 0]]), np.array([True, False])).tolist()
    [[0.25, nan], [nan, nan]]
    """
    full = np.full(information.shape, np.nan)
    block = np.ix_(estimable, estimable)
    if estimable.any():
        full[block] = factorise(information[block]).inverse()
    return full


def uncentre_matrix(centres: FloatArray, intercept: int) -> FloatArray:
    """Return the (p, p) matrix that turns coefficients of centred columns into those of the columns.

    Slopes stay what they are; the intercept loses ``sum(slope * centre)``.

    Parameters
    ----------
    centres : ndarray (p,)
        What was subtracted from each term's column; 0 for levels, indicators and the intercept.
    intercept : int
        The intercept's position.

    Examples
    --------
    ``1 + 2 (x - 3)`` is ``-5 + 2 x``:

    >>> (uncentre_matrix(np.array([0.0, 3.0]), 0) @ np.array([1.0, 2.0])).tolist()
    [-5.0, 2.0]
    """
    matrix = np.eye(len(centres))
    matrix[intercept] -= centres
    return matrix
