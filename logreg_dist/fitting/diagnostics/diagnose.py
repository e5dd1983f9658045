"""The story of what follows a converged fit: each step adds to the model what it found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from logreg_dist.checks.records import Checks
from logreg_dist.config import TrainConfig
from logreg_dist.fitting.diagnostics.at_no_cost import (
    class_collinearity,
    class_sample_size,
    collinearity_of,
    sample_size_of,
    with_column_tests,
)
from logreg_dist.fitting.diagnostics.effects import with_marginal_effects
from logreg_dist.fitting.diagnostics.fitted import FittedRows
from logreg_dist.fitting.diagnostics.influence import with_influence
from logreg_dist.fitting.diagnostics.refits import with_refits_of
from logreg_dist.fitting.diagnostics.row_checks import with_row_checks
from logreg_dist.fitting.diagnostics.serial import serial_dependence
from logreg_dist.fitting.estimates import Outcome
from logreg_dist.inference.records import CovarianceRecord
from logreg_dist.model.model import LogisticModel

FloatArray = NDArray[np.float64]

_MODEL_COVARIANCE = CovarianceRecord(
    "model", "inverse information: right where the model is, and where rows are independent"
)


def diagnosed(model: LogisticModel, rows: FittedRows, outcome: Outcome) -> LogisticModel:
    """Return a converged binary model with the tests, effects and checks that its configuration asks for."""
    checks = replace(
        model.checks or Checks(), collinearity=collinearity_of(rows), sample_size=sample_size_of(model, rows)
    )
    model = _with_record(model, outcome)
    model = with_column_tests(model)  # by the covariance of the table, whichever that is by now
    if rows.config.checks.order is not None:
        checks = replace(checks, serial=serial_dependence(rows))
    model = replace(model, checks=checks)
    if rows.config.inference.marginal_effects:
        model = with_marginal_effects(model, rows)
    model = with_refits_of(model, rows)
    if rows.config.checks.linearity or rows.config.checks.fit:
        model = with_row_checks(model, rows)
    if rows.config.checks.influence.n_kept:
        model = with_influence(model, rows)
    notes = (*model.notes, *ill_conditioned_notes(rows))
    return replace(model, notes=notes, n_passes=rows.passes.staged.n_passes)


def ill_conditioned_notes(rows: FittedRows) -> tuple[str, ...]:
    """Say which numbers of a fit on mixtures were worked out on the columns as they are, and how many digits that leaves."""
    condition, config = rows.condition, rows.config
    if condition is None:
        return ()
    checks = config.checks
    named = {
        "intervals of scored rows, contrasts and joint tests of several terms": True,
        # The likelihood ratio and profiles come from deviances: measured at a condition of 2e7, 9 digits.
        "score tests of columns": config.inference.tests == "likelihood_ratio",
        "tests of linearity and of the link": checks.linearity or checks.fit,
        "inflated variances": checks.collinearity,
    }
    digits = max(0, int(-np.log10(np.finfo(float).eps * condition**2)))
    left = f"no more than {digits} right digit{'s' * (digits != 1)}" if digits else "no right digit"
    return (
        f"the columns are ill-conditioned (condition {condition:.0e}, each of length 1): the table, robust covariances, "
        "effects and influence come from mixtures of them and keep their digits; "
        f"what takes the columns as they are may have {left}: "
        + "; ".join(name for name, is_asked in named.items() if is_asked),
    )


def diagnosed_classes(
    model: LogisticModel,
    outcome: Outcome,
    information: FloatArray | None,
    *,
    counts: Mapping[str, float],
    config: TrainConfig,
) -> LogisticModel:
    """Return a converged model of several classes with the tests and checks that there are for it.

    Parameters
    ----------
    model : LogisticModel
    outcome : Outcome
    information : ndarray (k p, k p) or None
        Of all coefficients, on the centred columns.
    counts : mapping of str to float
        Observations of each class.
    config : TrainConfig
    """
    checks = Checks(
        collinearity=class_collinearity(outcome, information, config),
        sample_size=class_sample_size(model, counts, config),
    )
    return replace(with_column_tests(_with_record(model, outcome)), checks=checks)


def _with_record(model: LogisticModel, outcome: Outcome) -> LogisticModel:
    """Return the model saying that its standard errors are its own, where it has any and nothing else was said."""
    has_errors = bool(np.isfinite(outcome.found.variance).any())
    if model.covariance_record is not None or not has_errors:
        return model
    return replace(model, covariance_record=_MODEL_COVARIANCE)
