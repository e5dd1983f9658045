"""Sums by level: scores, and the blocks of the information that have to do with categorical columns."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from logreg_dist.kernel.block import BlockShape, CodeArray, FloatArray
from logreg_dist.kernel.merge import MergedColumn
from logreg_dist.kernel.pair_sums import PairSums

# Rows for each code before the recent sums are added to the totals, which then takes little time.
ROWS_PER_CODE = 4


class LevelTotals:
    """Sums of numbers of each row by the merged codes of each merged column.

    Rows are added to recent sums, and these to the totals after `ROWS_PER_CODE` rows for each code:
    entries as large as the totals are not rounded once for every row of the split.

    Parameters
    ----------
    merged : sequence of MergedColumn
    n_values : int
        Numbers that each row brings, r.
    """

    def __init__(self, merged: Sequence[MergedColumn], n_values: int = 1) -> None:
        self._merged = merged
        self._totals = [np.zeros((n_values, column.n_codes)) for column in merged]
        self._recent = [np.zeros_like(total) for total in self._totals]
        self._n_recent = 0

    def add(self, codes: NDArray[np.intp], values: FloatArray) -> None:
        """Add the `values` (r, m) of a block with merged `codes` (n_merged, m)."""
        for table, code in zip(self._recent, codes, strict=True):
            for total, row in zip(table, values, strict=True):
                # Faster than bincount by a third with codes of type intp (NumPy >= 1.25).
                np.add.at(total, code, row)
        self._n_recent += values.shape[1]
        if self._n_recent >= ROWS_PER_CODE * max((column.n_codes for column in self._merged), default=0):
            self._empty()

    def by_merged(self) -> list[FloatArray]:
        """Return the sums so far by merged code, (r, n_codes)."""
        self._empty()
        return self._totals

    def by_column(self) -> list[FloatArray]:
        """Return the sums so far by the levels of each column without its reference, (r, width)."""
        found = {
            k: np.ascontiguousarray(column.marginal(table, k)[:, :-1])
            for column, table in zip(self._merged, self.by_merged(), strict=True)
            for k in column.columns
        }
        return [found[k] for k in sorted(found)]

    def _empty(self) -> None:
        for total, recent in zip(self._totals, self._recent, strict=True):
            total += recent
            recent.fill(0.0)
        self._n_recent = 0


class LevelScores:
    """What the categorical columns add to the linear predictor, and their scores.

    Parameters
    ----------
    shape : BlockShape
    beta : ndarray (p,)
    merged : sequence of MergedColumn

    Attributes
    ----------
    codes : ndarray (n_merged, m)
        Merged codes of the block that was read last.
    """

    def __init__(self, shape: BlockShape, beta: FloatArray, merged: Sequence[MergedColumn]) -> None:
        self._merged = merged
        with_reference = [np.append(beta[where], 0.0) for where in shape.slices()]
        self._effects = [column.outer_sum([with_reference[k] for k in column.columns]) for column in merged]
        self._scores = LevelTotals(merged)
        self.codes = np.empty((len(merged), 0), dtype=np.intp)
        self._joint = np.empty(0, dtype=np.int32)

    def read(self, codes: Sequence[CodeArray], n_rows: int) -> None:
        """Merge the codes of the next block, which the other methods then work on."""
        if n_rows != len(self._joint):
            self.codes = np.empty((len(self._merged), n_rows), dtype=np.intp)
            self._joint = np.empty(n_rows, dtype=np.int32)
        for column, out in zip(self._merged, self.codes, strict=True):
            column.merge_codes(codes, self._joint, out)

    def add_effects(self, eta: FloatArray, scratch: FloatArray) -> None:
        """Add each row's coefficients to `eta` (m,); `scratch` (m,) is overwritten."""
        for effects, codes in zip(self._effects, self.codes, strict=True):
            # Any mode but "raise" writes to `out` without a copy; `add` refuses codes out of range.
            eta += np.take(effects, codes, out=scratch, mode="clip")

    def add(self, residual: FloatArray) -> None:
        """Add the residuals (m,) of the block to the scores."""
        self._scores.add(self.codes, residual[None])

    def scores(self) -> list[FloatArray]:
        """Return the score (width,) of each categorical column."""
        return [score[0] for score in self._scores.by_column()]


class LevelInformation:
    """The information of the categorical columns, with each other and with the dense columns.

    All tables are of merged columns and keep the reference levels, so that the rows can be counted
    without masking; the blocks are taken from them at the end.

    Parameters
    ----------
    shape : BlockShape
    merged : sequence of MergedColumn
    """

    def __init__(self, shape: BlockShape, merged: Sequence[MergedColumn]) -> None:
        self._merged = merged
        self._diagonals = LevelTotals(merged)
        self._crosses = LevelTotals(merged, shape.n_dense)
        self._pairs = PairSums(merged)

    def add(self, codes: NDArray[np.intp], working_weight: FloatArray, weighted: FloatArray) -> None:
        """Add the rows of a block.

        Parameters
        ----------
        codes : ndarray (n_merged, m)
            Merged codes.
        working_weight : ndarray (m,)
        weighted : ndarray (d, m)
            The dense columns times the working weight.
        """
        self._diagonals.add(codes, working_weight[None])
        self._crosses.add(codes, weighted)
        self._pairs.add(codes, working_weight)

    def diagonals(self) -> tuple[FloatArray, ...]:
        """Return the information of each column with itself, (width,)."""
        return tuple(diagonal[0] for diagonal in self._diagonals.by_column())

    def crosses(self) -> tuple[FloatArray, ...]:
        """Return the information of each column with the dense columns, (width, d)."""
        return tuple(np.ascontiguousarray(cross.T) for cross in self._crosses.by_column())

    def pairs(self) -> tuple[FloatArray, ...]:
        """Return the information of each two columns, in lexicographic order."""
        found: dict[tuple[int, int], FloatArray] = {}
        for column, diagonal in zip(self._merged, self._diagonals.by_merged(), strict=True):
            for j, k in combinations(column.columns, 2):
                found[j, k] = column.marginal(diagonal[0], j, k)
        for (a, b), table in self._pairs.tables().items():
            for k in self._merged[b].columns:
                by_first = self._merged[b].marginal(table, k).T
                for j in self._merged[a].columns:
                    pair = self._merged[a].marginal(by_first, j)
                    found[min(j, k), max(j, k)] = pair.T if j < k else pair
        return tuple(np.ascontiguousarray(found[pair][:-1, :-1]) for pair in sorted(found))
