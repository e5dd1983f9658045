"""Cox recalibration: a logistic regression of the outcome on the model's own linear predictor."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logreg_dist.assessment.groups import FloatArray, ScoreGroups
from logreg_dist.assessment.totals import Totals
from logreg_dist.kernel.rows import row_terms

# Newton's decrement over the deviance: the step that is then taken leaves an error of its square.
_TOLERANCE = 1e-14
# Sums of many rows carry this much relative rounding: less is not a step that went uphill.
_DEVIANCE_ROUNDING = 1e-12
_MAX_ITERATIONS = 50
_MAX_HALVINGS = 30


@dataclass(frozen=True)
class LineState:
    """Sums over rows at one line ``a + b (eta - centre)``; states of disjoint rows add.

    Attributes
    ----------
    deviance : float
        -2 log-likelihood.
    score : ndarray (2,)
    information : ndarray (2, 2)
    """

    deviance: float
    score: FloatArray
    information: FloatArray

    def __add__(self, other: LineState) -> LineState:
        return LineState(
            self.deviance + other.deviance, self.score + other.score, self.information + other.information
        )


Evaluate = Callable[[FloatArray], LineState]


def evaluate_line(beta: FloatArray, chunks: Iterable[ScoreGroups], centre: float) -> LineState:
    """Sum deviance, score and information of the line at ``beta = (a, b)``.

    Parameters
    ----------
    beta : ndarray (2,)
        Log-odds at ``eta = centre``, and log-odds per unit of ``eta``.
    chunks : iterable of ScoreGroups
        Any number, none included.
    centre : float
        Subtracted from the linear predictor, so that the information is well conditioned.

    Examples
    --------
    >>> from logreg_dist.assessment.groups import group_rows
    >>> one = np.ones(2)
    >>> groups = group_rows(np.array([1.0, 0.0]), np.array([1.0, -1.0]), one / 2, one, one)
    >>> state = evaluate_line(np.zeros(2), [groups], 0.0)
    >>> state.score.tolist(), state.information.tolist()
    ([0.0, 1.0], [[0.5, 0.0], [0.0, 0.5]])
    """
    state = LineState(0.0, np.zeros(2), np.zeros((2, 2)))
    for groups in chunks:
        if len(groups) == 0:
            continue
        X = np.stack([np.ones(len(groups)), groups.linear_predictor - centre])
        weight = groups.weight
        terms = row_terms(beta @ X, groups.positive / weight, weight)
        state += LineState(terms.deviance, X @ terms.residual, (X * terms.working_weight) @ X.T)
    return state


def recalibrate(evaluate: Evaluate, totals: Totals, start: FloatArray | None = None) -> FloatArray | None:
    """Fit ``logit P(y = 1) = a + b eta`` by Newton's method with step halving.

    Cox (1958), Two further applications of a model for binary regression, Biometrika 45. A
    perfectly calibrated model has a = 0 and b = 1; b < 1 means that scores are too extreme.

    Parameters
    ----------
    evaluate : callable
        From ``(a', b)`` to the sums over all rows, centred at `centre_of`; one pass for each call.
    totals : Totals
        Of all rows.
    start : ndarray (2,) or None
        ``(a, b)`` to begin at; None begins at the model as it is, or at no slope if that is better.

    Returns
    -------
    ndarray (2,) or None
        ``(a, b)``: log-odds at ``eta = 0``, and per unit of ``eta``. None when no finite estimate
        exists (see `line_exists`) or the method did not get there.
    """
    if not line_exists(totals):
        return None
    centre = centre_of(totals)
    if start is None:
        unchanged = np.array([centre, 1.0])
        flat = np.array([np.log(totals.positive / totals.negative), 0.0])
        beta = min(unchanged, flat, key=lambda trial: evaluate(trial).deviance)
    else:
        beta = np.array([start[0] + start[1] * centre, start[1]])
    found = _newton(evaluate, beta, free=np.array([True, True]))
    return None if found is None else np.array([found[0] - found[1] * centre, found[1]])


def shift(evaluate: Evaluate, totals: Totals, start: float = 0.0) -> float | None:
    """Fit ``logit P(y = 1) = a + eta``, the calibration in the large.

    Parameters as `recalibrate`. None when a class is missing, or when every score is so extreme
    that the sums no longer depend on the intercept.
    """
    if totals.positive <= 0.0 or totals.negative <= 0.0:
        return None
    centre = centre_of(totals)
    found = _newton(evaluate, np.array([start + centre, 1.0]), free=np.array([True, False]))
    return None if found is None else float(found[0] - centre)


def centre_of(totals: Totals) -> float:
    """Return the weighted mean of the linear predictor, where both fits are centred."""
    return totals.score_sum / totals.weight_sum


def line_exists(totals: Totals) -> bool:
    """Tell whether the two-parameter fit has a finite maximum: the classes must overlap.

    Albert and Anderson (1984), Biometrika 71: with one covariate the estimate is finite if and
    only if neither class lies wholly at or above the other.
    """
    return (
        totals.lowest_positive < totals.highest_negative and totals.lowest_negative < totals.highest_positive
    )


def _newton(evaluate: Evaluate, beta: FloatArray, *, free: NDArray[np.bool_]) -> FloatArray | None:
    state = evaluate(beta)
    for _ in range(_MAX_ITERATIONS):
        step = _step(state, free)
        if step is None:
            return None
        if step @ state.score <= _TOLERANCE * state.deviance:
            return beta + step
        for _ in range(_MAX_HALVINGS):
            trial = evaluate(beta + step)
            if trial.deviance <= state.deviance * (1.0 + _DEVIANCE_ROUNDING):
                break
            step = step / 2.0
        else:
            return None
        beta, state = beta + step, trial
    return None


def _step(state: LineState, free: NDArray[np.bool_]) -> FloatArray | None:
    """Solve for the free coordinates; None where the information is lost to rounding."""
    step = np.zeros(2)
    try:
        step[free] = np.linalg.solve(state.information[np.ix_(free, free)], state.score[free])
    except np.linalg.LinAlgError:
        return None
    return step if np.isfinite(step).all() else None
