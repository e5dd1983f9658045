"""Sums by cluster: the scores of the rows that go together, and the outer products of those."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from logreg_dist.kernel.block import FloatArray

HashArray = NDArray[np.uint64]

# Bytes of the clusters' scores that are multiplied at a time.
PRODUCT_BYTES = 64_000_000
# Summing by a table of all places is faster than sorting, as long as the table has not many more cells than entries.
CELLS_PER_ENTRY = 4
# A product of two entries of a list takes as long as so many in a matrix product.
LISTED_COST = 100

N_MOMENTS = 3  # trials, their Pearson residuals, and the squares of these


@dataclass(frozen=True)
class ClusterSums:
    """Sums over rows by cluster; ``g`` clusters, ``d`` dense columns.

    Scores of levels are entries, because a small cluster has few of many levels.

    Attributes
    ----------
    cluster : ndarray (g,) of uint64
        Ascending.
    values : ndarray (d + 3, g)
        Scores of the dense columns, then `N_MOMENTS` sums: trials, residuals, squared residuals.
    owner : ndarray (e,) of int
        Of each entry the number of its cluster, ascending.
    place : ndarray (e,) of int
        Its coefficient, in the kernel's order, ascending for an owner.
    amount : ndarray (e,)
    """

    cluster: HashArray
    values: FloatArray
    owner: NDArray[np.intp]
    place: NDArray[np.intp]
    amount: FloatArray

    @property
    def n_bytes(self) -> int:
        """Bytes of the arrays."""
        return sum(array.nbytes for array in vars(self).values())


def sum_by_cluster(sums: ClusterSums, p: int) -> ClusterSums:
    """Add what belongs to the same cluster; `sums` has rows in place of clusters, in any order.

    Rows are added in the order they have.

    Parameters
    ----------
    sums : ClusterSums
    p : int
        Coefficients.

    Examples
    --------
    >>> none = np.empty(0, dtype=np.intp)
    >>> rows = ClusterSums(np.array([7, 5, 7], dtype=np.uint64), np.array([[1.0, 2.0, 3.0]]), none, none, np.empty(0))
    >>> found = sum_by_cluster(rows, 1)
    >>> found.cluster.tolist(), found.values.tolist()
    ([5, 7], [[2.0, 4.0]])
    """
    if not len(sums.cluster):
        return sums
    order = np.argsort(sums.cluster, kind="stable")
    in_order = sums.cluster[order]
    is_first = np.append(True, in_order[1:] != in_order[:-1])
    number = np.empty(len(order), dtype=np.intp)
    number[order] = np.cumsum(is_first) - 1
    starts = np.flatnonzero(is_first)
    values = np.add.reduceat(sums.values[:, order], starts, axis=1)
    key, amount = _sum_entries(number[sums.owner] * p + sums.place, sums.amount, len(starts) * p)
    return ClusterSums(in_order[starts], values, key // p, key % p, amount)


def merged_clusters(parts: Sequence[ClusterSums], p: int) -> ClusterSums:
    """Return the sums of several parts by cluster, added in the order of the parts."""
    if len(parts) == 1:
        return parts[0]
    shifts = np.cumsum([0, *(len(part.cluster) for part in parts[:-1])])
    together = ClusterSums(
        np.concatenate([part.cluster for part in parts]),
        np.concatenate([part.values for part in parts], axis=1),
        np.concatenate([part.owner + shift for part, shift in zip(parts, shifts, strict=True)]),
        np.concatenate([part.place for part in parts]),
        np.concatenate([part.amount for part in parts]),
    )
    return sum_by_cluster(together, p)


def by_bucket(sums: ClusterSums, bucket: NDArray[np.intp], at_most: int) -> Iterator[tuple[int, ClusterSums]]:
    """Yield the clusters of each bucket, `at_most` so many at a time; `bucket` (g,) says which one a cluster is in."""
    order = np.argsort(bucket, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    owner = rank[sums.owner]
    entries = np.argsort(owner, kind="stable")
    owner, place, amount = owner[entries], sums.place[entries], sums.amount[entries]
    found, begins = np.unique(bucket[order], return_index=True)
    edges = [*begins.tolist(), len(order)]
    for number, (begin, end) in zip(found.tolist(), pairwise(edges), strict=True):
        for start in range(begin, end, at_most):
            stop = min(start + at_most, end)
            own = slice(*np.searchsorted(owner, [start, stop]))
            members = order[start:stop]
            values = sums.values[:, members]
            yield (
                number,
                ClusterSums(sums.cluster[members], values, owner[own] - start, place[own], amount[own]),
            )


@dataclass(frozen=True)
class ClusterMeat:
    """Sums over clusters; those of disjoint clusters add.

    Attributes
    ----------
    meat : ndarray (p, p)
        Sum of ``s s'`` with s the score of a cluster, in the kernel's order.
    n_clusters : int
    n, n_squares, largest : float
        Trials, sum over clusters of their squared number, and the most in a cluster.
    residual, residual_squares : float
        Sums over trials of Pearson residuals and of their squares.
    between : float
        Sum over clusters of ``(sum of residuals)^2 / n``.
    """

    meat: FloatArray
    n_clusters: int
    n: float
    n_squares: float
    largest: float
    residual: float
    residual_squares: float
    between: float

    def __add__(self, other: ClusterMeat) -> ClusterMeat:
        return ClusterMeat(
            meat=self.meat + other.meat,
            n_clusters=self.n_clusters + other.n_clusters,
            n=self.n + other.n,
            n_squares=self.n_squares + other.n_squares,
            largest=max(self.largest, other.largest),
            residual=self.residual + other.residual,
            residual_squares=self.residual_squares + other.residual_squares,
            between=self.between + other.between,
        )


def cluster_meat(sums: ClusterSums, p: int) -> ClusterMeat:
    """Return the sums over clusters; `sums` has each of them once.

    Liang and Zeger (1986), Biometrika 73(1), theorem 2, with independence as the working correlation.

    Examples
    --------
    Scores 3 and -1 of two clusters of 2 and 1 rows:

    >>> values = np.array([[3.0, -1.0], [2.0, 1.0], [2.0, -1.0], [2.0, 1.0]])
    >>> none = np.empty(0, dtype=np.intp)
    >>> found = cluster_meat(ClusterSums(np.array([1, 2], dtype=np.uint64), values, none, none, np.empty(0)), 1)
    >>> found.meat.tolist(), found.n, found.n_squares, found.between
    ([[10.0]], 3.0, 5.0, 3.0)
    """
    n, residual, squares = sums.values[-N_MOMENTS:]
    with np.errstate(
        over="ignore", invalid="ignore"
    ):  # residuals may be infinite: their measures are then None
        moments = (
            float((n * n).sum()),
            float(n.max(initial=0.0)),
            float(residual.sum()),
            float(squares.sum()),
            float((residual * residual / n).sum()),
        )
    return ClusterMeat(_outer_products(sums, p), len(n), float(n.sum()), *moments)


def _outer_products(sums: ClusterSums, p: int) -> FloatArray:
    total, d = np.zeros((p, p)), len(sums.values) - N_MOMENTS
    at_once = max(1, PRODUCT_BYTES // (8 * max(p, 1)))
    for start in range(0, len(sums.cluster), at_once):
        stop = min(start + at_once, len(sums.cluster))
        first, last = np.searchsorted(sums.owner, [start, stop])
        entries = slice(first, last)
        owner = sums.owner[entries] - start
        dense, place, amount = sums.values[:d, start:stop], sums.place[entries], sums.amount[entries]
        per_cluster = np.bincount(owner, minlength=stop - start)
        if LISTED_COST * float(per_cluster @ per_cluster) > (stop - start) * float(p - d) ** 2:
            scores = np.zeros((p, stop - start))
            scores[:d] = dense
            scores[place, owner] = amount
            total += scores @ scores.T
            continue
        total[:d, :d] += dense @ dense.T
        for row, one in enumerate(dense):
            cross = np.bincount(place, amount * one[owner], minlength=p)
            total[row] += cross
            total[:, row] += cross
        _add_pairs(total, per_cluster, place, amount)
    return total


def _add_pairs(
    total: FloatArray, per_cluster: NDArray[np.intp], place: NDArray[np.intp], amount: FloatArray
) -> None:
    """Add the products of each two entries of a cluster, themselves included, to `total` (p, p)."""
    begins = np.concatenate([[0], np.cumsum(per_cluster)])
    flat = total.reshape(-1)
    # The k-th entry of every cluster that has so many, with all entries of that cluster.
    for k in range(int(per_cluster.max(initial=0))):
        has = per_cluster > k
        lead = np.repeat(begins[:-1][has] + k, per_cluster[has])
        others = np.flatnonzero(np.repeat(has, per_cluster))
        np.add.at(flat, place[lead] * len(total) + place[others], amount[lead] * amount[others])


def _sum_entries(
    key: NDArray[np.intp], amount: FloatArray, n_cells: int
) -> tuple[NDArray[np.intp], FloatArray]:
    """Return each key once, ascending, with the sum of its amounts."""
    if not len(key):
        return key, amount
    if n_cells <= CELLS_PER_ENTRY * len(key):
        cells = np.bincount(key, weights=amount, minlength=n_cells).astype(np.float64, copy=False)
        filled = np.flatnonzero(cells)  # a sum of exactly 0 adds nothing
        return filled, cells[filled]
    order = np.argsort(key, kind="stable")
    in_order = key[order]
    starts = np.flatnonzero(np.append(True, in_order[1:] != in_order[:-1]))
    return in_order[starts], np.add.reduceat(amount[order], starts)
