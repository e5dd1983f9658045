"""The three tables of an assessment: gains, calibration, and the ROC curve to draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from logreg_dist.assessment.bins import Bins
from logreg_dist.assessment.groups import FloatArray
from logreg_dist.assessment.totals import Totals


@dataclass(frozen=True)
class GainsRow:
    """One tenth of the weight, ranked by score; decile 1 holds the highest scores.

    Rows that tie stay together, in the decile of the first of them: deciles can be unequal, or
    empty, and then rate, lift and the scores are None.

    Attributes
    ----------
    rows : int
        Table rows.
    n_obs, events : int or float
        Sum of ``frequency`` and of ``frequency * y``.
    weight_sum : float
        Sum of ``weight``.
    rate : float or None
        Weighted mean of ``y``.
    cumulative_gain : float or None
        Share of the weighted events in this decile and those above; None without events.
    lift : float or None
        `rate` over the rate of all rows; None without events.
    min_score, max_score : float or None
        Probabilities.
    """

    decile: int
    rows: int
    n_obs: float
    events: float
    weight_sum: float
    rate: float | None
    cumulative_gain: float | None
    lift: float | None
    min_score: float | None
    max_score: float | None


@dataclass(frozen=True)
class CalibrationBin:
    """One n-th of the weight, ranked by score; bin 1 holds the *lowest* scores.

    Ties as in `GainsRow`: ten bins are the deciles in reverse. Attributes of the same name mean the
    same; `mean_predicted` and `observed_rate` are weighted means of ``probability`` and of ``y``.
    """

    bin: int
    rows: int
    n_obs: float
    events: float
    weight_sum: float
    mean_predicted: float | None
    observed_rate: float | None
    min_score: float | None
    max_score: float | None


@dataclass(frozen=True)
class RocPoint:
    """A point of the exact ROC curve: the rates of ``probability >= threshold``; None predicts nobody."""

    fpr: float
    tpr: float
    threshold: float | None


def ratio(numerator: float, denominator: float) -> float | None:
    """Divide, or return None where the ratio is not defined."""
    return numerator / denominator if denominator > 0.0 else None


def as_count(value: float) -> float:
    """Return an int where a sum is one up to rounding (49 * (1/49) events), else the double.

    Examples
    --------
    >>> as_count(0.9999999999999999), as_count(2.5)
    (1, 2.5)
    """
    nearest = round(value)
    return nearest if abs(value - nearest) <= 1e-9 * max(1.0, abs(value)) else value


def gains_rows(deciles: Bins, totals: Totals) -> tuple[GainsRow, ...]:
    """Turn the sums of the deciles, highest first, into the gains table."""
    overall = totals.positive / totals.weight_sum
    gained = np.minimum(np.cumsum(deciles.sums[:, 3]), totals.positive)
    rows = []
    for k in range(len(deciles.lowest)):
        counts, positive, weight_sum = _counts(deciles.sums[k])
        rate = ratio(positive, weight_sum)
        rows.append(
            GainsRow(
                decile=k + 1,
                **counts,
                rate=rate,
                cumulative_gain=ratio(float(gained[k]), totals.positive),
                lift=None if rate is None else ratio(rate, overall),
                min_score=_finite(deciles.lowest[k]),
                max_score=_finite(deciles.highest[k]),
            )
        )
    return tuple(rows)


def calibration_bins(bins: Bins) -> tuple[CalibrationBin, ...]:
    """Turn the sums of the bins, highest first, into the calibration table, lowest first."""
    table = []
    for number, k in enumerate(reversed(range(len(bins.lowest))), start=1):
        counts, positive, weight_sum = _counts(bins.sums[k])
        table.append(
            CalibrationBin(
                bin=number,
                **counts,
                mean_predicted=ratio(float(bins.sums[k, 6]), weight_sum),
                observed_rate=ratio(positive, weight_sum),
                min_score=_finite(bins.lowest[k]),
                max_score=_finite(bins.highest[k]),
            )
        )
    return tuple(table)


def roc_points(cells: Bins, totals: Totals) -> tuple[RocPoint, ...]:
    """Turn cells along the curve into its points; none when one class is missing."""
    if totals.positive <= 0.0 or totals.negative <= 0.0:
        return ()
    filled = cells.sums[:, 0] > 0.0
    tpr = np.minimum(np.cumsum(cells.sums[filled, 3]) / totals.positive, 1.0)
    fpr = np.minimum(np.cumsum(cells.sums[filled, 4]) / totals.negative, 1.0)
    points = zip(fpr.tolist(), tpr.tolist(), cells.lowest[filled].tolist(), strict=True)
    return (RocPoint(0.0, 0.0, None), *(RocPoint(*point) for point in points))


def _counts(sums: FloatArray) -> tuple[dict[str, Any], float, float]:
    n_rows, n_obs, events, positive, negative = (float(value) for value in sums[:5])
    weight_sum = positive + negative
    counts = {
        "rows": round(n_rows),
        "n_obs": as_count(n_obs),
        "events": as_count(events),
        "weight_sum": weight_sum,
    }
    return counts, positive, weight_sum


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
