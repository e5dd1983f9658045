"""Staging a table on the executors, and passes over the staged splits."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
from pyspark import RDD, StorageLevel, TaskContext
from pyspark.sql import DataFrame

from logreg_dist.errors import InputRejected, TemporaryFailure
from logreg_dist.staging.plan import StagePlan
from logreg_dist.staging.stage_split import StagedSplit, read_sidecar, stage_split

log = logging.getLogger(__name__)

Result = TypeVar("Result")

# The wire schema of staging: one row for each split.
STAGED_SCHEMA = "split int, path string, n_rows bigint, label_sum double, weight_sum double"
_ARROW_SCHEMA = pa.schema(
    [
        ("split", pa.int32()),
        ("path", pa.string()),
        ("n_rows", pa.int64()),
        ("label_sum", pa.float64()),
        ("weight_sum", pa.float64()),
    ]
)

MAX_RESTAGES = 3


class _Lost:
    """What a task returns when the staged file is not on its machine: it must not guess."""


class StagedTable:
    """A table staged on the executors' local disks; a handle with a lifetime.

    The rows of a small persisted RDD name the files and pin each split to the executor that holds
    it. When an executor dies Spark computes its rows again, which writes the files again: lineage
    is the recovery. Use it in a ``with`` statement, or call `release`.

    Attributes
    ----------
    splits : list of StagedSplit
        In order; the checksums that later passes must meet.
    n_passes : int
        Passes made so far, the staging included.
    """

    def __init__(self, table: DataFrame, plan: StagePlan, run_id: str) -> None:
        self._table, self._plan, self._run_id = table, plan, run_id
        self._rdd = self._stage()
        self.splits: list[StagedSplit] = []
        self.n_passes = 0

    def run_pass(self, task: Callable[[StagedSplit], Result]) -> list[Result]:
        """Apply `task` to every split where it lies and return the results in the splits' order.

        Costs one Spark job. The order makes sums over the results the same bits whatever the
        executors, retries and order of completion.

        Raises
        ------
        InputRejected
            When a split that had to be staged again has other rows than before.
        TemporaryFailure
            When files were lost `MAX_RESTAGES` times.
        """
        for _ in range(MAX_RESTAGES + 1):
            found = self._rdd.mapPartitions(_task_over_rows(task)).collect()
            found.sort(key=lambda pair: pair[0].split)
            if not any(isinstance(result, _Lost) for _, result in found):
                self._check([split for split, _ in found])
                self.n_passes += 1
                return [result for _, result in found]
            log.warning("staged files were lost; staging the table again")
            self._rdd.unpersist()
            self._rdd = self._stage()
        raise TemporaryFailure(
            f"staged splits were lost {MAX_RESTAGES + 1} times: executors come and go faster than a pass.\n"
            "  Use fixed executors, or raise spark.locality.wait and spark.dynamicAllocation.executorIdleTimeout."
        )

    def release(self) -> None:
        """Remove the staged files and forget the splits; never raises."""
        try:
            self._rdd.foreach(_remove_files)
        except Exception:
            log.warning("staged files could not be removed; they vanish with their executors")
        self._rdd.unpersist()

    def __enter__(self) -> StagedTable:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _stage(self) -> RDD[Any]:
        rows = self._table.mapInArrow(_stage_function(self._plan, self._run_id), STAGED_SCHEMA)
        # Deserialised at once and kept on the executor: losing a row means staging a split again.
        return rows.rdd.map(_to_split).persist(StorageLevel.MEMORY_AND_DISK)

    def _check(self, found: list[StagedSplit]) -> None:
        if not self.splits:
            self.splits = found
            return
        for before, now in zip(self.splits, found, strict=True):
            if before.path == now.path:
                continue
            log.warning("split %d was staged again: its executor was lost", before.split)
            if astuple(before)[2:] != astuple(now)[2:]:
                raise InputRejected(
                    f"the table changes while it is read: split {before.split} had {before.n_rows:,} rows and "
                    f"now has {now.n_rows:,} (or other labels or weights).\n"
                    "  Write the table to files first, or take rand() and the like out of input.filter."
                )
        self.splits = found


def scratch_folder(run_id: str) -> Path:
    """Return this executor's folder for staged files, on the disk Spark gives it for scratch."""
    root = os.environ.get("SPARK_LOCAL_DIRS", "").split(",")[0] or tempfile.gettempdir()
    return Path(root) / f"logreg_dist-{run_id}"


def _stage_function(
    plan: StagePlan, run_id: str
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def stage(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        context = TaskContext.get()
        assert context is not None
        split, attempt = context.partitionId(), context.taskAttemptId()
        folder = scratch_folder(run_id)
        folder.mkdir(parents=True, exist_ok=True)
        # Named by the attempt: a second one must never write into the first one's file.
        staged = stage_split(batches, plan, folder / f"split-{split:05d}-{attempt}.rows", split)
        columns = [[value] for value in astuple(staged)]
        yield pa.RecordBatch.from_arrays(
            [pa.array(c, t) for c, t in zip(columns, _ARROW_SCHEMA.types, strict=True)], schema=_ARROW_SCHEMA
        )

    return stage


def _to_split(row: Any) -> StagedSplit:
    return StagedSplit(*row)


def _task_over_rows(
    task: Callable[[StagedSplit], Result],
) -> Callable[[Iterable[StagedSplit]], Iterator[tuple[StagedSplit, Result | _Lost]]]:
    def over_rows(splits: Iterable[StagedSplit]) -> Iterator[tuple[StagedSplit, Result | _Lost]]:
        for split in splits:
            try:
                yield split, task(split)
            except FileNotFoundError:
                yield split, _Lost()

    return over_rows


def _remove_files(split: StagedSplit) -> None:
    for suffix in (".rows", ".json", ".sample"):
        Path(split.path).with_suffix(suffix).unlink(missing_ok=True)
    # The last one out takes the folder; others find it not empty, or gone.
    with suppress(OSError):
        Path(split.path).parent.rmdir()


def read_profile_task(split: StagedSplit) -> dict[str, Any]:
    """Return the sidecar of a split; the task of the first pass."""
    return read_sidecar(split.path)
