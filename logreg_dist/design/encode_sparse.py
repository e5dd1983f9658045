"""The sparse columns of a chunk as a block has them: a split's own words become terms."""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from logreg_dist.design.sparse_column import SparseColumn
from logreg_dist.design.spec import DesignSpec
from logreg_dist.kernel.block import CodeArray, FloatArray
from logreg_dist.kernel.sparse import SparseRows
from logreg_dist.staging.staged_split import read_sidecar


def word_lookups(path: Path, spec: DesignSpec) -> list[CodeArray | None]:
    """Return the lookups of the split at `path`; kept beside it, because every pass needs them again.

    Raises
    ------
    FileNotFoundError
        When the split is not on this machine.
    """
    return [
        _kept_lookup(path, k, column) if column.rule == "words" else None
        for k, column in enumerate(spec.sparse)
    ]


def _kept_lookup(path: Path, k: int, column: SparseColumn) -> CodeArray:
    # Named by the words: another design of the same rows must not find it.
    name = zlib.crc32("\0".join(column.words).encode())
    kept = path.with_suffix(f".terms-{k}-{column.size}-{name:08x}.npy")
    try:
        found: CodeArray = np.load(kept, allow_pickle=False)
    except FileNotFoundError:
        found = column.lookup(read_sidecar(str(path))["words"][k])
        begun = kept.with_suffix(f".{os.getpid()}.npy")
        np.save(begun, found)
        begun.replace(kept)  # a task that is run twice at a time finds all of it or nothing
    return found


class SparseEncoder:
    """Encodes the sparse columns of one split.

    Parameters
    ----------
    spec : DesignSpec
    lookups : sequence of ndarray or None
        For each sparse column the terms of the split's words, see `SparseColumn.lookup`; None where the
        entries name their terms themselves.
    """

    def __init__(self, spec: DesignSpec, lookups: Sequence[CodeArray | None]) -> None:
        self._columns = spec.sparse
        self._is_dense = spec.sparse_is_dense
        n_sparse = sum(column.size for column in spec.sparse)
        self._first = spec.shape().n_dense - len(spec.derived_centres) - n_sparse
        self._lookups = lookups

    def groups(self, chunk: Sequence[SparseRows], dense: FloatArray) -> list[SparseRows]:
        """Return the groups of a block; few columns are written into its dense part (d, m) instead."""
        if not self._columns:  # a survey of other columns
            return []
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
