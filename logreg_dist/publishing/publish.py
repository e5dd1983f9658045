"""Publish a table: stage it, inspect it, read it back, swap it in, read it again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession

from logreg_dist.errors import ConfigError, OutputNotVerified
from logreg_dist.publishing.destination import (
    Destination,
    check_output_folder,
    check_request,
    is_hidden,
    partition_folder,
)
from logreg_dist.publishing.filesystem import Filesystem, filesystem_for, join
from logreg_dist.publishing.lease import WHOLE, Lease, held
from logreg_dist.publishing.path_sink import path_sink
from logreg_dist.publishing.recover import recover
from logreg_dist.publishing.sink import Sink
from logreg_dist.publishing.staged import (
    verify_staged,
    write_staged,
    write_staged_by,
)
from logreg_dist.publishing.switch import begin_published
from logreg_dist.publishing.table_sink import table_sink
from logreg_dist.publishing.totals import N_ROWS, StagedBy, without_internal_totals
from logreg_dist.spark.job_tags import cancelled_on_error

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Published:
    """What was published: `n_rows` rows in `files` data files of `partition` ('' = all of `path`).

    `observed` holds ``n_rows`` and the values of the caller's sums.
    """

    path: str
    partition: str
    n_rows: int
    observed: Mapping[str, Any]
    files: int


def publish(
    table: DataFrame,
    destination: Destination,
    *,
    run_id: str,
    sums: Mapping[str, Column],
    inspect: Callable[[Mapping[str, Any]], None],
    inspect_rows: Callable[[DataFrame], None] = lambda rows: None,
    by: StagedBy | None = None,
    committed: Callable[[], None] = lambda: None,
) -> Published:
    """Write `table` to `destination` so that the old output stays until the new one is verified.

    The rows are written once, to ``<path>/_staging/<run_id>``, and counted on the way; three jobs at most (write, read
    back, count the live rows) and those that `inspect_rows` makes. Running a date again gives its rows once; other dates are
    not touched, and may be published by other runs at the same time. On every failure and interruption the old output
    reads as before and the staging folder is removed; what a killed driver left is put right by the next run of any
    date.

    Parameters
    ----------
    table : DataFrame
        What to write, with the columns ``run_date`` and those of `destination.partition_by`. The sums
        of ``probability`` and of columns whose names begin with ``probability_`` are verified.
    destination : Destination
        Where, in which format, and what to replace.
    run_id : str
        Letters, digits, ``.``, ``_`` and ``-``; names the staging folder and the lease.
    sums : mapping of str to Column
        Aggregates to compute while writing, such as counts of missing values.
    inspect : callable
        Gets ``n_rows`` and the values of `sums` before anything is published; what it raises
        (such as InputRejected) leaves the old output in place.
    inspect_rows : callable
        Gets the rows as they read back, lazily, once they are verified and before they are published.
    by : StagedBy or None
        Writes the rows in Spark's place, and reads them back. `table` then only says what the files must hold, and
        `sums` are not computed.
    committed : callable
        Called once the new rows are in place and verified: what interrupts the run from then on must not make it
        look as if it had not happened.

    Raises
    ------
    ConfigError
        The destination is no usable folder, exists already (``error_if_exists``), or is laid out
        otherwise.
    OutputNotVerified
        No rows without ``allow_empty``, a full disk, or what reads back differs.
    TemporaryFailure
        Another run holds the same date, or the cluster failed.
    """
    check_request(destination, table.columns, run_id)
    spark = table.sparkSession
    files = filesystem_for(destination.path, spark)
    check_output_folder(files, destination)
    with (
        _file_errors_explained(destination.place),
        held(
            files, destination.path, run_id, scope=_scope(destination), processes=_jvm_process(spark)
        ) as lease,
    ):
        is_table = destination.table is not None
        sink = table_sink(files, table, destination) if is_table else path_sink(files, table, destination, by)
        recover(lease, sink)
        sink.check()
        with _staging(lease, sink, destination) as staged, cancelled_on_error(spark, f"publish-{run_id}"):
            table = sink.arrange(table)
            if by is None:
                observed = write_staged(table, destination, staged, sums)
            else:
                observed = write_staged_by(by, destination, staged)
            inspect(without_internal_totals(observed))
            _check_not_empty(observed[N_ROWS], destination)
            inspect_rows(verify_staged(table, destination, staged, observed, by))
            n_files = _count_files(files, staged)  # now: nothing may fail once the new rows are in place
            sink.replace(lease, observed, committed)
        return Published(
            path=destination.path,
            partition=partition_folder(destination),
            n_rows=observed[N_ROWS],
            observed=without_internal_totals(observed),
            files=n_files,
        )


def _scope(destination: Destination) -> str:
    """Return what of the output the run needs for itself."""
    return WHOLE if destination.mode == "replace_all" else partition_folder(destination)


def _jvm_process(spark: SparkSession) -> list[int]:
    """Return the process of the driver's JVM, whose tasks may outlive the driver's Python for some seconds."""
    jvm: Any = spark._jvm
    return [int(jvm.java.lang.ProcessHandle.current().pid())]


@contextmanager
def _file_errors_explained(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputNotVerified(
            f"'{path}' could not be changed: {error}.\n  The old output is kept."
        ) from error


@contextmanager
def _staging(lease: Lease, sink: Sink, destination: Destination) -> Iterator[str]:
    """Make an empty folder for new rows, and remove it whatever happens, if no reader is looking at it."""
    files = lease.files
    staged = sink.staged(lease.holder.run_id)
    if destination.table is not None and files.exists(staged):
        # Readers may be looking at it.
        raise ConfigError(
            f"run_id '{lease.holder.run_id}' was used for '{destination.table}' before; take another."
        )
    files.delete_tree(staged)
    # Now: Spark's own way of making folders may meet another run that removes an empty one.
    files.make_dirs(staged)
    if destination.table is not None:
        begin_published(files, lease.path, lease.holder.run_id)
    done = False
    try:
        yield staged
        done = True
    finally:
        try:
            if not sink.keeps_staged(lease, done):
                files.delete_tree(staged)
                files.delete_if_empty(staged.rpartition("/")[0])
        except OSError as error:
            log.warning("the folder '%s' could not be removed: %s", staged, error)


def _check_not_empty(n_rows: int, destination: Destination) -> None:
    if n_rows == 0 and not destination.allow_empty:
        raise OutputNotVerified(
            f"no rows to publish in '{destination.place}' for run_date {destination.run_date}.\n"
            "  The old output is kept. Set output.allow_empty: true if nothing is right."
        )


def _count_files(files: Filesystem, folder: str) -> int:
    names = [name for name in files.list_dir(folder) if not is_hidden(name)]
    below = [join(folder, name) for name in names]
    return sum(_count_files(files, entry) if files.is_dir(entry) else 1 for entry in below)
