"""The tasks of the cluster pass: scores by cluster of a split's rows, and what is summed over clusters. Run on executors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logreg_dist.fitting.diagnostics.row_blocks import RowBlock, RowEstimates, row_blocks
from logreg_dist.fitting.tasks import SharedDesign
from logreg_dist.kernel.block import BlockShape, FloatArray
from logreg_dist.kernel.cluster_sums import (
    ClusterMeat,
    ClusterSums,
    HashArray,
    by_bucket,
    cluster_meat,
    merged_clusters,
    sum_by_cluster,
)
from logreg_dist.kernel.evaluate import linear_predictor
from logreg_dist.kernel.residuals import probabilities, trial_residuals
from logreg_dist.staging.folds import mixed_hashes
from logreg_dist.staging.split_file import RecordLayout
from logreg_dist.staging.staged_split import StagedSplit

# Of the clusters' sums that a task collects before it sends them on. The more, the fewer are sent of clusters whose
# rows lie apart.
HELD_BYTES = 32_000_000
# Of the sums that come together in a bucket at most, where every row were a cluster of its own.
BUCKET_BYTES = 64_000_000

# Odd: the hash of a pair is not that of the pair turned round.
_FIRST = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Clustering:
    """The carried columns whose equal values make a cluster; of two columns it is those equal in both."""

    columns: tuple[str, ...]

    def of_rows(self, carried: dict[str, NDArray[np.uint64]]) -> HashArray:
        """Return the hash of each row's cluster."""
        first, *rest = (carried[name] for name in self.columns)
        for other in rest:
            first = (first * _FIRST) ^ (mixed_hashes(first) + other)
        return first


def cluster_sums_task(
    design: SharedDesign,
    layout: RecordLayout,
    estimates: RowEstimates,
    clusterings: Sequence[Clustering],
    *,
    n_buckets: int,
    with_scores: bool,
    with_frequency: bool,
) -> Callable[[StagedSplit], Iterator[tuple[int, ClusterSums]]]:
    """Return the task that yields the sums by cluster of a split, lot by lot and by bucket.

    Buckets ``k n_buckets`` to ``(k + 1) n_buckets - 1`` are those of the k-th clustering.

    Parameters
    ----------
    design, layout
    estimates : RowEstimates
        The scores are of the mixtures where there are any.
    clusterings : sequence of Clustering
    n_buckets : int
        Of each clustering.
    with_scores : bool
        False leaves out the scores: the moments of the residuals alone.
    with_frequency : bool
        Whether the number of trials of a row is carried.
    """
    names = {name for one in clusterings for name in one.columns}
    names |= {"frequency"} if with_frequency else set()

    def task(split: StagedSplit) -> Iterator[tuple[int, ClusterSums]]:
        spec = design.value
        shape = spec.shape()
        held = [_Held(shape.p, n_buckets, len(clusterings)) for _ in clusterings]
        for row in row_blocks(split, spec, layout, sorted(names), estimates.mixing):
            scored = _scored_rows(row, estimates.beta, shape, with_scores=with_scores)
            for k, (clustering, lot) in enumerate(zip(clusterings, held, strict=True)):
                for bucket, sums in lot.add(scored.of_clusters(clustering.of_rows(row.carried))):
                    yield k * n_buckets + bucket, sums
        for k, lot in enumerate(held):
            for bucket, sums in lot.emptied():
                yield k * n_buckets + bucket, sums

    return task


@dataclass(frozen=True)
class BucketMeat:
    """The sums over the clusters of a bucket, and the number of the clustering they are of."""

    clustering: int
    meat: ClusterMeat

    def __add__(self, other: BucketMeat) -> BucketMeat:
        if self.clustering != other.clustering:
            raise ValueError("sums over the clusters of different columns do not add")
        return BucketMeat(self.clustering, self.meat + other.meat)


def cluster_meat_task(p: int, n_buckets: int) -> Callable[[int, Iterator[ClusterSums]], BucketMeat]:
    """Return what merges the sums that came together in a bucket: every cluster whole, then summed over."""

    def merge(bucket: int, parts: Iterator[ClusterSums]) -> BucketMeat:
        return BucketMeat(bucket // n_buckets, cluster_meat(merged_clusters(list(parts), p), p))

    return merge


def bucket_count(n_rows: int, shape: BlockShape, *, with_scores: bool) -> int:
    """Return how many buckets keep each within `BUCKET_BYTES`, even if every row were a cluster of its own.

    Examples
    --------
    >>> bucket_count(1_000, BlockShape(31), with_scores=True), bucket_count(5_000_000, BlockShape(31), with_scores=True)
    (1, 22)
    """
    numbers = 4 + (shape.n_dense + 3 * len(shape.widths) if with_scores else 0)
    return max(1, -(-n_rows * 8 * numbers // BUCKET_BYTES))


@dataclass(frozen=True)
class _ScoredRows:
    """What m rows add to their clusters, as `ClusterSums` has it."""

    values: FloatArray
    owner: NDArray[np.intp]
    place: NDArray[np.intp]
    amount: FloatArray

    def of_clusters(self, cluster: HashArray) -> ClusterSums:
        return ClusterSums(cluster, self.values, self.owner, self.place, self.amount)


def _scored_rows(row: RowBlock, beta: FloatArray, shape: BlockShape, *, with_scores: bool) -> _ScoredRows:
    block, trials = row.block, row.trials
    eta = linear_predictor(beta, block, shape)
    of_event, of_other = trial_residuals(eta, trials)
    with np.errstate(invalid="ignore", over="ignore"):
        # Of what there is none 0, whatever its residual were.
        events = np.where(trials.events > 0, trials.events * of_event, 0.0)
        others = np.where(trials.others > 0, trials.others * of_other, 0.0)
        squares = np.where(events != 0, events * of_event, 0.0) + np.where(
            others != 0, others * of_other, 0.0
        )
    moments = np.stack([trials.events + trials.others, events + others, squares])
    nothing = np.empty(0, dtype=np.intp)
    if not with_scores:
        return _ScoredRows(moments, nothing, nothing, np.empty(0))
    mu, one_minus_mu = probabilities(eta)
    residual = trials.events * trials.event_weight * one_minus_mu - trials.others * trials.other_weight * mu
    owners, places = [nothing], [nothing]
    for where, codes in zip(shape.slices(), block.codes, strict=True):
        has_coefficient = np.flatnonzero(codes < where.stop - where.start)
        owners.append(has_coefficient)
        places.append(where.start + codes[has_coefficient].astype(np.intp))
    owner = np.concatenate(owners)
    values = np.vstack([block.dense * residual, moments])
    return _ScoredRows(values, owner, np.concatenate(places), residual[owner])


class _Held:
    """The sums of one clustering that a task has not sent on yet; a builder."""

    def __init__(self, p: int, n_buckets: int, n_clusterings: int) -> None:
        self._p, self._n_buckets = p, n_buckets
        # So many pieces PySpark holds before it writes them (`RDD.partitionBy`).
        self._n_pieces = min(10 * n_buckets * n_clusterings, 1_000)
        self._parts: list[ClusterSums] = []
        self._n_bytes = 0

    def add(self, rows: ClusterSums) -> Iterator[tuple[int, ClusterSums]]:
        """Add rows, and yield what there is where it has grown too large."""
        self._parts.append(sum_by_cluster(rows, self._p))
        self._n_bytes += self._parts[-1].n_bytes
        if self._n_bytes <= HELD_BYTES:
            return
        self._parts = [merged_clusters(self._parts, self._p)]
        self._n_bytes = self._parts[0].n_bytes
        if self._n_bytes > HELD_BYTES // 2:  # merging more of them would save little
            yield from self.emptied()

    def emptied(self) -> Iterator[tuple[int, ClusterSums]]:
        """Yield everything by bucket."""
        if not self._parts:
            return
        sums = merged_clusters(self._parts, self._p)
        self._parts, self._n_bytes = [], 0
        bucket = (mixed_hashes(sums.cluster) % np.uint64(self._n_buckets)).astype(np.intp)
        clusters_per_byte = len(sums.cluster) / sums.n_bytes
        at_most = max(1, int(HELD_BYTES / self._n_pieces * clusters_per_byte))
        yield from by_bucket(sums, bucket, at_most)
