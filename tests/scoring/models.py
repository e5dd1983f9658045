"""Models that were never fitted: any columns, any estimates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from logreg_dist.design.spec import CategoricalColumn, DesignSpec, NumericColumn
from logreg_dist.model.model import Coefficient, LabelRecord, LogisticModel, Status


def numeric(name: str, source: str, missing: str = "error", fill: float | None = None) -> NumericColumn:
    return NumericColumn(name, source, missing, "error", fill, missing == "indicator", 0.0, 1.0)


def categorical(
    name: str, source: str, levels: Sequence[str], *, missing: str = "error", unseen: str = "error"
) -> CategoricalColumn:
    missing_level = "__missing__" if "__missing__" in levels else None
    return CategoricalColumn(name, source, missing, unseen, tuple(levels), levels[0], missing_level)


def model_of(*columns: NumericColumn | CategoricalColumn, offset: str | None = None) -> LogisticModel:
    """A converged model with estimates drawn by a fixed seed."""
    rng = np.random.default_rng(11)
    design = DesignSpec(columns, intercept=True)
    estimates = [
        Coefficient(term.name, term.column, term.level, float(rng.normal()), *[None] * 8)
        for term in design.terms()
    ]
    unknown = dict.fromkeys(
        ["log_likelihood", "null_log_likelihood", "deviance", "null_deviance", "aic", "bic", "lr_statistic"],
        0.0,
    )
    return LogisticModel(
        model_id="0" * 16,
        family="binary",
        status=Status.CONVERGED,
        status_text="",
        n_rows=1,
        n_dropped=0,
        n_zero_weight=0,
        n_obs=1.0,
        weight_sum=1.0,
        n_events=1.0,
        mcfadden_r2=None,
        lr_df=0,
        lr_p_value=None,
        n_iterations=1,
        n_passes=1,
        coefficient_rows=tuple(estimates),
        covariance=None,
        aliased=(),
        label=LabelRecord("y", "1", "0", None, None),
        design=design,
        history=(),
        notes=(),
        fingerprint={},
        config={"offset": offset} if offset else {},
        **unknown,
    )


def class_model_of(
    *columns: NumericColumn | CategoricalColumn,
    classes: Sequence[str] = ("a", "b", "c"),
    reference: str = "b",
) -> LogisticModel:
    """A converged model of several classes with estimates drawn by a fixed seed."""
    binary = model_of(*columns)
    rng = np.random.default_rng(12)
    rows = tuple(
        replace(row, term=f"{name}:{row.term}", class_name=name, estimate=float(rng.normal()))
        for name in classes
        if name != reference
        for row in binary.coefficient_rows
    )
    return replace(
        binary,
        family="multinomial",
        n_events=None,
        coefficient_rows=rows,
        label=LabelRecord("y", None, None, None, None, classes=dict.fromkeys(classes, 10)),
        reference_class=reference,
    )
