"""What the executors run: Arrow batches in; score groups, or the sums of one split, out.

Each function serves ``DataFrame.mapInArrow``: it may be called with no batch at all, takes batches
of any size, and matches columns by position.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark import TaskContext

from logreg_dist.assessment.groups import FloatArray, ScoreGroups, group_rows, merge_chunks
from logreg_dist.assessment.rows import check_rows
from logreg_dist.assessment.wire import to_vector

_GROUP_FIELDS = [pa.field(name, pa.float64()) for name in ScoreGroups.__dataclass_fields__]
GROUP_SCHEMA = pa.schema(_GROUP_FIELDS)
# `problem` is null in a score group; in the other rows `n_rows` counts the rows with the problem.
CHUNK_SCHEMA = pa.schema(
    [
        pa.field("problem", pa.string()),
        pa.field("split", pa.int32()),
        pa.field("chunk", pa.int32()),
        *_GROUP_FIELDS,
    ]
)
SUMS_SCHEMA = pa.schema([pa.field("split", pa.int32()), pa.field("sums", pa.binary())])

_SQL_TYPES = {pa.float64(): "double", pa.int32(): "int", pa.string(): "string", pa.binary(): "binary"}

# Rows added up at a time: ties within it leave one row for the shuffle. 10 MB of scores.
_CHUNK_ROWS = 1 << 18


def add_up_rows(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Turn the rows of a scored table into score groups, one set per chunk, and problem counts."""
    split = _split_number()
    problems: Counter[str] = Counter()
    for chunk, columns in enumerate(_chunks_of_rows(batches)):
        usable, found = check_rows(*columns)
        problems.update(found)
        groups = group_rows(*(column[usable] for column in columns))
        yield _chunk_batch([None] * len(groups), split, chunk, groups.columns())
    counts = np.array(list(problems.values()), dtype=np.float64)
    zero = np.zeros(len(counts))
    yield _chunk_batch(list(problems), split, 0, (zero, zero, counts, zero, zero, zero, zero))


def merge_groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Add up the score groups of equal score in a sorted split."""
    for groups in merge_chunks(_groups(batches)):
        yield pa.record_batch([pa.array(column) for column in groups.columns()], schema=GROUP_SCHEMA)


def sums_of_splits(
    measure: Callable[[Iterator[ScoreGroups], int], Any],
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return the pass that sends one row per split: its number and what `measure` returns.

    Parameters
    ----------
    measure : callable
        From the chunks of a split and its number to a record that `wire.to_vector` takes.
    """

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        split = _split_number()
        vector = to_vector(measure(_groups(batches), split))
        yield pa.record_batch(
            [pa.array([split], pa.int32()), pa.array([vector.tobytes()], pa.binary())], schema=SUMS_SCHEMA
        )

    return run


def ddl(schema: pa.Schema) -> str:
    """Return the schema in Spark's words.

    Examples
    --------
    >>> ddl(SUMS_SCHEMA)
    'split int, sums binary'
    """
    return ", ".join(f"{field.name} {_SQL_TYPES[field.type]}" for field in schema)


def _split_number() -> int:
    context = TaskContext.get()
    if context is None:
        raise RuntimeError("an assessment pass was called outside a Spark task")
    return int(context.partitionId())


def _chunks_of_rows(batches: Iterable[pa.RecordBatch]) -> Iterator[list[FloatArray]]:
    """Gather batches until there are enough rows; nulls become NaN."""
    gathered: list[list[FloatArray]] = []
    n_rows = 0
    for batch in batches:
        gathered.append(_arrays(batch))
        n_rows += batch.num_rows
        if n_rows >= _CHUNK_ROWS:
            yield _joined(gathered)
            gathered, n_rows = [], 0
    if n_rows:
        yield _joined(gathered)


def _joined(gathered: list[list[FloatArray]]) -> list[FloatArray]:
    return [np.concatenate(column) for column in zip(*gathered, strict=True)]


def _arrays(batch: pa.RecordBatch) -> list[FloatArray]:
    return [column.to_numpy(zero_copy_only=False) for column in batch.columns]


def _groups(batches: Iterable[pa.RecordBatch]) -> Iterator[ScoreGroups]:
    for batch in batches:
        yield ScoreGroups(*_arrays(batch))


def _chunk_batch(
    problems: list[None] | list[str], split: int, chunk: int, columns: tuple[FloatArray, ...]
) -> pa.RecordBatch:
    n = len(problems)
    return pa.record_batch(
        [
            pa.array(problems, pa.string()),
            pa.array(np.full(n, split), pa.int32()),
            pa.array(np.full(n, chunk), pa.int32()),
            *(pa.array(column) for column in columns),
        ],
        schema=CHUNK_SCHEMA,
    )
