"""The tasks that stage a partition: rows in, one record out that says where the split lies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple
from typing import Any

import pyarrow as pa
from pyspark import TaskContext

from logreg_dist.staging.file_rows import FileColumn, FilePart, read_rows
from logreg_dist.staging.gathered import Gathering, scattered
from logreg_dist.staging.plan import StagePlan
from logreg_dist.staging.scratch import claimed_scratch
from logreg_dist.staging.stage_split import stage_split
from logreg_dist.staging.staged_split import StagedSplit

# The wire schema of staging: one row for each split.
STAGED_SCHEMA = (
    "split int, path string, n_rows bigint, label_sum double, weight_sum double, content bigint, "
    "outcomes bigint, outcomes_in_order bigint, seconds double"
)
_ARROW_SCHEMA = pa.schema(
    [
        ("split", pa.int32()),
        ("path", pa.string()),
        ("n_rows", pa.int64()),
        ("label_sum", pa.float64()),
        ("weight_sum", pa.float64()),
        ("content", pa.int64()),
        ("outcomes", pa.int64()),
        ("outcomes_in_order", pa.int64()),
        ("seconds", pa.float64()),
    ]
)


def stage_batches_task(
    plan: StagePlan, gathering: Gathering, run_id: str
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return the function for `mapInArrow` that stages the partition it is given and yields one row."""

    def stage(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        staged = _stage_here(scattered(batches, gathering), plan, run_id)
        columns = [[value] for value in astuple(staged)]
        yield pa.RecordBatch.from_arrays(
            [pa.array(c, t) for c, t in zip(columns, _ARROW_SCHEMA.types, strict=True)], schema=_ARROW_SCHEMA
        )

    return stage


def stage_files_task(
    plan: StagePlan, columns: Sequence[FileColumn], run_id: str
) -> Callable[[Iterable[tuple[FilePart, ...]]], Iterator[StagedSplit]]:
    """Return the function for `mapPartitions` that reads its parts of files and stages them."""

    def stage(partition: Iterable[tuple[FilePart, ...]]) -> Iterator[StagedSplit]:
        parts = [part for parts in partition for part in parts]
        yield _stage_here(read_rows(parts, columns, plan.chunk_rows), plan, run_id)

    return stage


def to_split(row: Any) -> StagedSplit:
    """Return the split that a row of `STAGED_SCHEMA` describes."""
    return StagedSplit(*row)


def _stage_here(batches: Iterable[pa.RecordBatch], plan: StagePlan, run_id: str) -> StagedSplit:
    context = TaskContext.get()
    assert context is not None
    split, attempt = context.partitionId(), context.taskAttemptId()
    folder = claimed_scratch(run_id)
    # Named by the attempt: a second one must never write into the first one's file.
    return stage_split(batches, plan, folder / f"split-{split:05d}-{attempt}.rows", split)
