"""Staging a table on the executors, and passes over the staged splits."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any, TypeVar

from py4j.protocol import Py4JError
from pyspark import RDD, StorageLevel
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from logreg_dist.errors import InputRejected, TemporaryFailure
from logreg_dist.spark.job_tags import cancelled_on_error
from logreg_dist.spark.masters import is_in_one_process
from logreg_dist.spark.words import all_words
from logreg_dist.staging.buckets import Ended, Merged, added_buckets, gathered_pieces, scattered_pieces
from logreg_dist.staging.pass_timing import Measured, PassTiming, TaskTiming
from logreg_dist.staging.pieces import JOB_SHARE, PIECE_SHARE, counted, cut, fetched, jobs_of, joined
from logreg_dist.staging.removal import remove_staged
from logreg_dist.staging.sample import MAX_SAMPLE_ROWS
from logreg_dist.staging.split_tasks import (
    MAX_SENT_BYTES,
    Added,
    Done,
    Lost,
    add_in_groups,
    added,
    group_size,
    over_splits,
)
from logreg_dist.staging.staged_split import StagedSplit

log = logging.getLogger(__name__)

Result = TypeVar("Result")

MAX_RESTAGES = 3
# What the driver reads of so much takes it 0.1 to 0.4 s, and a Spark job, which has to send it, 0.3 to 1.0 s: rows of all
# splits, bytes of their files, and of the notes beside them.
MAX_ROWS_SEEN_HERE, MAX_BYTES_SEEN_HERE, MAX_NOTE_BYTES_SEEN_HERE = 10_000_000, 2_000_000_000, 4_000_000


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
    sample_rows : int
        Rows of a sample of the table, or up to twice as many.
    on_pass : callable
        Told of each pass where its time went.

    Attributes
    ----------
    splits : list of StagedSplit
        In order; the checksums that later passes must meet.
    n_passes : int
        Passes made so far, the staging included.
    max_result_bytes : int
        What the driver takes of a job's results, `spark.driver.maxResultSize`; 0 is no limit.
    """

    def __init__(
        self,
        spark: SparkSession,
        stage: Callable[[], RDD[StagedSplit]],
        run_id: str,
        *,
        sample_rows: int = MAX_SAMPLE_ROWS,
        on_pass: Callable[[PassTiming], None] = lambda timing: None,
    ) -> None:
        self._spark, self._run_id, self._stage, self._on_pass = spark, run_id, stage, on_pass
        self._rdd = self._staged()
        self.splits: list[StagedSplit] = []
        self._sample_rows, self.n_passes = sample_rows, 0
        self._folders: set[str] = set()
        self._ended = time.perf_counter()
        conf: Any = spark.sparkContext._jsc.sc().conf()
        self.max_result_bytes = int(conf.getSizeAsBytes("spark.driver.maxResultSize", "1g"))
        self._in_pieces = False

    @property
    def sample_share(self) -> int:
        """How many rows of a sample are drawn from each split, or up to twice as many."""
        return max(self._sample_rows // max(len(self.splits), 1), 1)

    def stage(self) -> None:
        """Stage the table now; one Spark job, which the first pass would need otherwise.

        A job of its own starts half as many Python workers as one that stages and looks at the splits
        at a time: Spark gives each of the two steps a process.

        Raises
        ------
        InputRejected, TemporaryFailure
            As `run_pass`.
        """
        self._run(lambda: [Done(split, None, TaskTiming()) for split in self._collected(self._rdd)])

    def run_pass(self, task: Callable[[StagedSplit], Result | Measured[Result]]) -> list[Result]:
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
        return self._run(lambda: self._collected(self._rdd.mapPartitions(over_splits(task))))

    def glance(self, task: Callable[[StagedSplit], Result]) -> list[Result]:
        """Do what `run_pass` does, with a task that reads little of each split.

        Where the executor is the driver's own process and the table is small, no Spark job is run for it.

        Raises
        ------
        InputRejected, TemporaryFailure
            As `run_pass`.
        """
        start, done = time.perf_counter(), list[Done[Result]]()
        if is_in_one_process(self._spark.sparkContext.master):
            with suppress(Exception):  # a job says what is wrong with a file, and stages lost ones again
                done = self._done_here(task) if _are_small(self.splits) else []
        results = [one.result for one in done if not isinstance(one.result, Lost | Added)]
        if len(results) < len(self.splits):
            return self.run_pass(task)
        self.n_passes += 1
        self._tell(start, [one.timing for one in done])
        return results

    def sum_pass(self, task: Callable[[StagedSplit], Measured[Result]], *, result_bytes: int) -> Result:
        """Apply `task` to every split and return the sum of the results; one Spark job.

        Neighbouring splits are added to groups, and the groups in order: the same bits whether the
        driver does it, or Spark where the results (`result_bytes` each) are too many to be sent.

        Raises
        ------
        InputRejected, TemporaryFailure
            As `run_pass`.
        """
        n_splits = len(self.splits)
        if n_splits * result_bytes <= min(MAX_SENT_BYTES, self.max_result_bytes or MAX_SENT_BYTES):
            total: Result = add_in_groups(self.run_pass(task), n_splits)
            return total
        size = group_size(n_splits)

        def collect() -> list[Done[Result]]:
            run: Callable[[Iterable[StagedSplit]], Iterator[Done[Result]]] = over_splits(task)
            done = self._rdd.mapPartitions(run).keyBy(lambda one: one.split.split // size)
            groups = done.groupByKey(-(-n_splits // size))
            return self._collected(groups.flatMap(lambda group: added(group[1])))

        return reduce(add, self._run(collect))

    def bucket_pass(
        self,
        task: Callable[[StagedSplit], Iterator[tuple[int, Any]]],
        merge: Callable[[int, Iterator[Any]], Result],
        *,
        n_buckets: int,
        group: int = 1,
    ) -> list[Result]:
        """Bring pieces of all splits together by bucket and return what becomes of each; one Spark job with a shuffle.

        Parameters
        ----------
        task : callable
            Yields pieces of a split with the bucket that each is for, a number below `n_buckets`.
        merge : callable
            Told the bucket and its pieces, in the order of the splits and in that of a split's yielding.
        n_buckets : int
            A function of the table and the splits alone: the results may depend on it by rounding.
        group : int
            So many neighbouring buckets' results are added in Spark.

        Returns
        -------
        list
            One result for each group of buckets that has pieces, in order.

        Raises
        ------
        InputRejected, TemporaryFailure
            As `run_pass`.
        """
        merged: list[Merged[Result]] = []

        def collect() -> list[Done[None]]:
            pieces = self._rdd.mapPartitions(scattered_pieces(task, n_buckets))
            found = pieces.partitionBy(n_buckets, int).mapPartitionsWithIndex(gathered_pieces(merge))
            if group > 1:
                groups = found.keyBy(lambda one: one.bucket // group).groupByKey(-(-n_buckets // group))
                found = groups.flatMap(lambda members: added_buckets(members[1]))
            ended: list[Ended | Merged[Result]] = self._collected(found)
            merged[:] = sorted((one for one in ended if isinstance(one, Merged)), key=lambda one: one.bucket)
            return [one.done for one in ended if isinstance(one, Ended)]

        self._run(collect)
        return [one.result for one in merged]

    def release(self) -> None:
        """Remove the staged files and forget the splits; stages nothing and never raises."""
        remove_staged(self._spark, self._run_id, self._folders, self._rdd)

    def __enter__(self) -> StagedTable:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _staged(self) -> RDD[StagedSplit]:
        # Kept on the executor: losing a row means staging a split again. As objects: to store it in bytes Spark would
        # load Kryo, and for it a part of MLlib, 0.4 s of a session's first fit.
        return self._stage().persist(StorageLevel.MEMORY_AND_DISK_DESER)

    def _collected(self, results: RDD[Any]) -> list[Any]:
        """Return the results of a pass; in pieces, which takes more jobs, once they were too large for one."""
        if not self._in_pieces:
            try:
                found: list[Any] = results.collect()
            except (PySparkException, Py4JError) as error:
                if "spark.driver.maxResultSize" not in all_words(error) or not self.max_result_bytes:
                    raise
                log.info("results are larger than spark.driver.maxResultSize and come in pieces from now on")
                self._in_pieces = True
            else:
                return found
        size = max(self.max_result_bytes // PIECE_SHARE, 1)
        pieces = results.mapPartitions(cut(size)).persist(StorageLevel.MEMORY_AND_DISK)
        try:
            by_partition: dict[int, list[bytes]] = {}
            n_pieces = dict(pieces.mapPartitionsWithIndex(counted).collect())
            for job in jobs_of(n_pieces, PIECE_SHARE // JOB_SHARE):
                asked = pieces.mapPartitionsWithIndex(fetched(job))
                for partition, piece in pieces.context.runJob(asked, list, sorted(job)):
                    by_partition.setdefault(partition, []).append(piece)
        finally:
            with suppress(Exception):  # the JVM may be what died
                pieces.unpersist()
        return [result for partition in sorted(by_partition) for result in joined(by_partition[partition])]

    def _run(self, collect: Callable[[], list[Done[Result]]]) -> list[Result]:
        """Run the Spark job of a pass, again with the table staged anew while files are missing."""
        start = time.perf_counter()
        for attempt in range(MAX_RESTAGES + 1):
            with cancelled_on_error(self._spark, f"logreg_dist-{self._run_id}"):
                found = sorted(collect(), key=lambda done: done.split.split)
            self._folders.update(str(Path(done.split.path).parent) for done in found)
            if not any(isinstance(done.result, Lost) for done in found):
                known = {split.path for split in self.splits}
                self._check([done.split for done in found], restaged=attempt > 0)
                self.n_passes += 1
                self._tell(start, [_with_staging(done, known) for done in found])
                return [done.result for done in found if not isinstance(done.result, Lost | Added)]
            log.warning("staged files were lost; staging the table again")
            self._rdd.unpersist()
            self._rdd = self._staged()
        raise TemporaryFailure(
            f"staged splits were lost {MAX_RESTAGES + 1} times: executors come and go faster than a pass.\n"
            "  Use fixed executors, or raise spark.locality.wait and spark.dynamicAllocation.executorIdleTimeout."
        )

    def _done_here(self, task: Callable[[StagedSplit], Result]) -> list[Done[Result]]:
        """Apply `task` to all splits in this process, on as many threads as Spark has cores."""
        run: Callable[[Iterable[StagedSplit]], Iterator[Done[Result]]] = over_splits(task)
        with ThreadPoolExecutor(self._spark.sparkContext.defaultParallelism) as pool:
            return [
                done
                for of_split in pool.map(lambda split: list(run([split])), self.splits)
                for done in of_split
            ]

    def _tell(self, start: float, tasks: list[TaskTiming]) -> None:
        slots = max(min(len(tasks), self._spark.sparkContext.defaultParallelism), 1)
        end = time.perf_counter()
        self._on_pass(PassTiming(self.n_passes, end - start, start - self._ended, slots, tuple(tasks)))
        self._ended = end

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


def _are_small(splits: Sequence[StagedSplit]) -> bool:
    """Whether a glance at them takes less time than a Spark job for it."""
    paths = [Path(split.path) for split in splits]
    return (
        sum(split.n_rows for split in splits) <= MAX_ROWS_SEEN_HERE
        and sum(path.stat().st_size for path in paths) <= MAX_BYTES_SEEN_HERE
        and sum(path.with_suffix(".json").stat().st_size for path in paths) <= MAX_NOTE_BYTES_SEEN_HERE
    )


def _changing_table(what: str) -> InputRejected:
    return InputRejected(
        f"the table changes while it is read: {what}.\n"
        "  Write the table to files first, or take out of input.filter or the view what gives other rows\n"
        "  or values each time."
    )


def _with_staging(done: Done[Result], known: set[str]) -> TaskTiming:
    """Add the time of staging where the pass was the first to ask for the split."""
    return done.timing if done.split.path in known else replace(done.timing, staging=done.split.seconds)
