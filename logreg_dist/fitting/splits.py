"""How many splits a table is staged in."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame

SPLITS_PER_CORE = 2


@dataclass(frozen=True)
class SplitChoice:
    """A table in the partitions that become splits.

    Attributes
    ----------
    table : DataFrame
    expected : int
        The splits to expect: exact when pinned, the most there can be otherwise.
    """

    table: DataFrame
    expected: int


def choose_splits(table: DataFrame, pinned: int | None) -> SplitChoice:
    """Bring a table into few partitions: each one costs a task in every pass, about 25 ms.

    Parameters
    ----------
    table : DataFrame
    pinned : int or None
        The number to use whatever the cluster; None takes what the source has, up to
        `SPLITS_PER_CORE` for each core.

    Notes
    -----
    Partitions are merged where they lie (``coalesce``), without a shuffle. More partitions than
    the source has cost one. Where executors come and go, the cores of the moment say nothing
    about the cores of the fit, and the source's own partitions are kept.
    """
    spark = table.sparkSession
    cores = spark.sparkContext.defaultParallelism
    if pinned is not None:
        merged = table.coalesce(pinned)
        enough = merged.rdd.getNumPartitions() == pinned
        return SplitChoice(merged if enough else table.repartition(pinned), pinned)
    most = SPLITS_PER_CORE * cores
    if spark.conf.get("spark.dynamicAllocation.enabled", "false") == "true":
        return SplitChoice(table, most)
    return SplitChoice(table.coalesce(most), most)
