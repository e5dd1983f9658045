"""Neighbouring bins of rows: merged until each says something, and their log-odds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from logreg_dist.checks.row_sums import N_ROWS, WEIGHT
from logreg_dist.kernel.block import FloatArray


def merged_bins(
    table: FloatArray, edges: Sequence[float], least: float, count: int
) -> tuple[FloatArray, list[float]]:
    """Merge neighbouring bins until each has enough rows; return their sums and the edges left.

    Parameters
    ----------
    table : ndarray (8, b)
        Sums of the bins, see `RowSums`.
    edges : sequence of b - 1 floats
    least : float
        What each must have of the sum `count`, unless there is one bin only.
    count : int

    Examples
    --------
    >>> table, edges = merged_bins(np.array([[5.0, 1, 9, 2]]), [1.0, 2.0, 3.0], 4, 0)
    >>> table.tolist(), edges
    ([[5.0, 12.0]], [1.0])
    """
    starts = bin_starts(table[[count]], [least])
    return np.add.reduceat(table, starts, axis=1), [edges[k - 1] for k in starts[1:]]


def with_mean_weight_one(table: FloatArray, n_obs: float) -> FloatArray:
    """Return sums of bins or groups as of weights that are 1 on average: what follows takes them for observations.

    Parameters
    ----------
    table : ndarray (k, b)
        Sums of the bins, see `RowSums`.
    n_obs : float
        Observations of all of them.

    Examples
    --------
    >>> table = np.array([[10.0, 30.0], [0.1, 0.7], [0.05, 0.2]])  # rows, weight, events
    >>> with_mean_weight_one(table, 40.0).round(9).tolist()
    [[10.0, 30.0], [5.0, 35.0], [2.5, 10.0]]
    """
    found: FloatArray = table * (n_obs / table[WEIGHT].sum())
    found[N_ROWS] = table[N_ROWS]
    return found


def bin_starts(amounts: FloatArray, least: Sequence[float]) -> list[int]:
    """Return where bins start that have enough of everything, merged of neighbours from the first on.

    Parameters
    ----------
    amounts : ndarray (k, b)
        Of b bins; at least one.
    least : sequence of k floats
        What each bin must have, unless there is one only.

    Examples
    --------
    >>> bin_starts(np.array([[5.0, 1, 9, 2], [3.0, 3, 3, 3]]), [4, 3])
    [0, 1]
    """
    starts, so_far = [0], np.zeros(len(least))
    for k, amount in enumerate(amounts.T):
        if (so_far >= least).all():
            starts.append(k)
            so_far = np.zeros(len(least))
        so_far = so_far + amount
    if not (so_far >= least).all() and len(starts) > 1:
        starts.pop()
    return starts


def empirical_logit(events: FloatArray, weight: FloatArray) -> FloatArray:
    """Return ``log((events + 1/2) / (weight - events + 1/2))``, which is finite where there are no events or only such.

    Examples
    --------
    >>> empirical_logit(np.array([0.0, 5.0, 10.0]), np.full(3, 10.0)).round(4).tolist()
    [-3.0445, 0.0, 3.0445]
    """
    # What rounding leaves of a difference that is none is no negative number of rows.
    found: FloatArray = np.log((events + 0.5) / (np.maximum(weight - events, 0.0) + 0.5))
    return found
