"""The sparse columns of a chunk as a block has them: a split's own words become terms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from logreg_dist.design.spec import DesignSpec
from logreg_dist.kernel.block import CodeArray, FloatArray
from logreg_dist.kernel.sparse import SparseRows


class SparseEncoder:
    """Encodes the sparse columns of one split.

    Parameters
    ----------
    spec : DesignSpec
    words : sequence of sequence of str
        For each sparse column the split's words in the order of their numbers.
    """

    def __init__(self, spec: DesignSpec, words: Sequence[Sequence[str]]) -> None:
        self._columns = spec.sparse
        self._is_dense = spec.sparse_is_dense
        self._first = spec.shape().n_dense - sum(column.size for column in spec.sparse)
        self._lookups: list[CodeArray | None] = [
            column.lookup(own) if column.rule == "words" else None
            for column, own in zip(spec.sparse, words, strict=True)
        ]

    def groups(self, chunk: Sequence[SparseRows], dense: FloatArray) -> list[SparseRows]:
        """Return the groups of a block; few columns are written into its dense part (d, m) instead."""
        # A word without a term keeps its entry, in the column behind the last: to leave it out would
        # move all that follow, in every pass.
        groups = [
            rows if lookup is None else replace(rows, columns=lookup.take(rows.columns))
            for rows, lookup in zip(chunk, self._lookups, strict=True)
        ]
        if not self._is_dense:
            return groups
        first = self._first
        for column, rows in zip(self._columns, groups, strict=True):
            part = dense[first : first + column.size]
            part[:] = 0.0
            has_term = rows.columns < column.size
            part[rows.columns[has_term], rows.rows()[has_term]] = rows.values[has_term]
            first += column.size
        return []
