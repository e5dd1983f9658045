"""Whether the log-odds are linear in a column: score tests, bins with their log-odds, and what would fit better."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from logreg_dist.checks.bins import empirical_logit
from logreg_dist.checks.records import Linearity, LogitBin
from logreg_dist.checks.row_sums import EVENTS, FITTED, N_ROWS, VALUES, WEIGHT, RowSums
from logreg_dist.inference.column_tests import benjamini_hochberg, chi_squared_p
from logreg_dist.kernel.block import FloatArray

# Of an added column: less of its information left beside the terms of the model is rounding.
_NOTHING_LEFT = 1e-9


def score_tests(sums: RowSums, covariance: FloatArray) -> list[float | None]:
    """Return the score statistic of each added column, chi-squared on 1 degree of freedom where it adds nothing.

    ``U**2 / (I_zz - I_zX V I_Xz)`` at the estimates without it. None where the column depends on the terms.

    Parameters
    ----------
    sums : RowSums
    covariance : ndarray (p, p)
        Of the estimates, in the kernel's order: those that maximise the likelihood.

    Notes
    -----
    Rao (1948), Proc. Cambridge Phil. Soc. 44; as R's ``anova(..., test = "Rao")``.
    """
    explained = np.einsum("ij,ij->i", sums.added_cross @ covariance, sums.added_cross)
    left = sums.added_information - explained
    has_rest = left > _NOTHING_LEFT * sums.added_information
    return [
        float(score**2 / rest) if usable else None
        for score, rest, usable in zip(sums.added_score, left, has_rest, strict=True)
    ]


def logit_bins(table: FloatArray, edges: Sequence[float]) -> tuple[LogitBin, ...]:
    """Return the bins of a column with their empirical and fitted log-odds.

    Examples
    --------
    >>> table = np.zeros((8, 1))
    >>> table[[WEIGHT, EVENTS, FITTED, VALUES], 0] = 10.0, 5.0, 4.0, 20.0
    >>> found = logit_bins(table, [])[0]
    >>> found.low, found.mean, found.logit, round(found.fitted, 4)
    (None, 2.0, 0.0, -0.3677)
    """
    logit = empirical_logit(table[EVENTS], table[WEIGHT])
    fitted = empirical_logit(table[FITTED], table[WEIGHT])
    lows, highs = [None, *edges], [*edges, None]
    return tuple(
        LogitBin(
            low=lows[k],
            high=highs[k],
            mean=float(table[VALUES, k] / table[WEIGHT, k]),
            n=float(table[WEIGHT, k]),
            events=float(table[EVENTS, k]),
            logit=float(logit[k]),
            fitted=float(fitted[k]),
        )
        for k in range(table.shape[1])
        if table[N_ROWS, k] > 0 or table[WEIGHT, k] > 0
    )


def linearities(
    columns: Sequence[str],
    tests: Sequence[str],
    statistics: Sequence[float | None],
    bins: Sequence[tuple[LogitBin, ...]],
    suggestions: Sequence[str | None],
) -> tuple[Linearity, ...]:
    """Return the records of all columns, p-values adjusted for their number."""
    p_values = [chi_squared_p(statistic) for statistic in statistics]
    adjusted = iter(benjamini_hochberg(np.array([p for p in p_values if p is not None])).tolist())
    of_all = [None if p is None else next(adjusted) for p in p_values]
    each = zip(columns, tests, statistics, p_values, of_all, suggestions, bins, strict=True)
    return tuple(Linearity(*fields) for fields in each)
