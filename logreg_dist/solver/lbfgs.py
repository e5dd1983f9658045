"""L-BFGS for models whose information matrix is too large; an evaluation is one pass for deviance and score."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logreg_dist.solver.bookmarks import LbfgsBookmark, Page, Pair
from logreg_dist.solver.endings import decrement_unit, is_at_rest, is_negligible, loses_less_than_a_coin
from logreg_dist.solver.result import Ending, Iteration, Method, Point, SolverResult, Sums
from logreg_dist.solver.ridge import free_terms, penalised_score
from logreg_dist.solver.slope_search import search_along

FloatArray = NDArray[np.float64]

# Pairs of steps and changes of the score that stand for the information matrix.
MEMORY = 40
# Quasi-Newton steps that count as one of Newton's in `solver.max_iterations`.
STEPS_PER_ITERATION = 20
# Log-odds per typical size of a column that no overlapping table needs: odds of 3 million to one.
FAR = 15.0
# Iterations after which separation is first asked about; then twice as many, and so on.
FIRST_QUESTION = 8


@dataclass(frozen=True)
class LbfgsOptions:
    """When to stop.

    Attributes
    ----------
    tolerance : float
        On the estimated distance to the optimum in standard errors; see `lbfgs`.
    max_iterations : int
        Steps, of a pass or a few each.
    ridge : ndarray (p,) or None
        Added to the deviance as ``sum(ridge * beta**2)``.
    free : ndarray (p,) of bool or None
        See `NewtonOptions`.
    look_ahead : callable
        The iterations so far and the unit of their decrement (see `decrement_unit`) to how the search ends
        with the next step, which is taken without looking; None goes on.
    suspects : sequence of ndarray (p,)
        Directions in which the likelihood may rise for ever, asked about before the step's own.
    scale : ndarray (p,) or None
        Typical size of each term's column, 0 where any estimate is credible. Without a ridge estimates
        beyond `FAR` are not called converged: nothing proves here that they are finite.
    """

    tolerance: float = 1e-8
    max_iterations: int = 50 * STEPS_PER_ITERATION
    ridge: FloatArray | None = None
    suspects: Sequence[FloatArray] = ()
    scale: FloatArray | None = None
    free: NDArray[np.bool_] | None = None
    look_ahead: Callable[[Sequence[Iteration], float], Ending | None] = lambda history, unit: None


def lbfgs(
    evaluate: Callable[[FloatArray], Sums],
    start: FloatArray,
    precondition: Callable[[FloatArray], FloatArray],
    options: LbfgsOptions,
    *,
    rises_for_ever: Callable[[FloatArray], bool] = lambda direction: False,
    report: Callable[[Iteration], None] = lambda iteration: None,
    page: Page[LbfgsBookmark] | None = None,
) -> SolverResult:
    """Maximise the (ridge-penalised) likelihood from `start` without an information matrix.

    Parameters
    ----------
    evaluate : callable
        ``beta`` (p,) to `Sums`, of which only deviance and score are looked at: one pass.
    start : ndarray (p,)
        Finite.
    precondition : callable
        Score (p,) to step (p,): multiplies with what stands for the inverse of the information, ridge
        included, until steps have told more; linear, symmetric and positive definite, see `by_diagonal`.
    options : LbfgsOptions
    rises_for_ever : callable
        As for `newton`; asked after `FIRST_QUESTION` iterations, after twice as many, and at the end.
    report : callable
        Told of each iteration.
    page : Page of LbfgsBookmark or None
        See `newton`.

    Notes
    -----
    Converged means that two estimates of Newton's decrement ``sqrt(score' information^-1 score)``
    are within the tolerance, or rest where only rounding can stop them: with the quasi-Newton matrix
    for the inverse, which knows the directions that were taken, and with the preconditioner, which as a
    diagonal is right for uncorrelated columns. Measured, the true decrement was up to five times larger; unlike it, the
    estimates are no proof, because a direction that is flat and that no step took is in neither.

    Nocedal and Wright (2006), Numerical Optimization, algorithms 7.4 and 7.5.
    """
    clock = time.perf_counter()
    page = page or Page()
    here = page.resume or LbfgsBookmark(start, (), 0, FIRST_QUESTION, ())
    point = Point(here.beta, evaluate(here.beta))
    ridge = options.ridge
    pairs: deque[Pair] = deque(here.pairs, maxlen=MEMORY)
    history: list[Iteration] = list(here.history)
    direction, trials, next_question = np.zeros_like(start), here.trials, here.next_question

    def separating() -> FloatArray | None:
        free = free_terms(ridge, options.free, len(start))
        if not free.any():
            return None
        beta = [point.beta] if loses_less_than_a_coin(point) else []
        candidates = [*options.suspects, direction, *beta]
        if ridge is not None:
            candidates = [np.where(free, along, 0.0) for along in candidates]
        return next((along for along in candidates if along.any() and rises_for_ever(along)), None)

    def end(ending: Ending) -> SolverResult:
        along = separating()
        if along is not None:
            ending = Ending.SEPARATED
        elif ending is Ending.CONVERGED and _is_far(point.beta, options):
            ending = Ending.FAR
        return SolverResult(point, ending, [], tuple(history), along, Method.LBFGS)

    while True:
        page.keep(LbfgsBookmark(point.beta, tuple(history), trials, next_question, tuple(pairs)))
        score = penalised_score(point, ridge)
        direction = _times_inverse(score, pairs, precondition)
        slope = float(score @ direction)
        if not (slope > 0 and np.isfinite(direction).all()):
            pairs.clear()
            direction = precondition(score)
            slope = float(score @ direction)
        change = math.sqrt(max(slope, float(score @ precondition(score))))
        now = time.perf_counter()
        history.append(Iteration(len(history), point.sums.deviance, change, trials, now - clock))
        report(history[-1])
        clock = now

        unit = decrement_unit(point.sums)
        if (ending := options.look_ahead(history, unit)) is not None:
            ahead = Point(point.beta + direction, point.sums)
            return SolverResult(ahead, ending, [], tuple(history), None, Method.LBFGS, is_ahead=True)
        if change <= options.tolerance * min(unit, 1.0) or is_at_rest(history, unit):
            return end(Ending.CONVERGED)
        if len(history) > options.max_iterations:
            return end(Ending.ITERATIONS)
        if len(history) > next_question:
            next_question *= 2
            if (along := separating()) is not None:
                return SolverResult(point, Ending.SEPARATED, [], tuple(history), along, Method.LBFGS)

        trial, trials = search_along(evaluate, point, direction, ridge)
        if trial is None and pairs and not is_negligible(history[-1], unit):
            pairs.clear()  # its memory may mislead: once more along the preconditioned score
            direction = precondition(score)
            trial, trials = search_along(evaluate, point, direction, ridge)
        if trial is None:
            return end(Ending.CONVERGED if is_negligible(history[-1], unit) else Ending.STUCK)
        step, drop = trial.beta - point.beta, score - penalised_score(trial, ridge)
        if step @ drop > 0:
            pairs.append(Pair(step, drop, 1.0 / float(step @ drop)))
        point = trial


def by_diagonal(diagonal: FloatArray, ridge: FloatArray | None) -> Callable[[FloatArray], FloatArray]:
    """Return the division by the diagonal of the information and the ridge, both (p,); 0 where that is 0.

    Examples
    --------
    >>> by_diagonal(np.array([2.0, 0.0]), None)(np.array([1.0, 1.0])).tolist()
    [0.5, 0.0]
    """
    curvature = diagonal if ridge is None else diagonal + ridge
    inverse = np.divide(1.0, curvature, out=np.zeros_like(curvature), where=curvature > 0)
    return lambda score: inverse * score


def _is_far(beta: FloatArray, options: LbfgsOptions) -> bool:
    if options.scale is None:
        return False
    size = np.abs(beta * options.scale)[free_terms(options.ridge, options.free, len(beta))]
    return float(size.max(initial=0.0)) > FAR


def _times_inverse(
    score: FloatArray, pairs: Sequence[Pair], precondition: Callable[[FloatArray], FloatArray]
) -> FloatArray:
    """Return the quasi-Newton matrix times the score, shape (p,): the two-loop recursion."""
    rest = score.copy()
    shares = []
    for pair in reversed(pairs):
        share = pair.inverse * float(pair.step @ rest)
        shares.append(share)
        rest -= share * pair.change
    direction = precondition(rest)
    if pairs:
        last = pairs[-1]
        direction = direction / (last.inverse * float(last.change @ precondition(last.change)))
    for pair, share in zip(pairs, reversed(shares), strict=True):
        direction += (share - pair.inverse * float(pair.change @ direction)) * pair.step
    return direction
