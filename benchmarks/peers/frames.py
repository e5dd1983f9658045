"""A table in the memory of one process, for the tools that work there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchmarks.cases import Case
from benchmarks.data import Table

if TYPE_CHECKING:
    import pandas as pd
    import scipy.sparse as sp


def read_frame(table: Table) -> pd.DataFrame:
    """Read a table with pyarrow; categories stay dictionaries on the way and become pandas categoricals."""
    import pyarrow.parquet as pq

    case = table.case
    others = ["label", *(["weight"] if case.has_weight else []), *(["offset"] if case.has_offset else [])]
    names = case.features + others
    arrow = pq.read_table(table.path, columns=names, read_dictionary=case.categorical_columns)
    frame: pd.DataFrame = arrow.to_pandas(split_blocks=True, self_destruct=True)
    for name in case.categorical_columns:
        # Sorted, so that the first level is the most frequent one, as in the reference.
        column = frame[name].cat
        frame[name] = column.reorder_categories(sorted(column.categories))
    return frame


def dense_matrix(frame: pd.DataFrame, case: Case, *, order: str, ones: bool) -> NDArray[np.float64]:
    """Return the design as one dense array (n, p), a column of ones first if `ones`; one-hot without first levels."""
    n_columns = case.n_terms - (not ones)
    X = np.zeros((len(frame), n_columns), order="F" if order == "F" else "C")
    at = 0
    if ones:
        X[:, 0], at = 1.0, 1
    for name in case.dense_columns:
        X[:, at], at = frame[name].to_numpy(), at + 1
    rows = np.arange(len(frame))
    for name in case.categorical_columns:
        codes = frame[name].cat.codes.to_numpy().astype(np.int64)
        present = codes > 0
        X[rows[present], at + codes[present] - 1] = 1.0
        at += len(frame[name].cat.categories) - 1
    return X[:, :at]


def sparse_matrix(frame: pd.DataFrame, case: Case) -> sp.csr_array:
    """Return the design as a sparse matrix without a column of ones; one-hot without first levels."""
    import scipy.sparse as sp

    n = len(frame)
    parts = [sp.csr_array(frame[case.dense_columns].to_numpy())] if case.n_dense else []
    for name in case.categorical_columns:
        codes = frame[name].cat.codes.to_numpy().astype(np.int64)
        shape = (n, len(frame[name].cat.categories))
        parts.append(sp.csr_array((np.ones(n), (np.arange(n), codes)), shape=shape)[:, 1:])
    return sp.hstack(parts, format="csr")


def matrix_terms(frame: pd.DataFrame, case: Case) -> list[str]:
    """Return the terms of the columns of these matrices, the column of ones left out."""
    terms = list(case.dense_columns)
    for name in case.categorical_columns:
        terms += [f"{name}[{level}]" for level in frame[name].cat.categories[1:]]
    return terms
