"""Intervals and tests of Firth's likelihood: profiles of the penalised likelihood, all in the same passes."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from logreg_dist.design.problems import first_few
from logreg_dist.fitting.diagnostics.fitted import FittedRows
from logreg_dist.fitting.diagnostics.refits import MAX_PROFILE_TERMS, term_directions, with_interval
from logreg_dist.fitting.firth import AdjustableRows
from logreg_dist.fitting.lockstep import in_lockstep
from logreg_dist.inference.profile import ProfileLimit, Summit, profile_limit
from logreg_dist.inference.records import ColumnTest
from logreg_dist.inference.restricted_optimum import restricted_optimum
from logreg_dist.inference.secant_curvature import SecantCurvature
from logreg_dist.model.model import Coefficient, LogisticModel
from logreg_dist.solver.information import embedded
from logreg_dist.solver.linear_system import SingularInformation, factorise
from logreg_dist.solver.result import Sums

log = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]
Evaluate = Callable[[FloatArray], Sums]

_PROFILE_NOTE = (
    "intervals are those of the profile of Firth's likelihood, p-values its likelihood-ratio tests of each coefficient "
    "being 0, and z their signed square root"
)
_WALD_NOTE = (
    "intervals and p-values are Wald's, which with Firth's likelihood are too narrow on one side; inference.intervals "
    "profile gives its own, in many passes"
)

_TESTS_NOTE = (
    "tests of columns are likelihood ratios of Firth's likelihood, for columns of one term, not adjusted for the number "
    "of columns; Wald's are left out, because after separation they miss effects that are there"
)
_NO_TESTS_NOTE = (
    "there are no tests of columns: Wald's miss effects that are there after separation, and those of Firth's likelihood "
    "come with its profiles"
)
MAX_NAMED = 8


@dataclass(frozen=True)
class _Found:
    low: ProfileLimit
    high: ProfileLimit
    ratio: float | None

    @property
    def is_whole(self) -> bool:
        return self.low.beta is not None and self.high.beta is not None and self.ratio is not None


def with_profiles(
    model: LogisticModel, rows: FittedRows, adjustable: AdjustableRows | None, penalised_deviance: float
) -> LogisticModel:
    """Return the model of Firth's likelihood with its own intervals and tests of each coefficient.

    Parameters
    ----------
    model : LogisticModel
        With Wald's.
    rows : FittedRows
    adjustable : AdjustableRows or None
        In memory, or on the executors: then every evaluation is two passes, for all terms together. None to leave the
        model as it is, and say so.
    penalised_deviance : float
        At the estimates.

    Notes
    -----
    Heinze and Schemper (2002), section 2.3; Venzon and Moolgavkar (1988) for the limits.
    """
    kept = rows.estimable
    if adjustable is None or rows.covariance is None or not 0 < kept.sum() <= MAX_PROFILE_TERMS:
        notes = (*model.notes, _WALD_NOTE, _NO_TESTS_NOTE)
        return replace(model, column_tests=penalised_tests(model, {}), notes=notes)
    summit = Summit(rows.beta[kept], penalised_deviance, rows.covariance[np.ix_(kept, kept)])
    directions = term_directions(rows)
    estimate_of = {row.term: row.estimate for row in model.coefficient_rows}
    rise = float(stats.chi2.isf(1.0 - rows.config.inference.confidence, 1))
    searches: list[Callable[[Evaluate], ProfileLimit | float | None]] = []
    for name, along in directions.items():
        estimate = estimate_of[name]
        assert estimate is not None
        # A known rate of the population moves the intercept, whose 0 then lies elsewhere.
        zero = float(along @ summit.beta) - estimate
        searches += [
            partial(_limit, summit=summit, along=along, rise=rise, side=-1),
            partial(_limit, summit=summit, along=along, rise=rise, side=1),
            partial(_ratio, summit=summit, along=along, value=zero),
        ]
    found = in_lockstep(searches, partial(penalised_many, adjustable, kept))
    by_term = {}
    for k, name in enumerate(directions):
        low, high, ratio = found[3 * k : 3 * k + 3]
        assert isinstance(low, ProfileLimit)
        assert isinstance(high, ProfileLimit)
        assert not isinstance(ratio, ProfileLimit)
        by_term[name] = _Found(low, high, ratio)
    coefficients = tuple(
        _with_found(row, by_term[row.term], float(directions[row.term] @ summit.beta))
        if row.term in by_term
        else row
        for row in model.coefficient_rows
    )
    notes = (*model.notes, _PROFILE_NOTE, _TESTS_NOTE)
    lost = [name for name, one in by_term.items() if not one.is_whole]
    if lost:
        shown = first_few(lost, MAX_NAMED)
        notes = (*notes, f"limits or tests of Firth's likelihood that were not found: {shown}")
    tests = penalised_tests(model, {name: one.ratio for name, one in by_term.items()})
    return replace(
        model, coefficient_rows=coefficients, column_tests=tests, interval_kind="profile", notes=notes
    )


def penalised_tests(model: LogisticModel, ratios: Mapping[str, float | None]) -> tuple[ColumnTest, ...]:
    """Return the tests of columns with likelihood ratios of Firth's likelihood in the place of Wald's.

    Parameters
    ----------
    model : LogisticModel
        With Wald's.
    ratios : mapping of str to float or None
        By term. Columns of several terms have no test: theirs together would take a fit without them.
    """
    terms: dict[str, list[str]] = {}
    for row in model.coefficient_rows:
        if row.column is not None and row.estimate is not None:
            terms.setdefault(row.column, []).append(row.term)
    found = []
    for test in model.column_tests:
        own = terms[test.column]
        lr = ratios.get(own[0]) if len(own) == 1 else None
        p_value = None if lr is None else float(stats.chi2.sf(lr, 1))
        found.append(ColumnTest(test.column, test.df, None, None, None, None, lr=lr, lr_p_value=p_value))
    return tuple(found)


def penalised_many(
    rows: AdjustableRows, kept: NDArray[np.bool_], asked: Mapping[int, FloatArray]
) -> dict[int, Sums]:
    """Return the sums of Firth's likelihood at several vectors of the terms `kept`: its deviance and score.

    The information is that of the rows with half their leverage added to either label. Where it is singular, far out,
    the deviance is NaN.
    """
    whole = {number: embedded(beta, kept) for number, beta in asked.items()}
    plain = rows.evaluate_many(whole)
    block = np.ix_(kept, kept)
    determinants, covariances = {}, {}
    for number, sums in plain.items():
        covariances[number] = np.zeros((len(kept), len(kept)))
        try:
            factor = factorise(np.asarray(sums.information)[block])
        except SingularInformation:
            determinants[number] = math.nan
            continue
        determinants[number] = factor.log_determinant()
        covariances[number][block] = factor.inverse()
    adjusted = rows.evaluate_adjusted_many({k: (whole[k], covariances[k]) for k in whole})
    return {
        number: Sums(
            n_rows=sums.n_rows,
            weight_sum=sums.weight_sum,
            deviance=sums.deviance - determinants[number],
            score=adjusted[number].score[kept],
            information=np.asarray(adjusted[number].information)[block],
        )
        for number, sums in plain.items()
    }


def _limit(evaluate: Evaluate, *, summit: Summit, along: FloatArray, rise: float, side: int) -> ProfileLimit:
    return profile_limit(SecantCurvature(evaluate), summit, along, rise=rise, side=side)


def _ratio(evaluate: Evaluate, *, summit: Summit, along: FloatArray, value: float) -> float | None:
    """Return the likelihood-ratio statistic of ``g'beta = value``, None where the restricted fit fails."""
    spread = summit.covariance @ along
    start = summit.beta - spread * ((along @ summit.beta - value) / (along @ spread))
    if len(along) == 1:
        return max(evaluate(np.array([value / along[0]])).deviance - summit.deviance, 0.0)
    found = restricted_optimum(SecantCurvature(evaluate), start, along, value)
    return None if found is None else max(found.deviance - summit.deviance, 0.0)


def _with_found(row: Coefficient, found: _Found, centre: float) -> Coefficient:
    """Return a coefficient with its limits, as distances from `centre`, and its test."""
    row = with_interval(row, found.low.limit - centre, found.high.limit - centre)
    if found.ratio is None or row.estimate is None:
        return replace(row, z=None, p_value=None)
    root = math.copysign(math.sqrt(found.ratio), row.estimate)
    return replace(row, z=root, p_value=float(stats.chi2.sf(found.ratio, 1)))
