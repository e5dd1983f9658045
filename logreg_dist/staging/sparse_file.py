"""The file of a split's sparse columns: entries as plain arrays, read through a memory map.

For each chunk and each sparse column one record: the number of entries (int64), where each row starts
(int64, rows + 1), the values (float64) and their columns (int32), padded to 64 bytes. Records have
different sizes, so they are read one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from logreg_dist.kernel.sparse import SparseRows

_ALIGNMENT = 64


def sparse_path(path: Path) -> Path:
    """Return where the sparse columns of the split at `path` lie."""
    return path.with_suffix(".sparse")


def write_sparse(file: BinaryIO, columns: Sequence[SparseRows]) -> None:
    """Append the records of a chunk."""
    for rows in columns:
        file.write(np.array([len(rows.columns)], np.int64).data)
        file.write(np.ascontiguousarray(rows.starts, np.int64).data)
        file.write(np.ascontiguousarray(rows.values, np.float64).data)
        file.write(np.ascontiguousarray(rows.columns, np.int32).data)
        file.write(b"\0" * (-_record_bytes(rows.n_rows, len(rows.columns)) % _ALIGNMENT))


def read_sparse(path: Path, sizes: Sequence[int], n_columns: int) -> Iterator[tuple[SparseRows, ...]]:
    """Yield the sparse columns of each chunk of the split at `path`, as read-only views of a memory map.

    Parameters
    ----------
    path : Path
        Of the split.
    sizes : sequence of int
        Rows of each chunk.
    n_columns : int
        Sparse columns; with none nothing is yielded.

    Raises
    ------
    FileNotFoundError
        When the file is not on this machine.
    ValueError
        When the file ends before the last chunk, or goes on behind it.
    """
    if not n_columns or not sizes:
        return
    data = np.memmap(sparse_path(path), dtype=np.uint8, mode="r")
    start = 0
    for k, size in enumerate(sizes, 1):
        columns = []
        for _ in range(n_columns):
            rows, start = _record(data, start, size)
            columns.append(rows)
        if k == len(sizes) and start != len(data):
            raise ValueError(f"staged file of sparse columns has {len(data)} bytes, expected {start}")
        yield tuple(columns)


def _record(data: np.ndarray, start: int, n_rows: int) -> tuple[SparseRows, int]:
    """Return the record at `start`, and where the next one begins."""
    first = start + 8
    n_entries = int(data[start:first].view(np.int64)[0]) if first <= len(data) else 0
    end = start + _record_bytes(n_rows, n_entries)
    if end > len(data):
        raise ValueError(f"staged file of sparse columns has {len(data)} bytes, expected {end} or more")
    second = first + 8 * (n_rows + 1)
    third = second + 8 * n_entries
    rows = SparseRows(
        starts=data[first:second].view(np.int64),
        columns=data[third:end].view(np.int32),
        values=data[second:third].view(np.float64),
    )
    return rows, end + -end % _ALIGNMENT


def _record_bytes(n_rows: int, n_entries: int) -> int:
    return 8 + 8 * (n_rows + 1) + 12 * n_entries
