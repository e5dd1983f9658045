"""Columns of vectors: arrays of numbers, and the vectors of pyspark.ml, dense or sparse.

A vector of pyspark.ml is a struct in Parquet and in Arrow: ``type`` (0 sparse, 1 dense), ``size``,
``indices`` and ``values``; size and indices are null in dense ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from logreg_dist.kernel.sparse import SparseRows, starts_of

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class DenseVectors:
    """Vectors as a matrix.

    Attributes
    ----------
    numbers : ndarray (size, m)
        NaN where a number or the whole vector is missing.
    missing, unlike : ndarray (m,) of bool
        Rows without a vector, and with one of another size.
    """

    numbers: FloatArray
    missing: NDArray[np.bool_]
    unlike: NDArray[np.bool_]


@dataclass(frozen=True)
class SparseVectors:
    """Vectors by their entries; none in the rows that are `missing` or `unlike`."""

    rows: SparseRows
    missing: NDArray[np.bool_]
    unlike: NDArray[np.bool_]


def dense_vectors(column: pa.Array, size: int) -> DenseVectors:
    """Return vectors of `size` numbers as a matrix.

    Parameters
    ----------
    column : pyarrow.Array
        Lists of numbers, or structs of pyspark.ml.
    size : int

    Examples
    --------
    >>> found = dense_vectors(pa.array([[1.0, 2.0], None, [3.0], [4.0, None]]), 2)
    >>> found.numbers.tolist(), found.missing.tolist(), found.unlike.tolist()
    ([[1.0, nan, nan, 4.0], [2.0, nan, nan, nan]], [False, True, False, False], [False, False, True, False])
    """
    if pa.types.is_null(column.type):  # a file without this column
        missing = np.ones(len(column), dtype=bool)
        return DenseVectors(np.full((size, len(column)), np.nan), missing, ~missing)
    if pa.types.is_struct(column.type):
        found = sparse_vectors(column, size)
        numbers = np.zeros((size, len(column)))
        numbers[found.rows.columns, found.rows.rows()] = found.rows.values
        numbers[:, found.missing | found.unlike] = np.nan
        return DenseVectors(numbers, found.missing, found.unlike)
    missing, lengths = _null(column), _lengths(column)
    usable = ~missing & (lengths == size)
    flat = _flat(column if usable.all() else column.filter(pa.array(usable))).reshape(-1, size).T
    if not usable.all():
        numbers = np.full((size, len(column)), np.nan)
        numbers[:, usable] = flat
        flat = numbers
    return DenseVectors(flat, missing, ~missing & ~usable)


def sparse_vectors(column: pa.StructArray, size: int) -> SparseVectors:
    """Return vectors of pyspark.ml by their entries; zeros that were written out are left out.

    A sparse vector whose indices do not rise, or lie beyond its size, counts as unlike the others.

    Examples
    --------
    >>> column = pa.array(
    ...     [
    ...         {"type": 0, "size": 3, "indices": [0, 2], "values": [1.0, 5.0]},
    ...         {"type": 1, "size": None, "indices": None, "values": [0.0, 7.0, 0.0]},
    ...         {"type": 0, "size": 4, "indices": [], "values": []},
    ...     ]
    ... )
    >>> found = sparse_vectors(column, 3)
    >>> found.rows.starts.tolist(), found.rows.columns.tolist(), found.unlike.tolist()
    ([0, 2, 3, 3], [0, 2, 1], [False, False, True])
    """
    if pa.types.is_null(column.type):
        missing = np.ones(len(column), dtype=bool)
        nothing = SparseRows(np.zeros(len(column) + 1, np.int64), np.empty(0, np.int32), np.empty(0))
        return SparseVectors(nothing, missing, ~missing)
    missing = _null(column)
    fields = [column.field(k) for k in range(column.type.num_fields)]
    by_name = {column.type.field(k).name: field for k, field in enumerate(fields)}
    indices, values = by_name["indices"], by_name["values"]
    is_dense = np.asarray(pc.equal(pc.fill_null(by_name["type"], 1), 1))
    sizes = np.asarray(pc.fill_null(by_name["size"], -1))
    n_values, n_indices = _lengths(values), _lengths(indices)
    unlike = np.where(is_dense, n_values != size, (sizes != size) | (n_values != n_indices))
    usable = ~missing & ~unlike
    n_values = np.where(usable, n_values, 0)
    rows = np.repeat(np.arange(len(column)), n_values)
    kept = pa.array(usable)
    entries = _flat(values.filter(kept))
    starts = starts_of(n_values)
    columns = np.arange(len(entries)) - np.repeat(starts[:-1], n_values)
    of_sparse = ~is_dense[rows]
    columns[of_sparse] = np.asarray(indices.filter(pa.array(usable & ~is_dense)).flatten())
    same_row = np.diff(rows) == 0
    odd = (columns < 0) | (columns >= size)
    odd[1:] |= same_row & (np.diff(columns) <= 0)
    broken = np.zeros(len(column), dtype=bool)
    broken[rows[odd]] = True
    used = (entries != 0) & ~broken[rows]
    return SparseVectors(
        rows=SparseRows(
            starts=starts_of(np.bincount(rows[used], minlength=len(column))),
            columns=columns[used].astype(np.int32),
            values=entries[used],
        ),
        missing=missing,
        unlike=~missing & (unlike | broken),
    )


def _null(column: pa.Array) -> NDArray[np.bool_]:
    return np.asarray(pc.is_null(column))


def _lengths(lists: pa.Array) -> NDArray[np.int64]:
    """Return the length of each list, -1 where it is null."""
    return np.asarray(pc.fill_null(pc.list_value_length(lists), -1)).astype(np.int64)


def _flat(lists: pa.Array) -> FloatArray:
    """Return the numbers of all lists as one array, NaN where one is null."""
    flat = lists.flatten().cast(pa.float64(), safe=False)
    return np.asarray(pc.fill_null(flat, float("nan")) if flat.null_count else flat)
