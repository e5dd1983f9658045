"""The covariance of the estimates in the units of the columns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from logreg_dist.solver.information import Information, active_part, factor_of, whole_matrix
from logreg_dist.solver.linear_system import factorise
from logreg_dist.solver.mixed import MixedInformation, factorise_mixed

FloatArray = NDArray[np.float64]


def covariance(information: Information, estimable: NDArray[np.bool_]) -> FloatArray:
    """Return the inverse information, NaN in the rows and columns of aliased terms.

    Parameters
    ----------
    information : Information
        At the estimates; assembled, so only where p is small. See `variances` for the others.
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
    full = np.full((len(estimable), len(estimable)), np.nan)
    block = np.ix_(estimable, estimable)
    if not estimable.any():
        return full
    if isinstance(information, MixedInformation):
        full[block] = factorise_mixed(information.part(estimable)).inverse()
    else:
        full[block] = factorise(whole_matrix(information)[block]).inverse()
    return full


def variances(
    information: Information, estimable: NDArray[np.bool_], centres: FloatArray, intercept: int | None
) -> FloatArray:
    """Return the variances of the estimates in the units of the columns, shape (p,), without a (p, p) covariance.

    Undoing the centring changes the intercept alone, to ``g'beta`` with ``g = 1`` there and minus
    the centres elsewhere: its variance is ``g' information^-1 g``, one more solution.

    Parameters
    ----------
    information : Information
        At the estimates, of the centred columns.
    estimable : ndarray (p,) of bool
        The variances of the others are NaN.
    centres : ndarray (p,)
        What was subtracted from each term's column; see `uncentred`.
    intercept : int or None
        The intercept's position; None without one, and nothing was centred.

    Raises
    ------
    SingularInformation
        As for `covariance`.

    Examples
    --------
    An intercept of variance 1/2 and a slope of variance 1/4, centred at 3:

    >>> variances(np.diag([2.0, 4.0]), np.array([True, True]), np.array([0.0, 3.0]), 0).tolist()
    [2.75, 0.25]
    """
    found = np.full(len(estimable), np.nan)
    if not estimable.any():
        return found
    factor = factor_of(active_part(information, estimable))
    found[estimable] = factor.inverse_diagonal()
    if intercept is not None and estimable[intercept]:
        kept = uncentring(centres, intercept)[estimable]
        found[intercept] = float(kept @ factor.solve(kept))
    return found


def uncentred(beta: FloatArray, centres: FloatArray, intercept: int | None) -> FloatArray:
    """Return coefficients of centred columns in the units of the columns, shape (p,).

    Slopes stay what they are; the intercept loses ``sum(slope * centre)``.

    Parameters
    ----------
    beta : ndarray (p,)
    centres : ndarray (p,)
        What was subtracted from each term's column; 0 for levels, indicators and the intercept.
    intercept : int or None
        The intercept's position; None without one, and nothing was centred.

    Examples
    --------
    ``1 + 2 (x - 3)`` is ``-5 + 2 x``:

    >>> uncentred(np.array([1.0, 2.0]), np.array([0.0, 3.0]), 0).tolist()
    [-5.0, 2.0]
    """
    if intercept is None:
        return beta
    found = beta.copy()
    found[intercept] -= centres @ beta
    return found


def uncentred_covariance(spread: FloatArray, centres: FloatArray, intercept: int | None) -> FloatArray:
    """Return the covariance that goes with `uncentred`, shape (p, p): only the intercept's row changes.

    Parameters
    ----------
    spread : ndarray (p, p)
        Covariance of the coefficients of centred columns, symmetric.
    centres : ndarray (p,)
    intercept : int or None

    Examples
    --------
    >>> uncentred_covariance(np.diag([0.5, 0.25]), np.array([0.0, 3.0]), 0).tolist()
    [[2.75, -0.75], [-0.75, 0.25]]
    """
    if intercept is None:
        return spread
    undo = uncentring(centres, intercept)
    row = undo @ spread
    found = spread.copy()
    found[intercept] = found[:, intercept] = row
    found[intercept, intercept] = row @ undo
    return found


def centred_covariance(found: FloatArray, centres: FloatArray, intercept: int | None) -> FloatArray:
    """Return the covariance of the coefficients of centred columns, shape (p, p): the inverse of `uncentred_covariance`.

    The intercept's row loses the digits that the square of the centres, in standard deviations, takes.

    Parameters
    ----------
    found : ndarray (p, p)
        Covariance of the coefficients in the units of the columns, symmetric.
    centres : ndarray (p,)
    intercept : int or None

    Examples
    --------
    >>> centred_covariance(np.array([[2.75, -0.75], [-0.75, 0.25]]), np.array([0.0, 3.0]), 0).tolist()
    [[0.5, 0.0], [0.0, 0.25]]
    """
    return uncentred_covariance(found, -centres, intercept)


def uncentring(centres: FloatArray, intercept: int) -> FloatArray:
    """Return what the intercept in the units of the columns is made of, shape (p,): g of ``g'beta``.

    Examples
    --------
    >>> uncentring(np.array([0.0, 3.0]), 0).tolist()
    [1.0, -3.0]
    """
    undo = 0.0 - centres
    undo[intercept] += 1.0
    return undo
