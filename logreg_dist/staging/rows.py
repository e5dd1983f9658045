"""Rows on their way from batches to chunks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logreg_dist.kernel.sparse import SparseRows, concatenate
from logreg_dist.staging.folds import FoldArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Rows on their way from a batch to a chunk; the rows are the last axis of every array."""

    y: FloatArray
    weight: FloatArray
    frequency: FloatArray
    offset: FloatArray
    numeric: FloatArray
    codes: NDArray[np.int32]
    fold: FoldArray
    sparse: tuple[SparseRows, ...] = ()

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """All but the sparse columns, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "sparse"}

    def take(self, which: slice | NDArray[np.bool_]) -> Rows:
        """Return some of the rows: a view for a slice, and for a mask a copy in C order, as sums want it."""
        if isinstance(which, slice):
            arrays = {name: array[..., which] for name, array in self.arrays.items()}
        else:
            arrays = {name: array.compress(which, axis=-1) for name, array in self.arrays.items()}
        return Rows(**arrays, sparse=tuple(rows.take(which) for rows in self.sparse))


def rechunk(parts: Iterable[Rows], chunk_rows: int) -> Iterator[Rows]:
    """Yield the same rows in chunks of `chunk_rows`, the last one smaller.

    A chunk is a view of a part, or a buffer that is filled again and again: use it before asking for the next.
    The sums then do not depend on the sizes in which the batches happen to come.
    """
    buffer: Rows | None = None
    filled = 0
    held: list[tuple[SparseRows, ...]] = []  # the sparse part of the buffer
    for part in parts:
        if buffer is None:
            empty = {name: np.empty((*a.shape[:-1], chunk_rows), a.dtype) for name, a in part.arrays.items()}
            buffer = replace(part, **empty, sparse=())
        start, n_rows = 0, len(part.y)
        while start < n_rows:
            if not filled and n_rows - start >= chunk_rows:
                yield part.take(slice(start, start + chunk_rows))  # as it is, without a copy
                start += chunk_rows
                continue
            step = min(chunk_rows - filled, n_rows - start)
            for name, source in part.arrays.items():
                getattr(buffer, name)[..., filled : filled + step] = source[..., start : start + step]
            held.append(tuple(rows.take(slice(start, start + step)) for rows in part.sparse))
            filled, start = filled + step, start + step
            if filled == chunk_rows:
                yield replace(buffer, sparse=_joined(held))
                filled, held = 0, []
    if buffer is not None and filled:
        yield replace(buffer.take(slice(filled)), sparse=_joined(held))


def _joined(parts: Sequence[tuple[SparseRows, ...]]) -> tuple[SparseRows, ...]:
    return tuple(concatenate(column) for column in zip(*parts, strict=True))
