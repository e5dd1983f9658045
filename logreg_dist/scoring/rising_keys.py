"""Keys that rise from row to row: none of them can occur twice, which costs less to see than to compare all with all.

Runs on executors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

# The first and the last value of rows that rise strictly.
Run = tuple[Any, Any]
# Rows that are read, and compared with their neighbours, at a time: they stay in a cache.
BATCH_ROWS = 131_072
# Runs of a file, and of all files together; rows in no order at all have one for every two of them.
MAX_RUNS = 1_000
MAX_RUNS_OF_ALL = 100_000


def rising_runs_task(
    names: Sequence[str], n_files: int
) -> Callable[[Iterable[str]], Iterator[list[list[Run] | None]]]:
    """Return the function for `mapPartitions` from paths of Parquet files to the runs of each of some columns.

    They are no more than the driver can hold of `n_files` files; of a column with more there are none.
    """
    most = max(min(MAX_RUNS, MAX_RUNS_OF_ALL // n_files), 2)

    def find(paths: Iterable[str]) -> Iterator[list[list[Run] | None]]:
        for path in paths:
            yield [runs if runs is None or len(runs) <= most else None for runs in file_runs(path, names)]

    return find


def file_runs(path: str, names: Sequence[str], max_batches: int | None = None) -> list[list[Run] | None]:
    """Return the rising runs of columns of a Parquet file, or of its first batches; None for a column not in order."""
    found: list[list[Run] | None] = [[] for _ in names]
    with pq.ParquetFile(path, pre_buffer=False) as file:
        for k, batch in enumerate(file.iter_batches(BATCH_ROWS, columns=list(names), use_threads=False)):
            found = [joined(runs, runs_of(batch[name])) for runs, name in zip(found, names, strict=True)]
            if k + 1 == max_batches or all(runs is None for runs in found):
                break
    return found


def runs_of(column: pa.Array) -> list[Run] | None:
    """Return the rising runs of an array; None where it has nulls, or more than `MAX_RUNS` of them.

    Examples
    --------
    >>> runs_of(pa.array([1, 2, 5, 3, 4])), runs_of(pa.array([7, 7])), runs_of(pa.array([1, None]))
    ([(1, 5), (3, 4)], [(7, 7), (7, 7)], None)
    """
    column = _comparable(column)
    n = len(column)
    if column.null_count:
        return None
    if n < 2:
        return [(value, value) for value in column.to_pylist()]
    rises = pc.less(column[:-1], column[1:])
    n_breaks = n - 1 - pc.sum(rises).as_py()
    if n_breaks >= MAX_RUNS:
        return None
    breaks = np.flatnonzero(~rises.to_numpy(zero_copy_only=False)) + 1 if n_breaks else ()
    return [(column[a].as_py(), column[b - 1].as_py()) for a, b in pairwise([0, *map(int, breaks), n])]


def joined(runs: list[Run] | None, more: list[Run] | None) -> list[Run] | None:
    """Return the runs of rows and of those that follow them.

    Examples
    --------
    >>> joined([(1, 5)], [(6, 8), (2, 3)]), joined([(1, 5)], [(5, 8)]), joined(None, [(1, 5)])
    ([(1, 8), (2, 3)], [(1, 5), (5, 8)], None)
    """
    if runs is None or more is None:
        return None
    if runs and more and runs[-1][1] < more[0][0]:
        runs, more = [*runs[:-1], (runs[-1][0], more[0][1])], more[1:]
    return [*runs, *more] if len(runs) + len(more) <= MAX_RUNS else None


def are_apart(runs: Iterable[Run]) -> bool:
    """Whether no value lies in two runs.

    Examples
    --------
    >>> are_apart([(4, 6), (1, 3)]), are_apart([(4, 6), (1, 4)])
    (True, False)
    """
    return all(one[1] < other[0] for one, other in pairwise(sorted(runs)))


def _comparable(column: pa.Array) -> pa.Array:
    """Return values in the same order that Python has too: texts may not be UTF-8, days and times beyond its own.

    Times lose their unit: one job writes one.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _comparable(column.dictionary_decode())
    if pa.types.is_string(kind):
        return column.view(pa.binary())
    if pa.types.is_large_string(kind):
        return column.view(pa.large_binary())
    if pa.types.is_timestamp(kind):
        return column.view(pa.int64())
    return column.view(pa.int32()) if pa.types.is_date32(kind) else column
