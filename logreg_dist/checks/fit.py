"""How well a model fits its rows: Pearson's chi-squared, groups of risk, separation of the labels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from logreg_dist.checks.bins import bin_starts
from logreg_dist.checks.records import GoodnessOfFit, RiskGroup
from logreg_dist.checks.row_sums import EVENTS, FITTED, WEIGHT, RowSums
from logreg_dist.inference.column_tests import chi_squared_p
from logreg_dist.kernel.block import FloatArray

# Of fitted events, and of others, that a group needs: with fewer its part of the statistic is not chi-squared.
LEAST_EXPECTED = 5.0


@dataclass(frozen=True)
class HosmerLemeshow:
    """The test of Hosmer and Lemeshow; None with fewer than three groups."""

    statistic: float | None
    df: int
    groups: tuple[RiskGroup, ...]

    @property
    def p_value(self) -> float | None:
        """Of the statistic as chi-squared."""
        return chi_squared_p(self.statistic, self.df)


def hosmer_lemeshow(groups: FloatArray, least: float, count: int) -> HosmerLemeshow:
    """Compare events with fitted events in groups of rows of similar fitted probability.

    ``sum((observed - expected)**2 / (expected (1 - expected / n)))`` on the number of groups less two. Neighbours are
    merged until each group has at least `LEAST_EXPECTED` fitted events and others, and enough rows.

    Parameters
    ----------
    groups : ndarray (4, g)
        Rows, weight, events, fitted events, in the order of the fitted probability.
    least : float
        What each must have of the sum `count`, unless there is one group only: no group tells of a few rows.
    count : int

    Notes
    -----
    Hosmer and Lemeshow (1980), Commun. Statist. A 9(10). In many rows it rejects models that are good enough:
    Kramer and Zimmerman (2007), Crit. Care Med. 35; Paul, Pennell and Lemeshow (2013), Statist. Med. 32. Outcomes
    of several trials count as so many rows, and weights as they do in the likelihood.

    Examples
    --------
    >>> n, observed, expected = [9, 1, 50, 50], [0, 1, 25, 42], [0, 5, 20, 40]
    >>> found = hosmer_lemeshow(np.array([n, n, observed, expected], dtype=float), 10, WEIGHT)
    >>> [group.n for group in found.groups], round(found.statistic, 4), found.df  # 16 / 2.5 + 25 / 12 + 4 / 8
    ([10.0, 50.0, 50.0], 8.9833, 1)
    """
    groups = groups[:, groups[WEIGHT] > 0]
    if groups.shape[1]:
        enough = np.stack([groups[count], groups[FITTED], groups[WEIGHT] - groups[FITTED]])
        groups = np.add.reduceat(groups, bin_starts(enough, [least, LEAST_EXPECTED, LEAST_EXPECTED]), axis=1)
    n, observed, expected = groups[WEIGHT], groups[EVENTS], groups[FITTED]
    records = tuple(
        RiskGroup(*fields)
        for fields in zip(
            n.tolist(), (expected / n).tolist(), observed.tolist(), expected.tolist(), strict=True
        )
    )
    df = max(len(n) - 2, 0)
    spread = expected * (1.0 - expected / n)
    if not df or not (spread > 0).all():
        return HosmerLemeshow(None, df, records)
    return HosmerLemeshow(float(((observed - expected) ** 2 / spread).sum()), df, records)


def goodness_of_fit(
    sums: RowSums,
    *,
    n_units: float | None,
    n_parameters: int,
    says_dispersion: bool,
    groups: HosmerLemeshow,
    link: float | None,
    line: tuple[float, float] | None,
) -> GoodnessOfFit:
    """Put together what the sums over the rows say of the fit.

    Parameters
    ----------
    sums : RowSums
    n_units : float or None
        Rows, or groups of trials, by frequency; None where that is not known.
    n_parameters : int
    says_dispersion : bool
        Whether rows are groups of trials, weighted by nothing else.
    groups : HosmerLemeshow
    link : float or None
        Score statistic of the square of the linear predictor.
    line : (float, float) or None
        Intercept and slope of the recalibration.
    """
    events, others, events_mu, others_mu, pearson = sums.totals.tolist()
    residual_df = None if n_units is None else n_units - n_parameters
    dispersion = None
    if says_dispersion and residual_df is not None and residual_df > 0 and math.isfinite(pearson):
        dispersion = pearson / residual_df
    return GoodnessOfFit(
        pearson=pearson if math.isfinite(pearson) else None,
        residual_df=residual_df,
        dispersion=dispersion,
        tjur_r2=events_mu / events - others_mu / others if events > 0 and others > 0 else None,
        hosmer_lemeshow=groups.statistic,
        hosmer_lemeshow_df=groups.df,
        hosmer_lemeshow_p_value=groups.p_value,
        groups=groups.groups,
        link=link,
        link_p_value=chi_squared_p(link),
        calibration_intercept=None if line is None else line[0],
        calibration_slope=None if line is None else line[1],
    )
