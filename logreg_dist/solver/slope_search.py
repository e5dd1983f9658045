"""The line search of quasi-Newton methods, for a log-likelihood: its slope only ever falls along a line."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from logreg_dist.solver.halving import ROUNDING
from logreg_dist.solver.result import Point, Sums
from logreg_dist.solver.ridge import penalised_deviance, penalised_score

FloatArray = NDArray[np.float64]

# What is left of the slope at most (strong Wolfe), and the share of the promised gain at least.
CURVATURE = 0.9
SUFFICIENT = 1e-4
MAX_TRIALS = 20
# How much longer a step gets when the slope has hardly fallen yet.
MAX_GROWTH = 10.0
# How much faster a step shrinks with every trial that was too long.
IMPATIENCE = 0.3


def search_along(
    evaluate: Callable[[FloatArray], Sums],
    point: Point,
    direction: FloatArray,
    ridge: FloatArray | None,
    *,
    first: float = 1.0,
) -> tuple[Point | None, int]:
    """Find a step that fulfils the strong Wolfe conditions along an uphill direction.

    The penalised log-likelihood is concave, so its slope along a line falls, and is 0 at the
    best step only: secants of the slope bracket it, with no use for values of the deviance, whose
    differences are rounding near the optimum.

    Parameters
    ----------
    evaluate : callable
        ``beta`` (p,) to `Sums`: one pass.
    point : Point
    direction : ndarray (p,)
        With a positive slope.
    ridge : ndarray (p,) or None
    first : float
        The length to try first, in multiples of `direction`.

    Returns
    -------
    Point or None
        None when there is none.
    int
        Trials before it.

    Notes
    -----
    Nocedal and Wright (2006), conditions 3.7. A deviance may rise by its rounding, as in the
    approximate Wolfe conditions of Hager and Zhang (2005), SIAM J. Optim. 16, section 2.
    """
    at_start = float(penalised_score(point, ridge) @ direction)
    limit = penalised_deviance(point, ridge)
    allowed = ROUNDING * abs(limit)
    low, low_slope, high, high_slope = 0.0, at_start, math.inf, -math.inf
    length = first
    for trials in range(MAX_TRIALS):
        beta = point.beta + length * direction
        trial = Point(beta, evaluate(beta))
        slope = float(penalised_score(trial, ridge) @ direction)
        gained = limit - penalised_deviance(trial, ridge) >= 2 * SUFFICIENT * length * at_start - allowed
        # Comparisons with NaN are false: an overflow counts as too far.
        if gained and abs(slope) <= CURVATURE * at_start:
            return trial, trials
        if gained and slope > 0:
            low, low_slope = length, slope
        else:
            high, high_slope = length, slope
        length = _next(low, low_slope, high, high_slope, at_start)
        if low == 0.0:
            # Far beyond the best step the slope no longer changes, and secants would only halve the step.
            length = min(length, max(IMPATIENCE**trials, 0.01) * high)
    return None, MAX_TRIALS


def _next(low: float, low_slope: float, high: float, high_slope: float, at_start: float) -> float:
    """Return where the secant of the slope is 0, kept well inside the bracket."""
    if high == math.inf:
        falls = at_start - low_slope
        growth = at_start / falls if falls > 0 else MAX_GROWTH
        return low * min(max(growth, 2.0), MAX_GROWTH)
    if not (math.isfinite(high_slope) and high_slope < 0):
        return low + 0.5 * (high - low) if low > 0 else 0.1 * high
    share = low_slope / (low_slope - high_slope)
    return low + min(max(share, 0.1), 0.9) * (high - low)
