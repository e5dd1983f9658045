"""Bins of the ranking: sums over the score groups of neighbouring ranges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logreg_dist.assessment.groups import FloatArray, ScoreGroups

# Sums of fractional weights miss a boundary by some units of rounding; a rank this close to the
# next bin (in bins) is taken to lie on it, so that ten rows of weight 0.1 fill ten deciles.
_BOUNDARY_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Bins:
    """Sums over the score groups of k ranges of the ranking, highest scores first.

    Attributes
    ----------
    sums : ndarray (k, 7)
        n_rows, n_obs, events, positive, negative, weighted linear predictor, weighted probability.
    lowest, highest : ndarray (k,)
        Probabilities; inf and -inf in an empty bin.
    """

    sums: FloatArray
    lowest: FloatArray
    highest: FloatArray

    def __add__(self, other: Bins) -> Bins:
        return Bins(
            sums=self.sums + other.sums,
            lowest=np.minimum(self.lowest, other.lowest),
            highest=np.maximum(self.highest, other.highest),
        )

    def as_groups(self) -> ScoreGroups:
        """Return each bin that has rows as one group at its mean score: a table in miniature."""
        filled = self.sums[:, 0] > 0.0
        n_rows, n_obs, events, positive, negative, score, probability = self.sums[filled].T
        weight = positive + negative
        return ScoreGroups(score / weight, probability / weight, n_rows, n_obs, events, positive, negative)


def bin_number(share_above: FloatArray, n: int) -> NDArray[np.int64]:
    """Return the bin of each group, 0 for the highest scores, from the share of the weight above it.

    Examples
    --------
    >>> bin_number(np.array([0.0, 0.0999, 0.1, 1.0]), 10).tolist()
    [0, 0, 1, 9]
    """
    number = np.floor(n * share_above + _BOUNDARY_TOLERANCE).astype(np.int64)
    return np.minimum(number, n - 1)


def fill_bins(groups: ScoreGroups, number: NDArray[np.int64], n: int) -> Bins:
    """Add up the groups of each bin; `number` from `bin_number`, below `n`."""
    bins, weight = no_bins(n), groups.weight
    columns = (
        groups.n_rows,
        groups.n_obs,
        groups.events,
        groups.positive,
        groups.negative,
        weight * groups.linear_predictor,
        weight * groups.probability,
    )
    for k, column in enumerate(columns):
        bins.sums[:, k] = np.bincount(number, weights=column, minlength=n)
    np.minimum.at(bins.lowest, number, groups.probability)
    np.maximum.at(bins.highest, number, groups.probability)
    return bins


def no_bins(n: int) -> Bins:
    """Return `n` empty bins, the neutral element of ``+``."""
    return Bins(np.zeros((n, 7)), np.full(n, np.inf), np.full(n, -np.inf))
