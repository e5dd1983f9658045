"""Probabilities and Pearson residuals, of rows and of the single trials they stand for. Runs on executors."""

from __future__ import annotations

import numpy as np

from logreg_dist.kernel.block import FloatArray
from logreg_dist.kernel.trials import SingleTrials


def probabilities(eta: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return ``mu`` and ``1 - mu`` (m,) of linear predictors, each with all its digits.

    Examples
    --------
    >>> mu, one_minus_mu = probabilities(np.array([0.0, 50.0]))
    >>> mu.tolist(), one_minus_mu[1] > 0
    ([0.5, 1.0], np.True_)
    """
    e = np.exp(-np.abs(eta))
    near, far = 1.0 / (1.0 + e), e / (1.0 + e)
    is_high = eta >= 0
    return np.where(is_high, near, far), np.where(is_high, far, near)


def pearson_residuals(eta: FloatArray, y: FloatArray, weight: FloatArray | None) -> FloatArray:
    """Return ``(y - mu) sqrt(weight / (mu (1 - mu)))``, shape (m,); infinite only where that is.

    Of a label of 0 or 1 it is ``-exp(eta / 2)`` or ``exp(-eta / 2)``, which keeps all digits where mu is near 1
    and is no quotient of two zeros where it is 1.

    Parameters
    ----------
    eta : ndarray (m,)
        Linear predictor, log-odds.
    y : ndarray (m,)
        Label, or the share of events.
    weight : ndarray (m,) or None
        Prior weight, all 1 when None.

    Notes
    -----
    McCullagh and Nelder (1989), section 2.4.1.

    Examples
    --------
    >>> pearson_residuals(np.array([0.0, 800.0, 0.0]), np.array([0.0, 1.0, 0.75]), np.array([1.0, 1, 4])).tolist()
    [-1.0, 1.9151695967140057e-174, 1.0]
    """
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        half = np.exp(0.5 * np.abs(eta))
        towards = np.where(eta >= 0.0, 1.0, -1.0) * (2.0 * y - 1.0)  # 1: on the side of the label
        single = (2.0 * y - 1.0) * np.where(towards > 0, 1.0 / half, half)
        mu, _ = probabilities(eta)
        shares = (y - mu) * (half + 1.0 / half)  # 1 / sqrt(mu (1 - mu)) is 2 cosh(eta / 2)
        found = np.where((y == 0.0) | (y == 1.0), single, shares)
    return found if weight is None else found * np.sqrt(weight)


def trial_residuals(eta: FloatArray, trials: SingleTrials) -> tuple[FloatArray, FloatArray]:
    """Return the Pearson residual of an event and of another trial of each row, both (m,).

    ``sqrt(weight) (y - mu) / sqrt(mu (1 - mu))``, which is ``exp(-eta / 2)`` for an event and ``-exp(eta / 2)`` for
    another trial: no digits are lost and nothing is divided by 0. Infinite beyond ``|eta| = 1419``.

    Examples
    --------
    >>> from logreg_dist.kernel.trials import single_trials
    >>> of_event, of_other = trial_residuals(np.zeros(1), single_trials(np.ones(1), None))
    >>> of_event.tolist(), of_other.tolist()
    ([1.0], [-0.0])
    """
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        half = np.exp(0.5 * eta)
        return np.sqrt(trials.event_weight) / half, -np.sqrt(trials.other_weight) * half
