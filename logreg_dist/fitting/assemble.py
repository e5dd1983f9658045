"""Putting the model together: inference in the units of the columns, and the record of the fit."""

from __future__ import annotations

import math
import platform
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logreg_dist.config import TrainConfig
from logreg_dist.design.learn import LearnedDesign
from logreg_dist.fitting.estimates import ModelTerm, Outcome
from logreg_dist.fitting.notes import cross_validation_notes, is_without_matrix, notes_of_fit
from logreg_dist.fitting.outcome import Verdict
from logreg_dist.inference.fit_measures import FitMeasures, fit_measures
from logreg_dist.inference.wald import WaldTable, wald_table
from logreg_dist.model.cross_validation import CrossValidation
from logreg_dist.model.model import Coefficient, HistoryEntry, LogisticModel
from logreg_dist.model.selection import SelectionRecord
from logreg_dist.solver.result import SolverResult
from logreg_dist.staging.outcome_checksum import joined
from logreg_dist.staging.passes import StagedTable
from logreg_dist.staging.profile import TableProfile
from logreg_dist.versions import OWN_PACKAGE, package_version, versions_of_libraries

FloatArray = NDArray[np.float64]


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
        weight_sum=rows.weight_sum,
    )
    has_test = not (config.penalty.is_active or outcome.has_active_bounds or is_without_matrix(result))
    notes = notes_of_fit(result, outcome, learned, rows, config, selected=selection is not None)
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
        **_measures(measures, has_test=has_test),
        n_iterations=result.n_steps,
        n_passes=staged.n_passes,
        coefficient_rows=_coefficient_rows(outcome.terms, table, outcome.at_bound),
        covariance=found.covariance,
        covariance_at_centres=found.at_centres,
        aliased=outcome.aliased,
        label=outcome.label,
        design=spec,
        history=tuple(
            HistoryEntry(entry.iteration, entry.deviance, entry.change, entry.halvings, entry.seconds)
            for entry in result.history
        ),
        notes=notes,
        fingerprint=_fingerprint(staged, by_class=outcome.reference_class is not None),
        config=config.as_dict(),
        reference_class=outcome.reference_class,
        kkt_residual=kkt_residual,
        selection=selection,
        estimator="penalised" if config.penalty.is_active else "maximum_likelihood",
    )


def with_cross_validation(model: LogisticModel, record: CrossValidation, asked: TrainConfig) -> LogisticModel:
    """Return the model with how its penalty was chosen, and the configuration that asked for it."""
    notes = (*model.notes, *cross_validation_notes(record))
    return replace(model, config=asked.as_dict(), cross_validation=record, notes=notes)


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


def _measures(measures: FitMeasures, *, has_test: bool) -> dict[str, Any]:
    values: dict[str, Any] = {name: getattr(measures, name) for name in measures.__dataclass_fields__}
    return values | {
        "mcfadden_r2": _finite(measures.mcfadden_r2),
        "nagelkerke_r2": _finite(measures.nagelkerke_r2),
        "lr_p_value": _finite(measures.lr_p_value) if has_test else None,
    }


def _fingerprint(staged: StagedTable, *, by_class: bool) -> dict[str, Any]:
    return {
        "n_splits": len(staged.splits),
        "rows_by_split": [split.n_rows for split in staged.splits],
        # The codes of classes are each split's own.
        **({} if by_class else {"label_sum": sum(split.label_sum for split in staged.splits)}),
        "weight_sum": sum(split.weight_sum for split in staged.splits),
        "outcomes": joined(split.outcome_checksum for split in staged.splits).as_dict(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        OWN_PACKAGE: package_version(OWN_PACKAGE),
        **versions_of_libraries(),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
