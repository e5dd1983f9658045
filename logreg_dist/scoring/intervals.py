"""Whether a model has intervals for the probabilities of rows, and what they are made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from logreg_dist.design.spec import INTERCEPT, CategoricalColumn
from logreg_dist.design.term_moments import term_centres
from logreg_dist.errors import ConfigError
from logreg_dist.inference.covariance import centred_covariance
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
    reason = _why_not(model)
    if reason is not None:
        raise ConfigError(
            f"columns ask for {' and '.join(asked)}, which the model does not have: {reason}.\n"
            "  Leave them out, or train a model with standard errors."
        )
    spec, confidence = model.design, model.config.get("inference", {}).get("confidence", 0.95)
    return IntervalTerms(
        spec=spec,
        levels=tuple(_coded(column) for column in spec.categorical),
        covariance=_in_kernel_order(centred_model_covariance(model), spec.kernel_positions()),
        quantile=float(stats.norm.isf((1.0 - confidence) / 2.0)),
    )


def centred_model_covariance(model: LogisticModel) -> FloatArray:
    """Return the covariance of a model with one on the centred columns, in the order of the terms (p, p).

    0 for terms without an estimate. The intercept's row is `covariance_at_centres` where the model has it: what
    the covariance in the units of the columns leaves of it has lost digits.
    """
    assert model.covariance is not None
    known = np.array([row.estimate is not None for row in model.coefficient_rows], dtype=bool)
    terms = [row.term for row in model.coefficient_rows if row.estimate is not None]
    found = model.covariance
    if INTERCEPT in terms:
        k = terms.index(INTERCEPT)
        if model.covariance_at_centres is None:
            found = centred_covariance(found, term_centres(model.design)[known], k)
        else:
            found = found.copy()
            found[k] = found[:, k] = model.covariance_at_centres
    spread = np.zeros((len(known), len(known)))
    spread[np.ix_(known, known)] = found
    return spread


def _why_not(model: LogisticModel) -> str | None:
    if model.family != "binary":
        return "it has several classes, and their probabilities no interval of their own"
    if model.covariance is not None:
        return None
    if model.estimator == "penalised":
        return "it is penalised, and its estimates have no standard errors"
    if any(row.at_bound is not None for row in model.coefficient_rows):
        return "estimates lie at their bounds and have no standard errors"
    if len(model.coefficient_rows) > MAX_COVARIANCE_TERMS:
        return f"it has more than {MAX_COVARIANCE_TERMS:,} terms, and its file no covariance of them"
    return "it was fitted without an information matrix and has no covariance"


def _coded(column: CategoricalColumn) -> LevelTerm:
    """Return the design's code of each level, by the same policies as its estimate."""
    levels = (*column.coefficient_levels, *([] if column.reference is None else [column.reference]))
    return level_term(column, {level: float(code) for code, level in enumerate(levels)})


def _in_kernel_order(spread: FloatArray, positions: NDArray[np.intp]) -> FloatArray:
    found = np.empty_like(spread)
    found[np.ix_(positions, positions)] = spread
    return found
