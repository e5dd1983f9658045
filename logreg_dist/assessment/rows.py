"""Which rows of a scored table can be assessed, and what is wrong with the others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from logreg_dist.assessment.groups import FloatArray

COLUMNS = ("y", "linear_predictor", "probability", "weight", "frequency")
ZERO_WEIGHT = "weight is 0"

# Float32 probabilities are 6e-8 off; swapped or otherwise wrong columns are much further off.
_PROBABILITY_TOLERANCE = 1e-6

# Squares of scores stay finite below it, and no model means more than it.
_LARGEST_SCORE = 1e100


def check_rows(
    y: FloatArray,
    linear_predictor: FloatArray,
    probability: FloatArray,
    weight: FloatArray,
    frequency: FloatArray,
) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """Find the rows that count, and count the problems of the others.

    A row of weight 0 is absent: nothing else about it is looked at.

    Parameters
    ----------
    y, linear_predictor, probability, weight, frequency : ndarray (n,)
        The columns of a scored table; missing values are NaN.

    Returns
    -------
    usable : ndarray (n,) of bool
        Rows without a problem and with a weight above 0.
    problems : dict of str to int
        Rows with each problem, `ZERO_WEIGHT` included; a row may have several.

    Examples
    --------
    >>> one = np.ones(3)
    >>> y, weight = np.array([1.0, np.nan, np.nan]), np.array([1.0, 1.0, 0.0])
    >>> usable, problems = check_rows(y, 0 * one, one / 2, weight, one)
    >>> usable.tolist(), problems
    ([True, False, False], {'y is missing': 1, 'weight is 0': 1})
    """
    present = weight != 0.0
    found = {
        f"{name} is missing": np.isnan(column)
        for name, column in zip(COLUMNS, (y, linear_predictor, probability, weight, frequency), strict=True)
    }
    # Comparisons with NaN are false, so that a missing value is counted as missing only.
    found["y is outside 0 to 1"] = (y < 0.0) | (y > 1.0)
    found[f"linear_predictor is beyond {_LARGEST_SCORE:g}"] = np.abs(linear_predictor) > _LARGEST_SCORE
    found["weight is negative or infinite"] = (weight < 0.0) | np.isinf(weight)
    found["frequency is negative or infinite"] = (frequency < 0.0) | np.isinf(frequency)
    gap = np.abs(probability - _inverse_logit(linear_predictor))
    found["probability is not 1 / (1 + exp(-linear_predictor))"] = gap > _PROBABILITY_TOLERANCE
    problems = {name: int(np.count_nonzero(rows & present)) for name, rows in found.items()}
    problems[ZERO_WEIGHT] = int(np.count_nonzero(~present))
    usable = present & ~np.logical_or.reduce(list(found.values()))
    return usable, {name: count for name, count in problems.items() if count}


def _inverse_logit(eta: FloatArray) -> FloatArray:
    e = np.exp(-np.abs(eta))
    return np.where(eta >= 0.0, 1.0, e) / (1.0 + e)
