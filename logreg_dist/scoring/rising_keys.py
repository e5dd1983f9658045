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
# Runs of a file; rows in no order at all have one for every two of them.
MAX_RUNS = 1_000


def rising_runs_task(names: Sequence[str]) -> Callable[[Iterable[str]], Iterator[list[list[Run] | None]]]:
    """Return the function for `mapPartitions` from paths of Parquet files to the runs of each of some columns."""

    def find(paths: Iterable[str]) -> Iterator[list[list[Run] | None]]:
        for path in paths:
            yield file_runs(path, names)

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
    """Return values that Python compares as Arrow does; times lose their unit, whose nanoseconds Python has not."""
    if pa.types.is_dictionary(column.type):
        return column.dictionary_decode()
    return column.view(pa.int64()) if pa.types.is_timestamp(column.type) else column
