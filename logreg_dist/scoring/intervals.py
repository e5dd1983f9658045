"""Whether a model has intervals for the probabilities of rows, and what they are made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from logreg_dist.design.spec import CategoricalColumn
from logreg_dist.errors import ConfigError
from logreg_dist.model.covariance import centred_model_covariance
from logreg_dist.model.file import MAX_COVARIANCE_TERMS
from logreg_dist.model.model import LogisticModel
from logreg_dist.scoring.columns import INTERVALS
from logreg_dist.scoring.interval_rows import IntervalTerms
from logreg_dist.scoring.terms import LevelTerm, level_term

FloatArray = NDArray[np.float64]


def asked_intervals(model: LogisticModel, columns: Sequence[str]) -> IntervalTerms | None:
    """Return what the intervals of a model's probabilities need, None where `columns` asks for none.

    They are Wald's on the log-odds scale, with the confidence that the model was trained with; a probability's ends
    are those of its log-odds. The offset, a population's rate and the selection of columns count as known.

    Raises
    ------
    ConfigError
        When the model has no covariance of its estimates, with the reason.
    """
    asked = [name for name in columns if name in INTERVALS]
    if not asked:
        return None
    covariance = centred_model_covariance(model) if model.family == "binary" else None
    if covariance is None:
        raise ConfigError(
            f"columns ask for {' and '.join(asked)}, which the model does not have: {_why_not(model)}.\n"
            "  Leave them out, or train a model with standard errors."
        )
    spec, confidence = model.design, model.config.get("inference", {}).get("confidence", 0.95)
    return IntervalTerms(
        spec=spec,
        levels=tuple(_coded(column) for column in spec.categorical),
        covariance=_in_kernel_order(covariance, spec.kernel_positions()),
        quantile=float(stats.norm.isf((1.0 - confidence) / 2.0)),
    )


def _why_not(model: LogisticModel) -> str:
    if model.family != "binary":
        return "it has several classes, and their probabilities no interval of their own"
    if model.estimator in ("penalised", "ridge"):
        return "it is penalised, and its estimates have no standard errors"
    if any(row.at_bound is not None for row in model.coefficient_rows):
        return "estimates lie at their bounds and have no standard errors"
    if len(model.coefficient_rows) > MAX_COVARIANCE_TERMS:
        return f"it has more than {MAX_COVARIANCE_TERMS:,} terms, and its file no covariance of them"
    if model.covariance_record is not None:
        return "its covariance is not defined, as its notes say"
    return "it was fitted without an information matrix and has no covariance"


def _coded(column: CategoricalColumn) -> LevelTerm:
    """Return the design's code of each level, by the same policies as its estimate."""
    levels = (*column.coefficient_levels, *([] if column.reference is None else [column.reference]))
    return level_term(column, {level: float(code) for code, level in enumerate(levels)})


def _in_kernel_order(spread: FloatArray, positions: NDArray[np.intp]) -> FloatArray:
    found = np.empty_like(spread)
    found[np.ix_(positions, positions)] = spread
    return found
