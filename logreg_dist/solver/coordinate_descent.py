"""The lasso's quadratic problem on a p x p matrix: coordinate descent, finished exactly. No pass over data."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from logreg_dist.solver.linear_system import SingularInformation, factorise

FloatArray = NDArray[np.float64]

MAX_SWEEPS = 10_000
# Of the size of the solution, in the metric of the matrix: a sweep that changes less is the last one.
STILL = 1e-13
# Sweeps between two attempts to finish exactly; each attempt is a factorisation.
SWEEPS_PER_ATTEMPT = 5


def solve_lasso(matrix: FloatArray, right: FloatArray, lasso: FloatArray, start: FloatArray) -> FloatArray:
    """Minimise ``z' A z / 2 - b' z + sum(lasso * |z|)``, shape (p,).

    Parameters
    ----------
    matrix : ndarray (p, p)
        A, symmetric and positive semidefinite. An entry of its diagonal that is 0 leaves that z as it is.
    right : ndarray (p,)
        b.
    lasso : ndarray (p,)
        At least 0; 0 for terms without a penalty.
    start : ndarray (p,)

    Notes
    -----
    Friedman, Hastie and Tibshirani (2010), J. Stat. Softw. 33(1), section 2: cycles over all terms, and
    over those that are not 0 between. Which terms these are, and their signs, is settled long before their
    digits: one linear system then gives all digits, and the conditions of the optimum say whether it did.

    Examples
    --------
    >>> A, b = np.array([[2.0, 1.0], [1.0, 2.0]]), np.array([3.0, 1.2])
    >>> solve_lasso(A, b, np.array([1.0, 1.0]), np.zeros(2)).round(12).tolist()
    [1.0, 0.0]
    >>> solve_lasso(A, b, np.zeros(2), np.zeros(2)).round(12).tolist()
    [1.6, -0.2]
    """
    z, diagonal = start.copy(), np.diag(matrix).copy()
    residual = right - matrix @ z
    moving = np.flatnonzero(diagonal > 0)
    among = moving
    for sweep in range(1, MAX_SWEEPS + 1):
        change = _sweep(z, residual, matrix, diagonal, lasso, among)
        size = float(np.sqrt((diagonal * z * z).max(initial=0.0)))
        still = change <= STILL * max(size, 1e-300)
        if still or sweep % SWEEPS_PER_ATTEMPT == 0:
            exact = _on_support(matrix, right, lasso, z)
            if exact is not None:
                return exact
        if still and len(among) == len(moving):
            return z
        # All terms once more when those that are not 0 have come to rest.
        among = (
            moving if still or sweep % SWEEPS_PER_ATTEMPT == 0 else np.flatnonzero((z != 0) & (diagonal > 0))
        )
        if not len(among):
            among = moving
    return z


def _sweep(
    z: FloatArray,
    residual: FloatArray,
    matrix: FloatArray,
    diagonal: FloatArray,
    lasso: FloatArray,
    among: NDArray[np.intp],
) -> float:
    """Minimise along each coordinate in turn, in place; return the largest move in the metric of the matrix."""
    largest = 0.0
    for j in among.tolist():
        old = z[j]
        free = residual[j] + diagonal[j] * old
        new = np.sign(free) * max(abs(free) - lasso[j], 0.0) / diagonal[j]
        if new != old:
            residual -= matrix[j] * (new - old)
            z[j] = new
            largest = max(largest, abs(new - old) * diagonal[j] ** 0.5)
    return float(largest)


def _on_support(matrix: FloatArray, right: FloatArray, lasso: FloatArray, z: FloatArray) -> FloatArray | None:
    """Return the optimum among vectors with the zeros and signs of z, None where it is not that of all."""
    support = ((z != 0) | (lasso == 0)) & (np.diag(matrix) > 0)
    exact = np.where(np.diag(matrix) > 0, 0.0, z)
    if support.any():
        held = right[support] - matrix[np.ix_(support, ~support)] @ exact[~support]
        try:
            factor = factorise(matrix[np.ix_(support, support)])
        except SingularInformation:
            return None
        signs = np.sign(z[support])
        exact[support] = factor.solve(held - lasso[support] * signs)
        if (np.sign(exact[support]) != signs)[lasso[support] > 0].any():
            return None
    gradient = right - matrix @ exact
    noise = 1e-12 * (np.abs(right) + np.abs(matrix) @ np.abs(exact))
    wrong = (np.abs(gradient) > lasso + noise) & ~support & (np.diag(matrix) > 0)
    return None if wrong.any() else exact
