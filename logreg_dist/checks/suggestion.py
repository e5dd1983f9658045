"""Which transform of a column would fit its bins: a logarithm, a spline or steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from logreg_dist.checks.bins import empirical_logit
from logreg_dist.checks.records import LogitBin
from logreg_dist.checks.row_sums import (
    EVENTS,
    FITTED,
    WEIGHT,
    WORKING,
    WORKING_LOGS,
    WORKING_VALUES,
)
from logreg_dist.kernel.block import FloatArray
from logreg_dist.kernel.residuals import probabilities

# A bend that moves no bin by more than this changes a probability by less than 5 points.
WORTH_IT = 0.2  # log-odds
# What a transform may leave in each bin and still be as good as one with more coefficients.
GOOD_ENOUGH = 0.1  # log-odds
# With fewer events or others than this expected the log-odds of a bin are noise.
_FEWEST = 5.0
# With fewer than the half that is added to each the log-odds of a bin are what was added: it says nothing.
_ADDED = 0.5
# Roots of working weights that only iterations which run away have.
_VANISHED = 1e-100
SPLINE_DF, STEPS = 4, 5
_ITERATIONS = 8  # from the bins' own log-odds, to far below GOOD_ENOUGH


@dataclass(frozen=True)
class _Fit:
    text: str
    left: FloatArray
    chi_squared: float
    n_parameters: int

    @property
    def cost(self) -> float:
        return self.chi_squared + 2.0 * self.n_parameters


def largest_miss(bins: Sequence[LogitBin]) -> float:
    """Return by how many log-odds the fit misses a bin at most; of bins with enough events and others.

    Examples
    --------
    >>> bins = [LogitBin(None, 1.0, 0.5, 100.0, 50.0, 0.0, -0.3), LogitBin(1.0, None, 2.0, 2.0, 2.0, 1.6, 0.0)]
    >>> largest_miss(bins)
    0.3
    """
    misses = [abs(one.logit - one.fitted) for one in bins if _enough(one)]
    return max(misses, default=0.0)


def suggested(
    table: FloatArray, slope: float, column: str, *, logarithm: str, may_spline: bool
) -> str | None:
    """Return the transform in place of a column that its bins speak for, None where they are too few.

    To the events of the bins, everything else in the model held, are fitted a line in log x (in log(1 + x) where x is
    0 in some row), a natural spline and steps. The first that leaves nothing worth mentioning is taken, or else the
    one of the lowest chi-squared plus twice its coefficients (after Akaike 1974).

    Parameters
    ----------
    table : ndarray (8, b)
        Sums of the bins, see `RowSums`.
    slope : float
        The estimate of the column, log-odds per unit.
    column : str
        As a term writes it.
    logarithm : str
        The one that the column has in every row, or ''.
    may_spline : bool
        Whether the table has the rows that a spline needs.
    """
    expected = np.minimum(table[FITTED], table[WEIGHT] - table[FITTED])
    table = table[:, (expected > _ADDED) & (table[WORKING] > 0)]
    if table.shape[1] < 2:
        return None
    means = table[WORKING_VALUES] / table[WORKING]
    # What the rest of the model says: without the column's own part of the linear predictor.
    others = empirical_logit(table[FITTED], table[WEIGHT]) - slope * means
    candidates = _candidates(table, column, logarithm=logarithm, may_spline=may_spline)
    tried = [
        _fit(text, columns, others, table) for text, columns in candidates if columns.shape[1] < len(means)
    ]
    fits = [fit for fit in tried if fit is not None]
    enough = np.minimum(table[FITTED], table[WEIGHT] - table[FITTED]) >= _FEWEST
    for fit in fits:
        if np.abs(fit.left[enough]).max(initial=0.0) <= GOOD_ENOUGH:
            return fit.text
    return min(fits, key=lambda fit: fit.cost).text if fits else None


def _candidates(
    table: FloatArray, column: str, *, logarithm: str, may_spline: bool
) -> Iterator[tuple[str, FloatArray]]:
    weight = table[WORKING]
    means = table[WORKING_VALUES] / weight
    ones = np.ones(len(weight))
    if logarithm:
        yield f"{logarithm}({column})", np.column_stack([ones, table[WORKING_LOGS] / weight])
    share = (np.cumsum(table[WEIGHT]) - 0.5 * table[WEIGHT]) / table[WEIGHT].sum()
    knots = np.concatenate([means[:1], np.interp((0.25, 0.5, 0.75), share, means), means[-1:]])
    if may_spline and (np.diff(knots) > 0).all():
        # The natural cubic splines that are 1 at one knot and 0 at the others: all of the space.
        basis = CubicSpline(knots, np.eye(SPLINE_DF + 1), bc_type="natural")
        yield f"ns({column}, {SPLINE_DF})", basis(means)
    step = np.unique(np.minimum((share * STEPS).astype(np.intp), STEPS - 1), return_inverse=True)[1]
    n_steps = int(step.max()) + 1
    if n_steps > 1:
        yield f"bins({column}, {n_steps})", np.eye(n_steps)[step]


def _fit(text: str, columns: FloatArray, others: FloatArray, table: FloatArray) -> _Fit | None:
    """Fit the bins by maximum likelihood, half an event and half another added to each: that exists.

    None where the iterations run away from it.
    """
    n, events = table[WEIGHT] + 1.0, table[EVENTS] + 0.5
    eta = np.log(events / (n - events))
    for k in range(_ITERATIONS + 1):
        mu, one_minus_mu = probabilities(eta)
        root = np.sqrt(n * mu * one_minus_mu)
        if not (root > _VANISHED).all():
            return None
        residual = (events - n * mu) / root
        if k < _ITERATIONS:
            found, *_ = np.linalg.lstsq(columns * root[:, None], (eta - others) * root + residual, rcond=None)
            eta = others + columns @ found
    return _Fit(text, np.log(events / (n - events)) - eta, float(residual @ residual), columns.shape[1])


def _enough(one: LogitBin) -> bool:
    odds = np.exp(one.fitted)
    expected = one.n * odds / (1.0 + odds)
    return bool(min(expected, one.n - expected) >= _FEWEST)
