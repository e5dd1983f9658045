"""Arrays and vectors of Arrow, against the numbers they were made of."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from logreg_dist.staging.vectors import dense_vectors, sparse_vectors

STRUCT = pa.struct(
    [
        ("type", pa.int8()),
        ("size", pa.int32()),
        ("indices", pa.list_(pa.int32())),
        ("values", pa.list_(pa.float64())),
    ]
)


def ml_sparse(size, indices, values):
    return {"type": 0, "size": size, "indices": indices, "values": values}


def ml_dense(values):
    return {"type": 1, "size": None, "indices": None, "values": values}


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.float64()),
        pa.list_(pa.float32()),
        pa.list_(pa.int32()),
        pa.large_list(pa.float64()),
        pa.list_(pa.float32(), 3),
    ],
)
def test_lists_of_any_numbers_are_columns(kind):
    rows = [[1, 2, 3], [4, 5, 6], None, [7, 8, 9]]
    found = dense_vectors(pa.array(rows, kind), 3)
    np.testing.assert_array_equal(found.numbers.T[[0, 1, 3]], [rows[0], rows[1], rows[3]])
    assert np.isnan(found.numbers[:, 2]).all()
    assert found.missing.tolist() == [False, False, True, False]
    assert not found.unlike.any()


def test_a_slice_has_its_own_rows():
    whole = pa.array([[float(k), float(-k)] for k in range(10)])
    np.testing.assert_array_equal(dense_vectors(whole.slice(4, 3), 2).numbers, [[4, 5, 6], [-4, -5, -6]])
    vectors = pa.array([ml_sparse(4, [k % 4], [float(k)]) for k in range(10)], STRUCT)
    part = sparse_vectors(vectors.slice(5, 2), 4).rows
    assert (part.columns.tolist(), part.values.tolist()) == ([1, 2], [5.0, 6.0])


def test_vectors_of_ml_are_the_same_by_entries_and_in_full():
    rng = np.random.default_rng(1)
    full = np.where(rng.random((30, 8)) < 0.3, rng.normal(size=(30, 8)), 0.0)
    stored = [
        ml_dense(row.tolist())
        if k % 3 == 0
        else ml_sparse(8, np.flatnonzero(row).tolist(), row[row != 0].tolist())
        for k, row in enumerate(full)
    ]
    stored[4] = None
    column = pa.array(stored, STRUCT)
    full[4] = 0.0
    rows = sparse_vectors(column, 8).rows
    by_entry = np.zeros_like(full)
    by_entry[rows.rows(), rows.columns] = rows.values
    np.testing.assert_array_equal(by_entry, full)
    in_full = dense_vectors(column, 8)
    full[4] = np.nan
    np.testing.assert_array_equal(in_full.numbers.T, full)
    assert np.flatnonzero(in_full.missing).tolist() == [4]


@pytest.mark.parametrize(
    "odd",
    [
        ml_sparse(5, [0], [1.0]),
        ml_sparse(4, [4], [1.0]),
        ml_sparse(4, [-1], [1.0]),
        ml_sparse(4, [2, 1], [1.0, 1.0]),
        ml_sparse(4, [1, 1], [1.0, 1.0]),
        ml_sparse(4, [1], [1.0, 2.0]),
        ml_sparse(4, None, [1.0]),
        ml_dense([1.0, 2.0, 3.0]),
        ml_dense(None),
    ],
)
def test_a_vector_that_cannot_be_read_is_unlike_the_others_and_leaves_them_alone(odd):
    column = pa.array([ml_sparse(4, [3], [2.0]), odd, ml_dense([0.0, 0.0, 0.0, 2.0])], STRUCT)
    found = sparse_vectors(column, 4)
    assert found.unlike.tolist() == [False, True, False]
    assert found.rows.take(np.array([True, False, True])).columns.tolist() == [3, 3]
    assert dense_vectors(column, 4).numbers[3, [0, 2]].tolist() == [2.0, 2.0]


def test_a_number_that_is_missing_in_a_vector_is_nan():
    assert np.isnan(dense_vectors(pa.array([[1.0, None]]), 2).numbers).tolist() == [[False], [True]]
    column = pa.array([ml_dense([1.0, float("nan")])], STRUCT)
    assert np.isnan(sparse_vectors(column, 2).rows.values).tolist() == [False, True]


def test_a_file_without_the_column_has_no_vector_in_any_row():
    for found in (dense_vectors(pa.nulls(3), 2), sparse_vectors(pa.nulls(3), 2)):
        assert found.missing.tolist() == [True] * 3
        assert not found.unlike.any()
    assert sparse_vectors(pa.nulls(3), 2).rows.n_rows == 3
