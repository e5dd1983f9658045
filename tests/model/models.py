"""Models made by hand, with every kind of column and awkward numbers."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from logreg_dist.design.spec import OTHER, CategoricalColumn, DesignSpec, NumericColumn
from logreg_dist.model.file import identified
from logreg_dist.model.model import (
    AliasedTerm,
    Coefficient,
    HistoryEntry,
    LabelRecord,
    LogisticModel,
    Status,
)
from logreg_dist.model.strict_json import content_hash

AWKWARD = (0.1, 5e-324, 1.7976931348623157e308, -0.0, 1 / 3, 1e22, -2.2250738585072014e-308)


def awkward_model(*, estimates: tuple[float, ...] = AWKWARD[:5]) -> LogisticModel:
    """Return a model whose floats are hard to write exactly, with names that are hard to quote."""
    spec = DesignSpec(
        (
            NumericColumn("age in `years`", "int", "indicator", "error", 1 / 3, True, 0.1, 5e-324),
            CategoricalColumn('plan "é🙂\n', "string", "level", "reference", ("a", "", OTHER), "a", OTHER),
        ),
        intercept=True,
    )
    terms = spec.terms()
    rows = [
        Coefficient(term.name, term.column, term.level, value, *AWKWARD[:4], None, *AWKWARD[4:])
        for term, value in zip(terms[:-1], estimates, strict=False)
    ]
    last = terms[-1]
    rows.append(Coefficient(last.name, last.column, last.level, *(None,) * 9))
    spread = np.array([[0.1 * (j + 1) * (k + 1) for j in range(4)] for k in range(4)])
    return identified(
        LogisticModel(
            model_id="",
            family="binary",
            status=Status.CONVERGED,
            status_text="converged after 5 Newton steps",
            n_rows=1_000,
            n_dropped=3,
            n_zero_weight=2,
            n_obs=1_000.0,
            weight_sum=1e18 + 2048,
            n_events=300.0,
            log_likelihood=-1 / 3,
            null_log_likelihood=-0.7,
            deviance=2 / 3,
            null_deviance=1.4,
            aic=10.0,
            bic=30.0,
            mcfadden_r2=None,
            lr_statistic=1e-300,
            lr_df=4,
            lr_p_value=5e-324,
            n_iterations=5,
            n_passes=8,
            coefficient_rows=tuple(rows),
            covariance=spread,
            aliased=(AliasedTerm(last.name, "equals 0.5*age"),),
            label=LabelRecord("churn", "Yes", "No", None, None),
            design=spec,
            history=(HistoryEntry(0, 2 / 3, 1e-9, 0, 0.25),),
            notes=("a note",),
            fingerprint={"n_splits": 2, "rows_by_split": [600, 400]},
            config={"inference": {"confidence": 0.9}, "label": {"column": "churn"}},
        )
    )


def sealed(data: dict[str, Any]) -> str:
    """Return the text of a file with a hash that matches: an editor who knows how."""
    content = {key: value for key, value in data.items() if key != "content_hash"}
    return json.dumps({**content, "content_hash": content_hash(content)})
