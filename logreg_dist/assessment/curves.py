"""The second reading of the sorted score groups: what needs to know the scores above."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from logreg_dist.assessment.bins import Bins, bin_number, fill_bins, no_bins
from logreg_dist.assessment.groups import FloatArray, ScoreGroups
from logreg_dist.assessment.totals import Totals
from logreg_dist.errors import InputRejected

N_DECILES = 10
N_ROC_CELLS = 199  # with the origin, 200 points of the curve


@dataclass(frozen=True)
class Cut:
    """The best place to cut the ranking, by one measure.

    Attributes
    ----------
    value : float
        The measure there; -1 when there was no place to cut.
    threshold : float
        The lowest probability above the cut.
    true_positive, false_positive : float
        Weights above the cut.
    """

    value: float = -1.0
    threshold: float = np.nan
    true_positive: float = 0.0
    false_positive: float = 0.0


@dataclass(frozen=True)
class Curves:
    """What the second reading finds; those of neighbouring ranges of score add, higher first.

    Attributes
    ----------
    ks, f1 : Cut
        Where ``|true positive rate - false positive rate|`` and where F1 are highest. Of equal
        values the one with the highest threshold.
    deciles, bins, roc : Bins
        By tenths of the weight, by n-ths of the weight, and by cells of equal length along the
        ROC curve.
    """

    ks: Cut
    f1: Cut
    deciles: Bins
    bins: Bins
    roc: Bins

    def followed_by(self, lower: Curves) -> Curves:
        """Add the curves of the scores below."""
        return Curves(
            ks=_better(self.ks, lower.ks),
            f1=_better(self.f1, lower.f1),
            deciles=self.deciles + lower.deciles,
            bins=self.bins + lower.bins,
            roc=self.roc + lower.roc,
        )


def empty_curves(n_bins: int) -> Curves:
    """Return the curves of no rows, the neutral element of `Curves.followed_by`."""
    return Curves(Cut(), Cut(), no_bins(N_DECILES), no_bins(n_bins), no_bins(N_ROC_CELLS))


def trace(chunks: Iterable[ScoreGroups], above: Totals, whole: Totals, *, n_bins: int) -> Curves:
    """Follow the ranking downwards from the groups `above`.

    Parameters
    ----------
    chunks : iterable of ScoreGroups
        One range of scores, descending; may be empty.
    above : Totals
        Of all higher scores.
    whole : Totals
        Of all scores.
    n_bins : int
        Number of calibration bins.

    Notes
    -----
    A group lies in the bin of its first row, ``floor(n * weight above / weight)``: rows that tie
    are never torn apart, so that bins can be unequal or empty.

    The cut for F1 is at a probability and not at a linear predictor, because a user applies
    ``probability >= threshold``; far out several linear predictors round to one probability.
    """
    curves = empty_curves(n_bins)
    positive, negative, last = above.positive, above.negative, above.lowest_probability
    for groups in chunks:
        if len(groups) == 0:
            continue
        # Both sides of each group: entry i is above group i, entry i + 1 includes it.
        tp = np.cumsum(np.concatenate(([positive], groups.positive)))
        fp = np.cumsum(np.concatenate(([negative], groups.negative)))
        previous = np.concatenate(([last], groups.probability[:-1]))
        curves = curves.followed_by(_curves_of(groups, tp, fp, previous, whole, n_bins))
        positive, negative, last = float(tp[-1]), float(fp[-1]), float(groups.probability[-1])
    return curves


def close(curves: Curves, whole: Totals) -> Curves:
    """Add the one cut that no group is below: all rows predicted positive.

    Raises
    ------
    InputRejected
        If the curves are of another number of rows than `whole`.
    """
    if round(curves.deciles.sums[:, 0].sum()) != round(whole.n_rows):
        raise InputRejected(
            "the scored table changed while it was read: two readings have different numbers of rows.\n"
            "  Assess a table that nobody writes to, made without random functions."
        )
    f1 = _f1(np.array([whole.positive]), np.array([whole.negative]), whole.positive)
    everything = Cut(float(f1[0]), whole.lowest_probability, whole.positive, whole.negative)
    return replace(curves, f1=_better(curves.f1, everything))


def _curves_of(
    groups: ScoreGroups, tp: FloatArray, fp: FloatArray, previous: FloatArray, whole: Totals, n_bins: int
) -> Curves:
    ks, f1 = Cut(), Cut()
    above = (tp[:-1] + fp[:-1]) / whole.weight_sum
    along_roc = above
    if whole.positive > 0.0 and whole.negative > 0.0:
        tpr, fpr = tp / whole.positive, fp / whole.negative
        along_roc = (tpr[:-1] + fpr[:-1]) / 2.0
        ks = _cut(np.abs(tpr[1:] - fpr[1:]), groups.probability, tp[1:], fp[1:])
    # Only where the probability falls is there a threshold between this group and the one above.
    falls = np.flatnonzero((groups.probability < previous) & (tp[:-1] + fp[:-1] > 0.0))
    if len(falls):
        above_tp, above_fp = tp[falls], fp[falls]
        f1 = _cut(_f1(above_tp, above_fp, whole.positive), previous[falls], above_tp, above_fp)
    return Curves(
        ks=ks,
        f1=f1,
        deciles=fill_bins(groups, bin_number(above, N_DECILES), N_DECILES),
        bins=fill_bins(groups, bin_number(above, n_bins), n_bins),
        roc=fill_bins(groups, bin_number(along_roc, N_ROC_CELLS), N_ROC_CELLS),
    )


def _cut(values: FloatArray, thresholds: FloatArray, tp: FloatArray, fp: FloatArray) -> Cut:
    best = int(np.argmax(values))
    return Cut(float(values[best]), float(thresholds[best]), float(tp[best]), float(fp[best]))


def _better(higher: Cut, lower: Cut) -> Cut:
    return lower if lower.value > higher.value else higher


def _f1(tp: FloatArray, fp: FloatArray, positive: float) -> FloatArray:
    return 2.0 * tp / (tp + fp + positive)
