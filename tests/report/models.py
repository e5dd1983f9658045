"""A small model written down by hand."""

from __future__ import annotations

import math

import numpy as np

from logreg_dist.design.spec import CategoricalColumn, DesignSpec, NumericColumn
from logreg_dist.model.model import AliasedTerm, Coefficient, HistoryEntry, LabelRecord, LogisticModel, Status


def small_model() -> LogisticModel:
    """An intercept, a number, a level and an aliased level."""
    columns = (
        NumericColumn("age", "int", "error", "error", None, False, 40.0, 10.0),
        CategoricalColumn("plan", "string", "error", "error", ("a", "b", "c"), "a", None),
    )
    rows = (
        Coefficient("intercept", None, None, -4.0, 0.5, -8.0, 1e-15, -5.0, -3.0, 0.018, 0.007, 0.05),
        Coefficient("age", "age", None, 0.1, 0.01, 10.0, 1e-23, 0.08, 0.12, 1.105, 1.083, 1.127),
        Coefficient("plan[b]", "plan", "b", math.log(2.0), 0.35, 1.98, 0.047, 0.007, 1.379, 2.0, 1.007, 3.97),
        Coefficient("plan[c]", "plan", "c", *([None] * 9)),
    )
    return LogisticModel(
        model_id="",
        family="binary",
        status=Status.CONVERGED,
        status_text="converged",
        n_rows=100,
        n_dropped=3,
        n_zero_weight=2,
        n_obs=120.0,
        weight_sum=60.0,
        n_events=30.0,
        log_likelihood=-50.0,
        null_log_likelihood=-60.0,
        deviance=100.0,
        null_deviance=120.0,
        aic=106.0,
        bic=114.3,
        mcfadden_r2=1 / 6,
        lr_statistic=20.0,
        lr_df=2,
        lr_p_value=4.54e-5,
        n_iterations=4,
        n_passes=6,
        coefficient_rows=rows,
        covariance=np.diag([0.25, 0.0001, 0.1225]),
        aliased=(AliasedTerm("plan[c]", "is constant"),),
        label=LabelRecord("churn", "Yes", "No", None, None),
        design=DesignSpec(columns, intercept=True),
        history=(HistoryEntry(0, 120.0, 3.0, 0, 0.1),),
        notes=("a note",),
        fingerprint={"n_splits": 2},
        config={"inference": {"confidence": 0.95}},
    )
