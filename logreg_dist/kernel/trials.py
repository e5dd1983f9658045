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
