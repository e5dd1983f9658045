"""The ridge penalty, on the scale of deviance and score."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from logreg_dist.solver.result import Point

FloatArray = NDArray[np.float64]


def scaled_ridge(l2: float, weight_sum: float, factors: NDArray[Any]) -> FloatArray:
    """Return the `ridge` of a solver for ``(1/W) sum(loss) + l2/2 ||beta||^2``, shape (p,).

    Multiplying the objective by ``2 W`` turns the loss into the deviance and the penalty into
    ``W l2 ||beta||^2``; half of its derivative is what the score loses. `factors` (p,) multiply the penalties
    of single terms: False or 0 frees one.

    Examples
    --------
    >>> scaled_ridge(0.1, 50.0, np.array([False, True])).tolist()
    [0.0, 5.0]
    """
    scaled: FloatArray = l2 * weight_sum * factors
    return scaled


def free_terms(ridge: FloatArray | None, free: NDArray[np.bool_] | None, p: int) -> NDArray[np.bool_]:
    """Return the terms along which the likelihood may rise for ever, (p,): all without a ridge, else `free`.

    Examples
    --------
    >>> free_terms(None, None, 2).tolist(), free_terms(np.ones(2), None, 2).tolist()
    ([True, True], [False, False])
    """
    if ridge is None:
        return np.ones(p, dtype=bool)
    return np.zeros(p, dtype=bool) if free is None else free


def penalised_score(point: Point, ridge: FloatArray | None) -> FloatArray:
    """Return the score less ``ridge * beta``, shape (p,)."""
    return point.sums.score if ridge is None else point.sums.score - ridge * point.beta


def penalised_deviance(point: Point, ridge: FloatArray | None) -> float:
    """Return the deviance plus ``sum(ridge * beta**2)``."""
    penalty = 0.0 if ridge is None else float(ridge @ point.beta**2)
    return point.sums.deviance + penalty
