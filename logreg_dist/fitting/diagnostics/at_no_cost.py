"""What is known of a fit without another pass: tests of columns, collinearity, sample size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from logreg_dist.checks.collinearity import collinearity
from logreg_dist.checks.records import Collinearity, SampleSize
from logreg_dist.checks.sample_size import sample_size
from logreg_dist.config import TrainConfig
from logreg_dist.design.spec import OTHER, CategoricalColumn
from logreg_dist.design.term_moments import term_centres
from logreg_dist.fitting.diagnostics.fitted import FittedRows
from logreg_dist.fitting.estimates import Outcome
from logreg_dist.inference.column_tests import column_tests
from logreg_dist.model.model import LogisticModel
from logreg_dist.staging.profile import CategoricalProfile

FloatArray = NDArray[np.float64]


def with_column_tests(model: LogisticModel) -> LogisticModel:
    """Return the model with Wald's test of each column by its covariance; as it is where there is none."""
    if model.covariance is None:
        return model
    rows = [row for row in model.coefficient_rows if row.estimate is not None]
    estimate = np.array([row.estimate for row in rows], dtype=np.float64)
    tests = column_tests([row.column for row in rows], estimate, model.covariance)
    return replace(model, column_tests=tests)


def collinearity_of(rows: FittedRows) -> Collinearity | None:
    """Return what can be said of multicollinearity; None without a covariance, or where nobody asks."""
    if rows.information is None or not rows.config.checks.collinearity:
        return None
    spec, kept = rows.passes.spec, np.flatnonzero(rows.estimable)
    terms = [spec.terms()[k] for k in kept]
    return collinearity(
        [term.name for term in terms],
        [term.column for term in terms],
        rows.information[np.ix_(kept, kept)],
        centres=term_centres(spec)[kept],
        intercept=0 if terms and terms[0].column is None else None,
    )


def sample_size_of(model: LogisticModel, rows: FittedRows) -> SampleSize | None:
    """Return events per parameter and the cells of the model's categories; None where nobody asks."""
    if not rows.config.checks.sample_size:
        return None
    counts, own = rows.profile.rows, {column.name for column in model.design.categorical}
    return sample_size(
        _n_slopes(model),
        min(counts.event_sum, counts.n_obs - counts.event_sum),
        categories={
            column.name: _counts(column, found)
            for column, found in zip(rows.passes.spec.categorical, rows.profile.categorical, strict=True)
            if column.name in own
        },
        min_level_count=rows.config.features.defaults.min_level_count,
    )


def class_collinearity(
    outcome: Outcome, information: FloatArray | None, config: TrainConfig
) -> Collinearity | None:
    """Return what can be said of multicollinearity over all classes; `information` is of all coefficients."""
    if information is None or outcome.found.covariance is None or not config.checks.collinearity:
        return None
    kept = np.flatnonzero(outcome.found.estimable)
    terms = [outcome.terms[k] for k in kept]
    return collinearity(
        [term.name for term in terms],
        [term.column for term in terms],
        information[np.ix_(kept, kept)],
        centres=None,
    )


def class_sample_size(
    model: LogisticModel, counts: Mapping[str, float], config: TrainConfig
) -> SampleSize | None:
    """Return observations of the rarest class per parameter of a class; `counts` are each class's."""
    if not config.checks.sample_size:
        return None
    return sample_size(
        _n_slopes(model),
        min(counts.values()),
        categories=None,
        min_level_count=config.features.defaults.min_level_count,
    )


def _n_slopes(model: LogisticModel) -> int:
    """Return the estimated terms without the intercept, of the class that has the most."""
    slopes = [row for row in model.coefficient_rows if row.column is not None and row.estimate is not None]
    return max(sum(row.class_name == name for row in slopes) for name in model.free_classes or (None,))


def _counts(column: CategoricalColumn, found: CategoricalProfile) -> dict[str, tuple[float, float]]:
    """Return observations and events of each level of a design: merged levels and filled-in values together."""
    total = {level: (0.0, 0.0) for level in column.levels}
    pairs = list(found.levels.items())
    if column.missing_level is not None:
        pairs.append((column.missing_level, found.missing))
    for level, (n, events) in pairs:
        own = level if level in total else OTHER
        if own in total:  # without it no level was merged, and there are no others
            total[own] = (total[own][0] + n, total[own][1] + events)
    return total
