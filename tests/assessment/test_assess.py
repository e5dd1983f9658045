from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as sf

from logreg_dist.assessment.assess import assess
from logreg_dist.errors import InputRejected
from tests.assessment.scored_rows import ScoredRows, assert_same, assess_rows, random_rows, scored

pytestmark = pytest.mark.spark

INVARIANT = 1e-12  # contract (B): another split count, the same answer up to rounding


def table(spark: SparkSession, rows: ScoredRows) -> DataFrame:
    columns = {"y": rows.y, "linear_predictor": rows.eta, "probability": rows.mu}
    return spark.createDataFrame(
        pd.DataFrame({**columns, "weight": rows.weight, "frequency": rows.frequency})
    )


@pytest.mark.parametrize(("n_input", "n_splits"), [(1, 1), (3, 7), (7, 3)])
def test_a_table_is_assessed_as_its_arrays_are(spark: SparkSession, n_input: int, n_splits: int):
    rows = random_rows()
    found = assess(table(spark, rows).repartition(n_input), n_splits=n_splits)
    assert_same(assess_rows(rows), found, rtol=INVARIANT)


def test_the_split_count_is_chosen_when_not_given(spark: SparkSession):
    rows = random_rows(digits=12)
    assert_same(assess_rows(rows, n_bins=4), assess(table(spark, rows), n_bins=4), rtol=INVARIANT)


def test_more_splits_than_scores_leave_empty_ones(spark: SparkSession):
    rows = scored([1, 0, 1, 0, 1, 0], [1.0, 1.0, -0.0, 0.0, -1.0, -1.0])
    assert_same(assess_rows(rows), assess(table(spark, rows).repartition(5), n_splits=9), rtol=INVARIANT)


def test_one_row_batches_make_no_difference(spark: SparkSession):
    rows = random_rows(60)
    key = "spark.sql.execution.arrow.maxRecordsPerBatch"
    before = spark.conf.get(key)
    spark.conf.set(key, "1")
    try:
        found = assess(table(spark, rows).repartition(2), n_splits=2)
    finally:
        spark.conf.set(key, before)
    assert_same(assess_rows(rows), found, rtol=INVARIANT)


def test_the_same_table_twice_gives_the_same_bits(spark: SparkSession):
    scores = table(spark, random_rows()).repartition(3).cache()
    # repr and not ==, so that every digit of every double is compared.
    first, second = (repr(astuple(assess(scores, n_splits=1))) for _ in range(2))
    assert first == second


def test_rows_of_weight_zero_are_absent(spark: SparkSession):
    rows = random_rows(100)
    absent = sf.col("linear_predictor") > 1.0
    scores = table(spark, rows)
    found = assess(
        scores.withColumn("weight", sf.when(absent, 0.0).otherwise(sf.col("weight"))).withColumn(
            "y", sf.when(absent, sf.lit(None)).otherwise(sf.col("y"))
        )
    )
    assert_same(assess_rows(rows.take(rows.eta <= 1.0)), found, rtol=INVARIANT)


def test_nothing_stays_persisted(spark: SparkSession):
    persisted = spark.sparkContext._jsc.getPersistentRDDs
    before = persisted().size()
    assess(table(spark, random_rows(50)))
    assert persisted().size() == before


def test_an_empty_table_is_rejected(spark: SparkSession):
    with pytest.raises(InputRejected, match="no rows to assess"):
        assess(table(spark, random_rows(10)).where("y > 2"))


def test_weights_that_are_all_zero_are_rejected_with_their_count(spark: SparkSession):
    with pytest.raises(InputRejected, match="10 rows have weight 0"):
        assess(table(spark, random_rows(10)).withColumn("weight", sf.lit(0.0)))


def test_all_problems_are_told_together(spark: SparkSession):
    scores = table(spark, random_rows(40)).withColumn("frequency", sf.lit(-1.0)).withColumn("y", sf.lit(2.0))
    with pytest.raises(
        InputRejected, match=r"(?s)frequency is negative.* in 40 rows.*y is outside 0 to 1 in 40"
    ):
        assess(scores)


def test_nulls_are_missing_values(spark: SparkSession):
    scores = table(spark, random_rows(40)).withColumn("probability", sf.lit(None).cast("double"))
    with pytest.raises(InputRejected, match="probability is missing in 40 rows"):
        assess(scores)


def test_absent_and_retyped_columns_are_named(spark: SparkSession):
    scores = table(spark, random_rows(5)).drop("weight").withColumn("y", sf.col("y").cast("int"))
    with pytest.raises(InputRejected, match=r"(?s)y: int.*weight: absent"):
        assess(scores)


def test_weights_beyond_arithmetic_are_rejected(spark: SparkSession):
    with pytest.raises(InputRejected, match="Rescale them"):
        assess(table(spark, random_rows(5)).withColumn("weight", sf.lit(1e200)))


def test_no_bins_are_refused(spark: SparkSession):
    with pytest.raises(ValueError, match="at least 1"):
        assess(table(spark, random_rows(5)), n_bins=0)


def test_one_class_only_is_assessed_as_far_as_it_can_be(spark: SparkSession):
    found = assess(table(spark, scored([1, 1, 1], [1.0, 2.0, 3.0])), n_splits=2)
    assert (found.n_rows, found.n_events, found.auc, found.calibration_slope) == (3, 3, None, None)
    assert np.isfinite(found.brier)
