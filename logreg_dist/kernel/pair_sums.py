"""Sums by pairs of levels: what one categorical column's information shares with another's."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from logreg_dist.kernel.block import FloatArray
from logreg_dist.kernel.merge import MergedColumn

# Rows that are counted into one table before the next one is taken up. A table of a pair fills a good
# part of the L2 cache, and changing tables with every block of 16,384 rows takes twice as long.
ROWS_AT_ONCE = 131_072
# A table with more cells than this many times the rows is not cleared and added for their sake.
SPARSE = 4


class PairSums:
    """Sums of the working weight by the codes of each two merged columns.

    Rows are collected until there are `ROWS_AT_ONCE` of them, and then counted pair by pair into a
    scratch table that is added to the pair's own: clearing and adding go through memory in order and
    leave the table in the cache, and no entry is rounded more often than the rows of one round.

    Parameters
    ----------
    merged : sequence of MergedColumn
    """

    def __init__(self, merged: Sequence[MergedColumn]) -> None:
        self._pairs = list(combinations(range(len(merged)), 2))
        self._sizes = [column.n_codes for column in merged]
        cells = [self._sizes[a] * self._sizes[b] for a, b in self._pairs]
        self._totals = [np.zeros(size) for size in cells]
        self._n_waiting = 0
        self._make_room(ROWS_AT_ONCE if cells else 0)

    def add(self, codes: NDArray[np.intp], working_weight: FloatArray) -> None:
        """Add the rows of a block with merged `codes` (n_merged, m)."""
        if not self._pairs:
            return
        n_rows = len(working_weight)
        if self._n_waiting + n_rows > len(self._weight):
            self._count()
        if n_rows > len(self._weight):
            self._make_room(n_rows)
        rows = slice(self._n_waiting, self._n_waiting + n_rows)
        self._codes[:, rows] = codes
        self._weight[rows] = working_weight
        self._n_waiting += n_rows

    def tables(self) -> dict[tuple[int, int], FloatArray]:
        """Return the sums so far by pair of merged columns, (n_codes, n_codes)."""
        self._count()
        return {
            (a, b): total.reshape(self._sizes[a], self._sizes[b])
            for (a, b), total in zip(self._pairs, self._totals, strict=True)
        }

    def _make_room(self, n_rows: int) -> None:
        self._codes = np.empty((len(self._sizes), n_rows), dtype=np.intp)
        self._joint = np.empty(n_rows, dtype=np.intp)
        self._weight = np.empty(n_rows)
        dense = (total.size for total in self._totals if total.size <= SPARSE * n_rows)
        self._scratch = np.empty(max(dense, default=0))

    def _count(self) -> None:
        """Count the rows that wait into the tables."""
        codes, weight = self._codes[:, : self._n_waiting], self._weight[: self._n_waiting]
        for (a, b), total in zip(self._pairs, self._totals, strict=True):
            joint = np.multiply(codes[a], self._sizes[b], out=self._joint[: self._n_waiting])
            joint += codes[b]
            if total.size > SPARSE * self._n_waiting:
                np.add.at(total, joint, weight)
                continue
            recent = self._scratch[: total.size]
            recent.fill(0.0)
            np.add.at(recent, joint, weight)
            total += recent
        self._n_waiting = 0
