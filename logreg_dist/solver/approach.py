"""The way to the first true matrix: steps with a rough one, each a pass without a matrix, for as long as they pay."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from logreg_dist.solver.bookmarks import LbfgsBookmark, Page
from logreg_dist.solver.information import (
    Information,
    dependences_in,
    diagonal_of,
    factor_of,
    plus_ridge,
)
from logreg_dist.solver.lbfgs import LbfgsOptions, lbfgs
from logreg_dist.solver.linear_system import SingularInformation
from logreg_dist.solver.result import Ending, Iteration, Sums

FloatArray = NDArray[np.float64]

# Ten digits take about ten of them.
MAX_STEPS = 20
# Of the distance at the start: what they must leave at most, or Newton's method starts where it would have.
NEARER = 1e-2
# Of the distance a step leaves as much as the worse of the last two did; more than 1.5 times as much in one of eight
# steps (measured: 347 of them, 3 to 60 terms), more than twice as much in one of twenty. Where the last step, which is
# not looked at, then ends too far away, it costs a matrix: the more careful, the more a matrix costs.
CAUTION, MORE_CAUTION = 1.5, 2.0
# In standard errors: from here the matrix hardly changes, and a true one leaves next to nothing in a step.
REACH = 0.1
# Steps that leave more of the distance are no match for a true matrix.
SLOW = 0.5
# Of an entry of the rough matrix's diagonal: where the true one is smaller, the rows that tell of the term have lost
# their working weight, as beyond a step that was far too long.
COLLAPSED = 0.1


@dataclass(frozen=True)
class RoughInformation:
    """What stands for the information near the start of a search.

    Attributes
    ----------
    information : Information
    score_cost : float
        A pass without the matrix beside one with it, from 0 to 1. With 0 all steps are taken with the rough
        matrix; otherwise only until a true one takes less than what is left of the way.
    """

    information: Information
    score_cost: float = 0.0


def approach(
    evaluate_score: Callable[[FloatArray], Sums],
    start: FloatArray,
    rough: RoughInformation,
    options: LbfgsOptions,
    *,
    report: Callable[[Iteration], None] = lambda iteration: None,
    page: Page[LbfgsBookmark] | None = None,
) -> tuple[FloatArray, tuple[Iteration, ...]]:
    """Return where the first true matrix is to be formed, and the steps that led there.

    Parameters
    ----------
    evaluate_score : callable
        ``beta`` (p,) to `Sums` without information: one pass.
    start : ndarray (p,)
    rough : RoughInformation
    options : LbfgsOptions
        Tolerance and ridge of the whole search.
    report : callable
        Told of each iteration.
    page : Page of LbfgsBookmark or None
        See `newton`.

    Returns
    -------
    ndarray (p,)
        One step beyond the last iteration; `start` itself where the steps came no nearer, as on a separated label.
    tuple of Iteration
        Empty where they came no nearer.

    Examples
    --------
    Maximise ``-(x - 1)**2`` with a curvature of 2.5 for 2:

    >>> def evaluate_score(x):
    ...     return Sums(1, 1.0, float((x[0] - 1) ** 2), -2 * (x - 1), None)
    >>> rough = RoughInformation(np.array([[2.5]]))
    >>> beta, steps = approach(evaluate_score, np.array([2.0]), rough, LbfgsOptions(1e-6))
    >>> beta.round(6).tolist(), len(steps)
    ([1.0], 3)
    """
    information = plus_ridge(rough.information, options.ridge)
    try:
        factor = factor_of(information)
    except SingularInformation:
        return start, ()
    if dependences_in(information):  # to be named, and left out, first; rounding may have let them pass
        return start, ()

    def look_ahead(history: Sequence[Iteration], unit: float) -> Ending | None:
        return _ending(history, min(unit, 1.0), options.tolerance, rough.score_cost)

    options = replace(options, max_iterations=MAX_STEPS, look_ahead=look_ahead)
    found = lbfgs(evaluate_score, start, factor.solve, options, report=report, page=page)
    if found.is_ahead and found.ending is Ending.CONVERGED:
        return found.point.beta, found.history
    if not found.history[-1].change <= NEARER * found.history[0].change:
        return start, ()
    beta = found.point.beta
    return beta, found.history if found.is_ahead else found.history[:-1]


def has_collapsed(information: Information, rough: RoughInformation) -> bool:
    """Whether the true matrix at the end of the way tells next to nothing of a term that the rough one knows.

    Examples
    --------
    >>> has_collapsed(np.diag([4.0, 1e-9]), RoughInformation(np.diag([3.0, 0.2])))
    True
    """
    found, expected = diagonal_of(information), diagonal_of(rough.information)
    return bool((found < COLLAPSED * expected).any())


def _ending(history: Sequence[Iteration], unit: float, tolerance: float, score_cost: float) -> Ending | None:
    """Return how the steps end with the next one: near enough, or too slow; None where they go on."""
    now, target = history[-1].change, tolerance * unit
    if now <= target:
        return Ending.CONVERGED
    if len(history) < 2:
        return None
    rate = max(after.change / before.change for before, after in pairwise(history[-3:]))
    expected = rate * now
    if expected * (CAUTION if score_cost else MORE_CAUTION) <= target:
        return Ending.CONVERGED
    if score_cost == 0.0:
        return None
    if now > SLOW * history[-2].change:
        return Ending.ITERATIONS
    # A true matrix instead: one pass with it to step from and, nearer, one without to see where it led.
    if expected > REACH * unit:
        return None
    rest = math.inf if target == 0.0 else math.log(min(target / expected, 1.0)) / math.log(min(rate, SLOW))
    return Ending.CONVERGED if rest * score_cost > 1.0 + score_cost else None
