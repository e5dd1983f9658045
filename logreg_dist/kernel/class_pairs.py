"""The joint information of several classes, block by block: one for each two classes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from logreg_dist.kernel.block import Block, BlockShape, FloatArray
from logreg_dist.kernel.dense_sums import SYRK_ROWS, DenseInformation, WeightedRows
from logreg_dist.kernel.softmax import ClassTerms
from logreg_dist.kernel.state import InformationBlocks

# Rows of one product; of 1,000 columns and more, fewer cost time (see `rows_per_chunk`) and more memory.
PRODUCT_ROWS = 1024


class JointInformation:
    """The information matrix of all classes: for classes a and b ``X' diag(w mu_a (1[a = b] - mu_b)) X``.

    Between the dense columns all pairs of classes are one product of the rows ``mu_a x`` side by side
    with themselves, at the speed of a wide table. A class with itself is summed again with its own
    weight ``mu_a (1 - mu_a)``: as a difference of two sums it would lose digits where mu_a is nearly 1.

    Parameters
    ----------
    shape : BlockShape
    n_free : int
        Classes beside the reference, k.
    """

    def __init__(self, shape: BlockShape, n_free: int) -> None:
        self._shape, self._n_free = shape, n_free
        self._pairs = class_pairs(n_free)
        rows = WeightedRows(shape.n_dense)
        self._own = [DenseInformation(rows) for _ in range(n_free)]
        width = -(-n_free * shape.n_dense // SYRK_ROWS) * SYRK_ROWS
        self._between = np.zeros((width, width)) if n_free > 1 else np.zeros((0, 0))
        self._product = np.empty_like(self._between)
        self._side_by_side = np.zeros((width, PRODUCT_ROWS))
        self._levels = [LevelSums(shape) for _ in self._pairs] if shape.widths else []

    def add(self, block: Block, codes: Sequence[NDArray[np.intp]], terms: ClassTerms) -> None:
        """Add the rows of a block with `codes` of type intp, one array (m,) for each categorical column."""
        for a, own in enumerate(self._own):
            own.add(block.dense, _weighted(terms.mu[a] * terms.rest[a], block.weight))
        if self._n_free > 1:
            self._add_between(block, terms)
        if not self._levels:
            return
        joint = joint_codes(codes, self._shape)
        for (a, b), levels in zip(self._pairs, self._levels, strict=True):
            other = terms.rest[a] if a == b else terms.mu[b]
            levels.add(block.dense, codes, joint, _weighted(terms.mu[a] * other, block.weight))

    def blocks(self) -> tuple[InformationBlocks, ...]:
        """Return the information of each two classes, in the order of `class_pairs`."""
        d, empty = self._shape.n_dense, LevelSums(self._shape)
        found = []
        for t, (a, b) in enumerate(self._pairs):
            sign = 1.0 if a == b else -1.0
            dense = self._own[a].total() if a == b else self._between[a * d : a * d + d, b * d : b * d + d]
            found.append((self._levels[t] if self._levels else empty).blocks(sign * dense, sign))
        return tuple(found)

    def _add_between(self, block: Block, terms: ClassTerms) -> None:
        d, rows = self._shape.n_dense, self._side_by_side
        for start in range(0, block.n_rows, PRODUCT_ROWS):
            part = slice(start, min(start + PRODUCT_ROWS, block.n_rows))
            n = part.stop - part.start
            dense = block.dense[:, part]
            for a in range(self._n_free):
                factor = terms.mu[a, part]
                if block.weight is not None:
                    factor = factor * np.sqrt(block.weight[part])
                np.multiply(dense, factor, out=rows[a * d : a * d + d, :n])
            filled = rows[:, :n]
            self._between += np.matmul(filled, filled.T, out=self._product)


def class_pairs(n_free: int) -> list[tuple[int, int]]:
    """Return the pairs of classes whose blocks make the matrix, in order.

    Examples
    --------
    >>> class_pairs(2)
    [(0, 0), (0, 1), (1, 1)]
    """
    return list(combinations_with_replacement(range(n_free), 2))


def joint_codes(codes: Sequence[NDArray[np.intp]], shape: BlockShape) -> list[NDArray[np.intp]]:
    """Return one code (m,) for both levels of each two categorical columns, in lexicographic order."""
    return [codes[j] * (shape.widths[k] + 1) + codes[k] for j, k in combinations(range(len(codes)), 2)]


class LevelSums:
    """The blocks of one pair of classes that have to do with categorical columns."""

    def __init__(self, shape: BlockShape) -> None:
        self._sizes = [width + 1 for width in shape.widths]
        self._column_pairs = list(combinations(range(len(self._sizes)), 2))
        self._diagonals = [np.zeros(size) for size in self._sizes]
        self._crosses = [np.zeros((shape.n_dense, size)) for size in self._sizes]
        self._tables = [np.zeros(self._sizes[j] * self._sizes[k]) for j, k in self._column_pairs]

    def add(
        self,
        dense: FloatArray,
        codes: Sequence[NDArray[np.intp]],
        joint: Sequence[NDArray[np.intp]],
        working_weight: FloatArray,
    ) -> None:
        """Add the rows of a block with `codes` and `joint_codes`."""
        weighted = dense * working_weight
        for code, diagonal, cross in zip(codes, self._diagonals, self._crosses, strict=True):
            diagonal += np.bincount(code, weights=working_weight, minlength=len(diagonal))
            for total, row in zip(cross, weighted, strict=True):
                total += np.bincount(code, weights=row, minlength=len(total))
        for table, code in zip(self._tables, joint, strict=True):
            np.add.at(table, code, working_weight)

    def blocks(self, dense: FloatArray, sign: float) -> InformationBlocks:
        """Return the sums so far times `sign`, beside the block `dense` (d, d), without the reference levels."""
        tables = (
            table.reshape(self._sizes[j], self._sizes[k])[:-1, :-1]
            for (j, k), table in zip(self._column_pairs, self._tables, strict=True)
        )
        return InformationBlocks(
            dense=dense,
            diagonals=tuple(sign * diagonal[:-1] for diagonal in self._diagonals),
            crosses=tuple(np.ascontiguousarray(sign * cross[:, :-1].T) for cross in self._crosses),
            pairs=tuple(sign * table for table in tables),
        )


def _weighted(values: FloatArray, weight: FloatArray | None) -> FloatArray:
    return values if weight is None else values * weight
