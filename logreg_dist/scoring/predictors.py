"""Linear predictors under way from the tasks to the output: their names, and the probabilities they mean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# Under which half the width of a linear predictor's interval travels behind it.
HALF_WIDTH = "half_width"


def predictor_names(n_free: int) -> list[str]:
    """Return the names under which linear predictors travel: one, or one for each class but the reference.

    Examples
    --------
    >>> predictor_names(0), predictor_names(2)
    (['linear_predictor'], ['linear_predictor_0', 'linear_predictor_1'])
    """
    return [f"linear_predictor_{k}" for k in range(n_free)] or ["linear_predictor"]


def travelling_names(n_free: int, *, with_intervals: bool) -> list[str]:
    """Return the names of all numbers that travel: linear predictors, and half the width of their interval.

    Examples
    --------
    >>> travelling_names(0, with_intervals=True)
    ['linear_predictor', 'half_width']
    """
    return [*predictor_names(n_free), *([HALF_WIDTH] if with_intervals else [])]


def by_class(predictors: Sequence[FloatArray], places: Sequence[int | None]) -> FloatArray:
    """Return the linear predictor of each class, 0 for the reference, shape (n_classes, n).

    Parameters
    ----------
    predictors : sequence of ndarray (n,)
        Of each class but the reference, log-odds against it.
    places : sequence of int or None
        For each class, in the order of the result, its predictor; None for the reference.

    Examples
    --------
    >>> by_class([np.array([2.0, 1.0])], [None, 0]).tolist()
    [[0.0, 0.0], [2.0, 1.0]]
    """
    zero = np.zeros_like(predictors[0])
    return np.array([zero if place is None else predictors[place] for place in places])


def class_probabilities(eta: FloatArray) -> FloatArray:
    """Return the probability of each class from all linear predictors (n_classes, n); NaN in rows without a score.

    Examples
    --------
    >>> class_probabilities(np.array([[0.0, 0.0], [0.0, 1e4]])).tolist()
    [[0.5, 0.0], [0.5, 1.0]]
    """
    odds: FloatArray = np.exp(eta - eta.max(axis=0))
    odds /= odds.sum(axis=0)
    return odds
