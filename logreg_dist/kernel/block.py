"""The block: the rows that the kernel works on at one time, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from logreg_dist.kernel.sparse import SparseRows

FloatArray = NDArray[np.float64]
CodeArray = NDArray[np.int32]


@dataclass(frozen=True)
class BlockShape:
    """How many coefficients a block asks for, and where each lies in ``beta``.

    The dense columns come first, then the levels of each categorical column in turn, then the sparse
    columns group by group.

    Attributes
    ----------
    n_dense : int
        Dense columns ``d``, the column of ones included when there is an intercept.
    widths : tuple of int
        Coefficients of each categorical column: its levels without the reference.
    sparse : tuple of int
        Coefficients of each group of sparse columns, such as the words of one text column.

    Examples
    --------
    >>> shape = BlockShape(n_dense=2, widths=(3, 1))
    >>> shape.p, shape.slices()
    (6, [slice(2, 5, None), slice(5, 6, None)])
    """

    n_dense: int
    widths: tuple[int, ...] = ()
    sparse: tuple[int, ...] = field(default=(), repr=False)

    @property
    def p(self) -> int:
        """Coefficients in all."""
        return self.n_dense + sum(self.widths) + sum(self.sparse)

    def slices(self) -> list[slice]:
        """Where the levels of each categorical column lie in ``beta``."""
        edges = np.cumsum([self.n_dense, *self.widths]).tolist()
        return [slice(start, stop) for start, stop in pairwise(edges)]

    def sparse_slices(self) -> list[slice]:
        """Where each group of sparse columns lies in ``beta``."""
        edges = np.cumsum([self.n_dense + sum(self.widths), *self.sparse]).tolist()
        return [slice(start, stop) for start, stop in pairwise(edges)]


@dataclass(frozen=True)
class Block:
    """Rows of the design as arrays; ``m`` rows, ``d`` dense and ``q`` categorical columns.

    Attributes
    ----------
    dense : ndarray (d, m)
        The transposed dense part of the design. A column of the table is a *row* here: that is
        how Arrow delivers it, and the elementwise work then runs along contiguous memory.
    codes : sequence of q ndarrays (m,)
        Level numbers ``0 .. width - 1``; ``width`` itself stands for the reference level, which
        has no coefficient. Never one-hot encoded.
    y : ndarray (m,)
        Label, 0 or 1; a share of events when a row stands for several trials.
    weight : ndarray (m,) or None
        Prior weight of each row, all 1 when None.
    offset : ndarray (m,) or None
        Known log-odds term, 0 when None.
    sparse : sequence of SparseRows
        The rows' entries in each group of sparse columns; never made dense.
    """

    dense: FloatArray
    codes: Sequence[CodeArray]
    y: FloatArray
    weight: FloatArray | None = None
    offset: FloatArray | None = None
    sparse: Sequence[SparseRows] = ()

    @property
    def n_rows(self) -> int:
        """Rows ``m`` of the block."""
        return len(self.y)
