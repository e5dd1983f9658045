"""Keys that more than one row has: nobody could tell their scores apart, and a join would multiply rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from logreg_dist.design.problems import counted, listed, quoted
from logreg_dist.errors import InputRejected
from logreg_dist.reading.names import leaf_columns, quote
from logreg_dist.reading.parquet_columns import NotPlain
from logreg_dist.reading.parquet_files import parquet_files
from logreg_dist.scoring.key_tasks import (
    FINDING,
    PIECES,
    bits_of_cuts,
    compare_files_task,
    compare_task,
    hash_rows_task,
)
from logreg_dist.scoring.rising_keys import are_apart, file_runs, rising_runs_task

# Hashes that a task compares: 64 MB.
ROWS_PER_TASK = 8_000_000
# Rows that are worth a task of their own.
ROWS_WORTH_A_TASK = 500_000
# Rows whose keys every task reads; of more, each task reads its own, and sends the hashes.
ROWS_READ_BY_EACH = 64_000_000
# Tasks that read them: with more each saves less than it reads.
MAX_READERS = 8
_HASHED = (
    T.StringType,
    T.BooleanType,
    T.IntegralType,
    T.FractionalType,  # decimals among them
    T.DateType,
    T.TimestampType,
    T.TimestampNTZType,
)


@dataclass(frozen=True)
class RepeatedKeys:
    """How many keys occur more than once, and in how many rows."""

    keys: int = 0
    rows: int = 0

    @property
    def text(self) -> str:
        """The finding, without any key."""
        occur = "occurs" if self.keys == 1 else "occur"
        return f"{counted(self.keys, 'key')} {occur} more than once ({self.rows:,} rows)"


def find_repeated_keys(rows: DataFrame, keys: Sequence[str], n_rows: int) -> RepeatedKeys:
    """Count the keys that occur more than once, exactly; one job, and another one where there may be some.

    Where a key column only rises from row to row, in whichever order the files are, no key repeats. Rows of different
    hashes have different keys, so where no hash repeats no key does. Only where one does, or where keys are of a type
    without such a hash, Spark compares the keys themselves. Hashes are compared by tasks that each read all files, or,
    of many rows and of what is not Parquet on a disk, after a shuffle of 8 bytes a row.

    Parameters
    ----------
    rows : DataFrame
        As they were written; Parquet files on a disk are read by pyarrow.
    keys : sequence of str
        Columns that identify a row together.
    n_rows : int
        About as many rows as there are.
    """
    kinds = [rows.schema[name].dataType for name in keys]
    hashed = all(isinstance(kind, _HASHED) and " collate " not in kind.simpleString() for kind in kinds)
    if hashed:
        files = _local_files(rows, keys)
        if _rise(rows, files, keys) or not _has_repeated(rows, files, keys, n_rows):
            return RepeatedKeys()
    columns = [F.col(quote(name)) for name in keys]
    counts = rows.select(*columns).groupBy(*columns).agg(F.count(F.lit(1)).alias("count"))
    n_keys, n_repeated = F.count(F.lit(1)), F.coalesce(F.sum("count"), F.lit(0))
    found = counts.filter(F.col("count") > 1).agg(n_keys, n_repeated).first()
    assert found is not None
    return RepeatedKeys(int(found[0]), int(found[1]))


def _rise(rows: DataFrame, files: Sequence[str], keys: Sequence[str]) -> bool:
    """Whether the values of a key column rise within the files, and no two files, or parts of them, overlap."""
    if not files or not _rise_at_first(files[0], keys):
        return False
    context = rows.sparkSession.sparkContext
    paths = context.parallelize(files, min(len(files), context.defaultParallelism))
    found = paths.mapPartitions(rising_runs_task(keys, len(files))).collect()
    for by_file in zip(*found, strict=True):
        runs = [run for runs in by_file if runs is not None for run in runs]
        if None not in by_file and are_apart(runs):
            return True
    return False


def _rise_at_first(file: str, keys: Sequence[str]) -> bool:
    """Whether the first rows of a file, which the driver reads, leave hope: of most tables in no order they do not."""
    try:
        found = file_runs(file, keys, max_batches=1)
    except (pa.ArrowException, OSError):
        return False  # a task that reads it fails where its words are understood
    return any(runs is not None and are_apart(runs) for runs in found)


def _has_repeated(rows: DataFrame, files: Sequence[str], keys: Sequence[str], n_rows: int) -> bool:
    """Whether two rows have the same hash of their keys."""
    context, n_bits = rows.sparkSession.sparkContext, bits_of_cuts(n_rows)
    n_least = max(-(-n_rows // ROWS_PER_TASK), 1)
    n_tasks = max(min(context.defaultParallelism, n_rows // ROWS_WORTH_A_TASK), n_least)
    if files and n_rows <= ROWS_READ_BY_EACH:
        n_tasks = min(n_tasks, max(MAX_READERS, n_least))
        task = compare_files_task(files, keys, n_tasks, n_bits)
        return any(context.parallelize(range(n_tasks), n_tasks).mapPartitions(task).collect())
    columns = [F.col(quote(name)).alias(f"key_{k}") for k, name in enumerate(keys)]
    pieces = rows.select(*columns).mapInArrow(hash_rows_task(n_bits), PIECES)
    cuts = pieces.repartition(min(n_tasks, 1 << n_bits), "cut")
    n_found: int = cuts.mapInArrow(compare_task(n_bits), FINDING).filter("repeated").count()
    return n_found > 0


def _local_files(rows: DataFrame, keys: Sequence[str]) -> list[str]:
    """Return the files of a table that is Parquet on a disk and nothing more; none where Spark has to read the keys."""
    leaves = leaf_columns(rows.schema)
    try:
        found = parquet_files(rows, [leaves[name] for name in keys])
    except NotPlain:
        return []
    in_files = all(column.partition is None for column in found.columns)
    return [file.path for file in found.files] if in_files else []


def refuse_repeated_keys(found: RepeatedKeys, keys: Sequence[str], n_rows: int) -> None:
    """Raise when keys occur more than once.

    Raises
    ------
    InputRejected
        With the counts; never with a key.
    """
    if found.keys:
        several = "s" if len(keys) > 1 else ""
        raise InputRejected(
            f"{found.text} in {counted(n_rows, 'row')}, by key column{several} {listed([quoted(k) for k in keys])}.\n"
            "  Remove the repetitions from the table or name further columns in keys. key_check: warn publishes all rows,\n"
            "  key_check: off does not look."
        )
