"""Newton's method (IRLS) with step halving; one evaluation is one pass over the data."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from logreg_dist.solver.linear_system import (
    Dependence,
    SingularInformation,
    factorise,
    find_dependences,
)

FloatArray = NDArray[np.float64]

# Deviance is a sum of up to billions of terms: smaller rises than this share are rounding.
ROUNDING = 1e-13
# Far from the optimum steps are too long by up to exp(|eta|): this is enough for |eta| = 34.
MAX_HALVINGS = 50
# A trial with a slope this steep on the other side of the minimum along the step lies too far beyond.
OVERSHOT = 0.5
# Newton's decrement falls quadratically near an optimum, but only by exp(-1/2) a step along a
# direction in which the likelihood rises for ever.
SLOW = 0.3


@dataclass(frozen=True)
class Sums:
    """The sums at one ``beta`` in the order of the terms.

    Attributes
    ----------
    n_rows : int
    weight_sum, deviance : float
    score : ndarray (p,)
    information : ndarray (p, p)
    """

    n_rows: int
    weight_sum: float
    deviance: float
    score: FloatArray
    information: FloatArray


@dataclass(frozen=True)
class Point:
    """A ``beta`` and its sums, never separated."""

    beta: FloatArray
    sums: Sums


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
    ridge : ndarray (p,) or None
        Added to the deviance as ``sum(ridge * beta**2)``.
    alias : bool
        Whether terms that depend on earlier ones are left out; a penalised fit needs no such thing.
    """

    tolerance: float = 1e-8
    max_iterations: int = 50
    ridge: FloatArray | None = None
    alias: bool = True


@dataclass(frozen=True)
class Iteration:
    """One accepted step, or the start when `iteration` is 0.

    Attributes
    ----------
    iteration : int
    deviance : float
        -2 log-likelihood, without penalty.
    change : float
        Newton's decrement at the point: its distance to the optimum in standard errors.
    halvings : int
    seconds : float
        Wall time of the step's passes.
    """

    iteration: int
    deviance: float
    change: float
    halvings: int
    seconds: float


class Ending(StrEnum):
    """How the iterations ended."""

    CONVERGED = "the score is zero to within rounding or the tolerance"
    CREEPING = "the steps do not shrink as they do near an optimum; the label is close to separated"
    ITERATIONS = "the iterations ran out"
    SINGULAR = "the information matrix became singular"
    STUCK = "no step along Newton's direction improves the likelihood"
    SEPARATED = "the likelihood rises for ever along a direction"


@dataclass(frozen=True)
class NewtonResult:
    """Where the iterations ended.

    Attributes
    ----------
    point : Point
        Aliased terms have ``beta`` 0.
    ending : Ending
    dependences : list of Dependence
        Terms left out as linear combinations of earlier ones.
    history : tuple of Iteration
        Empty when there is no step even at the start.
    direction : ndarray (p,) or None
        With `Ending.SEPARATED` the direction of the endless rise.
    """

    point: Point
    ending: Ending
    dependences: list[Dependence]
    history: tuple[Iteration, ...]
    direction: FloatArray | None = None

    @property
    def n_steps(self) -> int:
        """Newton steps taken; the last one of a converged fit cost no pass of its own."""
        return max(len(self.history) - 1, 0) + (self.ending is Ending.CONVERGED)


def newton(
    evaluate: Callable[[FloatArray], Sums],
    start: FloatArray,
    options: NewtonOptions,
    *,
    rises_for_ever: Callable[[FloatArray], bool] = lambda direction: False,
    report: Callable[[Iteration], None] = lambda iteration: None,
) -> NewtonResult:
    """Maximise the (ridge-penalised) likelihood from `start`.

    Parameters
    ----------
    evaluate : callable
        ``beta`` (p,) to `Sums`: one pass.
    start : ndarray (p,)
        Finite; entries of dependent terms are ignored.
    options : NewtonOptions
    rises_for_ever : callable
        Asked, when the iterations creep or end slowly, whether the likelihood rises for ever along
        a direction (p,), the proof of separation: more passes. Never asked with a ridge, under
        which an optimum exists in any case.
    report : callable
        Told of each iteration.

    Notes
    -----
    Converged means: the decrement is within the tolerance, or has reached its rounding floor. Then
    the last step is still taken, without a pass: it moves no estimate by more than `tolerance`
    standard errors and changes sums and covariance by less than their rounding, while the
    estimates gain the digits of one more quadratic step.

    Nocedal and Wright (2006), Numerical Optimization, section 3.3; Boyd and Vandenberghe (2004),
    Convex Optimization, section 9.5 for the decrement.
    """
    clock = time.perf_counter()
    point = Point(start, evaluate(start))
    dependences: list[Dependence] = []
    if options.alias:
        point, dependences = _without_dependences(evaluate, point)
    active = np.ones(len(start), dtype=bool)
    active[[dependence.position for dependence in dependences]] = False

    history: list[Iteration] = []
    halvings = asked_at = 0
    direction = np.zeros_like(start)

    def is_separated() -> bool:
        nonlocal direction
        if options.ridge is not None:
            return False
        candidates = [direction]
        if point.sums.deviance < 2 * math.log(2) * point.sums.weight_sum / max(point.sums.n_rows, 1):
            # All rows together lose less than one tossed coin: each lies on its side of beta itself.
            candidates.append(point.beta)
        for candidate in candidates:
            if candidate.any() and rises_for_ever(candidate):
                direction = candidate
                return True
        return False

    def end(ending: Ending) -> NewtonResult:
        along = direction if ending is Ending.SEPARATED else None
        return NewtonResult(point, ending, dependences, tuple(history), along)

    while True:
        step = _newton_step(point, active, options.ridge)
        if step is None:
            return end(Ending.SEPARATED if is_separated() else Ending.SINGULAR)
        direction = step
        decrement = _decrement(point, step, options.ridge)
        now = time.perf_counter()
        history.append(Iteration(len(history), point.sums.deviance, decrement, halvings, now - clock))
        report(history[-1])
        clock = now

        unit = _unit(point.sums)
        if decrement <= options.tolerance * min(unit, 1.0) or _at_rounding_floor(history, unit):
            if _is_slow(history[-2:]) and is_separated():
                return end(Ending.SEPARATED)
            if options.ridge is None and _is_creeping(history):
                return end(Ending.CREEPING)
            polished = Point(point.beta + step, point.sums)
            return NewtonResult(polished, Ending.CONVERGED, dependences, tuple(history))
        if _is_creeping(history) and len(history) >= asked_at + 4:
            asked_at = len(history)
            if is_separated():
                return end(Ending.SEPARATED)
        if len(history) > options.max_iterations:
            return end(Ending.SEPARATED if is_separated() else Ending.ITERATIONS)

        trial, halvings = _line_search(evaluate, point, step, options.ridge)
        if trial is None:
            return end(Ending.SEPARATED if is_separated() else Ending.STUCK)
        point = trial


def _without_dependences(
    evaluate: Callable[[FloatArray], Sums], start: Point
) -> tuple[Point, list[Dependence]]:
    """Find the dependent terms and start with 0 for them; costs two passes when there are any.

    Only at 0 do all rows count alike. Far from it terms can seem dependent because the rows that
    tell them apart have lost their working weight: such a start is given up.
    """
    dependences = find_dependences(start.sums.information)
    if not dependences or not start.beta.any():
        return start, dependences
    zeros = np.zeros_like(start.beta)
    cold = Point(zeros, evaluate(zeros))
    found = find_dependences(cold.sums.information)
    if len(found) < len(dependences):
        return cold, found
    beta = start.beta.copy()
    beta[[dependence.position for dependence in found]] = 0.0
    return start if (beta == start.beta).all() else Point(beta, evaluate(beta)), found


def _newton_step(point: Point, active: NDArray[np.bool_], ridge: FloatArray | None) -> FloatArray | None:
    information, score = point.sums.information, _penalised_score(point, ridge)
    if ridge is not None:
        information = information + np.diag(ridge)
    step = np.zeros_like(score)
    if not active.any():
        return step
    try:
        step[active] = factorise(information[np.ix_(active, active)]).solve(score[active])
    except SingularInformation:
        return None
    return step


def _decrement(point: Point, step: FloatArray, ridge: FloatArray | None) -> float:
    return math.sqrt(max(float(_penalised_score(point, ridge) @ step), 0.0))


def _line_search(
    evaluate: Callable[[FloatArray], Sums], point: Point, step: FloatArray, ridge: FloatArray | None
) -> tuple[Point | None, int]:
    """Halve the step until the penalised deviance does not rise, nor has fallen only to rise again.

    Where full steps oscillate, a trial barely below the start can lie far up the other side, with
    rows so extreme that the next step is worse. More than a standard error from the optimum the
    slope along the step has to tell, as in the strong Wolfe conditions (Nocedal and Wright 2006,
    equation 3.7b); nearer to it Newton's step is right.
    """
    limit = _penalised_deviance(point, ridge)
    limit += ROUNDING * abs(limit)
    slope = float(_penalised_score(point, ridge) @ step)
    steepest = OVERSHOT * slope if slope > _unit(point.sums) ** 2 else math.inf
    for halvings in range(MAX_HALVINGS):
        beta = point.beta + step * 0.5**halvings
        trial = Point(beta, evaluate(beta))
        # A comparison with NaN is false: an overflow is halved away like any other rise.
        if _penalised_deviance(trial, ridge) <= limit and -_penalised_score(trial, ridge) @ step <= steepest:
            return trial, halvings
    return None, MAX_HALVINGS


def _penalised_score(point: Point, ridge: FloatArray | None) -> FloatArray:
    return point.sums.score if ridge is None else point.sums.score - ridge * point.beta


def _penalised_deviance(point: Point, ridge: FloatArray | None) -> float:
    penalty = 0.0 if ridge is None else float(ridge @ point.beta**2)
    return point.sums.deviance + penalty


def _is_creeping(history: list[Iteration]) -> bool:
    if len(history) < 8:
        return False
    return _is_slow(history[-4:])


def _is_slow(last: list[Iteration]) -> bool:
    """Whether the decrement fell, in each of these iterations, less than it does near an optimum."""
    return len(last) > 1 and all(now.change > SLOW * before.change for before, now in pairwise(last))


def _at_rounding_floor(history: list[Iteration], unit: float) -> bool:
    """Whether the decrement has stopped falling where only rounding can stop it."""
    now = history[-1]
    negligible = now.change**2 <= 1e-15 * max(abs(now.deviance), 1e-300)
    return negligible and now.change < 1e-5 * max(unit, 1.0) and _is_slow(history[-2:])


def _unit(sums: Sums) -> float:
    """Return the size of a decrement compared with what it is when all weights are 1."""
    return math.sqrt(sums.weight_sum / max(sums.n_rows, 1))


def scaled_ridge(l2: float, weight_sum: float, penalised: NDArray[np.bool_]) -> FloatArray:
    """Return `NewtonOptions.ridge` for ``(1/W) sum(loss) + l2/2 ||beta||^2``, shape (p,).

    Multiplying the objective by ``2 W`` turns the loss into the deviance and the penalty into
    ``W l2 ||beta||^2``; half of its derivative is what the score loses.
    """
    return np.where(penalised, l2 * weight_sum, 0.0)
