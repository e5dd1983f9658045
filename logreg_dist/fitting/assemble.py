"""Putting the model together: inference in the units of the columns, and the record of the fit."""

from __future__ import annotations

import math
import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logreg_dist.config import TrainConfig
from logreg_dist.design.learn import LearnedDesign
from logreg_dist.design.spec import DesignSpec
from logreg_dist.fitting.aliases import describe_aliases
from logreg_dist.fitting.outcome import Verdict, few_events_note
from logreg_dist.inference.covariance import covariance, uncentred, uncentred_covariance, variances
from logreg_dist.inference.fit_measures import FitMeasures, fit_measures
from logreg_dist.inference.wald import WaldTable, wald_table
from logreg_dist.model.cross_validation import CrossValidation
from logreg_dist.model.file import MAX_COVARIANCE_TERMS
from logreg_dist.model.model import AliasedTerm, Coefficient, HistoryEntry, LabelRecord, LogisticModel
from logreg_dist.model.selection import SelectionRecord
from logreg_dist.solver.linear_system import SingularInformation
from logreg_dist.solver.result import Method, SolverResult
from logreg_dist.staging.passes import StagedTable
from logreg_dist.staging.profile import TableProfile

FloatArray = NDArray[np.float64]

_SINGLE_NOTE = (
    "single precision: every number was rounded to float32 (by up to 6e-8 of itself) before the fit, which is exact "
    "for the rounded table"
)
_WEIGHTS_NOTE = (
    "class weights: likelihood, estimates and probabilities are those of a table whose rows count by the weight of "
    "their class, not of the table as it is"
)
_LBFGS_NOTE = (
    "fitted by L-BFGS without an information matrix: no standard errors, tests or intervals; whether terms "
    "depend on each other, or several of them separate the label together, was not looked into"
)
_BOUNDS_NOTE = (
    "estimates lie at their bounds: no standard errors, tests or intervals, because with bounds at work estimates "
    "are not normally distributed; AIC and BIC count the terms that are not at a bound"
)
_INACTIVE_BOUNDS_NOTE = (
    "no estimate lies at a bound: estimates, standard errors and tests are those of the fit without bounds, and "
    "intervals may reach beyond them"
)
_SELECTION_NOTE = (
    "the columns were selected by the same rows: standard errors, p-values and intervals take them as given and are too "
    "optimistic"
)


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
    estimable : ndarray (p,) of bool
    """

    estimate: FloatArray
    variance: FloatArray
    covariance: FloatArray | None
    estimable: NDArray[np.bool_]


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
    return Estimates(estimate, spread, found if np.isfinite(found).all() else None, estimable)


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


def assemble_model(
    result: SolverResult,
    verdict: Verdict,
    outcome: Outcome,
    *,
    learned: LearnedDesign,
    profile: TableProfile,
    staged: StagedTable,
    config: TrainConfig,
    kkt_residual: float | None,
    selection: SelectionRecord | None = None,
) -> LogisticModel:
    """Build the model of a finished fit; `kkt_residual` of a penalised one, `selection` of one whose columns were."""
    spec, rows, found = learned.spec, profile.rows, outcome.found
    table = wald_table(found.estimate, found.variance, config.inference.confidence)
    n_free = len(outcome.terms) // max(len(spec.terms()), 1)
    measures = fit_measures(
        deviance=result.point.sums.deviance,
        null_deviance=outcome.null_deviance,
        n_parameters=_count_parameters(outcome, lasso=config.penalty.l1 > 0),
        n_null=int(spec.intercept) * n_free,
        n_obs=rows.n_obs,
    )
    notes = [*learned.notes, *outcome.few_events]
    if config.penalty.is_active:
        counted = "the terms that are not 0" if config.penalty.l1 > 0 else "every term in full"
        counted += ", more than a group lasso uses" if config.penalty.groups == "columns" else ""
        notes.append(f"penalised fit: no standard errors, tests or intervals; AIC and BIC count {counted}")
    elif outcome.has_active_bounds:
        notes.append(_BOUNDS_NOTE)
    elif outcome.at_bound:
        notes.append(_INACTIVE_BOUNDS_NOTE)
    elif result.method is Method.LBFGS and result.point.sums.information is None:
        notes.append(_LBFGS_NOTE)
    if selection is not None:
        notes.append(_SELECTION_NOTE)
    if config.population_rate is not None:
        notes.append(
            f"the intercept is that of a population with a rate of {config.population_rate:g}; likelihood, AIC and BIC "
            f"are those of the table, whose rate is {rows.label_sum / rows.weight_sum:.6g}"
        )
    if config.label.class_weights is not None:
        notes.append(_WEIGHTS_NOTE)
    if config.solver.precision == "float32":
        notes.append(_SINGLE_NOTE)
    return LogisticModel(
        model_id="",  # a hash of the content: the file knows it
        family=outcome.family,
        status=verdict.status,
        status_text=verdict.text,
        n_rows=rows.n_rows,
        n_dropped=rows.n_dropped,
        n_zero_weight=rows.n_zero_weight,
        n_obs=rows.n_obs,
        weight_sum=rows.weight_sum,
        n_events=outcome.n_events,
        **_measures(measures, penalised=config.penalty.is_active or outcome.has_active_bounds),
        n_iterations=result.n_steps,
        n_passes=staged.n_passes,
        coefficient_rows=_coefficient_rows(outcome.terms, table, outcome.at_bound),
        covariance=found.covariance,
        aliased=outcome.aliased,
        label=outcome.label,
        design=spec,
        history=tuple(
            HistoryEntry(entry.iteration, entry.deviance, entry.change, entry.halvings, entry.seconds)
            for entry in result.history
        ),
        notes=tuple(notes),
        fingerprint=_fingerprint(staged, by_class=outcome.reference_class is not None),
        config=config.as_dict(),
        reference_class=outcome.reference_class,
        kkt_residual=kkt_residual,
        selection=selection,
    )


def with_cross_validation(model: LogisticModel, record: CrossValidation, asked: TrainConfig) -> LogisticModel:
    """Return the model with how its penalty was chosen, and the configuration that asked for it."""
    point = record.points[record.chosen]
    note = (
        f"penalty l1 {point.l1:.6g}, l2 {point.l2:.6g} by cross-validation of {record.folds} folds: log loss "
        f"{point.log_loss:.6g} +- {point.std_error:.2g} on rows that a fit has not seen"
    )
    notes = [*model.notes, note]
    if len(record.points) < record.n_asked:
        notes.append(
            f"cross-validation ended at penalty {len(record.points)} of {record.n_asked}: with weaker ones some fold has "
            "no optimum that can be reached"
        )
    return replace(model, config=asked.as_dict(), cross_validation=record, notes=tuple(notes))


def term_centres(spec: DesignSpec) -> FloatArray:
    """Return what the kernel subtracts from each term's column, shape (p,)."""
    centres = {name: centre if spec.intercept else 0.0 for name, (centre, _) in spec.moments().items()}
    return np.array([centres.get(term.name, 0.0) if term.column else 0.0 for term in spec.terms()])


def term_scales(spec: DesignSpec) -> FloatArray:
    """Return the typical size of each term's column, shape (p,); 1 for levels and indicators.

    Of a sparse column it is that of its entries, all terms together.
    """
    scales = {name: scale or 1.0 for name, (_, scale) in spec.moments().items()}
    of_entries = {column.name: column.scale for column in spec.sparse}
    return np.array([scales.get(term.name, of_entries.get(term.column or "", 1.0)) for term in spec.terms()])


def _coefficient_rows(
    terms: Sequence[ModelTerm], table: WaldTable, at_bound: Sequence[str | None]
) -> tuple[Coefficient, ...]:
    # Array by array and not term by term: there may be a million of them.
    names = list(table.__dataclass_fields__)
    arrays = [getattr(table, name) for name in names]
    columns = [[value if math.isfinite(value) else None for value in array.tolist()] for array in arrays]
    at_bound = at_bound or [None] * len(terms)
    return tuple(
        Coefficient(
            term=term.name,
            column=term.column,
            level=term.level,
            class_name=term.class_name,
            at_bound=bound,
            **dict(zip(names, values, strict=True)),
        )
        for term, bound, values in zip(terms, at_bound, zip(*columns, strict=True), strict=True)
    )


def _count_parameters(outcome: Outcome, *, lasso: bool) -> int:
    """Count the estimated terms that are not at a bound; of a lasso those that are not 0, and the intercepts.

    Zou, Hastie and Tibshirani (2007), Ann. Statist. 35(5), theorem 1.
    """
    found = outcome.found
    counted = found.estimable
    if outcome.has_active_bounds:
        counted = counted & np.array([end is None for end in outcome.at_bound])
    if lasso:
        is_intercept = np.array([term.column is None for term in outcome.terms], dtype=bool)
        counted = counted & ((found.estimate != 0) | is_intercept)
    return int(counted.sum())


def _measures(measures: FitMeasures, *, penalised: bool) -> dict[str, Any]:
    values: dict[str, Any] = {name: getattr(measures, name) for name in measures.__dataclass_fields__}
    return values | {
        "mcfadden_r2": _finite(measures.mcfadden_r2),
        "lr_p_value": None if penalised else _finite(measures.lr_p_value),
    }


def _fingerprint(staged: StagedTable, *, by_class: bool) -> dict[str, Any]:
    packages = ("logreg-dist", "numpy", "scipy", "pyarrow", "pyspark")
    return {
        "n_splits": len(staged.splits),
        "rows_by_split": [split.n_rows for split in staged.splits],
        # The codes of classes are each split's own.
        **({} if by_class else {"label_sum": sum(split.label_sum for split in staged.splits)}),
        "weight_sum": sum(split.weight_sum for split in staged.splits),
        "python": platform.python_version(),
        "machine": platform.machine(),
        **{name: _version(name) for name in packages},
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # sent to the cluster as a zip, not installed
        return None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
