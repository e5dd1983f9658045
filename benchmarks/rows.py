"""A generated table as plain arrays, a chunk at a time: what the reference and the tools in memory read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.cases import Case
from benchmarks.data import Table
from benchmarks.generate import level_names

FloatArray = NDArray[np.float64]
CodeArray = NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """Some rows of a table.

    Attributes
    ----------
    X : ndarray (n, 1 + n_dense)
        A column of ones and the dense columns.
    codes : list of ndarray (n,)
        For each categorical column the number of the level in `level_names`.
    y : ndarray (n,)
        Class number; 0 or 1 with two classes.
    weight, offset : ndarray (n,)
        1 and 0 where the case has none.
    """

    X: FloatArray
    codes: list[CodeArray]
    y: FloatArray
    weight: FloatArray
    offset: FloatArray


def read_rows(table: Table) -> Iterator[Rows]:
    """Yield the rows of a table by row group."""
    case = table.case
    others = ["label", *(["weight"] if case.has_weight else []), *(["offset"] if case.has_offset else [])]
    for file in table.files:
        with pq.ParquetFile(file) as parquet:
            for group in range(parquet.num_row_groups):
                yield rows_of(parquet.read_row_group(group, columns=case.features + others), case)


def rows_of(arrow: pa.Table, case: Case) -> Rows:
    """Return the arrays of an Arrow table with a case's columns."""
    n = arrow.num_rows
    X = np.empty((n, 1 + case.n_dense))
    X[:, 0] = 1.0
    for j, name in enumerate(case.dense_columns):
        X[:, j + 1] = arrow[name].to_numpy()
    codes = []
    for name, count in zip(case.categorical_columns, case.levels, strict=True):
        found = pc.index_in(arrow[name], value_set=pa.array(level_names(name, count)))
        codes.append(found.to_numpy().astype(np.int64))  # fails on a level that was never generated
    return Rows(
        X=X,
        codes=codes,
        y=arrow["label"].to_numpy().astype(float),
        weight=arrow["weight"].to_numpy() if case.has_weight else np.ones(n),
        offset=arrow["offset"].to_numpy() if case.has_offset else np.zeros(n),
    )


def term_names(case: Case) -> list[str]:
    """Return the terms of one class, the first (most frequent) level of each category being its reference.

    Examples
    --------
    >>> term_names(Case("none", 10, "", n_dense=1, levels=(2,)))
    ['intercept', 'x1', 'c1[c1_00001]']
    """
    names = ["intercept", *case.dense_columns]
    for column, count in zip(case.categorical_columns, case.levels, strict=True):
        names += [f"{column}[{level}]" for level in level_names(column, count)[1:]]
    return names
