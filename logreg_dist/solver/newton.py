"""Newton's method (IRLS) with step halving; one evaluation is one pass over the data."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logreg_dist.solver.approach import RoughInformation, approach, has_collapsed
from logreg_dist.solver.bookmarks import LbfgsBookmark, NewtonBookmark, Page
from logreg_dist.solver.chord import follow_chord
from logreg_dist.solver.endings import (
    at_rounding_floor,
    decrement_unit,
    is_creeping,
    is_nearly_quadratic,
    is_slow,
    loses_less_than_a_coin,
)
from logreg_dist.solver.halving import halve_until_better, if_better
from logreg_dist.solver.information import (
    Information,
    active_part,
    dependences_in,
    diagonal_of,
    factor_of,
    plus_ridge,
)
from logreg_dist.solver.lbfgs import LbfgsOptions
from logreg_dist.solver.linear_system import Dependence, SingularInformation
from logreg_dist.solver.result import Ending, Iteration, Point, SolverResult, Sums
from logreg_dist.solver.ridge import free_terms, penalised_score
from logreg_dist.solver.surrogate import Remainder, Surrogate, surrogate_point

FloatArray = NDArray[np.float64]

# Points with a true matrix that tell, where the way there was slow, whether the label is separated.
OWN_POINTS = 3
# In standard errors; a separated label comes as near as this only by ten slow steps more.
FAINT = 1e-6


@dataclass(frozen=True)
class NewtonOptions:
    """When to stop.

    Attributes
    ----------
    tolerance : float
        On Newton's decrement ``sqrt(score' information^-1 score)``: the distance to the optimum
        in standard errors. Where weights are below 1 on average, in those of weights of 1:
        multiplying all weights by a constant changes no estimate.
    max_iterations : int
        Of those with a true matrix; see `approach` for the steps before.
    ridge : ndarray (p,) or None
        Added to the deviance as ``sum(ridge * beta**2)``.
    free : ndarray (p,) of bool or None
        With a ridge: the terms that have none, where they could separate the label; None for no such terms.
    alias : bool
        Whether terms that depend on earlier ones are left out; a penalised fit needs no such thing.
    """

    tolerance: float = 1e-8
    max_iterations: int = 50
    ridge: FloatArray | None = None
    free: NDArray[np.bool_] | None = None
    alias: bool = True


def newton(
    evaluate: Callable[[FloatArray], Sums],
    start: FloatArray,
    options: NewtonOptions,
    *,
    rises_for_ever: Callable[[FloatArray], bool] = lambda direction: False,
    report: Callable[[Iteration], None] = lambda iteration: None,
    evaluate_score: Callable[[FloatArray], Sums] | None = None,
    rough: RoughInformation | None = None,
    remainder: Remainder | None = None,
    page: Page[NewtonBookmark] | None = None,
) -> SolverResult:
    """Maximise the (ridge-penalised) likelihood from `start`.

    Parameters
    ----------
    evaluate : callable
        ``beta`` (p,) to `Sums` with their information, in either of its forms: one pass.
    start : ndarray (p,)
        Finite; entries of dependent terms are ignored.
    options : NewtonOptions
    rises_for_ever : callable
        Asked, when the iterations creep or end slowly, whether the likelihood rises for ever along
        a direction (p,), the proof of separation: more passes. With a ridge only about directions of
        terms that have none: along the others there is an optimum in any case.
    report : callable
        Told of each iteration.
    evaluate_score : callable or None
        ``beta`` (p,) to `Sums` without information, where that costs a small part of `evaluate`: then
        several steps are taken with each matrix.
    rough : RoughInformation or None
        What stands for the information near the start: with `evaluate_score` the search goes as far as
        that pays, and the first true matrix is formed there.
    remainder : Remainder or None
        Of a sample: what steps are corrected by, see `Surrogate`.
    page : Page of NewtonBookmark or None
        Where an interrupted search goes on, and what keeps track of this one.

    Notes
    -----
    Converged means: the decrement is within the tolerance, or has reached its rounding floor. Then
    the last step is still taken, without a pass: it moves no estimate by more than `tolerance`
    standard errors and changes sums and covariance by less than their rounding, while the
    estimates gain the digits of one more quadratic step.

    Nocedal and Wright (2006), Numerical Optimization, section 3.3; Boyd and Vandenberghe (2004),
    Convex Optimization, section 9.5 for the decrement.
    """
    page = page or Page()
    near, earlier = _near_start(evaluate_score, start, rough, options, report, page)
    clock = time.perf_counter()
    here, point = _first_point(evaluate, near, earlier, options, page)
    if here.earlier and not here.history and rough is not None and has_collapsed(_information(point), rough):
        # As beyond a separating step: Newton's method starts where it would have without.
        here, point = _first_point(evaluate, start, (), options, Page())
    earlier, dependences = here.earlier, list(here.dependences)
    history, halvings, asked_at, direction = list(here.history), here.halvings, here.asked_at, here.direction
    active = np.ones(len(start), dtype=bool)
    active[[dependence.position for dependence in dependences]] = False

    free = free_terms(options.ridge, options.free, len(start))
    may_rise = bool(free.any())

    def is_separated() -> bool:
        nonlocal direction
        if not may_rise:
            return False
        candidates = [direction]
        if loses_less_than_a_coin(point):
            candidates.append(point.beta)
        for found in candidates:
            candidate = np.where(free, found, 0.0)
            if candidate.any() and rises_for_ever(candidate):
                direction = candidate
                return True
        return False

    def end(ending: Ending) -> SolverResult:
        along = direction if ending is Ending.SEPARATED else None
        return SolverResult(point, ending, dependences, (*earlier, *history), along)

    while True:
        page.keep(
            NewtonBookmark(
                point.beta, direction, tuple(history), halvings, asked_at, here.dependences, earlier
            )
        )
        solve = _solver_at(point, active, options.ridge)
        if solve is None:
            return end(Ending.SEPARATED if is_separated() else Ending.SINGULAR)
        direction = step = solve(penalised_score(point, options.ridge))
        decrement = math.sqrt(max(float(penalised_score(point, options.ridge) @ step), 0.0))
        now = time.perf_counter()
        number = len(earlier) + len(history)
        history.append(Iteration(number, point.sums.deviance, decrement, halvings, now - clock))
        report(history[-1])
        clock = now

        unit = decrement_unit(point.sums)
        settled = len(history) >= OWN_POINTS or not _is_doubtful(earlier, history[0], unit)
        at_floor = at_rounding_floor(history, unit)
        if settled and (decrement <= options.tolerance * min(unit, 1.0) or at_floor):
            if is_slow(history[-2:]) and is_separated():
                return end(Ending.SEPARATED)
            if may_rise and is_creeping(history):
                return end(Ending.CREEPING)
            polished = Point(point.beta + step, point.sums)
            return SolverResult(polished, Ending.CONVERGED, dependences, (*earlier, *history))
        if is_creeping(history) and len(history) >= asked_at + 4:
            asked_at = len(history)
            if is_separated():
                return end(Ending.SEPARATED)
        if len(history) > options.max_iterations:
            return end(Ending.SEPARATED if is_separated() else Ending.ITERATIONS)

        is_fast = is_nearly_quadratic(history)
        surrogate, trial = None, None
        if remainder is not None and (is_fast or len(history) == 1):
            surrogate = Surrogate(point.beta, diagonal_of(_information(point)), solve, remainder)
        came_near = bool(earlier) and len(history) == 1
        if evaluate_score is not None and settled and (came_near or is_fast):
            target = options.tolerance * min(unit, 1.0)
            ahead = follow_chord(
                evaluate_score, solve, point, ridge=options.ridge, target=target, surrogate=surrogate
            )
            trial = None if ahead is None else if_better(Point(ahead, evaluate(ahead)), point, options.ridge)
        elif surrogate is not None:
            trial = surrogate_point(evaluate, surrogate, point, ridge=options.ridge)
        halvings = 0
        if trial is None:
            trial, halvings = halve_until_better(evaluate, point, step, options.ridge)
        if trial is None:
            return end(Ending.SEPARATED if is_separated() else Ending.STUCK)
        point = trial


def _is_doubtful(earlier: Sequence[Iteration], first: Iteration, unit: float) -> bool:
    """Whether the steps with a rough matrix ended slowly, and so far away that the label may be separated.

    Neither the last step, which a proof would be asked about, nor its slowness is Newton's own then.
    """
    return is_slow((*earlier, first)[-2:]) and first.change > FAINT * min(unit, 1.0)


def _near_start(
    evaluate_score: Callable[[FloatArray], Sums] | None,
    start: FloatArray,
    rough: RoughInformation | None,
    options: NewtonOptions,
    report: Callable[[Iteration], None],
    page: Page[NewtonBookmark],
) -> tuple[FloatArray, tuple[Iteration, ...]]:
    """Return where the first true matrix is formed, and the steps that led there; a search that was beyond goes on."""
    here = page.resume
    if here is not None and here.near is None:
        return here.beta, ()
    start = start if here is None else here.beta
    if rough is None or evaluate_score is None:
        return start, ()

    def keep(near: LbfgsBookmark) -> None:
        page.keep(NewtonBookmark(start, np.zeros_like(start), near=near))

    own = Page(None if here is None else here.near, keep)
    quasi = LbfgsOptions(options.tolerance, ridge=options.ridge)
    return approach(evaluate_score, start, rough, quasi, report=report, page=own)


def _first_point(
    evaluate: Callable[[FloatArray], Sums],
    start: FloatArray,
    earlier: tuple[Iteration, ...],
    options: NewtonOptions,
    page: Page[NewtonBookmark],
) -> tuple[NewtonBookmark, Point]:
    """Return the point with the first matrix and what is known there."""
    here = page.resume
    point = Point(start, evaluate(start))
    if here is not None and here.near is None:
        return here, point
    dependences: list[Dependence] = []
    if options.alias:
        point, dependences = _without_dependences(evaluate, point)
    known = NewtonBookmark(point.beta, np.zeros_like(start), dependences=tuple(dependences), earlier=earlier)
    return known, point


def _without_dependences(
    evaluate: Callable[[FloatArray], Sums], start: Point
) -> tuple[Point, list[Dependence]]:
    """Find the dependent terms and start with 0 for them; costs two passes when there are any.

    Only at 0 do all rows count alike. Far from it terms can seem dependent because the rows that
    tell them apart have lost their working weight: such a start is given up.
    """
    dependences = dependences_in(_information(start))
    if not dependences or not start.beta.any():
        return start, dependences
    zeros = np.zeros_like(start.beta)
    cold = Point(zeros, evaluate(zeros))
    found = dependences_in(_information(cold))
    if len(found) < len(dependences):
        return cold, found
    beta = start.beta.copy()
    beta[[dependence.position for dependence in found]] = 0.0
    return start if (beta == start.beta).all() else Point(beta, evaluate(beta)), found


def _solver_at(
    point: Point, active: NDArray[np.bool_], ridge: FloatArray | None
) -> Callable[[FloatArray], FloatArray] | None:
    """Return the function from score (p,) to step (p,) by the matrix of a point, None where it is singular."""
    factor = None
    if active.any():
        try:
            factor = factor_of(active_part(plus_ridge(_information(point), ridge), active))
        except SingularInformation:
            return None

    def solve(score: FloatArray) -> FloatArray:
        step = np.zeros_like(score)
        if factor is not None:
            step[active] = factor.solve(score[active])
        return step

    return solve


def _information(point: Point) -> Information:
    if point.sums.information is None:
        raise TypeError("Newton's method needs the information at every point")
    return point.sums.information
