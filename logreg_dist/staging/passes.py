"""Staging a table on the executors, and passes over the staged splits."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from pyspark import RDD, StorageLevel
from pyspark.sql import SparkSession

from logreg_dist.errors import InputRejected, TemporaryFailure
from logreg_dist.spark.job_tags import cancelled_on_error
from logreg_dist.staging.scratch import removal_task
from logreg_dist.staging.stage_split import StagedSplit, read_sidecar

log = logging.getLogger(__name__)

Result = TypeVar("Result")

MAX_RESTAGES = 3
REMOVAL_SECONDS = 20.0
MAX_REMOVAL_ROUNDS = 3  # what is left then lay on a machine that is gone


class _Lost:
    """What a task returns when the staged file is not on its machine: it must not guess."""


class StagedTable:
    """A table staged on the executors' local disks; a handle with a lifetime.

    The rows of a small persisted RDD name the files and pin each split to the executor that holds
    it. When an executor dies Spark computes its rows again, which writes the files again: lineage
    is the recovery. Use it in a ``with`` statement, or call `release`.

    Parameters
    ----------
    spark : SparkSession
    stage : callable
        Returns, lazily, the RDD that stages each of its partitions and holds the `StagedSplit`.
    run_id : str
        Unique: it names the folders on the executors' disks.

    Attributes
    ----------
    splits : list of StagedSplit
        In order; the checksums that later passes must meet.
    n_passes : int
        Passes made so far, the staging included.
    """

    def __init__(self, spark: SparkSession, stage: Callable[[], RDD[StagedSplit]], run_id: str) -> None:
        self._spark, self._run_id, self._stage = spark, run_id, stage
        self._rdd = self._staged()
        self.splits: list[StagedSplit] = []
        self.n_passes = 0
        self._folders: set[str] = set()

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
        for attempt in range(MAX_RESTAGES + 1):
            found = self._collect(task)
            self._folders.update(str(Path(split.path).parent) for split, _ in found)
            results = [result for _, result in found if not isinstance(result, _Lost)]
            if len(results) == len(found):
                self._check([split for split, _ in found], restaged=attempt > 0)
                self.n_passes += 1
                return results
            log.warning("staged files were lost; staging the table again")
            self._rdd.unpersist()
            self._rdd = self._staged()
        raise TemporaryFailure(
            f"staged splits were lost {MAX_RESTAGES + 1} times: executors come and go faster than a pass.\n"
            "  Use fixed executors, or raise spark.locality.wait and spark.dynamicAllocation.executorIdleTimeout."
        )

    def release(self) -> None:
        """Remove the staged files and forget the splits; stages nothing and never raises."""
        # On a thread of its own, because a signal may have left this thread's connection to the JVM in
        # the middle of an answer; and not for ever, because a cluster without executors waits for some.
        remover = threading.Thread(target=self._remove, daemon=True)
        remover.start()
        remover.join(REMOVAL_SECONDS)
        if remover.is_alive():
            log.warning("no executor was free to remove the staged files; they vanish with the executors")

    def __enter__(self) -> StagedTable:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _remove(self) -> None:
        context = self._spark.sparkContext
        remove, left = removal_task(self._run_id, frozenset(self._folders)), set(self._folders)
        # Not through the staged rows: those of an executor that died would be staged again first. A task
        # for every core reaches every executor, unless others are at work there: hence the rounds.
        n_tasks = 2 * context.defaultParallelism
        try:
            for _ in range(MAX_REMOVAL_ROUNDS):
                left -= set(context.parallelize(range(n_tasks), n_tasks).mapPartitions(remove).collect())
                if not left:
                    break
        except Exception as error:
            reason = type(error).__name__
            log.warning("staged files could not be removed (%s); they vanish with the executors", reason)
        with suppress(Exception):  # the JVM may be what died
            self._rdd.unpersist()

    def _staged(self) -> RDD[StagedSplit]:
        # Deserialised at once and kept on the executor: losing a row means staging a split again.
        return self._stage().persist(StorageLevel.MEMORY_AND_DISK)

    def _collect(self, task: Callable[[StagedSplit], Result]) -> list[tuple[StagedSplit, Result | _Lost]]:
        with cancelled_on_error(self._spark, f"logreg_dist-{self._run_id}"):
            found = self._rdd.mapPartitions(_task_over_rows(task)).collect()
        return sorted(found, key=lambda pair: pair[0].split)

    def _check(self, found: list[StagedSplit], *, restaged: bool) -> None:
        """Compare the splits with the first reading of the table, and say which were read again."""
        for before, now in zip(self.splits, found, strict=False):
            if before.path != now.path and not restaged:
                log.warning("split %d was staged again: its executor was lost", before.split)
            if (before.n_rows, before.content) != (now.n_rows, now.content):
                what = (
                    f"{before.n_rows:,} rows and then {now.n_rows:,}"
                    if before.n_rows != now.n_rows
                    else f"{before.n_rows:,} rows and then as many with other values"
                )
                raise _changing_table(f"split {before.split} had {what}")
        if self.splits and len(self.splits) != len(found):
            raise _changing_table(f"it came in {len(self.splits)} splits and then in {len(found)}")
        self.splits = found


def _changing_table(what: str) -> InputRejected:
    return InputRejected(
        f"the table changes while it is read: {what}.\n"
        "  Write the table to files first, or take out of input.filter or the view what gives other rows\n"
        "  or values each time."
    )


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


def read_profile_task(split: StagedSplit) -> dict[str, Any]:
    """Return the sidecar of a split; the task of the first pass."""
    return read_sidecar(split.path)
