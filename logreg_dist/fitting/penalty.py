"""The penalties of a configuration as numbers for each term."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logreg_dist.config import TrainConfig
from logreg_dist.design.spec import DesignSpec
from logreg_dist.fitting.assemble import term_scales
from logreg_dist.solver.ridge import scaled_ridge

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Penalty:
    """What is added to the deviance: ``sum(ridge * beta**2) + 2 sum(lasso * |beta|)``.

    Attributes
    ----------
    ridge, lasso : ndarray (p,)
        At least 0; 0 for the intercept.
    of_column : ndarray (p,) of bool
        False for the intercept.
    """

    ridge: FloatArray
    lasso: FloatArray
    of_column: NDArray[np.bool_]

    @property
    def free(self) -> NDArray[np.bool_]:
        """Terms along which the likelihood may rise for ever: those without a penalty, if any is of a column."""
        none: NDArray[np.bool_] = (self.ridge == 0) & (self.lasso == 0)
        return none if (none & self.of_column).any() else np.zeros_like(none)

    @property
    def has_lasso(self) -> bool:
        """Whether estimates can be exactly 0."""
        return bool(self.lasso.any())

    def repeated(self, n_classes: int) -> Penalty:
        """Return the same penalty for each of several classes, one after the other."""
        return Penalty(
            np.tile(self.ridge, n_classes), np.tile(self.lasso, n_classes), np.tile(self.of_column, n_classes)
        )


def penalty_of(spec: DesignSpec, weight_sum: float, config: TrainConfig) -> Penalty | None:
    """Return the penalty of each term in order, None when there is none.

    The objective is ``(1/W) sum(weight * loss) + l2/2 sum(f beta**2) + l1 sum(f |beta|)`` with the columns'
    penalty factors f: times ``2 W`` the loss becomes the deviance. With ``penalty.standardize`` numbers count
    per standard deviation; levels and indicators are 0/1 and stay as they are, and so do sparse columns.

    Parameters
    ----------
    spec : DesignSpec
    weight_sum : float
        W.
    config : TrainConfig
    """
    asked = config.penalty
    if not asked.is_active:
        return None
    terms = spec.terms()
    factor = {name: config.features.policy(name).penalty_factor for name in {t.column for t in terms} if name}
    factors = np.array([0.0 if term.column is None else factor[term.column] for term in terms])
    scale = _deviations(spec) if asked.standardize else np.ones(len(factors))
    ridge = scaled_ridge(asked.l2, weight_sum, factors * scale**2)
    return Penalty(ridge, asked.l1 * weight_sum * factors * scale, has_column(spec))


def _deviations(spec: DesignSpec) -> FloatArray:
    sparse = {column.name for column in spec.sparse}
    scales = term_scales(spec)
    if sparse:
        scales[[term.column in sparse for term in spec.terms()]] = 1.0
    return scales


def has_column(spec: DesignSpec) -> NDArray[np.bool_]:
    """Return which terms are of a column, (p,): all but the intercept."""
    return np.array([term.column is not None for term in spec.terms()], dtype=bool)
