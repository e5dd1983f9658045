"""The quadratic problem of lasso and bounds on a p x p matrix: coordinate descent, finished exactly. No pass over data."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from logreg_dist.solver.box import Box, missed_conditions
from logreg_dist.solver.linear_system import SingularInformation, factorise

FloatArray = NDArray[np.float64]

MAX_SWEEPS = 10_000
# Of the size of the solution, in the metric of the matrix: a sweep that changes less is the last one.
STILL = 1e-13
# Sweeps between two attempts to finish exactly.
SWEEPS_PER_ATTEMPT = 5
# Linear systems in such an attempt: after each a term that ran into 0 or into a bound stays there.
FACES_PER_ATTEMPT = 10


def solve_lasso(
    matrix: FloatArray,
    right: FloatArray,
    lasso: FloatArray,
    start: FloatArray,
    box: Box | None = None,
) -> FloatArray:
    """Minimise ``z' A z / 2 - b' z + sum(lasso * |z|)`` over a box, shape (p,).

    Parameters
    ----------
    matrix : ndarray (p, p)
        A, symmetric and positive semidefinite. An entry of its diagonal that is 0 leaves that z as it is.
    right : ndarray (p,)
        b.
    lasso : ndarray (p,)
        At least 0; 0 for terms without a penalty.
    start : ndarray (p,)
    box : Box or None
        None for no bounds.

    Notes
    -----
    Friedman, Hastie and Tibshirani (2010), J. Stat. Softw. 33(1), section 2: cycles over all terms, and
    over those that are not 0 between; along one term the lasso's minimum is clipped to the bounds. Which terms
    are 0 or at a bound, and the signs of the others, is settled long before their digits: one linear system
    then gives all digits, and the conditions of the optimum say whether it did. Where its solution would cross
    0 or a bound, the way to it is followed to the first crossing, as in an active-set method (Nocedal and
    Wright 2006, section 16.5): also with nearly dependent columns the terms at their bounds are then found
    in a few systems.

    Examples
    --------
    >>> A, b = np.array([[2.0, 1.0], [1.0, 2.0]]), np.array([3.0, 1.2])
    >>> solve_lasso(A, b, np.array([1.0, 1.0]), np.zeros(2)).round(12).tolist()
    [1.0, 0.0]
    >>> solve_lasso(A, b, np.zeros(2), np.zeros(2)).round(12).tolist()
    [1.6, -0.2]
    >>> solve_lasso(A, b, np.zeros(2), np.zeros(2), Box(np.zeros(2), np.ones(2))).round(12).tolist()
    [1.0, 0.1]
    """
    limits = Box.unlimited(len(start)) if box is None else box
    z, diagonal = limits.clip(start), np.diag(matrix).copy()
    residual = right - matrix @ z
    moving = np.flatnonzero(diagonal > 0)
    among = moving
    for sweep in range(1, MAX_SWEEPS + 1):
        change = sweep_terms(z, residual, matrix, lasso, limits, among)
        size = float(np.sqrt((diagonal * z * z).max(initial=0.0)))
        still = change <= STILL * max(size, 1e-300)
        if still or sweep % SWEEPS_PER_ATTEMPT == 0:
            z, is_optimal = _finish(matrix, right, lasso, z, limits)
            if is_optimal:
                return z
            residual = right - matrix @ z
        if still and len(among) == len(moving):
            return z
        # All terms once more when those that are not 0 have come to rest.
        among = (
            moving if still or sweep % SWEEPS_PER_ATTEMPT == 0 else np.flatnonzero((z != 0) & (diagonal > 0))
        )
        if not len(among):
            among = moving
    return z


def sweep_terms(
    z: FloatArray,
    residual: FloatArray,
    matrix: FloatArray,
    lasso: FloatArray,
    box: Box,
    among: NDArray[np.intp],
) -> float:
    """Minimise along each of the terms `among` in turn, in place; return the largest move in the metric of the matrix.

    Parameters
    ----------
    z, residual : ndarray (p,)
        The point, and ``b - A z`` there; both are changed.
    matrix, lasso, box
        As for `solve_lasso`.
    among : ndarray of int
        Positions whose entry of the diagonal is above 0.
    """
    largest = 0.0
    for j in among.tolist():
        old, curvature = z[j], matrix[j, j]
        free = residual[j] + curvature * old
        new = np.sign(free) * max(abs(free) - lasso[j], 0.0) / curvature
        new = min(max(new, box.lower[j]), box.upper[j])
        if new != old:
            residual -= matrix[j] * (new - old)
            z[j] = new
            largest = max(largest, abs(new - old) * curvature**0.5)
    return float(largest)


def _finish(
    matrix: FloatArray, right: FloatArray, lasso: FloatArray, z: FloatArray, box: Box
) -> tuple[FloatArray, bool]:
    """Go to the optimum among vectors with the zeros, signs and bounds of z; return it, and whether it is that of all."""
    varies = np.diag(matrix) > 0
    for _ in range(FACES_PER_ATTEMPT):
        moving = varies & ((z != 0) | (lasso == 0)) & (z > box.lower) & (z < box.upper)
        signs = np.sign(z)
        exact = z.copy()
        if moving.any():
            held = right[moving] - matrix[np.ix_(moving, ~moving)] @ z[~moving]
            try:
                factor = factorise(matrix[np.ix_(moving, moving)])
            except SingularInformation:
                return z, False
            exact[moving] = factor.solve(held - (lasso * signs)[moving])
        share, end = _first_crossing(z, exact, np.where(lasso > 0, signs, 0.0), box)
        if share is None:
            gradient = right - matrix @ exact
            noise = 1e-12 * (np.abs(right) + np.abs(matrix) @ np.abs(exact))
            wrong = missed_conditions(gradient, exact, lasso, box) > noise
            return exact, not (wrong & ~moving & varies).any()
        place, stop = end
        z = z + share * (exact - z)
        z[place] = stop
        z = box.clip(z)
    return z, False


def _first_crossing(
    z: FloatArray, target: FloatArray, signs: FloatArray, box: Box
) -> tuple[float | None, tuple[int, float]]:
    """Return how much of the way to `target` can be gone, None for all of it, and which entry stops where.

    Entries with a sign (p,) that is not 0 must keep it.
    """
    low = np.where(signs > 0, np.maximum(box.lower, 0.0), box.lower)
    high = np.where(signs < 0, np.minimum(box.upper, 0.0), box.upper)
    # An entry may end at its bound but not at 0, where it would have to be held.
    crosses = (target < low) | (target > high) | ((signs != 0) & (target == 0) & (z != 0))
    if not crosses.any():
        return None, (0, 0.0)
    stop = np.where(target <= low, low, high)
    shares = np.full(len(z), np.inf)
    shares[crosses] = ((stop - z)[crosses]) / ((target - z)[crosses])
    place = int(np.argmin(shares))
    return float(shares[place]), (place, float(stop[place]))
