"""Proximal Newton for penalties on absolute values and bounds: one pass a step, a lasso on the p x p matrix between."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from logreg_dist.solver.bookmarks import Page, ProximalBookmark
from logreg_dist.solver.box import Box
from logreg_dist.solver.coordinate_descent import solve_lasso
from logreg_dist.solver.endings import at_rounding_floor, decrement_unit, is_creeping, is_slow
from logreg_dist.solver.group_descent import solve_group_lasso
from logreg_dist.solver.groups import Group, missed_with_groups, penalty_size
from logreg_dist.solver.halving import MAX_HALVINGS, ROUNDING
from logreg_dist.solver.information import plus_ridge, whole_matrix
from logreg_dist.solver.linear_system import Dependence, find_dependences
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
    free : ndarray (p,) of bool or None
        Terms without any penalty, where they could separate the label; see `NewtonOptions`.
    tolerance : float
        On the length of the step ``sqrt(step' information step)``: the distance to the optimum in standard errors.
    max_iterations : int
    box : Box or None
        Where the estimates must lie; None for no bounds.
    groups : sequence of ndarray of int
        Positions of terms that are 0 together or not at all: for a group ``2 ||lasso * beta||`` is added in
        place of ``2 sum(lasso * |beta|)``. Their `lasso` is above 0, and they have no bounds.
    """

    lasso: FloatArray
    ridge: FloatArray | None = None
    tolerance: float = 1e-8
    max_iterations: int = 50
    free: NDArray[np.bool_] | None = None
    box: Box | None = None
    groups: Sequence[Group] = ()


def proximal_newton(
    evaluate: Callable[[FloatArray], Sums],
    start: FloatArray,
    options: ProximalOptions,
    *,
    rises_for_ever: Callable[[FloatArray], bool] = lambda direction: False,
    report: Callable[[Iteration], None] = lambda iteration: None,
    page: Page[ProximalBookmark] | None = None,
) -> SolverResult:
    """Minimise deviance and penalties from `start`.

    Parameters
    ----------
    evaluate : callable
        ``beta`` (p,) to `Sums` with their information: one pass.
    start : ndarray (p,)
        Finite; the nearest point within the bounds is taken.
    options : ProximalOptions
    rises_for_ever : callable
        See `newton`; asked about directions of terms without a penalty.
    report : callable
        Told of each iteration.
    page : Page of ProximalBookmark or None
        See `newton`.

    Notes
    -----
    Lee, Sun and Saunders (2014), SIAM J. Optim. 24(3), algorithm 1, with the exact information and the
    inner problem solved exactly: steps shrink quadratically once the signs are settled. What is returned
    is a point whose sums are known, so that the conditions of the optimum can be checked on the data; without
    a lasso, where only bounds are there, it is the last step beyond it, as by `newton`.

    A bound is no escape from separation, nor does it cause one: a direction in which the likelihood rises for
    ever must be one that can be followed for ever, so entries that run into a bound are left out of it.

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
    box = Box.unlimited(len(start)) if options.box is None else options.box
    page = page or Page()
    here = page.resume
    beta = box.clip(start) if here is None else here.beta
    point = Point(beta, evaluate(beta))
    step = np.zeros_like(start)
    free = np.zeros(len(start), dtype=bool) if options.free is None else options.free
    if here is None:
        point, dependences = _without_dependences(evaluate, point, options, box)
        here = ProximalBookmark(point.beta, dependences=tuple(dependences))
    dependences, history, halvings, asked_at = (
        list(here.dependences),
        list(here.history),
        here.halvings,
        here.asked_at,
    )
    held = np.zeros(len(start), dtype=bool)
    held[[dependence.position for dependence in dependences]] = True
    box = box.without(held)

    def end(ending: Ending, along: FloatArray | None = None) -> SolverResult:
        return SolverResult(point, ending, dependences, tuple(history), along, method=Method.PROXIMAL_NEWTON)

    def endless() -> FloatArray:
        return box.endless(np.where(free, step, 0.0))

    def is_separated() -> bool:
        along = endless()
        return bool(along.any()) and rises_for_ever(along)

    while True:
        page.keep(ProximalBookmark(point.beta, tuple(history), halvings, asked_at, here.dependences))
        assert point.sums.information is not None
        # A copy: what is held at 0 is taken out of it.
        matrix = np.array(whole_matrix(plus_ridge(point.sums.information, options.ridge)))
        score = np.array(penalised_score(point, options.ridge))
        matrix[held], matrix[:, held], score[held] = 0.0, 0.0, 0.0
        # So far out that no row tells anything of a term, whose score says that it is wrong.
        is_lost = (np.diag(matrix) <= 0) & (np.abs(score) > options.lasso) & ~held
        if is_lost.any() or not (np.isfinite(matrix).all() and np.isfinite(score).all()):
            return end(Ending.SINGULAR)
        target = _solve_inner(matrix, score + matrix @ point.beta, options, point.beta, box)
        step = target - point.beta
        length = math.sqrt(max(float(step @ matrix @ step), 0.0))
        now = time.perf_counter()
        history.append(Iteration(len(history), point.sums.deviance, length, halvings, now - clock))
        report(history[-1])
        clock = now
        unit = decrement_unit(point.sums)
        if length <= options.tolerance * min(unit, 1.0) or at_rounding_floor(history, unit):
            if is_slow(history[-2:]) and is_separated():
                return end(Ending.SEPARATED, endless())
            if free.any() and is_creeping(history):
                return end(Ending.CREEPING)
            if options.lasso.any():
                return end(Ending.CONVERGED)
            return replace(end(Ending.CONVERGED), point=Point(target, point.sums), is_ahead=True)
        if is_creeping(history) and len(history) >= asked_at + 4:
            asked_at = len(history)
            if is_separated():
                return end(Ending.SEPARATED, endless())
        if len(history) > options.max_iterations:
            return end(Ending.ITERATIONS)
        trial, halvings = _search(evaluate, point, target, float(score @ step), options)
        if trial is None:
            return end(Ending.STUCK)
        point = trial


def kkt_residual(point: Point, options: ProximalOptions, scale: FloatArray) -> float:
    """Return by how much the conditions of the optimum are missed, on the scale of the mean loss.

    Of a term that is not 0 the score, less the ridge's share, must equal the penalty with its sign; of one
    that is 0 it must not exceed it; of one at a bound it must not point inside by more. The largest miss, for
    columns divided by `scale` (p,).

    Examples
    --------
    >>> sums = Sums(2, 2.0, 1.0, np.array([1.0, 0.5]), None)
    >>> options = ProximalOptions(np.array([0.9, 0.9]))
    >>> round(kkt_residual(Point(np.array([0.3, 0.0]), sums), options, np.ones(2)), 12)
    0.05
    """
    score, beta = penalised_score(point, options.ridge), point.beta
    box = Box.unlimited(len(beta)) if options.box is None else options.box
    off = missed_with_groups(score, beta, options.lasso, box, options.groups)
    return float((off / scale).max(initial=0.0)) / point.sums.weight_sum


def _without_dependences(
    evaluate: Callable[[FloatArray], Sums], point: Point, options: ProximalOptions, box: Box
) -> tuple[Point, list[Dependence]]:
    """Find the terms without a penalty that depend on others, and start with 0 for them; up to two passes."""
    dependences = _dependences_of_free(point, options, box)
    if dependences and point.beta.any():
        # Only at 0 do all rows count alike: far from it terms can seem dependent.
        beta = box.clip(np.zeros_like(point.beta))
        cold = Point(beta, evaluate(beta))
        found = _dependences_of_free(cold, options, box)
        if len(found) < len(dependences):
            point, dependences = cold, found
    held = [dependence.position for dependence in dependences]
    if point.beta[held].any():
        beta = point.beta.copy()
        beta[held] = 0.0
        point = Point(beta, evaluate(beta))
    return point, dependences


def _dependences_of_free(point: Point, options: ProximalOptions, box: Box) -> list[Dependence]:
    """Return the terms without a penalty that depend on others of that kind: nothing else would fix them.

    Terms with bounds come last, so that none without bounds is left out for one with them: leaving out a term
    with bounds may change what the others can do. A fixed term is as good as known.
    """
    assert point.sums.information is not None
    unpenalised = (options.lasso == 0) & (box.lower < box.upper)
    if options.ridge is not None:
        unpenalised = unpenalised & (options.ridge == 0)
    places = np.flatnonzero(unpenalised)
    places = places[np.argsort(box.is_bounded[places], kind="stable")]
    found = find_dependences(whole_matrix(point.sums.information)[np.ix_(places, places)])
    dependences = [
        Dependence(
            int(places[one.position]), {int(places[k]): w for k, w in one.weights.items()}, one.remaining
        )
        for one in found
    ]
    return sorted(dependences, key=lambda one: one.position)


def _search(
    evaluate: Callable[[FloatArray], Sums],
    point: Point,
    target: FloatArray,
    slope: float,
    options: ProximalOptions,
) -> tuple[Point | None, int]:
    """Halve the way to the target until deviance and penalties fall by enough."""
    step = target - point.beta
    before = _objective(point, options)
    # What deviance and penalties together promise to lose along the whole step.
    promise = 2.0 * (slope - _penalty(target, options) + _penalty(point.beta, options))
    for halvings in range(MAX_HALVINGS):
        share = 0.5**halvings
        # The target itself, not the sum: it may lie on a bound.
        beta = target if halvings == 0 else point.beta + share * step
        trial = Point(beta, evaluate(beta))
        limit = before - SUFFICIENT * share * promise + ROUNDING * abs(before)
        # A comparison with NaN is false: an overflow is halved away like any other rise.
        if _objective(trial, options) <= limit:
            return trial, halvings
    return None, MAX_HALVINGS


def _objective(point: Point, options: ProximalOptions) -> float:
    return penalised_deviance(point, options.ridge) + 2.0 * _penalty(point.beta, options)


def _penalty(beta: FloatArray, options: ProximalOptions) -> float:
    return penalty_size(beta, options.lasso, options.groups)


def _solve_inner(
    matrix: FloatArray, right: FloatArray, options: ProximalOptions, start: FloatArray, box: Box
) -> FloatArray:
    """Minimise the quadratic model with the penalties, on the driver."""
    if options.groups:
        return solve_group_lasso(matrix, right, options.lasso, start, groups=options.groups, box=box)
    return solve_lasso(matrix, right, options.lasso, start, box)
