"""Multicollinearity as the fit sees it: inflated variances, condition indices, correlated estimates."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from logreg_dist.checks.records import Collinearity, Condition, Correlation, Inflation, Share
from logreg_dist.inference.column_tests import places_by_column
from logreg_dist.solver.linear_system import SingularInformation, factorise

FloatArray = NDArray[np.float64]

N_SHOWN = 10
# A share of a term's variance that is worth a name.
NAMED_SHARE = 0.3
# A singular value decomposition of so many terms takes half a second.
MAX_CONDITION_TERMS = 1_000


def collinearity(
    names: Sequence[str],
    columns: Sequence[str | None],
    information: FloatArray,
    *,
    centres: FloatArray | None,
    intercept: int | None = None,
) -> Collinearity | None:
    """Return what can be said of multicollinearity; None without a term, or where the information matrix has no inverse.

    Parameters
    ----------
    names : sequence of str
        Of the k terms with an estimate, of all classes.
    columns : sequence of str or None
        The column of each; None for intercepts.
    information : ndarray (k, k)
        At the estimates, of the centred columns. The model's: a robust covariance says how residuals are
        spread, too, and is no measure of collinearity.
    centres : ndarray (k,) or None
        What was subtracted from each term's column; None with several classes, which have no condition indices,
        because each class weights the same columns in its own way.
    intercept : int or None
        Where it is among the terms, of one class.
    """
    if not names:
        return None
    try:
        covariance = factorise(information).inverse()
        return Collinearity(
            inflations=inflations(columns, information, covariance),
            conditions=() if centres is None else conditions(names, information, centres, intercept),
            correlations=correlations(names, columns, covariance),
        )
    except SingularInformation:
        return None


def inflations(
    columns: Sequence[str | None], information: FloatArray, covariance: FloatArray
) -> tuple[Inflation, ...]:
    """Return the generalised variance inflation factor of each column with others beside it.

    Parameters
    ----------
    columns : sequence of str or None
        The column of each of the k terms; None for intercepts, which are no column.
    information, covariance : ndarray (k, k)
        Inverses of each other.

    Notes
    -----
    Fox and Monette (1992), J. Am. Stat. Assoc. 87, 178-183: ``det(R11) det(R22) / det(R)`` of the correlations R
    of the estimates without intercepts, those of the column first, as ``car::vif`` does for ``glm``. By Jacobi's
    identity that is ``det(S11) det(J11)`` with the column's block of the covariance and of the information, from
    which the intercepts were swept. So a column costs two determinants of its own size, and near-singular
    matrices of all others never meet. Its digits are those of the covariance: 16 less the number of the largest VIF.

    Examples
    --------
    Two columns whose correlation is 0.6: ``1 / (1 - 0.36)``.

    >>> information = np.array([[1.0, 0.6], [0.6, 1.0]])
    >>> [first, second] = inflations(["a", "b"], information, np.linalg.inv(information))
    >>> round(first.gvif, 12), round(second.per_df, 12)
    (1.5625, 1.25)
    """
    places = places_by_column(columns)
    swept = _without_intercepts(columns, information)
    found = []
    for name, own in places.items():
        block = np.ix_(own, own)
        size = np.sqrt(np.diag(covariance)[own])
        log_gvif = _log_det(covariance[block] / np.outer(size, size)) + _log_det(
            swept[block] * np.outer(size, size)
        )
        df = len(own)
        found.append(Inflation(name, df, _exp(log_gvif), math.exp(log_gvif / (2 * df))))
    return tuple(found)


def conditions(
    names: Sequence[str], information: FloatArray, centres: FloatArray, intercept: int | None
) -> tuple[Condition, ...]:
    """Return the largest condition indices of the weighted columns, with the variances that hang on them.

    The columns ``sqrt(working weight) x``, the intercept's among them and nothing centred, are scaled to unit
    length; an index is the largest singular value over one of the others. Beyond `MAX_CONDITION_TERMS` terms none.

    Parameters
    ----------
    names : sequence of str
        Of the k terms.
    information : ndarray (k, k)
        Of the centred columns.
    centres : ndarray (k,)
        What was subtracted from each.
    intercept : int or None

    Returns
    -------
    tuple of Condition
        At most `N_SHOWN`; indices of 1 and shares up to `NAMED_SHARE` are left out.

    Raises
    ------
    SingularInformation

    Notes
    -----
    Belsley, Kuh and Welsch (1980), Regression Diagnostics, section 3.2; with the fit's weights Belsley (1991),
    Conditioning Diagnostics, chapter 11. From the Cholesky factor of the information of the centred columns, to which the
    centres are added again: an index of 1e6 that lies between a column and the intercept, as a year has it, is right
    to 10 digits. Of what lies between the columns themselves the square was summed: 1e3 has 9 digits, 1e6 has 3.

    Examples
    --------
    Two columns of unit length with a product of 0.8: eigenvalues 1.8 and 0.2.

    >>> information = np.array([[1.0, 0.8], [0.8, 1.0]])
    >>> [found] = conditions(["a", "b"], information, np.zeros(2), None)
    >>> round(found.index, 12), [(one.term, round(one.share, 12)) for one in found.shares]
    (3.0, [('a', 0.9), ('b', 0.9)])
    """
    if not 1 < len(names) <= MAX_CONDITION_TERMS:
        return ()
    factor = factorise(information)
    columns = factor.lower.T * factor.scale  # as good as the weighted rows: it has their products
    if intercept is not None:
        columns += np.outer(columns[:, intercept], centres)
    columns /= np.linalg.norm(columns, axis=0)
    _, sizes, directions = linalg.svd(columns, full_matrices=False)
    parts = (directions.T / sizes) ** 2  # (terms, singular values)
    shares = parts / parts.sum(axis=1, keepdims=True)
    found = []
    for k in range(len(sizes) - 1, max(len(sizes) - 1 - N_SHOWN, 0), -1):
        own = shares[:, k]
        order = np.argsort(-own, kind="stable")
        named = tuple(Share(names[i], float(own[i])) for i in order if own[i] > NAMED_SHARE)
        found.append(Condition(float(sizes[0] / sizes[k]), named))
    return tuple(found)


def correlations(
    names: Sequence[str], columns: Sequence[str | None], covariance: FloatArray
) -> tuple[Correlation, ...]:
    """Return the pairs of estimates that are most correlated, at most `N_SHOWN`, largest first.

    Only pairs of different columns: the levels of a category are correlated through their reference, those of a
    spline by construction, and those of one column over several classes. Intercepts are left out, because their
    correlations depend on where columns have their zero.

    Parameters
    ----------
    names : sequence of str
    columns : sequence of str or None
        Of each of the k terms; None for intercepts.
    covariance : ndarray (k, k)

    Examples
    --------
    >>> [pair] = correlations(["a", "b"], ["a", "b"], np.array([[4.0, -1.0], [-1.0, 1.0]]))
    >>> pair.correlation
    -0.5
    """
    size = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(size, size)
    codes = {name: k for k, name in enumerate(dict.fromkeys(columns))}
    code = np.array([codes[name] for name in columns])
    is_term = np.array([name is not None for name in columns])
    asked = np.triu((code[:, None] != code) & is_term[:, None] & is_term)
    first, second = np.nonzero(asked)
    values = correlation[first, second]
    order = np.argsort(-np.abs(values), kind="stable")[:N_SHOWN]
    return tuple(Correlation(names[first[k]], names[second[k]], float(values[k])) for k in order)


def _without_intercepts(columns: Sequence[str | None], information: FloatArray) -> FloatArray:
    """Return the information (k, k) of the slopes when intercepts are free, of which the others are swept."""
    is_free = np.array([name is None for name in columns])
    if not is_free.any():
        return information
    cross = information[is_free]
    swept: FloatArray = information - cross.T @ np.linalg.solve(cross[:, is_free], cross)
    return swept


def _log_det(matrix: FloatArray) -> float:
    try:
        return float(2.0 * np.log(np.diag(np.linalg.cholesky(matrix))).sum())
    except np.linalg.LinAlgError as error:
        raise SingularInformation from error


def _exp(value: float) -> float | None:
    try:
        return math.exp(value)
    except OverflowError:
        return None
