"""Sums over the dense columns: their information with each other."""

from __future__ import annotations

import numpy as np

from logreg_dist.kernel.block import FloatArray

# SYRK's kernels take four rows at a time: 31 rows cost a fifth more than 31 rows and one of zeros.
SYRK_ROWS = 4


class WeightedRows:
    """The dense columns of a block times a number for each row, in memory that is kept.

    Memory that is new in each block costs more, page fault by page fault, than the arithmetic on it.

    Attributes
    ----------
    n_dense : int
        Dense columns, d.
    n_padded : int
        The same, rounded up to a multiple of `SYRK_ROWS`.
    """

    def __init__(self, n_dense: int) -> None:
        self.n_dense = n_dense
        self.n_padded = -(-n_dense // SYRK_ROWS) * SYRK_ROWS
        self._rows, self._root = np.zeros((self.n_padded, 0)), np.empty(0)

    def rooted(self, dense: FloatArray, working_weight: FloatArray) -> FloatArray:
        """Return ``dense * sqrt(working_weight)`` above rows of zeros, (n_padded, m), valid until the next call."""
        self._resize(len(working_weight))
        np.sqrt(working_weight, out=self._root)
        np.multiply(dense, self._root, out=self._rows[: self.n_dense])
        return self._rows

    def weighted(self, dense: FloatArray, working_weight: FloatArray) -> FloatArray:
        """Return ``dense * working_weight`` (d, m), valid until the next call."""
        self._resize(len(working_weight))
        return np.multiply(dense, working_weight, out=self._rows[: self.n_dense])

    def _resize(self, n_rows: int) -> None:
        if n_rows != self._rows.shape[1]:
            self._rows, self._root = np.zeros((self.n_padded, n_rows)), np.empty(n_rows)


class DenseInformation:
    """The information of the dense columns with each other.

    Parameters
    ----------
    rows : WeightedRows
        Memory to work in; others may use it between two blocks.
    """

    def __init__(self, rows: WeightedRows) -> None:
        self._rows = rows
        self._total = np.zeros((rows.n_padded, rows.n_padded))
        self._product = np.empty((rows.n_padded, rows.n_padded))

    def add(self, dense: FloatArray, working_weight: FloatArray) -> None:
        """Add the rows of a block: `dense` (d, m), `working_weight` (m,)."""
        root = self._rows.rooted(dense, working_weight)
        # One operand and its transpose: NumPy then calls SYRK, half the work of GEMM.
        self._total += np.matmul(root, root.T, out=self._product)

    def total(self) -> FloatArray:
        """Return the sums so far, (d, d)."""
        return self._total[: self._rows.n_dense, : self._rows.n_dense].copy()
