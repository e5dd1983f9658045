"""Firth's penalised likelihood: finite estimates whatever the label looks like."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logreg_dist.solver.bookmarks import FirthBookmark, Page
from logreg_dist.solver.endings import at_rounding_floor, decrement_unit
from logreg_dist.solver.halving import MAX_HALVINGS, ROUNDING
from logreg_dist.solver.information import dependences_in
from logreg_dist.solver.linear_system import Dependence, Factor, SingularInformation, factorise
from logreg_dist.solver.result import Ending, Iteration, Method, Point, SolverResult, Sums

FloatArray = NDArray[np.float64]
# Steps that the matrix is corrected by, once nearer than so many standard errors: farther out the curvature changes
# too fast for them. Measured on separated rows: 10 to 38 steps instead of 10 to 70.
MEMORY = 8
NEAR = 0.5

_Pair = tuple[FloatArray, FloatArray]  # of a step and what the score lost by it


@dataclass(frozen=True)
class FirthOptions:
    """When to stop, and what is held.

    Attributes
    ----------
    tolerance : float
        On ``sqrt(score' information^-1 score)`` of the adjusted score: the distance to the optimum in standard
        errors.
    max_iterations : int
    held : ndarray (p,) of bool or None
        Terms that stay where they start, for tests and profiles; they count in the penalty as any other.
    """

    tolerance: float = 1e-8
    max_iterations: int = 50
    held: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class FirthResult:
    """Where the iterations ended.

    Attributes
    ----------
    solution : SolverResult
        Its sums are those of the likelihood without the penalty, at the estimates themselves.
    penalised_deviance : float
        ``deviance - log det information`` at the estimates; it depends on the units of the columns, differences do
        not.
    """

    solution: SolverResult
    penalised_deviance: float


@dataclass(frozen=True)
class _Point:
    point: Point
    factor: Factor  # of the information of the terms with an estimate
    penalised: float


def firth(
    evaluate: Callable[[FloatArray], Sums],
    evaluate_adjusted: Callable[[FloatArray, FloatArray], Sums],
    start: FloatArray,
    options: FirthOptions,
    *,
    known: Sequence[Dependence] | None = None,
    report: Callable[[Iteration], None] = lambda iteration: None,
    page: Page[FirthBookmark] | None = None,
) -> FirthResult:
    """Maximise the log-likelihood plus half the log-determinant of the information.

    The optimum is where the adjusted score ``sum((w (y - mu) + h (1/2 - mu)) x)`` is 0, h the leverages of the rows.
    It is finite wherever the information has full rank. A step is one pass for the information, and one more for
    the adjusted score, which needs its inverse.

    Parameters
    ----------
    evaluate : callable
        ``beta`` (p,) to the likelihood's `Sums` with their information.
    evaluate_adjusted : callable
        ``beta`` (p,) and the inverse information there (p, p), 0 for terms without an estimate, to the sums of the
        rows with half of their leverage added to either label, see `with_half_events`: adjusted score and
        information.
    start : ndarray (p,)
        Entries of dependent terms are 0.
    options : FirthOptions
    known : sequence of Dependence or None
        Terms without an estimate. None to find them at `start`, which should be near 0 then: far from it the rows
        that tell terms apart may have lost their weight.
    report : callable
        Told of each iteration.
    page : Page of FirthBookmark or None
        See `newton`.

    Notes
    -----
    Firth (1993), Biometrika 80(1), 27-38; Heinze and Schemper (2002), Statist. Med. 21, 2409-2419; finiteness:
    Kosmidis and Firth (2021), Biometrika 108(1), 71-82. Steps are by the information of the adjusted rows, which is
    exact in saturated models, corrected by the last steps as in BFGS: the derivative of the leverages, which
    Newton's method would need, takes p matrices.
    """
    clock = time.perf_counter()
    page = page or Page()
    here = page.resume
    beta = start if here is None else here.beta
    first = Point(beta, evaluate(beta))
    if here is None:
        found = known if known is not None else dependences_in(first.sums.matrix())
        here = FirthBookmark(beta, dependences=tuple(found))
    dependences = list(here.dependences)
    active = np.ones(len(start), dtype=bool)
    active[[dependence.position for dependence in dependences]] = False
    moving = active if options.held is None else active & ~options.held
    history, halvings, pairs = list(here.history), here.halvings, list(here.pairs)
    before = here.before  # the estimates of the last step, and their adjusted score

    def end(at: _Point | None, ending: Ending) -> FirthResult:
        point, penalised = (first, math.nan) if at is None else (at.point, at.penalised)
        solution = SolverResult(point, ending, dependences, tuple(history), method=Method.FIRTH)
        return FirthResult(solution, penalised)

    now = _factored(first, active)
    if now is None:
        return end(None, Ending.SINGULAR)
    while True:
        page.keep(
            FirthBookmark(now.point.beta, tuple(history), halvings, here.dependences, tuple(pairs), before)
        )
        covariance = np.zeros((len(start), len(start)))
        covariance[np.ix_(active, active)] = now.factor.inverse() if active.any() else 0.0
        adjusted = evaluate_adjusted(now.point.beta, covariance)
        solve = _solver(adjusted, moving)
        if solve is None:
            return end(now, Ending.SINGULAR)
        score = np.where(moving, adjusted.score, 0.0)
        if before is not None and history[-1].change < NEAR:
            moved, lost = now.point.beta - before[0], before[1] - score
            pairs = [*pairs, (moved, lost)][-MEMORY:] if moved @ lost > 0 else pairs
        before = now.point.beta, score
        step = _times_inverse(score, pairs, solve)
        decrement = _distance(adjusted.score, now.point.sums, moving)
        seconds = time.perf_counter() - clock
        clock = time.perf_counter()
        history.append(Iteration(len(history), now.point.sums.deviance, decrement, halvings, seconds))
        report(history[-1])

        unit = decrement_unit(now.point.sums)
        at_end = decrement <= options.tolerance * min(unit, 1.0) or at_rounding_floor(history, unit)
        if not at_end and len(history) > options.max_iterations:
            return end(now, Ending.ITERATIONS)
        trial, halvings = _halved(evaluate, now, step, active)
        if at_end:
            return end(now if trial is None else trial, Ending.CONVERGED)
        if trial is None:
            return end(now, Ending.STUCK)
        now = trial


def _factored(point: Point, active: NDArray[np.bool_]) -> _Point | None:
    """Return the point with its penalised deviance; None where the information is singular."""
    if not active.any():
        return _Point(point, Factor(np.zeros((0, 0)), np.zeros(0)), point.sums.deviance)
    try:
        factor = factorise(point.sums.matrix()[np.ix_(active, active)])
    except SingularInformation:
        return None
    return _Point(point, factor, point.sums.deviance - factor.log_determinant())


def _solver(adjusted: Sums, moving: NDArray[np.bool_]) -> Callable[[FloatArray], FloatArray] | None:
    """Return the function from score (p,) to step (p,) by the information of the adjusted rows."""
    if not moving.any():
        return np.zeros_like
    try:
        factor = factorise(adjusted.matrix()[np.ix_(moving, moving)])
    except SingularInformation:
        return None

    def solve(score: FloatArray) -> FloatArray:
        step = np.zeros_like(score)
        step[moving] = factor.solve(score[moving])
        return step

    return solve


def _times_inverse(
    score: FloatArray, pairs: list[_Pair], solve: Callable[[FloatArray], FloatArray]
) -> FloatArray:
    """Return the step (p,): the two-loop recursion of BFGS around the matrix of the point itself."""
    rest, shares = score.copy(), []
    for moved, lost in reversed(pairs):
        share = float(moved @ rest) / float(moved @ lost)
        shares.append(share)
        rest -= share * lost
    step = solve(rest)
    for (moved, lost), share in zip(pairs, reversed(shares), strict=True):
        step = step + (share - float(lost @ step) / float(moved @ lost)) * moved
    return step


def _distance(score: FloatArray, sums: Sums, moving: NDArray[np.bool_]) -> float:
    """Return the length of the score of the terms that move in standard errors."""
    if not moving.any():
        return 0.0
    factor = factorise(sums.matrix()[np.ix_(moving, moving)])
    return math.sqrt(max(float(score[moving] @ factor.solve(score[moving])), 0.0))


def _halved(
    evaluate: Callable[[FloatArray], Sums], now: _Point, step: FloatArray, active: NDArray[np.bool_]
) -> tuple[_Point | None, int]:
    """Halve the step until the penalised deviance does not rise; None when no halving helps."""
    limit = now.penalised + ROUNDING * (abs(now.point.sums.deviance) + abs(now.penalised))
    for halvings in range(MAX_HALVINGS):
        beta = now.point.beta + step * 0.5**halvings
        trial = _factored(Point(beta, evaluate(beta)), active)
        # A comparison with NaN is false: an overflow is halved away like any other rise.
        if trial is not None and trial.penalised <= limit:
            return trial, halvings
    return None, MAX_HALVINGS
