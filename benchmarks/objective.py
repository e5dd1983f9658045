"""The one yardstick: any tool's estimates put into the same penalised deviance, in float64."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from benchmarks.cases import Case
from benchmarks.generate import level_names
from benchmarks.rows import Rows

FloatArray = NDArray[np.float64]


def objective(estimates: Mapping[str, float], case: Case, chunks: Iterable[Rows]) -> float:
    """Return ``deviance + prior_precision * ||beta||^2``, the intercept not penalised.

    Minus twice the log-likelihood is ``2 sum(weight (log(sum_k exp(eta_k)) - eta_y))``; with two classes
    ``eta_0 = 0``. Terms that are absent count as 0, whatever reference levels a tool chose. With a ridge the
    levels must be coded alike, which the cases see to: see `benchmarks/README.md`.

    Parameters
    ----------
    estimates : mapping of str to float
        Log-odds per unit of the column by term: ``intercept``, ``x1``, ``c1[level]``; with more than two
        classes ``k:term`` for each class.
    case : Case
    chunks : iterable of Rows

    Raises
    ------
    ValueError
        When a term is none of the case's, or not finite.

    Examples
    --------
    Two rows at 0 log-odds: each adds ``2 log 2``.

    >>> rows = Rows(np.ones((2, 1)), [], np.array([0.0, 1.0]), np.ones(2), np.zeros(2))
    >>> round(objective({"intercept": 0.0}, Case("none", 2, ""), [rows]), 6)
    2.772589
    """
    by_class = coefficient_arrays(estimates, case)
    total = sum(_deviance(rows, by_class) for rows in chunks)
    penalised = sum(value**2 for term, value in estimates.items() if term != "intercept")
    return float(total + case.prior_precision * penalised)


def coefficient_arrays(estimates: Mapping[str, float], case: Case) -> tuple[FloatArray, list[FloatArray]]:
    """Return the estimates as arrays (classes, 1 + n_dense) and (classes, levels) of each category.

    With two classes there is one row of each, that of class 1.
    """
    classes = [f"{k}:" for k in range(case.classes)] if case.classes > 2 else [""]
    left = dict(estimates)
    dense = np.array([[left.pop(k + t, 0.0) for t in ["intercept", *case.dense_columns]] for k in classes])
    levels = [
        np.array([[left.pop(f"{k}{name}[{level}]", 0.0) for level in level_names(name, n)] for k in classes])
        for name, n in zip(case.categorical_columns, case.levels, strict=True)
    ]
    if left:
        raise ValueError(f"no terms of case {case.id}: {sorted(left)[:5]}")
    if not all(np.isfinite(part).all() for part in (dense, *levels)):
        raise ValueError("estimates must be finite")
    return dense, levels


def linear_predictors(rows: Rows, coefficients: tuple[FloatArray, list[FloatArray]]) -> FloatArray:
    """Return the linear predictor of each row and class, shape (n, classes), on the log-odds scale."""
    dense, levels = coefficients
    eta: FloatArray = rows.X @ dense.T + rows.offset[:, None]
    for effects, codes in zip(levels, rows.codes, strict=True):
        eta += effects.T[codes]
    return eta


def _deviance(rows: Rows, coefficients: tuple[FloatArray, list[FloatArray]]) -> float:
    eta = linear_predictors(rows, coefficients)
    if eta.shape[1] == 1:
        own = np.where(rows.y == 1, eta[:, 0], 0.0)
        return float(2.0 * np.sum(rows.weight * (np.logaddexp(0.0, eta[:, 0]) - own)))
    largest = eta.max(axis=1)
    total = largest + np.log(np.exp(eta - largest[:, None]).sum(axis=1))
    own = eta[np.arange(len(eta)), rows.y.astype(int)]
    return float(2.0 * np.sum(rows.weight * (total - own)))
