"""The story of what follows a converged fit: each step adds to the model what it found."""

from __future__ import annotations

from dataclasses import replace

from logreg_dist.checks.records import Checks
from logreg_dist.fitting.diagnostics.effects import marginal_effects
from logreg_dist.fitting.diagnostics.fitted import FittedRows, model_covariance
from logreg_dist.fitting.estimates import Outcome
from logreg_dist.inference.records import CovarianceRecord
from logreg_dist.model.model import LogisticModel

_MODEL_COVARIANCE = CovarianceRecord(
    "model", "inverse information: right where the model is, and where rows are independent"
)
_NO_EFFECTS = "no marginal effects: the model has no covariance of its estimates"


def diagnosed(model: LogisticModel, rows: FittedRows, outcome: Outcome) -> LogisticModel:
    """Return a converged binary model with the tests, effects and checks that its configuration asks for."""
    checks = Checks()
    if outcome.found.covariance is not None and model.covariance_record is None:
        model = replace(model, covariance_record=_MODEL_COVARIANCE)
    if rows.config.inference.marginal_effects:
        model = _with_effects(model, rows)
    return replace(model, checks=checks)


def _with_effects(model: LogisticModel, rows: FittedRows) -> LogisticModel:
    spread = model_covariance(model, rows)
    if spread is None:
        return replace(model, notes=(*model.notes, _NO_EFFECTS))
    found = marginal_effects(rows, spread)
    return replace(model, marginal_effects=found.effects, notes=(*model.notes, *found.notes))
