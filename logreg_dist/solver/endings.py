"""Reading the iterations: whether they shrink as near an optimum, creep, or rest on rounding."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from logreg_dist.solver.result import Iteration, Point, Sums

# Newton's decrement falls quadratically near an optimum, but only by exp(-1/2) a step along a
# direction in which the likelihood rises for ever.
SLOW = 0.3
# Measured on 1,000 columns: with steps that shrink less, a matrix is too old after one more of them.
FAST = 0.1
# Of the deviance, in squared decrement: what a step gains below it is lost in the sum.
NEGLIGIBLE_GAIN = 1e-15


def is_creeping(history: Sequence[Iteration]) -> bool:
    """Whether Newton's steps have been slow for so long that the label may be separated."""
    return len(history) >= 8 and is_slow(history[-4:])


def is_slow(last: Sequence[Iteration]) -> bool:
    """Whether the decrement fell, in each of these iterations, less than it does near an optimum."""
    return len(last) > 1 and all(now.change > SLOW * before.change for before, now in pairwise(last))


def is_nearly_quadratic(history: Sequence[Iteration]) -> bool:
    """Whether the last step came so much nearer that the matrix hardly changes from here on."""
    return len(history) > 1 and history[-1].change <= FAST * history[-2].change


def at_rounding_floor(history: Sequence[Iteration], unit: float) -> bool:
    """Whether the decrement has stopped falling where only rounding can stop it."""
    return is_negligible(history[-1], unit) and is_slow(history[-2:])


def is_at_rest(history: Sequence[Iteration], unit: float, *, over: int = 10) -> bool:
    """Whether a slower method's decrement, which only rounding could stop, has not halved for so many steps."""
    if len(history) <= over or not is_negligible(history[-1], unit):
        return False
    return history[-1].change > 0.5 * history[-1 - over].change


def is_negligible(now: Iteration, unit: float) -> bool:
    """Whether what is left to gain is lost in the rounding of the deviance."""
    negligible = now.change**2 <= NEGLIGIBLE_GAIN * max(abs(now.deviance), 1e-300)
    return negligible and now.change < 1e-5 * max(unit, 1.0)


def decrement_unit(sums: Sums) -> float:
    """Return the size of a decrement compared with what it is when all weights are 1."""
    return math.sqrt(sums.weight_sum / max(sums.n_rows, 1))


def loses_less_than_a_coin(point: Point) -> bool:
    """Whether all rows together lose less than one tossed coin: each lies on its side of beta itself."""
    sums = point.sums
    return sums.deviance < 2 * math.log(2) * sums.weight_sum / max(sums.n_rows, 1)
