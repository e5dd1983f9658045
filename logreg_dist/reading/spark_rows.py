"""Rows that come through Spark: how many splits they make, and which rows go together."""

from __future__ import annotations

from pyspark import RDD
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from logreg_dist.staging.file_partitions import cut_for
from logreg_dist.staging.gathered import Gathering
from logreg_dist.staging.plan import StagePlan
from logreg_dist.staging.stage_task import STAGED_SCHEMA, stage_batches_task, to_split
from logreg_dist.staging.staged_split import StagedSplit

SPLITS_PER_CORE = 2

# Spark gives up compiling a projection of more than 100 fields, or of too long a method: one array of 200
# columns is as slow as 200 columns, four arrays of 50 take 2.5 times less.
COLUMNS_PER_ARRAY = 50

_PLAIN_NUMBERS = (
    T.ByteType,
    T.ShortType,
    T.IntegerType,
    T.LongType,
    T.FloatType,
    T.DoubleType,
    T.BooleanType,
)


def most_splits(table: DataFrame, pinned: int | None) -> int:
    """Return the splits to expect: exact when pinned, the most there can be otherwise.

    Parameters
    ----------
    table : DataFrame
    pinned : int or None
        The number to use whatever the cluster.
    """
    return pinned or SPLITS_PER_CORE * table.sparkSession.sparkContext.defaultParallelism


def in_splits(table: DataFrame, pinned: int | None) -> DataFrame:
    """Bring a table into few partitions: each one costs a task in every pass, about 25 ms.

    Parameters
    ----------
    table : DataFrame
        Narrowed to the columns of the fit; no job.
    pinned : int or None
        The number to use whatever the cluster; None takes what the source has, up to
        `SPLITS_PER_CORE` for each core.

    Notes
    -----
    Partitions are merged where they lie (``coalesce``), without a shuffle. Where executors come and
    go, the cores of the moment say nothing about the cores of the fit, and the source's own
    partitions are kept.

    More splits than the source has partitions cost a shuffle. A row's split is then a hash of its
    values, and a split is sorted by another: a plain ``repartition`` deals rows out by where they
    came from, and hands them over as they arrive from the network.
    """
    spark = table.sparkSession
    if pinned is None:
        is_elastic = spark.conf.get("spark.dynamicAllocation.enabled", "false") == "true"
        return table if is_elastic else table.coalesce(most_splits(table, None))
    merged = table.coalesce(pinned)
    with cut_for(spark, pinned):
        has_enough = merged.rdd.getNumPartitions() == pinned
    return merged if has_enough else _dealt_by_content(table, pinned)


def staged_by_spark(
    table: DataFrame, plan: StagePlan, run_id: str, *, pinned: int | None
) -> RDD[StagedSplit]:
    """Return the RDD that stages the partitions of `table`, columns at the positions of `plan`; lazy."""
    gathering = gather(table.schema, plan)
    task = stage_batches_task(plan, gathering, run_id)
    rows = table.select(_expressions(table, gathering)).mapInArrow(task, STAGED_SCHEMA)
    with cut_for(table.sparkSession, pinned):
        planned = rows.rdd
    return planned.map(to_split)


def gather(schema: T.StructType, plan: StagePlan) -> Gathering:
    """Return which numeric columns travel together: those whose numbers Spark and Arrow make doubles alike."""
    together = [c.position for c in plan.numeric if isinstance(schema[c.position].dataType, _PLAIN_NUMBERS)]
    groups = [
        tuple(together[start : start + COLUMNS_PER_ARRAY])
        for start in range(0, len(together), COLUMNS_PER_ARRAY)
    ]
    others = sorted(set(range(len(schema))) - set(together))
    return Gathering(tuple(groups), tuple(others))


def _expressions(table: DataFrame, gathering: Gathering) -> list[Column]:
    names = table.columns
    arrays = [
        F.array(*(F.col(names[k]).cast("double") for k in group)).alias(f"g{number}")
        for number, group in enumerate(gathering.groups)
    ]
    return [*arrays, *(F.col(names[k]) for k in gathering.others)]


def _dealt_by_content(table: DataFrame, n_splits: int) -> DataFrame:
    columns = [F.col(name) for name in table.columns]
    by_hash = table.withColumn("content", F.xxhash64(*columns))
    return by_hash.repartition(n_splits, *columns).sortWithinPartitions("content").drop("content")
