"""Columns of very many levels: they fit, they merge, or they are refused with what they would cost."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest
from pyspark.sql import functions as F

from logreg_dist import fit
from logreg_dist.errors import InputRejected
from logreg_dist.staging.decode import LevelDictionary
from tests.faults.tables import config, exactly, good_rows

# A saturated model: each estimate is a difference of two sample log-odds, known exactly.
SATURATED = 1e-8


@pytest.mark.spark
@pytest.mark.slow
def test_five_thousand_levels_fit(spark):
    rows_per_level, n_levels = 20, 5_000
    level, k = F.col("id") % n_levels, F.floor(F.col("id") / n_levels)
    table = spark.range(rows_per_level * n_levels).select(
        (k < 2 + level % 17).cast("int").alias("y"), F.format_string("l%04d", level).alias("shop")
    )
    model = fit(table, config(features={"columns": {"shop": {"reference": "first"}}}))
    assert model.converged
    assert len(model.coefficient_rows) == n_levels
    for row in model.coefficient_rows[1::250]:
        events = 2 + int(row.level[1:]) % 17
        expected = math.log(events / (rows_per_level - events)) - math.log(2 / 18)
        assert row.estimate == pytest.approx(expected, abs=SATURATED)


@pytest.mark.spark
def test_two_hundred_thousand_levels_merge_into_the_frequent_ones_and_the_rest(spark):
    rare = spark.range(200_000).select("id", F.format_string("customer %d", "id").alias("shop"))
    frequent = spark.range(30_000).select("id", F.format_string("shop %d", F.col("id") % 3).alias("shop"))
    table = (
        rare.unionAll(frequent).withColumn("y", (F.xxhash64("id", "shop") % 3 == 0).cast("int")).drop("id")
    )
    model = fit(table, config(features={"columns": {"shop": {"reference": "first"}}}))
    assert model.converged
    assert [row.term for row in model.coefficient_rows] == [
        "intercept", "shop[shop 1]", "shop[shop 2]", "shop[__other__]",
    ]  # fmt: skip
    assert model.notes == (
        "'shop': 200,000 levels with fewer than 20 rows (200,000 rows in all) were merged into __other__",
    )


@pytest.mark.spark
def test_one_rare_level_is_spoken_of_in_the_singular(spark):
    rows = good_rows().assign(plan=["a", "b"] * 199 + ["c", "a"])
    assert fit(spark.createDataFrame(rows), config()).notes == (
        "'plan': 1 level with fewer than 20 rows (1 row in all) was merged into __other__",
    )


@pytest.mark.spark
def test_more_terms_than_the_driver_can_hold_are_refused_with_their_memory(spark, monkeypatch):
    monkeypatch.setattr("logreg_dist.design.check.MAX_TERMS", 10_000)
    table = spark.range(12_345).select(
        (F.col("id") % 2).alias("y"), F.format_string("p%d", "id").alias("postcode"), F.lit(1.5).alias("x")
    )
    message = """\
input rejected: the model would have 12,346 terms, more than 10,000: 'postcode' 12,345 levels.
  Steps and model would take 0.1 GB on the driver. Raise min_level_count for the
  largest columns so that rare levels merge, group their levels, or exclude them."""
    with pytest.raises(InputRejected, match=exactly(message)) as error:
        fit(table, config(features={"defaults": {"min_level_count": 1}}))
    assert error.value.exit_code == 3


@pytest.mark.spark
def test_a_column_like_a_key_is_refused(spark, monkeypatch):
    monkeypatch.setattr("logreg_dist.reading.resolve.MAX_LEVELS", 1_000)
    table = spark.range(20_000).select(
        (F.col("id") % 2).alias("y"), F.format_string("customer %d", "id").alias("customer")
    )
    message = """\
input rejected: categorical column 'customer' has more than 1,000 levels.
  It looks like a key. Exclude it with features.exclude, or group its levels."""
    with pytest.raises(InputRejected, match=exactly(message)) as error:
        fit(table, config(input={"path": "any", "splits": 1}))
    assert error.value.exit_code == 3


@pytest.mark.spark
def test_columns_like_keys_are_told_at_once_and_not_called_missing(spark, monkeypatch):
    monkeypatch.setattr("logreg_dist.reading.resolve.MAX_LEVELS", 100)
    table = spark.range(2_000).select(
        (F.col("id") % 2).alias("y"),
        F.format_string("customer %d", "id").alias("customer"),
        F.format_string("visit %d", "id").alias("visit"),
    )
    message = """\
input rejected: categorical columns 'customer' and 'visit' have more than 100 levels each.
  They look like keys. Exclude them with features.exclude, or group their levels."""
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(table, config(input={"path": "any", "splits": 1}))


@pytest.mark.spark
def test_as_many_levels_as_allowed_are_no_key(spark, monkeypatch):
    monkeypatch.setattr("logreg_dist.reading.resolve.MAX_LEVELS", 100)
    table = spark.range(20_000).select(
        (F.xxhash64("id") % 3 == 0).alias("y"), F.format_string("shop %d", F.col("id") % 100).alias("shop")
    )
    model = fit(table, config(input={"path": "any", "splits": 1}))
    assert len(model.coefficient_rows) == 100


def test_a_dictionary_that_is_full_takes_no_more_however_many_come():
    dictionary = LevelDictionary(max_levels=3)
    for start in range(0, 100, 5):
        codes = dictionary.encode(pa.array([str(k) for k in range(start, start + 5)]))
    assert dictionary.overflowed
    assert len(dictionary.numbers) == 3
    assert codes.tolist() == [-1] * 5


@pytest.mark.spark
@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (
            "Two year",
            """\
input rejected: the reference level of column 'plan' does not occur in the table.
  Its levels: 'One year', 'Two years'. Did you mean 'Two years'?""",
        ),
        (
            "Trial",
            """\
input rejected: the reference level of column 'plan' has 2 rows, fewer than min_level_count (20).
  Its levels: 'One year', 'Two years', '__other__'.""",
        ),
    ],
)
def test_a_reference_that_is_no_level_names_those_there_are(spark, reference, message):
    plan = ["One year", "Two years"] * 200
    if reference == "Trial":
        plan[:2] = ["Trial", "Trial"]
    with pytest.raises(InputRejected, match=exactly(message)):
        fit(
            spark.createDataFrame(good_rows().assign(plan=plan)),
            config(features={"columns": {"plan": {"reference": reference}}}),
        )
