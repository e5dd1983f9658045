"""The file of a staged split: chunks of raw columns as plain arrays, read through a memory map.

A chunk of m rows is one record: the float64 columns one after the other (y, then weight and
offset where the table has them, then the numeric columns), then the int32 codes of the
categorical columns. All chunks but the last have the same number of rows, so a chunk is found by
arithmetic and the file needs no index. Missing numbers are NaN; missing levels have code -1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
CodeArray = NDArray[np.int32]


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
    """

    n_numeric: int
    n_categorical: int
    weighted: bool
    has_offset: bool
    chunk_rows: int

    @property
    def n_float(self) -> int:
        """Float64 columns: label, weight, offset and features."""
        return 1 + self.weighted + self.has_offset + self.n_numeric

    def record_bytes(self, n_rows: int) -> int:
        """Return the size of a record of `n_rows`, padded so that the next one is aligned."""
        size = n_rows * (8 * self.n_float + 4 * self.n_categorical)
        return -(-size // 64) * 64


@dataclass(frozen=True)
class RawChunk:
    """The rows of one record, as they were read: nothing centred, filled or merged.

    Attributes
    ----------
    y : ndarray (m,)
    weight, offset : ndarray (m,) or None
    numeric : ndarray (n_numeric, m)
        NaN where missing.
    codes : ndarray (n_categorical, m)
        Numbers of the split's own dictionaries, -1 where missing.
    """

    y: FloatArray
    weight: FloatArray | None
    offset: FloatArray | None
    numeric: FloatArray
    codes: CodeArray


def write_chunk(file: BinaryIO, chunk: RawChunk, layout: RecordLayout) -> None:
    """Append one record."""
    vectors = [vector for vector in (chunk.y, chunk.weight, chunk.offset) if vector is not None]
    for vector in vectors:
        file.write(np.ascontiguousarray(vector).data)
    file.write(np.ascontiguousarray(chunk.numeric).data)
    file.write(np.ascontiguousarray(chunk.codes).data)
    n_rows = len(chunk.y)
    written = n_rows * (8 * layout.n_float + 4 * layout.n_categorical)
    file.write(b"\0" * (layout.record_bytes(n_rows) - written))


def read_chunks(path: Path, n_rows: int, layout: RecordLayout) -> Iterator[RawChunk]:
    """Yield the chunks of a file in order, as read-only views of a memory map.

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
    if not sizes:
        return
    data = np.memmap(path, dtype=np.uint8, mode="r")
    start = 0
    for size in sizes:
        yield _view(data[start : start + layout.record_bytes(size)], size, layout)
        start += layout.record_bytes(size)


def _view(record: NDArray[np.uint8], n_rows: int, layout: RecordLayout) -> RawChunk:
    split = n_rows * 8 * layout.n_float
    end = split + n_rows * 4 * layout.n_categorical
    floats = record[:split].view(np.float64).reshape(layout.n_float, n_rows)
    codes = record[split:end].view(np.int32).reshape(layout.n_categorical, n_rows)
    first_feature = layout.n_float - layout.n_numeric
    return RawChunk(
        y=floats[0],
        weight=floats[1] if layout.weighted else None,
        offset=floats[first_feature - 1] if layout.has_offset else None,
        numeric=floats[first_feature:],
        codes=codes,
    )
