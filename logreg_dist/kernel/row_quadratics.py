"""``x' V x`` of every row: what leverages and the variances of linear predictors are made of."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from logreg_dist.kernel.block import Block, BlockShape, FloatArray


class RowQuadratics:
    """The quadratic form of one symmetric matrix over the rows of blocks without sparse columns.

    Times a row's working weight it is its leverage, where V is the inverse information (Pregibon 1981, Ann. Statist.
    9(4), section 3).

    Parameters
    ----------
    V : ndarray (p, p)
        Symmetric, in the kernel's order.
    shape : BlockShape

    Examples
    --------
    >>> block = Block(dense=np.array([[1.0, 1.0]]), codes=[np.array([0, 1], dtype=np.int32)], y=np.zeros(2))
    >>> RowQuadratics(np.array([[2.0, 0.5], [0.5, 3.0]]), BlockShape(1, (1,))).of(block).tolist()
    [6.0, 2.0]
    """

    def __init__(self, V: FloatArray, shape: BlockShape) -> None:
        d, slices = shape.n_dense, shape.slices()
        self._dense = np.ascontiguousarray(V[:d, :d])
        # One more level, the reference: it adds nothing.
        self._crosses = [_with_reference(2.0 * V[:d, where]) for where in slices]
        self._diagonals = [np.append(np.diag(V[where, where]), 0.0) for where in slices]
        self._pairs = {
            (j, k): _with_reference(_with_reference(2.0 * V[slices[j], slices[k]]).T).T
            for j, k in combinations(range(len(slices)), 2)
        }

    def of(self, block: Block) -> FloatArray:
        """Return the form of each row of a block, shape (m,)."""
        found: FloatArray = np.einsum("ij,ij->j", block.dense, self._dense @ block.dense)
        for cross, diagonal, codes in zip(self._crosses, self._diagonals, block.codes, strict=True):
            found += diagonal.take(codes)
            for dense, of_levels in zip(block.dense, cross, strict=True):
                found += dense * of_levels.take(codes)
        for (j, k), pair in self._pairs.items():
            found += pair[block.codes[j], block.codes[k]]
        return found


def _with_reference(columns: FloatArray) -> FloatArray:
    return np.hstack([columns, np.zeros((len(columns), 1))])
