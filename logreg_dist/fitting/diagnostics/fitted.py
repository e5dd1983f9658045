"""A finished binary fit on its staged rows: where every pass after the fit starts from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logreg_dist.config import TrainConfig
from logreg_dist.design.spec import DesignSpec
from logreg_dist.fitting.diagnostics.row_blocks import RowEstimates
from logreg_dist.fitting.mixtures import in_mixtures
from logreg_dist.fitting.passes import FitPasses
from logreg_dist.fitting.sums import in_kernel_order, matrix_in_kernel_order
from logreg_dist.fitting.tasks import SampleRows
from logreg_dist.inference.covariance import covariance
from logreg_dist.model.covariance import centred_model_covariance
from logreg_dist.model.file import MAX_COVARIANCE_TERMS
from logreg_dist.model.model import LabelRecord, LogisticModel
from logreg_dist.solver.information import Information, whole_matrix
from logreg_dist.solver.linear_system import Dependence, SingularInformation, factorise
from logreg_dist.solver.mixed import MixedInformation
from logreg_dist.solver.result import SolverResult
from logreg_dist.staging.profile import TableProfile

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Mixtures:
    """Mixtures of ill-conditioned columns, and how sure their coefficients are.

    Attributes
    ----------
    mixing : ndarray (p, p)
        Upper triangular, a column for each mixture, in term order; levels and terms without an estimate are not mixed.
    covariance : ndarray (p, p)
        Of the coefficients of mixtures, 0 for terms without an estimate.
    """

    mixing: FloatArray
    covariance: FloatArray


@dataclass(frozen=True)
class FittedRows:
    """The staged rows with the estimates of a fit.

    All arrays are in the order of the terms of ``passes.spec``, on the centred columns. That is the design of all
    columns that were staged: where columns were selected, the terms of the others count as without an estimate.

    Attributes
    ----------
    passes : FitPasses
    beta : ndarray (p,)
        0 where there is no estimate.
    estimable : ndarray (p,) of bool
    covariance : ndarray (p, p) or None
        Inverse information at the estimates, 0 in rows and columns of terms without an estimate. None for
        penalised fits, those by L-BFGS, and beyond `MAX_COVARIANCE_TERMS` terms.
    profile : TableProfile
    samples : tuple of SampleRows
        By split; empty where the fit started from 0.
    label : LabelRecord
    config : TrainConfig
    dependences : tuple of Dependence
        Why terms of the model have no estimate; numbers are those of the p terms.
    information : ndarray (p, p) or None
        What `covariance` is the inverse of; None where it is.
    mixtures : Mixtures or None
        What rows are taken by where the columns are ill-conditioned: ``x' V x`` of the columns themselves has lost twice
        the digits that their condition takes.
    robust : ndarray (p, p) or None
        The covariance of the model's table, of what tasks sum; None where that is the inverse information.
    """

    passes: FitPasses
    beta: FloatArray
    estimable: NDArray[np.bool_]
    covariance: FloatArray | None
    profile: TableProfile
    samples: tuple[SampleRows, ...]
    label: LabelRecord
    config: TrainConfig
    dependences: tuple[Dependence, ...] = ()
    information: FloatArray | None = None
    mixtures: Mixtures | None = None
    robust: FloatArray | None = None

    @property
    def bread(self) -> FloatArray | None:
        """The inverse information (p, p) of what tasks sum: of the columns, or of mixtures."""
        return self.covariance if self.mixtures is None else self.mixtures.covariance

    @property
    def condition(self) -> float | None:
        """The condition of the weighted columns, each of length 1, where they are taken by mixtures."""
        if self.mixtures is None or self.information is None:
            return None
        kept = self.estimable
        length = np.sqrt(np.diag(self.information)[kept])
        root = np.linalg.cholesky(self.mixtures.covariance[np.ix_(kept, kept)])
        # The inverse of the columns' triangular factor, which has the same condition.
        return float(np.linalg.cond(length[:, None] * (self.mixtures.mixing[np.ix_(kept, kept)] @ root)))

    def estimates(self) -> RowEstimates:
        """Return the estimates as tasks take them."""
        positions, bread, mixtures = self.passes.positions, self.bread, self.mixtures
        spread = None if bread is None else matrix_in_kernel_order(bread, positions)
        if mixtures is None:
            return RowEstimates(in_kernel_order(self.beta, positions), spread)
        n_dense = self.passes.shape.n_dense
        beta, mixing = in_mixtures(self.beta, mixtures.mixing, positions, n_dense)
        return RowEstimates(beta, spread, mixing)

    def of_columns(self, spread: FloatArray) -> FloatArray:
        """Return a covariance (p, p) of what tasks sum as that of the coefficients of the columns."""
        if self.mixtures is None:
            return spread
        found = self.mixtures.mixing @ spread @ self.mixtures.mixing.T
        return 0.5 * (found + found.T)

    @property
    def names(self) -> list[str]:
        """The names of the p terms."""
        return [term.name for term in self.passes.spec.terms()]

    @property
    def carries_frequency(self) -> bool:
        """Whether the number of trials that a row stands for lies beside it, in ``frequency``; otherwise it is 1."""
        return self.config.needs_single_trials


def fitted_rows(
    passes: FitPasses,
    result: SolverResult,
    spec: DesignSpec,
    *,
    profile: TableProfile,
    samples: Sequence[SampleRows],
    label: LabelRecord,
    config: TrainConfig,
    inference: bool,
) -> FittedRows:
    """Return a fit on its rows.

    Parameters
    ----------
    passes : FitPasses
    result : SolverResult
        Of the terms of `spec`.
    spec : DesignSpec
        Of the model: the columns selected, or all.
    profile : TableProfile
    samples : sequence of SampleRows
    label : LabelRecord
    config : TrainConfig
    inference : bool
        Whether the inverse information is the covariance of the estimates.
    """
    names = [term.name for term in passes.spec.terms()]
    place = {name: k for k, name in enumerate(names)}
    own = np.array([place[term.name] for term in spec.terms()], dtype=np.intp)
    has_estimate = np.ones(len(own), dtype=bool)
    has_estimate[[dependence.position for dependence in result.dependences]] = False
    p = len(names)
    beta, estimable = np.zeros(p), np.zeros(p, dtype=bool)
    beta[own], estimable[own] = np.where(has_estimate, result.point.beta, 0.0), has_estimate
    spread = whole = mixtures = None
    information = result.point.sums.information
    if inference and information is not None and len(own) <= MAX_COVARIANCE_TERMS:
        try:
            found = covariance(information, has_estimate)
        except SingularInformation:  # the model has no standard errors either
            found = None
        if found is not None:
            spread, whole = np.zeros((p, p)), np.zeros((p, p))
            spread[np.ix_(own, own)] = np.nan_to_num(found)
            kept = own[has_estimate]
            whole[np.ix_(kept, kept)] = whole_matrix(information)[np.ix_(has_estimate, has_estimate)]
            mixtures = _mixtures(information, has_estimate, own, p)
    dependences = tuple(
        Dependence(int(own[one.position]), {int(own[k]): weight for k, weight in one.weights.items()})
        for one in result.dependences
    )
    return FittedRows(
        passes,
        beta,
        estimable,
        spread,
        profile,
        tuple(samples),
        label,
        config,
        dependences,
        information=whole,
        mixtures=mixtures,
    )


def model_covariance(model: LogisticModel, rows: FittedRows) -> FloatArray | None:
    """Return the covariance of the model's table on the centred columns, shape (p, p), 0 for terms without an estimate."""
    found = centred_model_covariance(model)
    if found is None:
        return None
    place = {name: k for k, name in enumerate(rows.names)}
    own = np.array([place[row.term] for row in model.coefficient_rows], dtype=np.intp)
    spread = np.zeros((len(place), len(place)))
    spread[np.ix_(own, own)] = found
    return spread


def _mixtures(
    information: Information, has_estimate: NDArray[np.bool_], own: NDArray[np.intp], p: int
) -> Mixtures | None:
    """Return the mixtures of an information of terms whose places among p are `own`, None where nothing is mixed."""
    if not isinstance(information, MixedInformation) or not has_estimate.any():
        return None
    part = information.part(has_estimate)
    mixing, spread = np.eye(p), np.zeros((p, p))
    kept = own[has_estimate]
    mixing[np.ix_(kept, kept)] = part.mixing
    spread[np.ix_(kept, kept)] = factorise(part.matrix).inverse()
    return Mixtures(mixing, spread)
