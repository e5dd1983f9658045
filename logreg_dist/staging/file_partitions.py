"""Keeping the cluster's size out of how Spark cuts files into partitions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.sql import SparkSession

_MIN_PARTITIONS = "spark.sql.files.minPartitionNum"


@contextmanager
def cut_for(spark: SparkSession, n_partitions: int | None) -> Iterator[None]:
    """Plan what is planned inside as if the cluster had `n_partitions` cores; None leaves it as it is.

    Left alone, Spark cuts and packs files by the cores it has at that moment: two clusters would put
    other rows together, and sums would round otherwise. A DataFrame is planned when its ``rdd`` is
    first asked for.
    """
    if n_partitions is None:
        yield
        return
    before = spark.conf.get(_MIN_PARTITIONS, None)
    spark.conf.set(_MIN_PARTITIONS, str(n_partitions))
    try:
        yield
    finally:
        if before is None:
            spark.conf.unset(_MIN_PARTITIONS)
        else:
            spark.conf.set(_MIN_PARTITIONS, before)
