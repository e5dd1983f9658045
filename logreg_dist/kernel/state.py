"""The state: everything that adds over rows, and nothing that does not."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from logreg_dist.kernel.block import BlockShape, FloatArray


@dataclass(frozen=True)
class InformationBlocks:
    """The information matrix ``X' diag(working_weight) X`` by its blocks.

    The block of a categorical column with itself is diagonal, so a column of 5,000 levels costs
    5,000 numbers on the wire and not 25 million.

    Attributes
    ----------
    dense : ndarray (d, d)
    diagonals : tuple of q ndarrays (width_k,)
    crosses : tuple of q ndarrays (width_k, d)
    pairs : tuple of ndarrays (width_j, width_k), one for each j < k in lexicographic order
    """

    dense: FloatArray
    diagonals: tuple[FloatArray, ...]
    crosses: tuple[FloatArray, ...]
    pairs: tuple[FloatArray, ...]

    def __add__(self, other: InformationBlocks) -> InformationBlocks:
        return InformationBlocks(
            dense=self.dense + other.dense,
            diagonals=_add_each(self.diagonals, other.diagonals),
            crosses=_add_each(self.crosses, other.crosses),
            pairs=_add_each(self.pairs, other.pairs),
        )

    def matrix(self, shape: BlockShape) -> FloatArray:
        """Assemble the symmetric (p, p) matrix."""
        full = np.zeros((shape.p, shape.p))
        d, slices = shape.n_dense, shape.slices()
        full[:d, :d] = self.dense
        for where, diagonal, cross in zip(slices, self.diagonals, self.crosses, strict=True):
            full[where, where] = np.diag(diagonal)
            full[where, :d], full[:d, where] = cross, cross.T
        for (rows, columns), pair in zip(combinations(slices, 2), self.pairs, strict=True):
            full[rows, columns], full[columns, rows] = pair, pair.T
        return full

    def without(self, column: int) -> InformationBlocks:
        """Leave a categorical column out."""
        columns = [k for k in range(len(self.diagonals)) if k != column]
        pairs = dict(zip(combinations(range(len(self.diagonals)), 2), self.pairs, strict=True))
        return InformationBlocks(
            dense=self.dense,
            diagonals=tuple(self.diagonals[k] for k in columns),
            crosses=tuple(self.crosses[k] for k in columns),
            pairs=tuple(pairs[pair] for pair in combinations(columns, 2)),
        )

    def beside(self, column: int) -> FloatArray:
        """Return the blocks of a categorical column with all others, side by side, (width, p - width)."""
        pairs = dict(zip(combinations(range(len(self.diagonals)), 2), self.pairs, strict=True))
        before = [pairs[k, column].T for k in range(column)]
        after = [pairs[column, k] for k in range(column + 1, len(self.diagonals))]
        return np.hstack([self.crosses[column], *before, *after])


@dataclass(frozen=True)
class LogisticState:
    """Sums over rows at one ``beta``; states of disjoint rows add.

    Attributes
    ----------
    n_rows : int
        Rows, whatever their weight.
    weight_sum : float
        Sum of the prior weights.
    deviance : float
        -2 log-likelihood: a weighted sum, not a mean, and without penalty.
    score : ndarray (p,)
        ``X' (weight (y - mu))``, pointing uphill.
    information : InformationBlocks
        ``X' diag(weight mu (1 - mu)) X``.
    """

    n_rows: int
    weight_sum: float
    deviance: float
    score: FloatArray
    information: InformationBlocks

    def __add__(self, other: LogisticState) -> LogisticState:
        return LogisticState(
            n_rows=self.n_rows + other.n_rows,
            weight_sum=self.weight_sum + other.weight_sum,
            deviance=self.deviance + other.deviance,
            score=self.score + other.score,
            information=self.information + other.information,
        )


def state_bytes(shape: BlockShape) -> int:
    """Return the bytes that one split sends to the driver in a pass.

    Examples
    --------
    >>> state_bytes(BlockShape(n_dense=31))
    7960
    >>> state_bytes(BlockShape(n_dense=1, widths=(5000,)))  # and not 8 * 5001**2
    120040
    """
    d, widths = shape.n_dense, shape.widths
    numbers = 3 + shape.p + d * d + sum(width * (1 + d) for width in widths)
    numbers += sum(a * b for a, b in combinations(widths, 2))
    return 8 * numbers


def _add_each(left: tuple[FloatArray, ...], right: tuple[FloatArray, ...]) -> tuple[FloatArray, ...]:
    return tuple(a + b for a, b in zip(left, right, strict=True))
