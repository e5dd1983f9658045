"""Several steps with one matrix: where a pass for the score alone costs a small part of one for the matrix."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from logreg_dist.solver.halving import ROUNDING
from logreg_dist.solver.result import Point, Sums
from logreg_dist.solver.ridge import penalised_deviance, penalised_score
from logreg_dist.solver.surrogate import Surrogate

FloatArray = NDArray[np.float64]

MAX_STEPS = 10
# A step that leaves more than this of the distance was taken with too old a matrix.
WORTHWHILE = 0.25
# Of the distance a step leaves twice what the first, Newton's own, left, and then as much as the one before.
CAUTION = 2.5


def follow_chord(
    evaluate_score: Callable[[FloatArray], Sums],
    solve: Callable[[FloatArray], FloatArray],
    point: Point,
    *,
    ridge: FloatArray | None,
    target: float,
    surrogate: Surrogate | None = None,
) -> FloatArray | None:
    """Repeat Newton's step with the matrix of `point` until it no longer helps.

    Parameters
    ----------
    evaluate_score : callable
        ``beta`` (p,) to `Sums` without information: a cheap pass.
    solve : callable
        Score (p,) to step (p,), by the matrix at `point`.
    point : Point
    ridge : ndarray (p,) or None
    target : float
        Of the decrement, in standard errors: nearer is near enough.
    surrogate : Surrogate or None
        What corrects the steps.

    Returns
    -------
    ndarray (p,) or None
        Where the steps lead, a place to form the next matrix; None when the first one makes things
        worse, or was corrected by a sample and leaves most of the way. The distance shrinks by a
        constant factor a step, the smaller the nearer `point` was.

    Notes
    -----
    Shamanskii's method; Kelley (1995), Iterative Methods for Linear and Nonlinear Equations, section 5.4.

    Examples
    --------
    Maximise ``-(x - 1)**4`` near 1, each time with the slope's derivative at 2:

    >>> def evaluate_score(x):
    ...     return Sums(1, 1.0, float((x[0] - 1) ** 4), -4 * (x - 1) ** 3, None)
    >>> start = Point(np.array([2.0]), evaluate_score(np.array([2.0])))
    >>> follow_chord(evaluate_score, lambda score: score / 12, start, ridge=None, target=1e-9).round(3).tolist()
    [1.667]
    """
    limit = penalised_deviance(point, ridge)
    limit += ROUNDING * abs(limit)
    score = penalised_score(point, ridge)
    step = solve(score)
    before = _decrement(score, step)
    corrected = None if surrogate is None else surrogate.step(score, point.beta)
    beta = point.beta + (step if corrected is None else corrected)
    reached: FloatArray | None = None
    for _ in range(MAX_STEPS):
        trial = Point(beta, evaluate_score(beta))
        # A comparison with NaN is false: an overflow is given up like any other rise.
        if not penalised_deviance(trial, ridge) <= limit:
            return reached
        score = penalised_score(trial, ridge)
        step = solve(score)
        decrement = _decrement(score, step)
        if decrement > WORTHWHILE * before:
            return beta if reached is not None or corrected is None else None
        expected = CAUTION * decrement * decrement / before
        reached, before = beta, decrement
        bent = None if surrogate is None else surrogate.step(score, beta)
        beta = beta + (step if bent is None else bent)
        if min(decrement, expected) <= target:
            return beta
    return beta


def _decrement(score: FloatArray, step: FloatArray) -> float:
    return math.sqrt(max(float(score @ step), 0.0))
