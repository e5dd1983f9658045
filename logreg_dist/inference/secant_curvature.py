"""A likelihood whose information is not quite its curvature, with what its own steps say about that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from logreg_dist.solver.information import whole_matrix
from logreg_dist.solver.result import Sums

FloatArray = NDArray[np.float64]

# Pairs of points that correct a matrix, and how far apart they are at most, in standard errors.
MEMORY, NEAR = 8, 1.0


class SecantCurvature:
    """Evaluates like another function, with the information corrected along the last steps (BFGS).

    Newton's method then ends in a few steps where it would shrink what is left by a constant factor: with Firth's
    likelihood the information leaves out how the leverages change. For one search alone: it remembers.

    Parameters
    ----------
    evaluate : callable
        ``beta`` (k,) to `Sums`, their information positive definite.

    Notes
    -----
    Nocedal and Wright (2006), Numerical Optimization, section 6.1.

    Examples
    --------
    The matrix claims half of the curvature, and a step along the first axis mends it there:

    >>> def evaluate(beta):
    ...     return Sums(1, 1.0, float(beta @ beta), -beta, np.eye(2) / 2)
    >>> corrected = SecantCurvature(evaluate)
    >>> _ = corrected(np.array([0.5, 0.0]))
    >>> corrected(np.zeros(2)).information.tolist()
    [[1.0, 0.0], [0.0, 0.5]]
    """

    def __init__(self, evaluate: Callable[[FloatArray], Sums]) -> None:
        self._evaluate = evaluate
        self._pairs: list[tuple[FloatArray, FloatArray]] = []
        self._last: tuple[FloatArray, FloatArray] | None = None

    def __call__(self, beta: FloatArray) -> Sums:
        """Return the sums at `beta` (k,) with the information corrected."""
        sums = self._evaluate(beta)
        if sums.information is None or not np.isfinite(sums.deviance):
            return sums
        matrix = whole_matrix(sums.information).copy()
        if self._last is not None:
            step, lost = beta - self._last[0], self._last[1] - sums.score
            if step @ lost > 0 and step @ matrix @ step < NEAR**2:
                self._pairs = [*self._pairs, (step, lost)][-MEMORY:]
        self._last = beta, sums.score
        for step, lost in self._pairs:
            along = matrix @ step
            matrix += np.outer(lost, lost) / (lost @ step) - np.outer(along, along) / (step @ along)
        return replace(sums, information=matrix)
