"""Newton's line search: halve the step until it improves the likelihood."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from logreg_dist.solver.endings import decrement_unit
from logreg_dist.solver.result import Point, Sums
from logreg_dist.solver.ridge import penalised_deviance, penalised_score

FloatArray = NDArray[np.float64]

# Deviance is a sum of up to billions of terms: smaller rises than this share are rounding.
ROUNDING = 1e-13
# Far from the optimum steps are too long by up to exp(|eta|): this is enough for |eta| = 34.
MAX_HALVINGS = 50
# A trial with a slope this steep on the other side of the minimum along the step lies too far beyond.
OVERSHOT = 0.5


def if_better(trial: Point, point: Point, ridge: FloatArray | None) -> Point | None:
    """Return the `trial` where its penalised deviance is no higher, but for rounding, than that of `point`."""
    limit = penalised_deviance(point, ridge)
    # A comparison with NaN is false.
    return trial if penalised_deviance(trial, ridge) <= limit + ROUNDING * abs(limit) else None


def halve_until_better(
    evaluate: Callable[[FloatArray], Sums], point: Point, step: FloatArray, ridge: FloatArray | None
) -> tuple[Point | None, int]:
    """Halve the step until the penalised deviance does not rise, nor has fallen only to rise again.

    Where full steps oscillate, a trial barely below the start can lie far up the other side, with
    rows so extreme that the next step is worse. More than a standard error from the optimum the
    slope along the step has to tell, as in the strong Wolfe conditions (Nocedal and Wright 2006,
    equation 3.7b); nearer to it Newton's step is right.

    Returns
    -------
    Point or None
        None when no halving helps.
    int
        Halvings made.
    """
    limit = penalised_deviance(point, ridge)
    limit += ROUNDING * abs(limit)
    slope = float(penalised_score(point, ridge) @ step)
    steepest = OVERSHOT * slope if slope > decrement_unit(point.sums) ** 2 else math.inf
    for halvings in range(MAX_HALVINGS):
        beta = point.beta + step * 0.5**halvings
        trial = Point(beta, evaluate(beta))
        # A comparison with NaN is false: an overflow is halved away like any other rise.
        if penalised_deviance(trial, ridge) <= limit and -penalised_score(trial, ridge) @ step <= steepest:
            return trial, halvings
    return None, MAX_HALVINGS
