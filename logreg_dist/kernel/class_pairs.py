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
SIDE_BY_SIDE_ROWS = 1024
# 51 columns: 19 classes take 5.8 us a row instead of 12.7; 9 of 31 columns 0.9 instead of 1.5; 4 more than before.
MANY_CLASSES = 8
PRODUCT_ROWS = 512
# Dense columns whose products for so many rows are 66 MB.
MAX_PRODUCTS = 180


class JointInformation:
    """The information matrix of all classes: for classes a and b ``X' diag(w mu_a (1[a = b] - mu_b)) X``.

    A class with itself is summed with its own weight ``mu_a (1 - mu_a)``: as a difference of two sums it would lose
    digits where mu_a is nearly 1.

    Parameters
    ----------
    shape : BlockShape
    n_free : int
        Classes beside the reference, k.
    """

    def __init__(self, shape: BlockShape, n_free: int) -> None:
        self._shape, self._n_free = shape, n_free
        self._pairs = class_pairs(n_free)
        by_products = n_free >= MANY_CLASSES and shape.n_dense <= MAX_PRODUCTS
        self._dense = (DenseByProducts if by_products else DenseSideBySide)(shape.n_dense, n_free)
        self._levels = [LevelSums(shape) for _ in self._pairs] if shape.widths else []

    def add(self, block: Block, codes: Sequence[NDArray[np.intp]], terms: ClassTerms) -> None:
        """Add the rows of a block with `codes` of type intp, one array (m,) for each categorical column."""
        self._dense.add(block, terms)
        if not self._levels:
            return
        joint = joint_codes(codes, self._shape)
        for (a, b), levels in zip(self._pairs, self._levels, strict=True):
            other = terms.rest[a] if a == b else terms.mu[b]
            levels.add(block.dense, codes, joint, _weighted(terms.mu[a] * other, block.weight))

    def blocks(self) -> tuple[InformationBlocks, ...]:
        """Return the information of each two classes, in the order of `class_pairs`."""
        empty, found = LevelSums(self._shape), []
        for t, (a, b) in enumerate(self._pairs):
            sign = 1.0 if a == b else -1.0
            levels = self._levels[t] if self._levels else empty
            found.append(levels.blocks(sign * self._dense.total(a, b), sign))
        return tuple(found)


class DenseSideBySide:
    """The sums between dense columns, of few classes.

    All pairs of classes are one product of the rows ``mu_a x`` side by side with themselves, at the speed of a wide
    table. A class with itself is summed again.

    Parameters
    ----------
    n_dense, n_free : int
        Dense columns, d, and classes beside the reference, k.
    """

    def __init__(self, n_dense: int, n_free: int) -> None:
        self._n_dense, self._n_free = n_dense, n_free
        rows = WeightedRows(n_dense)
        self._own = [DenseInformation(rows) for _ in range(n_free)]
        width = -(-n_free * n_dense // SYRK_ROWS) * SYRK_ROWS
        self._between = np.zeros((width, width)) if n_free > 1 else np.zeros((0, 0))
        self._product = np.empty_like(self._between)
        self._side_by_side = np.zeros((width, SIDE_BY_SIDE_ROWS))

    def add(self, block: Block, terms: ClassTerms) -> None:
        """Add the rows of a block."""
        for a, own in enumerate(self._own):
            own.add(block.dense, _weighted(terms.mu[a] * terms.rest[a], block.weight))
        if self._n_free > 1:
            self._add_between(block, terms)

    def total(self, a: int, b: int) -> FloatArray:
        """Return ``X' diag(w mu_a mu_b) X``, of a class with itself ``X' diag(w mu_a (1 - mu_a)) X``, (d, d)."""
        d = self._n_dense
        return self._own[a].total() if a == b else self._between[a * d : a * d + d, b * d : b * d + d]

    def _add_between(self, block: Block, terms: ClassTerms) -> None:
        d, rows = self._n_dense, self._side_by_side
        for start in range(0, block.n_rows, SIDE_BY_SIDE_ROWS):
            part = slice(start, min(start + SIDE_BY_SIDE_ROWS, block.n_rows))
            n = part.stop - part.start
            dense = block.dense[:, part]
            for a in range(self._n_free):
                factor = terms.mu[a, part]
                if block.weight is not None:
                    factor = factor * np.sqrt(block.weight[part])
                np.multiply(dense, factor, out=rows[a * d : a * d + d, :n])
            filled = rows[:, :n]
            self._between += np.matmul(filled, filled.T, out=self._product)


class DenseByProducts:
    """The sums between dense columns, of many classes: half the work of `DenseSideBySide`.

    The matrix of two classes is symmetric, and so is that of two columns. So the ``d (d + 1) / 2`` products of columns
    of each row are made once, and one product with the ``k (k + 1) / 2`` weights sums all matrices.

    Parameters
    ----------
    n_dense, n_free : int
        Dense columns, d, and classes beside the reference, k.
    """

    def __init__(self, n_dense: int, n_free: int) -> None:
        self._n_dense = n_dense
        self._pairs = {pair: t for t, pair in enumerate(class_pairs(n_free))}
        n_products = n_dense * (n_dense + 1) // 2
        self._columns = np.empty((n_products, PRODUCT_ROWS))
        self._weights = np.empty((len(self._pairs), PRODUCT_ROWS))
        self._total = np.zeros((len(self._pairs), n_products))
        self._product = np.empty_like(self._total)

    def add(self, block: Block, terms: ClassTerms) -> None:
        """Add the rows of a block."""
        for start in range(0, block.n_rows, PRODUCT_ROWS):
            part = slice(start, min(start + PRODUCT_ROWS, block.n_rows))
            n = part.stop - part.start
            columns, weights = self._columns[:, :n], self._weights[:, :n]
            _products(np.ascontiguousarray(block.dense[:, part]), columns)
            for (a, b), t in self._pairs.items():
                other = terms.rest[a, part] if a == b else terms.mu[b, part]
                np.multiply(terms.mu[a, part], other, out=weights[t])
            if block.weight is not None:
                weights *= block.weight[part]
            self._total += np.matmul(weights, columns.T, out=self._product)

    def total(self, a: int, b: int) -> FloatArray:
        """Return ``X' diag(w mu_a mu_b) X``, of a class with itself ``X' diag(w mu_a (1 - mu_a)) X``, (d, d)."""
        full = np.empty((self._n_dense, self._n_dense))
        rows, columns = np.triu_indices(self._n_dense)
        full[rows, columns] = full[columns, rows] = self._total[self._pairs[a, b]]
        return full


def _products(dense: FloatArray, out: FloatArray) -> None:
    """Write the products of each two of the d columns, in the order of `numpy.triu_indices`."""
    first = 0
    for k in range(len(dense)):
        rest = len(dense) - k
        np.multiply(dense[k:], dense[k], out=out[first : first + rest])
        first += rest


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
