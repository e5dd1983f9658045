"""Robust covariances of a fit: which one is asked for, its passes, and what is said of it."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from logreg_dist.checks.records import ClusterDependence
from logreg_dist.config import TrainConfig
from logreg_dist.design.problems import Problem, first_few, quoted, reject
from logreg_dist.design.spec import DesignSpec
from logreg_dist.design.term_moments import term_centres
from logreg_dist.fitting.diagnostics.clusters import ClusterCovariance, cluster_covariance
from logreg_dist.fitting.diagnostics.fitted import FittedRows
from logreg_dist.fitting.diagnostics.robust_tasks import squared_scores_task
from logreg_dist.fitting.estimates import Outcome
from logreg_dist.inference.covariance import uncentred_covariance
from logreg_dist.inference.records import CovarianceRecord
from logreg_dist.inference.sandwich import sandwich
from logreg_dist.kernel.block import BlockShape
from logreg_dist.kernel.state import InformationBlocks, state_bytes
from logreg_dist.model.file import MAX_COVARIANCE_TERMS

log = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]

# The power of (1 - leverage) that squared residuals are divided by.
_POWERS = {"hc0": 0, "hc1": 0, "hc2": 1, "hc3": 2}


# Of the model's variance: what rounding leaves of one that is 0.
NOTHING_LEFT = 1e-12
# Of the model's variance: half a standard error.
SMALL_RATIO = 0.25
MAX_NAMED = 3


@dataclass(frozen=True)
class RobustOutcome:
    """An outcome with the covariance that was asked for.

    Attributes
    ----------
    outcome : Outcome
    record : CovarianceRecord or None
        None where the covariance is the model's.
    notes : tuple of str
    clusters : tuple of ClusterDependence
        Of each cluster column.
    summed : ndarray (p, p) or None
        The covariance of what tasks sum, see `FittedRows.of_columns`; None where it is the model's.
    """

    outcome: Outcome
    record: CovarianceRecord | None = None
    notes: tuple[str, ...] = ()
    clusters: tuple[ClusterDependence, ...] = ()
    summed: FloatArray | None = None


def refuse_without_matrix(shape: BlockShape, config: TrainConfig) -> None:
    """Refuse a robust covariance of a model that has no covariance matrix, before it is fitted.

    Raises
    ------
    InputRejected
    """
    if not config.inference.is_robust:
        return
    why = None
    if shape.p > MAX_COVARIANCE_TERMS:
        why = f"the model has {shape.p:,} terms, more than {MAX_COVARIANCE_TERMS:,}"
    elif shape.sparse:
        why = "texts and sparse vectors of so many terms have no information matrix"
    elif config.solver.method == "lbfgs":
        why = "solver.method lbfgs forms no information matrix"
    if why is not None:
        way_out = "Set it to model, or make the model smaller: raise min_level_count, or lower vocabulary or buckets."
        reject([Problem(f"no inference.covariance {config.inference.covariance}: {why}", way_out)])


def robust_outcome(rows: FittedRows, outcome: Outcome, spec: DesignSpec) -> RobustOutcome:
    """Return a converged fit's outcome with the covariance that its configuration asks for.

    Costs a pass for hc0 to hc3, and one with a shuffle where clusters are given.

    Parameters
    ----------
    rows : FittedRows
    outcome : Outcome
        With the model's covariance.
    spec : DesignSpec
        Of the model: the columns selected, or all.
    """
    inference, has_covariance = rows.config.inference, outcome.found.covariance is not None
    found = RobustOutcome(outcome)
    if inference.cluster is not None:
        found = _with_clusters(rows, outcome, spec)
    if inference.covariance in _POWERS and has_covariance:
        spread, record = _by_residuals(rows)
        found = replace(_replaced(found, _of_model(spread, rows, spec), record, spec), summed=spread)
    return found


def _by_residuals(rows: FittedRows) -> tuple[FloatArray, CovarianceRecord]:
    """Return the sandwich of squared residuals, of what tasks sum: White (1980), MacKinnon and White (1985)."""
    kind, bread, passes = rows.config.inference.covariance, rows.bread, rows.passes
    assert bread is not None
    clock = time.perf_counter()
    positions = passes.positions
    task = squared_scores_task(
        passes.design,
        passes.layout,
        rows.estimates(),
        with_frequency=rows.carries_frequency,
        power=_POWERS[kind],
    )
    blocks: InformationBlocks = passes.staged.sum_pass(task, result_bytes=state_bytes(passes.shape))
    log.info("pass %d: squared scores (%.2f s)", passes.staged.n_passes, time.perf_counter() - clock)
    spread = sandwich(bread, blocks.matrix(passes.shape)[np.ix_(positions, positions)])
    text = {
        "hc0": "squared residuals as they are (HC0)",
        "hc1": "squared residuals times n / (n - p)",
        "hc2": "squared residuals divided by 1 - leverage (HC2)",
        "hc3": "squared residuals divided by (1 - leverage)^2 (HC3)",
    }[kind]
    factor = 1.0
    if kind == "hc1":
        n, p = rows.profile.rows.n_obs, int(rows.estimable.sum())
        factor = n / (n - p)
        text += f" = {factor:.6g} (HC1)"
    record = CovarianceRecord(kind, f"sandwich, robust to a wrong variance: {text}", factors=(factor,))
    return factor * spread, record


def _with_clusters(rows: FittedRows, outcome: Outcome, spec: DesignSpec) -> RobustOutcome:
    wanted = rows.config.inference.covariance == "cluster" and outcome.found.covariance is not None
    found = cluster_covariance(rows, combined=wanted)
    clusters = tuple(
        _with_ratio(dependence, spread, rows, outcome, spec)
        for dependence, spread in zip(found.dependences, found.spreads, strict=True)
    )
    result = RobustOutcome(outcome, clusters=clusters)
    if not wanted:
        return result
    spread, record, notes = _combined(found, rows)
    replaced = _replaced(result, _of_model(spread, rows, spec), record, spec)
    return replace(replaced, notes=(*notes, *replaced.notes), summed=spread)


def _combined(
    found: ClusterCovariance, rows: FittedRows
) -> tuple[FloatArray, CovarianceRecord, tuple[str, ...]]:
    assert found.covariance is not None
    names = [quoted(name) for name in rows.config.inference.cluster or ()]
    sizes, factors = found.n_clusters, found.factors
    if len(names) == 1:
        text = f"{sizes[0]:,} clusters of {names[0]}, times G / (G - 1) = {factors[0]:.6g}"
    else:
        parts = ", ".join(f"{n:,} (factor {factor:.6g})" for n, factor in zip(sizes, factors, strict=True))
        text = f"clusters of {names[0]} and of {names[1]}: the covariance of each less that of both together, {parts}"
    if found.n_negative:
        text += f"; {found.n_negative} negative eigenvalue{'s' * (found.n_negative > 1)} set to 0"
    record = CovarianceRecord(
        "cluster", f"sandwich, robust to dependence within clusters: {text}", sizes, factors
    )
    return found.covariance, record, found.notes


def _replaced(
    found: RobustOutcome, centred: FloatArray, record: CovarianceRecord, spec: DesignSpec
) -> RobustOutcome:
    """Put a covariance on the centred columns, (k, k) of the estimable terms, in place of the model's."""
    own = found.outcome.found
    if not np.isfinite(centred).all():
        return _without_errors(found, record, f"{record.kind} is not defined where a row has leverage 1")
    variance = np.full_like(own.variance, np.nan)
    spread = _uncentred(centred, own.estimable, spec)
    variance[own.estimable] = np.diag(spread)
    nothing_left = own.estimable & (variance <= NOTHING_LEFT * own.variance)
    if nothing_left.any():
        terms = [
            quoted(term.name) for term, bare in zip(found.outcome.terms, nothing_left, strict=True) if bare
        ]
        named = first_few(terms, MAX_NAMED)
        return _without_errors(found, record, f"the rows that tell of {named} lie in one cluster each")
    at_centres = None if own.at_centres is None else centred[0]
    replaced = replace(own, variance=variance, covariance=spread, at_centres=at_centres)
    outcome = replace(found.outcome, found=replaced)
    notes = (*found.notes, *_small_ratios(found.outcome, variance / own.variance, record))
    return replace(found, outcome=outcome, record=record, notes=notes)


def _without_errors(found: RobustOutcome, record: CovarianceRecord, why: str) -> RobustOutcome:
    own = found.outcome.found
    nothing = replace(own, variance=np.full_like(own.variance, np.nan), covariance=None, at_centres=None)
    notes = (*found.notes, f"there are no standard errors: {why}")
    return replace(found, outcome=replace(found.outcome, found=nothing), record=record, notes=notes)


def _small_ratios(outcome: Outcome, ratios: FloatArray, record: CovarianceRecord) -> list[str]:
    """Say where clusters make variances much smaller than the model's.

    At the optimum the scores of a level add to 0: one whose rows are in few clusters adds too little to the variance
    of its own term, and one whose rows are one cluster nothing.
    """
    n_small = int((ratios < SMALL_RATIO).sum())
    if not n_small or record.kind != "cluster":
        return []
    least = int(np.nanargmin(ratios))
    more = f" (and {n_small - 1:,} more below half of it)" if n_small > 1 else ""
    return [
        f"the standard error of {quoted(outcome.terms[least].name)} by cluster is {math.sqrt(ratios[least]):.2g} of the "
        f"model's{more}: too small where the rows of a level are in few clusters"
    ]


def _of_model(spread: FloatArray, rows: FittedRows, spec: DesignSpec) -> FloatArray:
    """Return a covariance (p, p) of what tasks sum as that of the k estimated terms of the model."""
    place = {name: k for k, name in enumerate(rows.names)}
    at = np.array([place[term.name] for term in spec.terms()], dtype=np.intp)
    estimated = at[rows.estimable[at]]
    return rows.of_columns(spread)[np.ix_(estimated, estimated)]


def _uncentred(centred: FloatArray, estimable: NDArray[np.bool_], spec: DesignSpec) -> FloatArray:
    return uncentred_covariance(centred, term_centres(spec)[estimable], 0 if spec.intercept else None)


def _with_ratio(
    dependence: ClusterDependence,
    spread: FloatArray | None,
    rows: FittedRows,
    outcome: Outcome,
    spec: DesignSpec,
) -> ClusterDependence:
    """Say for which term clusters change the variance most."""
    found = outcome.found
    if spread is None or found.covariance is None:
        return dependence
    own = _uncentred(_of_model(spread, rows, spec), found.estimable, spec)
    ratios = np.diag(own) / np.diag(found.covariance)
    if not len(ratios) or not np.isfinite(ratios).all():
        return dependence
    names = [
        term.name for term, has_estimate in zip(outcome.terms, found.estimable, strict=True) if has_estimate
    ]
    largest = int(np.argmax(ratios))
    return replace(dependence, largest_ratio=float(ratios[largest]), ratio_term=names[largest])
