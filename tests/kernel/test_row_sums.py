"""Leverages, squared scores and sums by cluster against plain loops over rows."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logreg_dist.kernel import cluster_sums
from logreg_dist.kernel.block import BlockShape
from logreg_dist.kernel.cluster_sums import (
    ClusterSums,
    by_bucket,
    cluster_meat,
    merged_clusters,
    sum_by_cluster,
)
from logreg_dist.kernel.residuals import probabilities, trial_residuals
from logreg_dist.kernel.row_quadratics import RowQuadratics
from logreg_dist.kernel.serial_runs import Run, cut, even_cuts, joined_ranges, range_sums, sorted_run
from logreg_dist.kernel.trials import single_trials
from logreg_dist.kernel.weighted_information import weighted_information
from tests.kernel.naive import one_hot, random_block

ROUNDING = 1e-12
SHAPES = [BlockShape(3), BlockShape(2, (3, 1)), BlockShape(1, (4, 2, 5)), BlockShape(0, (2,))]


@pytest.mark.parametrize("shape", SHAPES)
def test_quadratic_forms_and_weighted_sums_are_those_of_the_written_out_matrix(shape):
    rng = np.random.default_rng(1)
    V = rng.normal(size=(shape.p, shape.p))
    V += V.T
    blocks = [random_block(rng, n, shape) for n in (40, 40, 7)]
    weights = [rng.exponential(size=block.n_rows) for block in blocks]
    total = np.zeros((shape.p, shape.p))
    for block, weight in zip(blocks, weights, strict=True):
        X = one_hot(block, shape)
        np.testing.assert_allclose(
            RowQuadratics(V, shape).of(block), np.einsum("ij,jk,ik->i", X, V, X), rtol=0, atol=ROUNDING * 100
        )
        total += X.T @ (weight[:, None] * X)
    found = weighted_information(zip(blocks, weights, strict=True), shape).matrix(shape)
    np.testing.assert_allclose(found, total, rtol=0, atol=ROUNDING * np.abs(total).max())


def rows_as_sums(rng, shape, n_rows, n_clusters) -> tuple[ClusterSums, np.ndarray, np.ndarray]:
    """Return rows with a score each, the scores by row and coefficient, and their clusters."""
    block = random_block(rng, n_rows, shape)
    residual, trials = rng.normal(size=n_rows), rng.integers(1, 4, n_rows).astype(float)
    cluster = rng.integers(0, n_clusters, n_rows).astype(np.uint64) * np.uint64(2**60 + 1)
    owner, place = np.nonzero(one_hot(block, shape)[:, shape.n_dense :])
    values = np.vstack([block.dense * residual, trials, trials * residual, trials * residual**2])
    rows = ClusterSums(cluster, values, owner, place + shape.n_dense, residual[owner])
    return rows, one_hot(block, shape) * residual[:, None], cluster


@pytest.mark.parametrize("listed_cost", [1e-9, 1e9], ids=["listed", "as a matrix"])
@pytest.mark.parametrize("cells_per_entry", [0, 1_000], ids=["sorted", "in a table"])
@pytest.mark.parametrize("shape", SHAPES)
def test_clusters_are_summed_as_row_by_row(monkeypatch, shape, listed_cost, cells_per_entry):
    monkeypatch.setattr(cluster_sums, "LISTED_COST", listed_cost)
    monkeypatch.setattr(cluster_sums, "CELLS_PER_ENTRY", cells_per_entry)
    monkeypatch.setattr(cluster_sums, "PRODUCT_BYTES", 300)  # several turns
    rng = np.random.default_rng(2)
    rows, scores, cluster = rows_as_sums(rng, shape, 90, 20)
    meat, p = np.zeros((shape.p, shape.p)), shape.p
    between = n_squares = 0.0
    n, moment = rows.values[-3], rows.values[-2]
    for one in np.unique(cluster):
        total = scores[cluster == one].sum(axis=0)
        meat += np.outer(total, total)
        size = n[cluster == one].sum()
        between += moment[cluster == one].sum() ** 2 / size
        n_squares += size**2
    found = cluster_meat(sum_by_cluster(rows, p), p)
    np.testing.assert_allclose(found.meat, meat, rtol=0, atol=ROUNDING * np.abs(meat).max())
    np.testing.assert_allclose([found.between, found.n_squares, found.n], [between, n_squares, n.sum()])
    assert found.n_clusters == len(np.unique(cluster))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 5), st.integers(1, 9), st.integers(1, 40), st.integers(1, 12))
def test_parts_and_buckets_add_to_the_whole(seed, n_parts, n_buckets, n_clusters, at_most):
    rng, shape = np.random.default_rng(seed), BlockShape(2, (3, 2))
    parts = [sum_by_cluster(rows_as_sums(rng, shape, 30, n_clusters)[0], shape.p) for _ in range(n_parts)]
    whole = cluster_meat(merged_clusters(parts, shape.p), shape.p)
    buckets: list[list[ClusterSums]] = [[] for _ in range(n_buckets)]
    for part in parts:
        for bucket, sums in by_bucket(part, (part.cluster % np.uint64(n_buckets)).astype(np.intp), at_most):
            buckets[bucket].append(sums)
    meats = [cluster_meat(merged_clusters(bucket, shape.p), shape.p) for bucket in buckets if bucket]
    found = meats[0]
    for other in meats[1:]:
        found = found + other
    np.testing.assert_allclose(found.meat, whole.meat, rtol=0, atol=1e-11 * np.abs(whole.meat).max())
    assert (found.n_clusters, found.n, found.largest) == (whole.n_clusters, whole.n, whole.largest)
    np.testing.assert_allclose(found.between, whole.between)


def test_residuals_of_trials_keep_their_digits_far_out():
    eta = np.array([800.0, -800.0, 40.0])
    _, one_minus_mu = probabilities(eta)
    np.testing.assert_allclose(one_minus_mu[2], np.exp(-40.0), rtol=1e-15)
    of_event, of_other = trial_residuals(eta, single_trials(np.array([1.0, 1.0, 0.0]), None))
    np.testing.assert_allclose(of_event[:2], [np.exp(-400.0), np.exp(400.0)], rtol=1e-12)
    np.testing.assert_allclose(of_other[2], -np.exp(20.0), rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 60), st.integers(1, 6), st.integers(1, 4))
def test_pairs_of_cut_runs_are_those_of_one_sort(seed, n_rows, n_ranges, n_splits):
    rng = np.random.default_rng(seed)
    series, order = rng.integers(0, 3, n_rows).astype(np.uint64), rng.integers(0, 4, n_rows).astype(float)
    # Small whole numbers: sums without rounding.
    value, split = rng.integers(-9, 9, n_rows).astype(float), np.sort(rng.integers(0, n_splits, n_rows))
    row = np.arange(n_rows)
    runs = [
        sorted_run(Run(k, *(array[split == k] for array in (series, order, row, value))))
        for k in range(n_splits)
    ]
    cuts = even_cuts([[run.key(k) for k in range(len(run.row))] for run in runs], n_ranges)
    ranges: dict[int, list[Run]] = {}
    for run in runs:
        for number, part in cut(run, cuts):
            ranges.setdefault(number, []).append(part)
    found = joined_ranges([range_sums(ranges[number]) for number in sorted(ranges)])
    at = np.lexsort((row, order, series))
    pairs = [(a, b) for a, b in pairwise(at) if series[a] == series[b]]
    assert found.n == len(pairs)
    assert found.products == sum(value[a] * value[b] for a, b in pairs)
    assert (found.first, found.second) == (sum(value[a] for a, _ in pairs), sum(value[b] for _, b in pairs))
