"""Rows as the single trials that they stand for: what a frequency, a grouped outcome and weights mean one by one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from logreg_dist.kernel.block import FloatArray


@dataclass(frozen=True)
class SingleTrials:
    """The trials that each of m rows stands for: some with label 1, some with label 0.

    Attributes
    ----------
    events, others : ndarray (m,)
        How many there are of each.
    event_weight, other_weight : ndarray (m,)
        Importance of one of them; any number where there is none.
    """

    events: FloatArray
    others: FloatArray
    event_weight: FloatArray
    other_weight: FloatArray


def single_trials(
    y: FloatArray,
    weight: FloatArray | None,
    frequency: FloatArray | None = None,
    label_weights: tuple[float, float] = (1.0, 1.0),
) -> SingleTrials:
    """Take rows apart into the trials they stand for.

    Parameters
    ----------
    y : ndarray (m,)
        Label, or share of the events in the weight.
    weight : ndarray (m,) or None
        Importance x frequency x trials, times the weight of the label; None means 1.
    frequency : ndarray (m,) or None
        Frequency x trials; None means 1.
    label_weights : (float, float)
        What `weight` was multiplied by where the label is 0 and where it is 1.

    Examples
    --------
    A row of 4 trials of importance 1/2 with 3 events, and the same with events weighted threefold:

    >>> one = single_trials(np.array([0.75]), np.array([2.0]), np.array([4.0]))
    >>> [round(float(a[0]), 9) for a in (one.events, one.others, one.event_weight, one.other_weight)]
    [3.0, 1.0, 0.5, 0.5]
    >>> one = single_trials(np.array([0.9]), np.array([5.0]), np.array([4.0]), (1.0, 3.0))
    >>> [round(float(a[0]), 9) for a in (one.events, one.others, one.event_weight, one.other_weight)]
    [3.0, 1.0, 1.5, 0.5]
    """
    of_zero, of_one = label_weights
    events, others = y, 1.0 - y
    if of_zero != of_one:
        events, others = events / of_one, others / of_zero
        events, others = events / (events + others), others / (events + others)
    if frequency is not None:
        events, others = events * frequency, others * frequency
    total = np.ones(len(y)) if weight is None else weight
    # Divided even where there is only one trial: a weight may be of the label.
    return SingleTrials(
        events,
        others,
        np.divide(total * y, events, out=np.zeros(len(y)), where=events > 0),
        np.divide(total * (1.0 - y), others, out=np.zeros(len(y)), where=others > 0),
    )


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


def trial_residuals(eta: FloatArray, trials: SingleTrials) -> tuple[FloatArray, FloatArray]:
    """Return the Pearson residual of an event and of another trial of each row, both (m,).

    ``sqrt(weight) (y - mu) / sqrt(mu (1 - mu))``, which is ``exp(-eta / 2)`` for an event and ``-exp(eta / 2)`` for
    another trial: no digits are lost and nothing is divided by 0. Infinite beyond ``|eta| = 1419``.

    Examples
    --------
    >>> of_event, of_other = trial_residuals(np.zeros(1), single_trials(np.ones(1), None))
    >>> of_event.tolist(), of_other.tolist()
    ([1.0], [-0.0])
    """
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        half = np.exp(0.5 * eta)
        return np.sqrt(trials.event_weight) / half, -np.sqrt(trials.other_weight) * half
