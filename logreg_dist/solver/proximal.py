"""Proximal Newton for penalties on absolute values: one pass a step, and a lasso on the p x p matrix in between."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logreg_dist.solver.coordinate_descent import solve_lasso
from logreg_dist.solver.endings import at_rounding_floor, decrement_unit
from logreg_dist.solver.halving import MAX_HALVINGS, ROUNDING
from logreg_dist.solver.information import plus_ridge, whole_matrix
from logreg_dist.solver.result import Ending, Iteration, Method, Point, SolverResult, Sums
from logreg_dist.solver.ridge import penalised_deviance, penalised_score

FloatArray = NDArray[np.float64]

# Of the fall that the quadratic model promises, a step must bring this share (Nocedal and Wright 2006, 3.4).
SUFFICIENT = 1e-4


@dataclass(frozen=True)
class ProximalOptions:
    """What is added to the deviance, and when to stop.

    Attributes
    ----------
    lasso : ndarray (p,)
        Added to the deviance as ``2 sum(lasso * |beta|)``: what the score of a term must exceed for its
        estimate not to be 0.
    ridge : ndarray (p,) or None
        Added as ``sum(ridge * beta**2)``.
    tolerance : float
        On the length of the step ``sqrt(step' information step)``: the distance to the optimum in standard errors.
    max_iterations : int
    """

    lasso: FloatArray
    ridge: FloatArray | None = None
    tolerance: float = 1e-8
    max_iterations: int = 50


def proximal_newton(
    evaluate: Callable[[FloatArray], Sums],
    start: FloatArray,
    options: ProximalOptions,
    *,
    report: Callable[[Iteration], None] = lambda iteration: None,
) -> SolverResult:
    """Minimise deviance and penalties from `start`.

    Parameters
    ----------
    evaluate : callable
        ``beta`` (p,) to `Sums` with their information: one pass.
    start : ndarray (p,)
        Finite.
    options : ProximalOptions
    report : callable
        Told of each iteration.

    Notes
    -----
    Lee, Sun and Saunders (2014), SIAM J. Optim. 24(3), algorithm 1, with the exact information and the
    inner problem solved exactly: steps shrink quadratically once the signs are settled. What is returned
    is a point whose sums are known, so that the conditions of the optimum can be checked on the data.

    Examples
    --------
    Minimise ``(x - 3)**2 + 2 |x|``, a "deviance" of ``(x - 3)**2``:

    >>> def evaluate(x):
    ...     return Sums(1, 1.0, float((x[0] - 3) ** 2), 3 - x, np.eye(1))
    >>> found = proximal_newton(evaluate, np.zeros(1), ProximalOptions(np.array([1.0])))
    >>> found.point.beta.tolist(), found.ending.name
    ([2.0], 'CONVERGED')
    """
    clock = time.perf_counter()
    point = Point(start, evaluate(start))
    history: list[Iteration] = []
    halvings = 0

    def end(ending: Ending) -> SolverResult:
        return SolverResult(point, ending, [], tuple(history), method=Method.PROXIMAL_NEWTON)

    while True:
        assert point.sums.information is not None
        matrix = whole_matrix(plus_ridge(point.sums.information, options.ridge))
        score = penalised_score(point, options.ridge)
        if not (np.isfinite(matrix).all() and np.isfinite(score).all()):
            return end(Ending.SINGULAR)
        target = solve_lasso(matrix, score + matrix @ point.beta, options.lasso, point.beta)
        step = target - point.beta
        length = math.sqrt(max(float(step @ matrix @ step), 0.0))
        now = time.perf_counter()
        history.append(Iteration(len(history), point.sums.deviance, length, halvings, now - clock))
        report(history[-1])
        clock = now
        unit = decrement_unit(point.sums)
        if length <= options.tolerance * min(unit, 1.0) or at_rounding_floor(history, unit):
            return end(Ending.CONVERGED)
        if len(history) > options.max_iterations:
            return end(Ending.ITERATIONS)
        trial, halvings = _search(evaluate, point, step, float(score @ step), options)
        if trial is None:
            return end(Ending.STUCK)
        point = trial


def kkt_residual(point: Point, options: ProximalOptions, scale: FloatArray) -> float:
    """Return by how much the conditions of the optimum are missed, on the scale of the mean loss.

    Of a term that is not 0 the score, less the ridge's share, must equal the penalty with its sign; of one
    that is 0 it must not exceed it. The largest miss, for columns divided by `scale` (p,).

    Examples
    --------
    >>> sums = Sums(2, 2.0, 1.0, np.array([1.0, 0.5]), None)
    >>> options = ProximalOptions(np.array([0.9, 0.9]))
    >>> round(kkt_residual(Point(np.array([0.3, 0.0]), sums), options, np.ones(2)), 12)
    0.05
    """
    score, beta = penalised_score(point, options.ridge), point.beta
    off = np.where(
        beta != 0,
        np.abs(score - options.lasso * np.sign(beta)),
        np.maximum(np.abs(score) - options.lasso, 0.0),
    )
    return float((off / scale).max(initial=0.0)) / point.sums.weight_sum


def _search(
    evaluate: Callable[[FloatArray], Sums],
    point: Point,
    step: FloatArray,
    slope: float,
    options: ProximalOptions,
) -> tuple[Point | None, int]:
    """Halve the step until deviance and penalties fall by enough."""
    before = _objective(point, options)
    size = np.abs(point.beta)
    # What deviance and penalties together promise to lose along the whole step.
    promise = 2.0 * (slope - float(options.lasso @ (np.abs(point.beta + step) - size)))
    for halvings in range(MAX_HALVINGS):
        share = 0.5**halvings
        beta = point.beta + share * step
        trial = Point(beta, evaluate(beta))
        limit = before - SUFFICIENT * share * promise + ROUNDING * abs(before)
        # A comparison with NaN is false: an overflow is halved away like any other rise.
        if _objective(trial, options) <= limit:
            return trial, halvings
    return None, MAX_HALVINGS


def _objective(point: Point, options: ProximalOptions) -> float:
    return penalised_deviance(point, options.ridge) + 2.0 * float(options.lasso @ np.abs(point.beta))
