"""The file of a staged split: chunks of raw columns as plain arrays, read through memory maps.

A chunk of m rows is one record: the float64 columns one after the other (y, then weight and
offset where the table has them, then the numeric columns, which may be float32), then the int32
codes of the categorical columns. All chunks but the last have the same number of rows, so a chunk is found by
arithmetic and the file needs no index. Missing numbers are NaN; missing levels have code -1.

Sparse columns lie in a file of their own, see `sparse_file`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from logreg_dist.kernel.sparse import SparseRows
from logreg_dist.staging.label_weights import LabelWeights
from logreg_dist.staging.sparse_file import read_sparse

FloatArray = NDArray[np.float64]
CodeArray = NDArray[np.int32]

# Mapped at a time. Pages of a map of the whole file would count as the worker's memory until its end: YARN
# ends a container for them, and spark.executor.pyspark.memory limits what may be mapped at all. One chunk at a
# time costs a tenth of a pass more.
WINDOW_BYTES = 32_000_000


MAX_BUFFERS = 1024  # that Linux takes in one call


@dataclass(frozen=True)
class RecordLayout:
    """The columns of a staged file.

    Attributes
    ----------
    n_numeric, n_categorical : int
        Feature columns of each kind.
    weighted, has_offset : bool
        Whether the records hold these vectors.
    chunk_rows : int
        Rows of every chunk but the last.
    single : bool
        Whether the numeric features are stored as float32.
    n_sparse : int
        Sparse columns, in the file beside this one.
    label_weights : LabelWeights or None
        What the weights of the rows are multiplied by when they are read.
    """

    n_numeric: int
    n_categorical: int
    weighted: bool
    has_offset: bool
    chunk_rows: int
    single: bool = False
    n_sparse: int = 0
    label_weights: LabelWeights | None = None

    @property
    def n_vectors(self) -> int:
        """Label, weight and offset, as far as there are any: always float64."""
        return 1 + self.weighted + self.has_offset

    @property
    def row_bytes(self) -> int:
        """Bytes of a row."""
        return 8 * self.n_vectors + (4 if self.single else 8) * self.n_numeric + 4 * self.n_categorical

    def record_bytes(self, n_rows: int) -> int:
        """Return the size of a record of `n_rows`, padded so that the next one is aligned."""
        return -(-n_rows * self.row_bytes // 64) * 64


@dataclass(frozen=True)
class RawChunk:
    """The rows of one record, as they were read: nothing centred, filled or merged.

    Attributes
    ----------
    y : ndarray (m,)
    weight, offset : ndarray (m,) or None
    numeric : ndarray (n_numeric, m)
        NaN where missing; float32 when read from a file that is `single`.
    codes : ndarray (n_categorical, m)
        Numbers of the split's own dictionaries, -1 where missing.
    sparse : tuple of SparseRows
        Entries of each sparse column; of words the columns are numbers of the split's own dictionaries.
    """

    y: FloatArray
    weight: FloatArray | None
    offset: FloatArray | None
    numeric: FloatArray
    codes: CodeArray
    sparse: tuple[SparseRows, ...] = ()


def write_chunk(file: BinaryIO, chunk: RawChunk, layout: RecordLayout) -> None:
    """Append one record; its sparse columns go elsewhere, see `write_sparse`."""
    vectors = [vector for vector in (chunk.y, chunk.weight, chunk.offset) if vector is not None]
    for vector in vectors:
        file.write(np.ascontiguousarray(vector).data)
    _write_rows(file, chunk.numeric.astype(_numeric_type(layout), copy=False))
    _write_rows(file, chunk.codes)
    n_rows = len(chunk.y)
    file.write(b"\0" * (layout.record_bytes(n_rows) - n_rows * layout.row_bytes))


def read_chunks(path: Path, n_rows: int, layout: RecordLayout) -> Iterator[RawChunk]:
    """Yield the chunks of a file in order, as read-only views of memory maps of a few chunks each.

    Raises
    ------
    FileNotFoundError
        When the file is not on this machine.
    ValueError
        When the file's size is not that of `n_rows` rows.
    """
    full, rest = divmod(n_rows, layout.chunk_rows)
    sizes = [layout.chunk_rows] * full + [rest] * (rest > 0)
    expected = sum(layout.record_bytes(size) for size in sizes)
    if path.stat().st_size != expected:
        raise ValueError(f"staged file has {path.stat().st_size} bytes, expected {expected}")
    sparse = read_sparse(path, sizes, layout.n_sparse)
    with path.open("rb") as file:
        for window, n_rows in _windows(file, sizes, layout):
            chunk = _view(window, n_rows, layout)
            yield replace(chunk, sparse=next(sparse)) if layout.n_sparse else chunk


def _write_rows(file: BinaryIO, array: NDArray[Any]) -> None:
    """Write the rows of an array, which may be a view of longer ones, one after the other without a copy."""
    if array.flags.c_contiguous:
        file.write(array.data)
        return
    file.flush()
    left = [memoryview(row).cast("B") for row in array]
    while left:
        written = os.writev(file.fileno(), left[:MAX_BUFFERS])
        while left and written >= len(left[0]):
            written -= len(left.pop(0))
        if written:
            left[0] = left[0][written:]


def _windows(
    file: BinaryIO, sizes: Sequence[int], layout: RecordLayout
) -> Iterator[tuple[NDArray[np.uint8], int]]:
    """Yield the record of each chunk and its rows; so many records as make a window are mapped together."""
    start, per_window = 0, max(WINDOW_BYTES // layout.record_bytes(layout.chunk_rows), 1)
    for first in range(0, len(sizes), per_window):
        lengths = [layout.record_bytes(size) for size in sizes[first : first + per_window]]
        window = np.memmap(file, dtype=np.uint8, mode="r", offset=start, shape=(sum(lengths),))
        start += len(window)
        ends = accumulate(lengths)
        for n_rows, length, end in zip(sizes[first:], lengths, ends, strict=False):
            yield window[end - length : end], n_rows


def _view(record: NDArray[np.uint8], n_rows: int, layout: RecordLayout) -> RawChunk:
    first = n_rows * 8 * layout.n_vectors
    end = n_rows * layout.row_bytes
    second = end - n_rows * 4 * layout.n_categorical
    vectors = record[:first].view(np.float64).reshape(layout.n_vectors, n_rows)
    numeric = record[first:second].view(_numeric_type(layout)).reshape(layout.n_numeric, n_rows)
    codes = record[second:end].view(np.int32).reshape(layout.n_categorical, n_rows)
    y, weight = vectors[0], vectors[1] if layout.weighted else None
    if layout.label_weights is not None:
        y, weight = layout.label_weights.of_rows(y, weight)
    return RawChunk(
        y=y,
        weight=weight,
        offset=vectors[-1] if layout.has_offset else None,
        numeric=numeric,
        codes=codes,
    )


def _numeric_type(layout: RecordLayout) -> type[np.floating[Any]]:
    return np.float32 if layout.single else np.float64
