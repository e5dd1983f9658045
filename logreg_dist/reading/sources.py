"""The two ways from a table to staged splits, and the rule that chooses one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pyspark import RDD
from pyspark.sql import DataFrame

from logreg_dist.config import TrainConfig
from logreg_dist.errors import ConfigError
from logreg_dist.reading.parquet_columns import NotPlain
from logreg_dist.reading.parquet_files import ParquetFiles, parquet_files
from logreg_dist.reading.plain_table import PlainTable
from logreg_dist.reading.resolve import ResolvedTable
from logreg_dist.reading.spark_rows import in_splits, staged_by_spark
from logreg_dist.reading.widened_files import refuse_widened
from logreg_dist.spark.settings import setting
from logreg_dist.staging.file_rows import FileColumn, FilePart, cut_files
from logreg_dist.staging.plan import SparseRule, StagePlan
from logreg_dist.staging.stage_task import stage_files_task
from logreg_dist.staging.staged_split import StagedSplit

log = logging.getLogger(__name__)

# Numbers that are worth a task of their own: smaller ones take less time than it costs.
VALUES_PER_SPLIT = 500_000
BYTES_PER_SPLIT = 512_000_000
# What a text, and a sparse vector that may be long, is taken for.
NUMBERS_PER_TEXT = 50
NUMBERS_PER_SPARSE = 100


@dataclass(frozen=True)
class RowSource:
    """Where the rows of a fit come from.

    Attributes
    ----------
    reader : str
        ``arrow`` (Parquet files, by pyarrow inside the tasks) or ``spark`` (any table).
    why : str
        What decided it, for people.
    stage : callable
        Plan and run id to the RDD that stages its partitions; lazy.
    """

    reader: str
    why: str
    stage: Callable[[StagePlan, str], RDD[StagedSplit]]


def choose_source(
    table: DataFrame | PlainTable,
    resolved: ResolvedTable,
    config: TrainConfig,
    *,
    n_before: int | None = None,
) -> RowSource:
    """Return how to read a table: with pyarrow where it is plain Parquet files, else through Spark; no job.

    Both give the same rows. `input.reader` overrides the rule.

    Parameters
    ----------
    table : DataFrame or PlainTable
    resolved : ResolvedTable
    config : TrainConfig
    n_before : int or None
        The splits of the run that this one goes on from: files are cut into as many again, whatever the cores.

    Raises
    ------
    ConfigError
        When pyarrow is asked for and cannot read this table as Spark would.
    InputRejected
        As `refuse_widened`.
    """
    asked = config.input.reader if config.input else "auto"
    pinned = config.input.splits if config.input else None
    if asked == "spark":
        return _through_spark(table, resolved, pinned, "as input.reader says")
    try:
        files = parquet_files(table, resolved.leaves)
    except NotPlain as reason:
        if asked == "arrow":
            raise ConfigError(
                f"input.reader is arrow, but pyarrow cannot read the table as Spark would: {reason}.\n"
                "  Set input.reader to auto or spark."
            ) from reason
        return _through_spark(table, resolved, pinned, str(reason))
    why = "as input.reader says" if asked == "arrow" else "it is plain Parquet files"
    columns = with_widths(files.columns, resolved.plan)
    return _from_files(table, replace(files, columns=columns), pinned or n_before, why)


def with_widths(columns: Sequence[FileColumn], plan: StagePlan) -> tuple[FileColumn, ...]:
    """Return the columns with the sizes of their values, which decide how many rows are read at once.

    Examples
    --------
    >>> from logreg_dist.staging.plan import LabelPlan, RawColumn
    >>> numbers = tuple(RawColumn(f"v[{k}]", 0, element=k, size=3) for k in range(3))
    >>> plan = StagePlan(numbers, (), LabelPlan(1), None, None, None, 64, 10)
    >>> [column.width for column in with_widths([FileColumn("v"), FileColumn("y")], plan)]
    [3, 1]
    """
    widths = {column.position: column.size for column in plan.numeric}
    widths |= {
        column.position: NUMBERS_PER_SPARSE if column.rule is SparseRule.VECTOR else NUMBERS_PER_TEXT
        for column in plan.sparse
    }
    return tuple(replace(column, width=widths.get(k, 1)) for k, column in enumerate(columns))


def _through_spark(
    table: DataFrame | PlainTable, resolved: ResolvedTable, pinned: int | None, why: str
) -> RowSource:
    table = table.frame() if isinstance(table, PlainTable) else table
    refuse_widened(table, resolved.leaves)
    in_order = in_splits(resolved.narrowed(table), pinned)
    return RowSource(
        "spark", why, lambda plan, run_id: staged_by_spark(in_order, plan, run_id, pinned=pinned)
    )


def _from_files(
    table: DataFrame | PlainTable, files: ParquetFiles, pinned: int | None, why: str
) -> RowSource:
    context = table.sparkSession.sparkContext
    splits = cut_files(files.files, pinned or _enough_splits(table, files))

    def stage(plan: StagePlan, run_id: str) -> RDD[StagedSplit]:
        task = stage_files_task(plan, files.columns, run_id)
        parts: RDD[tuple[FilePart, ...]] = context.parallelize(splits, len(splits))
        return parts.mapPartitions(task)

    return RowSource("arrow", why, stage)


def _enough_splits(table: DataFrame | PlainTable, files: ParquetFiles) -> int:
    """Return a split for each core, fewer for a small table.

    They are equally long, so one for each core is enough: with two, a pass over 5 million rows takes
    0.26 s instead of 0.21 s. Where executors come and go the cores of the moment say nothing, and the
    size decides.
    """
    values = sum(file.n_rows for file in files.files) * sum(column.width for column in files.columns)
    context = table.sparkSession.sparkContext
    is_elastic = setting(context, "spark.dynamicAllocation.enabled", "false") == "true"
    by_size = max(values * 8 // BYTES_PER_SPLIT, 1) if is_elastic else 1
    worth_it = max(values // VALUES_PER_SPLIT, 1)
    n_cores = int(context.defaultParallelism)
    return max(min(n_cores, worth_it), by_size)
