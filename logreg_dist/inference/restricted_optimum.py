"""The best coefficients for a given value of a combination of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from logreg_dist.solver.information import whole_matrix
from logreg_dist.solver.newton import NewtonOptions, newton
from logreg_dist.solver.result import Ending, Sums

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class RestrictedOptimum:
    """The optimum under ``g'beta = value``.

    Attributes
    ----------
    beta : ndarray (k,)
    deviance : float
    slope : float
        How it grows with the value: of the deviance, per unit of ``g'beta``.
    """

    beta: FloatArray
    deviance: float
    slope: float


def restricted_optimum(
    evaluate: Callable[[FloatArray], Sums],
    start: FloatArray,
    along: FloatArray,
    value: float,
    options: NewtonOptions | None = None,
) -> RestrictedOptimum | None:
    """Minimise the deviance under ``g'beta = value``; None where the iterations do not converge.

    One coefficient is eliminated, and Newton's method finds the others.

    Parameters
    ----------
    evaluate : callable
        ``beta`` (k,) to `Sums` with their information.
    start : ndarray (k,)
        The entry of the coefficient that is eliminated is ignored.
    along : ndarray (k,)
        g, not 0.
    value : float
    options : NewtonOptions or None
        When to stop; None for the usual tolerance.

    Examples
    --------
    The smallest ``beta'beta`` with ``beta[0] + beta[1] = 2``:

    >>> def evaluate(beta):
    ...     return Sums(1, 1.0, float(beta @ beta), -beta, np.eye(2))
    >>> found = restricted_optimum(evaluate, np.zeros(2), np.ones(2), 2.0)
    >>> found.beta.tolist(), found.deviance, round(found.slope, 9)
    ([1.0, 1.0], 2.0, 2.0)
    """
    out = int(np.argmax(np.abs(along)))
    others = np.arange(len(along)) != out
    ratio = along[others] / along[out]
    whole: Sums | None = None

    def embedded(rest: FloatArray) -> FloatArray:
        beta = np.empty(len(along))
        beta[others], beta[out] = rest, value / along[out] - ratio @ rest
        return beta

    def evaluate_rest(rest: FloatArray) -> Sums:
        nonlocal whole
        whole = evaluate(embedded(rest))
        assert whole.information is not None
        matrix = whole_matrix(whole.information)
        cross = np.outer(matrix[others, out], ratio)
        information = matrix[np.ix_(others, others)] - cross - cross.T
        information += matrix[out, out] * np.outer(ratio, ratio)
        return replace(whole, score=whole.score[others] - ratio * whole.score[out], information=information)

    asked = replace(options or NewtonOptions(), alias=False)
    result = newton(evaluate_rest, start[others], asked)
    if result.ending is not Ending.CONVERGED or whole is None:
        return None
    # A search that converged evaluated its last point last.
    slope = -2.0 * float(whole.score[out] / along[out])
    return RestrictedOptimum(embedded(result.point.beta), result.point.sums.deviance, slope)
