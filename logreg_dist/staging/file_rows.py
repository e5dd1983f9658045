"""Rows of Parquet files, read by pyarrow inside the tasks: which rows are whose, and how they come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

# Of each column, which is not held whole. Pages that are larger are read in one go; four times as much is new memory,
# which cost 200 columns 0.2 s of a cold task.
BUFFER_BYTES = 1 << 16
BATCH_BYTES = 8_000_000
# A batch is taken apart column by column: of a thousand columns it should not be shorter.
BATCH_ROWS = 8192
# A split ends with a row group when that makes it longer or shorter by no more than this share:
# to start inside of one costs decoding the rows before.
SLACK = 0.02


@dataclass(frozen=True)
class FileColumn:
    """A column of the batches: its name in the files, or its place among the partition values.

    Attributes
    ----------
    name : str
        Found in a file as it is written there, or in other case where that is unique; a file
        without it has no values for it.
    partition : int or None
        Position in `FileRows.values` of a column that the directories' names hold.
    as_levels : bool
        Whether to read it in dictionary form, which Parquet has stored already.
    width : int
        About how many numbers one of its values is as large as; more than 1 for vectors and texts.
    """

    name: str
    partition: int | None = None
    as_levels: bool = False
    width: int = 1


@dataclass(frozen=True)
class FileRows:
    """A Parquet file.

    Attributes
    ----------
    path : str
        Local path.
    group_rows : tuple of int
        Rows of each row group.
    values : tuple of pyarrow.Scalar
        Of the partition columns.
    """

    path: str
    group_rows: tuple[int, ...]
    values: tuple[pa.Scalar, ...] = ()

    @property
    def n_rows(self) -> int:
        """Rows of the file."""
        return sum(self.group_rows)


@dataclass(frozen=True)
class FilePart:
    """Rows `first` to `stop` (excluded) of a file."""

    file: FileRows
    first: int
    stop: int


class UnreadableFile(OSError):
    """A file is not what it was when the table was opened. The words are those that Spark uses."""


def cut_files(files: Sequence[FileRows], n_splits: int) -> list[tuple[FilePart, ...]]:
    """Cut files, in the order given, into `n_splits` runs of about equally many rows.

    Examples
    --------
    Ten rows in groups of 4, 1 and 5 for two splits: the cut falls on the edge at 5.

    >>> files = [FileRows("a", (4, 1)), FileRows("b", (5,))]
    >>> [[(part.file.path, part.first, part.stop) for part in parts] for parts in cut_files(files, 2)]
    [[('a', 0, 5)], [('b', 0, 5)]]

    For three no edge is near enough to the second cut:

    >>> [[(part.file.path, part.first, part.stop) for part in parts] for parts in cut_files(files, 3)]
    [[('a', 0, 3)], [('a', 3, 5), ('b', 0, 1)], [('b', 1, 5)]]
    """
    sizes = [rows for file in files for rows in file.group_rows]
    edges = np.array([0, *accumulate(sizes)])
    total = int(edges[-1])
    cuts = [
        0,
        *(_near_edge(k * total // n_splits, edges, total / n_splits) for k in range(1, n_splits)),
        total,
    ]
    starts = [0, *accumulate(file.n_rows for file in files)]
    return [
        tuple(
            FilePart(file, max(first - start, 0), min(stop - start, file.n_rows))
            for file, start in zip(files, starts, strict=False)
            if max(first, start) < min(stop, start + file.n_rows)
        )
        for first, stop in pairwise(cuts)
    ]


def read_rows(
    parts: Sequence[FilePart],
    columns: Sequence[FileColumn],
    chunk_rows: int,
    batch_bytes: int = BATCH_BYTES,
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of `parts` in order, some chunks at a time, a batch's columns in the order of `columns`.

    Raises
    ------
    UnreadableFile
        When a file has vanished, may not be read, has another number of rows, cannot be decoded, or a disk failed.
    """
    width = max(sum(column.width for column in columns), 1)
    # Vectors are taken apart at once, not column by column.
    least = 1 if width > len(columns) else BATCH_ROWS // chunk_rows
    fitting = max(batch_bytes // (8 * chunk_rows * width), least)
    for part in parts:
        try:
            yield from _read_part(part, columns, chunk_rows * max(fitting, 1))
        except FileNotFoundError as error:
            raise UnreadableFile(f"FILE_NOT_EXIST file:{part.file.path}") from error
        except PermissionError as error:
            raise UnreadableFile(f"ACCESS_DENIED file:{part.file.path}") from error
        except (pa.ArrowException, OSError) as error:
            # With a number it is the operating system that failed; pyarrow's own say that the bytes are wrong.
            if isinstance(error, OSError) and error.errno is not None:
                raise UnreadableFile(f"IO_ERROR file:{part.file.path}") from error
            raise UnreadableFile(f"FAILED_READ_FILE file:{part.file.path}") from error


def name_in_file(name: str, names: Sequence[str]) -> str | None:
    """Return how a file writes the name of a column, None when it has no such column.

    Examples
    --------
    >>> name_in_file("Age", ["age", "sex"]), name_in_file("income", ["age", "sex"])
    ('age', None)
    """
    if name in names:
        return name
    alike = [other for other in names if other.lower() == name.lower()]
    return alike[0] if len(alike) == 1 else None


def _near_edge(cut: int, edges: np.ndarray, rows_per_split: float) -> int:
    nearest = int(edges[np.abs(edges - cut).argmin()])
    return nearest if abs(nearest - cut) <= SLACK * rows_per_split else cut


def _read_part(part: FilePart, columns: Sequence[FileColumn], batch_rows: int) -> Iterator[pa.RecordBatch]:
    metadata = pq.read_metadata(part.file.path)
    if tuple(metadata.row_group(k).num_rows for k in range(metadata.num_row_groups)) != part.file.group_rows:
        raise UnreadableFile("the file was rewritten")
    names = metadata.schema.to_arrow_schema().names
    found = [None if c.partition is not None else name_in_file(c.name, names) for c in columns]
    levels = [name for column, name in zip(columns, found, strict=True) if column.as_levels and name]
    # Without pre_buffer=False pyarrow fetches all row groups of the file at once, and keeps them.
    with pq.ParquetFile(
        part.file.path,
        metadata=metadata,
        buffer_size=BUFFER_BYTES,
        pre_buffer=False,
        read_dictionary=levels,
        page_checksum_verification=True,  # where there are any: Spark writes them, pyarrow when asked to
    ) as file:
        wanted = list(dict.fromkeys(name for name in found if name is not None))
        groups, skip = _groups_of(part)
        left = part.stop - part.first
        for batch in file.iter_batches(batch_rows, row_groups=groups, columns=wanted, use_threads=False):
            rows = batch.slice(skip, left)
            skip, left = max(skip - batch.num_rows, 0), left - rows.num_rows
            if rows.num_rows:
                yield _arranged(rows, columns, found, part.file.values)
            if not left:
                return


def _groups_of(part: FilePart) -> tuple[list[int], int]:
    """Return the row groups that hold the part, and how many of their rows lie before it."""
    edges = [0, *accumulate(part.file.group_rows)]
    groups = [k for k, (start, end) in enumerate(pairwise(edges)) if start < part.stop and end > part.first]
    return groups, part.first - edges[groups[0]]


def _arranged(
    batch: pa.RecordBatch,
    columns: Sequence[FileColumn],
    found: Sequence[str | None],
    values: Sequence[pa.Scalar],
) -> pa.RecordBatch:
    n, position = batch.num_rows, {name: k for k, name in enumerate(batch.schema.names)}
    arrays = []
    for column, name in zip(columns, found, strict=True):
        if column.partition is not None:
            arrays.append(pa.repeat(values[column.partition], n))
        else:
            arrays.append(pa.nulls(n) if name is None else batch.column(position[name]))
    return pa.RecordBatch.from_arrays(arrays, names=[f"c{k}" for k in range(len(arrays))])
