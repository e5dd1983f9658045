"""What a finished fit says of its terms, in the units of the columns."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from logreg_dist.design.spec import DesignSpec
from logreg_dist.design.term_moments import term_centres
from logreg_dist.fitting.aliases import describe_aliases
from logreg_dist.fitting.outcome import few_events_note
from logreg_dist.inference.covariance import covariance, uncentred, uncentred_covariance, variances
from logreg_dist.model.file import MAX_COVARIANCE_TERMS
from logreg_dist.model.model import AliasedTerm, LabelRecord
from logreg_dist.solver.linear_system import SingularInformation
from logreg_dist.solver.result import SolverResult
from logreg_dist.staging.profile import TableProfile

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Estimates:
    """Estimates and their spread in the units of the columns, in term order.

    Attributes
    ----------
    estimate : ndarray (p,)
        NaN for aliased terms.
    variance : ndarray (p,)
        NaN where there is no inference.
    covariance : ndarray (k, k) or None
        Of the k estimable terms; None where there is no inference, and for more than
        `MAX_COVARIANCE_TERMS` terms.
    at_centres : ndarray (k,) or None
        The intercept's row of the same on the centred columns; None without one.
    estimable : ndarray (p,) of bool
    """

    estimate: FloatArray
    variance: FloatArray
    covariance: FloatArray | None
    estimable: NDArray[np.bool_]
    at_centres: FloatArray | None = None


@dataclass(frozen=True)
class ModelTerm:
    """A coefficient's place in the model; `class_name` is the class it is of where there are several."""

    name: str
    column: str | None
    level: str | None
    class_name: str | None


def estimates_in_column_units(result: SolverResult, spec: DesignSpec, *, penalised: bool) -> Estimates:
    """Undo the centring, which touches the intercept alone, and invert the information.

    A penalised fit gets no covariance: the inverse information is not the covariance of estimates
    that are biased on purpose. Nor does one by L-BFGS, which knows no information.
    """
    beta, centres, intercept = result.point.beta, term_centres(spec), 0 if spec.intercept else None
    estimable = np.ones(len(beta), dtype=bool)
    estimable[[dependence.position for dependence in result.dependences]] = False
    estimate = np.where(estimable, uncentred(beta, centres, intercept), np.nan)
    nothing = Estimates(estimate, np.full(len(beta), np.nan), None, estimable)
    information = result.point.sums.information
    if penalised or information is None:
        return nothing
    try:
        if len(beta) > MAX_COVARIANCE_TERMS:
            spread = variances(information, estimable, centres, intercept)
            return Estimates(estimate, spread, None, estimable)
        centred = covariance(information, estimable)[np.ix_(estimable, estimable)]
    except SingularInformation:  # a fit that did not converge; its status says so
        return nothing
    found = uncentred_covariance(centred, centres[estimable], intercept) if estimable.any() else centred
    spread = np.full(len(beta), np.nan)
    spread[estimable] = np.diag(found)
    if not np.isfinite(found).all():
        return Estimates(estimate, spread, None, estimable)
    at_centres = centred[0] if spec.intercept and estimable[0] else None
    return Estimates(estimate, spread, found, estimable, at_centres)


@dataclass(frozen=True)
class Outcome:
    """What of a finished fit depends on the family of the model.

    Attributes
    ----------
    family : str
    label : LabelRecord
    n_events : float or None
    null_deviance : float
    found : Estimates
    terms : tuple of ModelTerm
        As many as there are estimates.
    aliased : tuple of AliasedTerm
    few_events : tuple of str
        A note where the label's rarest value is too rare for so many terms.
    reference_class : str or None
        What the estimates are against, where there are several classes.
    at_bound : tuple of str or None
        Of each estimate the bound that it lies at; empty where there are no bounds.
    """

    family: str
    label: LabelRecord
    n_events: float | None
    null_deviance: float
    found: Estimates
    terms: tuple[ModelTerm, ...]
    aliased: tuple[AliasedTerm, ...]
    few_events: tuple[str, ...]
    reference_class: str | None = None
    at_bound: tuple[str | None, ...] = ()

    @property
    def has_active_bounds(self) -> bool:
        """Whether an estimate lies at a bound."""
        return any(self.at_bound)


def binary_outcome(
    result: SolverResult,
    *,
    null_deviance: float,
    spec: DesignSpec,
    profile: TableProfile,
    label: LabelRecord,
    penalised: bool,
    population_rate: float | None,
    at_bound: tuple[str | None, ...] = (),
) -> Outcome:
    """Describe a fit of two classes, with the intercept of the population where its rate is known."""
    rows = profile.rows
    found = estimates_in_column_units(result, spec, penalised=penalised or any(at_bound))
    if population_rate is not None:
        estimate = found.estimate.copy()
        estimate[0] += prior_correction(rows.label_sum / rows.weight_sum, population_rate)
        found = replace(found, estimate=estimate)
    n_terms = int(found.estimable.sum()) - int(spec.intercept)
    return Outcome(
        family="binary",
        label=label,
        n_events=rows.event_sum,
        null_deviance=null_deviance,
        found=found,
        terms=tuple(ModelTerm(term.name, term.column, term.level, None) for term in spec.terms()),
        aliased=tuple(describe_aliases(result.dependences, spec, term_centres(spec))),
        few_events=tuple(few_events_note(rows.event_sum, rows.n_obs, n_terms)),
        at_bound=at_bound,
    )


def prior_correction(table_rate: float, population_rate: float) -> float:
    """Return what the intercept gains when rows were kept by their label, log-odds.

    Keeping all events and some of the other rows, or the other way round, moves the intercept alone, by
    the log of the ratio of the odds. Its standard error stays: the population's rate is taken as known.

    Notes
    -----
    King and Zeng (2001), Logistic Regression in Rare Events Data, Political Analysis 9(2), equation 7.

    Examples
    --------
    >>> round(prior_correction(0.5, 0.01), 6), prior_correction(0.2, 0.2)
    (-4.59512, 0.0)
    """
    return math.log(population_rate / (1 - population_rate)) - math.log(table_rate / (1 - table_rate))
