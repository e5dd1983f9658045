"""The cluster pass: covariances by cluster, and how alike the rows of a cluster are."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from logreg_dist.checks.dependence import intra_cluster_correlation
from logreg_dist.checks.records import ClusterDependence
from logreg_dist.config import TrainConfig
from logreg_dist.design.problems import Problem, quoted, reject
from logreg_dist.fitting.diagnostics.cluster_tasks import (
    Clustering,
    bucket_count,
    cluster_meat_task,
    cluster_sums_task,
)
from logreg_dist.fitting.diagnostics.fitted import FittedRows
from logreg_dist.fitting.tasks import FirstLook
from logreg_dist.inference.sandwich import cluster_factor, sandwich, without_negative
from logreg_dist.kernel.cluster_sums import ClusterMeat
from logreg_dist.staging.split_tasks import MAX_SENT_BYTES, group_size

log = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]

FEW_CLUSTERS = 30


@dataclass(frozen=True)
class ClusterCovariance:
    """What the cluster pass found; covariances (p, p) are of what tasks sum, see `FittedRows.of_columns`.

    Attributes
    ----------
    dependences : tuple of ClusterDependence
        Of each column, without the ratio.
    spreads : tuple of ndarray or None
        The covariance by each column's clusters, None where there is none.
    covariance : ndarray or None
        Of all columns together, None where it is not asked for.
    n_clusters : tuple of int
    factors : tuple of float
        Of each column's clusters and of those of both columns, where they are asked for.
    n_negative : int
        Eigenvalues that were set to 0.
    notes : tuple of str
    """

    dependences: tuple[ClusterDependence, ...]
    spreads: tuple[FloatArray | None, ...]
    covariance: FloatArray | None
    n_clusters: tuple[int, ...]
    factors: tuple[float, ...]
    n_negative: int
    notes: tuple[str, ...]


def refuse_one_cluster(looks: Sequence[FirstLook], config: TrainConfig) -> None:
    """Refuse a covariance by cluster where all rows are one cluster, before the fit.

    Parameters
    ----------
    looks : sequence of FirstLook
        Of all splits, with their clusters.
    config : TrainConfig

    Raises
    ------
    InputRejected
    """
    if config.inference.covariance != "cluster":
        return
    reject(
        [
            Problem(
                f"inference.cluster {quoted(name)} has one cluster",
                "A covariance by cluster compares clusters: it needs two at least, and some thirty to be trusted.",
            )
            for k, name in enumerate(config.inference.cluster or ())
            if len({one for look in looks for one in look.clusters[k]}) < 2
        ]
    )


def cluster_covariance(rows: FittedRows, *, combined: bool) -> ClusterCovariance:
    """Return covariances by cluster and measures of dependence; one pass with a shuffle.

    Parameters
    ----------
    rows : FittedRows
    combined : bool
        Whether the covariance of the fit is by cluster: with two columns then ``V1 + V2 - V12``, where 12 are the rows
        equal in both, each with its own factor (Cameron, Gelbach and Miller 2011, J. Bus. Econ. Stat. 29(2)).
        Each column has two at least, see `refuse_one_cluster`.
    """
    columns = rows.config.inference.cluster or ()
    clusterings = [Clustering((f"cluster[{k}]",)) for k in range(len(columns))]
    if combined and len(columns) == 2:
        clusterings.append(Clustering(("cluster[0]", "cluster[1]")))
    meats = _meats(rows, clusterings)
    bread, positions = rows.bread, rows.passes.positions
    factors = tuple(cluster_factor(meat.n_clusters) for meat in meats)
    # With one cluster there is no factor, and the score of all rows together is 0.
    scaled = [
        factor * meat.meat[np.ix_(positions, positions)]
        if bread is not None and meat.n_clusters > 1
        else None
        for factor, meat in zip(factors, meats, strict=True)
    ]
    spreads = tuple(
        None if bread is None or meat is None else sandwich(bread, meat) for meat in scaled[: len(columns)]
    )
    whole, n_negative = spreads[0] if combined else None, 0
    if combined and len(columns) == 2 and bread is not None:
        whole = np.zeros_like(bread)
        active = np.ix_(rows.estimable, rows.estimable)
        first, second, shared = (meat for meat in scaled if meat is not None)
        both = (first + second - shared)[active]
        fixed = without_negative(bread[active], both)
        whole[active], n_negative = fixed.covariance, fixed.n_negative
    return ClusterCovariance(
        dependences=tuple(_dependence(name, meat) for name, meat in zip(columns, meats, strict=False)),
        spreads=spreads,
        covariance=whole,
        n_clusters=tuple(meat.n_clusters for meat in meats),
        factors=factors,
        n_negative=n_negative,
        notes=tuple(_notes(columns, meats, int(rows.estimable.sum()))) if combined else (),
    )


def _meats(rows: FittedRows, clusterings: Sequence[Clustering]) -> list[ClusterMeat]:
    passes, clock = rows.passes, time.perf_counter()
    with_scores = rows.covariance is not None
    p = passes.shape.p if with_scores else 0
    n_rows = rows.profile.rows.n_rows
    n_buckets, group = bucket_count(n_rows, passes.shape, with_scores=with_scores), 1
    if len(clusterings) * n_buckets * 8 * p * p > MAX_SENT_BYTES:
        group = group_size(n_buckets)
        n_buckets = -(-n_buckets // group) * group  # no group has buckets of two clusterings
    task = cluster_sums_task(
        passes.design,
        passes.layout,
        rows.estimates(),
        clusterings,
        n_buckets=n_buckets,
        with_scores=with_scores,
        with_frequency=rows.carries_frequency,
    )
    merge = cluster_meat_task(p, n_buckets)
    found = passes.staged.bucket_pass(task, merge, n_buckets=len(clusterings) * n_buckets, group=group)
    meats = [reduce(add, [one.meat for one in found if one.clustering == k]) for k in range(len(clusterings))]
    log.info("pass %d: scores by cluster (%.2f s)", passes.staged.n_passes, time.perf_counter() - clock)
    return meats


def _notes(columns: Sequence[str], meats: Sequence[ClusterMeat], n_terms: int) -> list[str]:
    notes = []
    for name, meat in zip(columns, meats, strict=False):
        if meat.n_clusters < FEW_CLUSTERS:
            notes.append(
                f"{meat.n_clusters} clusters of {quoted(name)} are few: standard errors by cluster are then too small "
                f"as a rule, and below {FEW_CLUSTERS} not to be relied on"
            )
        if meat.n_clusters <= n_terms:
            notes.append(
                f"{meat.n_clusters} clusters of {quoted(name)} for {n_terms} terms: no test of all terms together is "
                "possible, the covariance has a lower rank"
            )
    return notes


def _dependence(column: str, meat: ClusterMeat) -> ClusterDependence:
    likeness = intra_cluster_correlation(
        n_clusters=meat.n_clusters,
        n=meat.n,
        n_squares=meat.n_squares,
        total=meat.residual,
        squares=meat.residual_squares,
        between=meat.between,
    )
    return ClusterDependence(
        column=column,
        n_clusters=meat.n_clusters,
        mean_size=meat.n / meat.n_clusters,
        largest=meat.largest,
        icc=likeness.icc,
        design_effect=likeness.design_effect,
        largest_ratio=None,
        ratio_term=None,
    )
