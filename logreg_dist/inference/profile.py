"""Profile-likelihood limits: how far a combination of coefficients can go before the deviance has risen by so much."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logreg_dist.inference.restricted_optimum import restricted_optimum
from logreg_dist.solver.linear_system import SingularInformation, factorise
from logreg_dist.solver.result import Point, Sums

FloatArray = NDArray[np.float64]
Evaluate = Callable[[FloatArray], Sums]

# Of a step in standard errors: the last one is taken without an evaluation, and leaves about its square.
TOLERANCE = 1e-6
# Steps below it that do not shrink any more are rounding.
ROUNDING_FLOOR = 1e-5
# Evaluations of Newton's method before the safe way, and of that.
MAX_STEPS, MAX_SAFE_STEPS = 40, 100
# In standard errors: where the deviance has not risen enough there, it never will.
MAX_REACH = 1e6


@dataclass(frozen=True)
class Summit:
    """The optimum that profiles start from; k estimated terms.

    Attributes
    ----------
    beta : ndarray (k,)
    deviance : float
        The smallest one.
    covariance : ndarray (k, k)
        Inverse information at `beta`.
    """

    beta: FloatArray
    deviance: float
    covariance: FloatArray


@dataclass(frozen=True)
class ProfileLimit:
    """A limit of a profile-likelihood interval.

    Attributes
    ----------
    limit : float
        Units of ``g'beta``; infinite where the deviance never rises so far, NaN where the limit was not found.
    beta : ndarray (k,) or None
        The coefficients there: the best ones for that value of ``g'beta``. None without a limit.
    n_evaluations : int
    """

    limit: float
    beta: FloatArray | None
    n_evaluations: int


def profile_limit(
    evaluate: Evaluate,
    summit: Summit,
    along: FloatArray,
    *,
    rise: float,
    side: int,
    tolerance: float = TOLERANCE,
) -> ProfileLimit:
    """Return the lower or upper limit of ``g'beta`` where the smallest deviance for that value has risen by `rise`.

    The limit is the largest (smallest) ``g'beta`` of all `beta` with ``deviance(beta) <= summit.deviance + rise``.
    There ``score = -multiplier g``, and the deviance is at its level. Newton's method on both conditions at once
    needs about as many evaluations as a fit, where a search over values of ``g'beta`` needs a fit for each.

    A logistic likelihood with a finite optimum has finite limits: it is concave with bounded level sets.

    Parameters
    ----------
    evaluate : callable
        ``beta`` (k,) to `Sums` with their information. The deviance may be penalised, with its score; with an
        information that is not quite its curvature the steps shrink by a factor instead of squaring, and a smaller
        `tolerance` is due.
    summit : Summit
    along : ndarray (k,)
        g: for a coefficient 1 at its place and 0 elsewhere.
    rise : float
        The quantile of chi-squared with 1 degree of freedom for a confidence interval.
    side : int
        1 for the upper limit, -1 for the lower.
    tolerance : float
        On the last step, in standard errors.

    Notes
    -----
    Venzon and Moolgavkar (1988), A method for computing profile-likelihood-based confidence intervals, Applied
    Statistics 37(1), 87-94, in the form that holds for any g: of the quadratic model at `beta` the largest
    ``g'beta`` where its deviance is at the level. Steps that go much too far are shortened. Where
    Newton's method fails, the value of ``g'beta`` is bracketed and all else is optimised for each (see `_bracketed`).

    Examples
    --------
    Of a quadratic deviance it is Wald's limit, after one evaluation:

    >>> spread = np.array([[4.0, 1.0], [1.0, 1.0]])
    >>> precision = np.linalg.inv(spread)
    >>> def evaluate(beta):
    ...     return Sums(1, 1.0, float(beta @ precision @ beta), -precision @ beta, precision)
    >>> summit = Summit(np.zeros(2), 0.0, spread)
    >>> found = profile_limit(evaluate, summit, np.array([1.0, 0.0]), rise=9.0, side=1)
    >>> round(found.limit, 9), found.n_evaluations
    (6.0, 1)
    """
    counted = _Counted(evaluate)
    search = _Search(counted, summit, along, rise, float(side), tolerance)
    with np.errstate(
        over="ignore", invalid="ignore", divide="ignore"
    ):  # far out; looked at, and turned back from
        beta = _newton(search)
        limit = math.nan
        if beta is None:
            limit, beta = _bracketed(search)
    return ProfileLimit(limit if beta is None else float(along @ beta), beta, counted.n)


class _Counted:
    """The evaluations of a search, counted."""

    def __init__(self, evaluate: Evaluate) -> None:
        self._evaluate, self.n = evaluate, 0

    def __call__(self, beta: FloatArray) -> Sums:
        self.n += 1
        return self._evaluate(beta)


@dataclass(frozen=True)
class _Search:
    """What is searched for; see `profile_limit`."""

    evaluate: _Counted
    summit: Summit
    along: FloatArray
    rise: float
    side: float
    tolerance: float

    @property
    def level(self) -> float:
        """The deviance at the limit."""
        return self.summit.deviance + self.rise

    @property
    def tangent(self) -> FloatArray:
        """How the optimum of all else moves with ``g'beta``, per standard error of it, at the summit."""
        direction = self.summit.covariance @ self.along
        found: FloatArray = direction / math.sqrt(self.along @ direction)
        return found


@dataclass(frozen=True)
class _Step:
    """A step (k,) and its length in standard errors."""

    step: FloatArray
    size: float


def _newton(search: _Search) -> FloatArray | None:
    """Return the coefficients at the limit, None where Newton's method does not find them."""
    before = Point(search.summit.beta, _sums_at(search.summit))
    step, size = search.side * math.sqrt(search.rise) * search.tangent, math.sqrt(search.rise)
    longest = math.inf  # step in standard errors, once one was too long
    while search.evaluate.n < MAX_STEPS:
        trial = Point(before.beta + step, search.evaluate(before.beta + step))
        found = _step_at(trial, search) if _is_near(trial.sums, search) else None
        if found is None:
            share = _shortened(before.sums, trial.sums, step, search)
            step, size, longest = share * step, share * size, 2.0 * share * size
            continue
        if found.size <= search.tolerance or (found.size <= ROUNDING_FLOOR and found.size > size / 4):
            return trial.beta + found.step
        share = min(1.0, longest / found.size)
        before, step, size, longest = trial, share * found.step, share * found.size, 2.0 * longest
    return None


def _is_near(sums: Sums, search: _Search) -> bool:
    """Whether the deviance has risen by at most twice as much as it should: the quadratic model holds about."""
    return bool(sums.deviance <= search.level + search.rise)  # False for NaN


def _step_at(point: Point, search: _Search) -> _Step | None:
    """Return the step to where the quadratic model of a point has its limit, None without such a model."""
    sums, g = point.sums, search.along
    information = sums.matrix()
    try:
        factor = factorise(information)
    except SingularInformation:
        return None
    uphill, sideways = factor.solve(sums.score), factor.solve(g)
    # What the deviance may rise by from the model's own optimum; below 0 the model is all above the level,
    # and its optimum is the way back.
    room = max(search.level - (sums.deviance - float(sums.score @ uphill)), 0.0)
    step = uphill + search.side * math.sqrt(room / float(g @ sideways)) * sideways
    size = math.sqrt(max(float(step @ information @ step), 0.0))
    return _Step(step, size) if math.isfinite(size) else None


def _shortened(before: Sums, trial: Sums, step: FloatArray, search: _Search) -> float:
    """Return what share of a step that went too far to take: to where the deviance is at its level, about."""
    slope, room = -2.0 * float(before.score @ step), search.level - before.deviance
    rise = trial.deviance - before.deviance
    curvature = rise - slope
    if not math.isfinite(rise) or curvature <= 0 or room <= 0:
        return 0.5
    # Where a parabola through both points is at the level; a convex deviance is below it at the chord's share.
    share = (-slope + math.sqrt(slope * slope + 4.0 * curvature * room)) / (2.0 * curvature)
    return max(min(share, 0.7), min(room / rise, 0.7))


def _bracketed(search: _Search) -> tuple[float, FloatArray | None]:
    """Return the limit, and the coefficients there, from a bracket around it that is made ever smaller.

    All else is optimised for each value of ``g'beta``. The square root of the rise is nearly a straight line in it:
    where the tangent's root lies in the bracket it comes next, else the middle; an upper end is found by steps that
    grow.
    """
    summit, wanted = search.summit, math.sqrt(search.rise)
    unit = search.side * math.sqrt(float(search.along @ summit.covariance @ search.along))
    centre = float(search.along @ summit.beta)
    low, high, near = 0.0, math.inf, summit.beta
    reach = wanted  # standard errors from the summit
    while search.evaluate.n < MAX_SAFE_STEPS and low < MAX_REACH:
        start = near + (reach - low) * search.side * search.tangent
        found = restricted_optimum(search.evaluate, start, search.along, centre + reach * unit)
        if found is None:  # too far for any step: nearer to what is known
            high, reach = reach, (low + reach) / 2
            continue
        risen = math.sqrt(max(found.deviance - summit.deviance, 0.0))
        slope = found.slope * unit / (2.0 * risen) if risen > 0 else 0.0
        move = (wanted - risen) / slope if slope > 0 else math.inf
        if abs(move) <= search.tolerance:
            return math.nan, found.beta + move * search.side * search.tangent
        if risen < wanted:
            low, near = reach, found.beta
        else:
            high = reach
        reach = _next_reach(reach + move, low, high)
    return (search.side * math.inf if low >= MAX_REACH else math.nan), None


def _next_reach(proposed: float, low: float, high: float) -> float:
    if math.isinf(high):
        return min(max(proposed, 1.1 * low), 8.0 * low)
    return proposed if low < proposed < high else (low + high) / 2


def _sums_at(summit: Summit) -> Sums:
    return Sums(0, 0.0, summit.deviance, np.zeros_like(summit.beta), None)
