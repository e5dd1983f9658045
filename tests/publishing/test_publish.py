from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from chispa import assert_df_equality
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as sf

from logreg_dist.errors import ConfigError, InputRejected, OutputNotVerified
from logreg_dist.publishing.destination import FORMATS, Destination
from logreg_dist.publishing.publish import Published, publish
from logreg_dist.reading.failures import explain_spark_error

pytestmark = pytest.mark.spark

FIRST, SECOND, THIRD = "2026-11-19", "2026-11-20", "2026-11-21"
# Sums of at most ten numbers in [0, 1].
SUM_TOLERANCE = 1e-12


def scored(spark: SparkSession, n_rows: int, run_date: str = SECOND, *, first_id: int = 0) -> DataFrame:
    ids = spark.range(first_id, first_id + n_rows, numPartitions=2)
    return ids.select(
        sf.col("id").alias("customer_id"),
        (1.0 / (sf.col("id") + 2.0)).alias("probability"),
        sf.lit(run_date).alias("run_date"),
    )


def accept(observed: Mapping[str, Any]) -> None:
    """Let everything through."""


def put(
    table: DataFrame,
    destination: Destination,
    run_id: str = "r1",
    inspect: Callable[[Mapping[str, Any]], None] = accept,
) -> Published:
    return publish(table, destination, run_id=run_id, sums={}, inspect=inspect)


def live(spark: SparkSession, path: Path) -> list[tuple[int, str]]:
    rows = spark.read.parquet(str(path)).select("customer_id", sf.col("run_date").cast("string"))
    return sorted(tuple(row) for row in rows.collect())


def expected(first_id: int, n_rows: int, run_date: str) -> list[tuple[int, str]]:
    return [(row, run_date) for row in range(first_id, first_id + n_rows)]


def file_bytes(path: Path) -> dict[str, bytes]:
    files = [file for file in path.rglob("*") if file.is_file()]
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


def visible(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.iterdir() if not entry.name.startswith("."))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "scored"


@pytest.fixture
def second(path: Path) -> Destination:
    return Destination(path=str(path), format="parquet", run_date=SECOND)


def test_a_first_run_publishes_its_rows_and_a_success_mark_and_nothing_else(
    spark: SparkSession, path: Path, second: Destination
) -> None:
    published = put(scored(spark, 5), second)
    assert live(spark, path) == expected(0, 5, SECOND)
    assert visible(path) == ["_SUCCESS", f"run_date={SECOND}"]
    assert published.n_rows == 5
    assert published.partition == f"run_date={SECOND}"
    assert published.files == 2


def test_what_is_read_back_equals_what_was_written(
    spark: SparkSession, path: Path, second: Destination
) -> None:
    table = scored(spark, 7).withColumn("reasons", sf.array(sf.struct(sf.lit("a").alias("column"))))
    put(table, second)
    found = spark.read.parquet(str(path)).withColumn("run_date", sf.col("run_date").cast("string"))
    assert_df_equality(found.select(table.columns), table, ignore_nullable=True, ignore_row_order=True)


def test_running_a_date_again_gives_its_rows_once(
    spark: SparkSession, path: Path, second: Destination
) -> None:
    put(scored(spark, 5), second, "r1")
    put(scored(spark, 3, first_id=2), second, "r2")
    assert live(spark, path) == expected(2, 3, SECOND)
    assert visible(path) == ["_SUCCESS", f"run_date={SECOND}"]


def test_the_same_run_may_be_started_again(spark: SparkSession, path: Path, second: Destination) -> None:
    put(scored(spark, 5), second, "r1")
    put(scored(spark, 5), second, "r1")
    assert live(spark, path) == expected(0, 5, SECOND)


def test_an_earlier_date_after_a_later_one_is_written_and_touches_no_other(
    spark: SparkSession, path: Path, second: Destination
) -> None:
    put(scored(spark, 4, SECOND), second, "r1")
    before = file_bytes(path / f"run_date={SECOND}")
    put(scored(spark, 2, FIRST), replace(second, run_date=FIRST), "r2")
    put(scored(spark, 3, THIRD), replace(second, run_date=THIRD), "r3")
    everything = expected(0, 2, FIRST) + expected(0, 4, SECOND) + expected(0, 3, THIRD)
    assert live(spark, path) == sorted(everything)
    assert file_bytes(path / f"run_date={SECOND}") == before


def test_the_callers_sums_are_computed_while_writing(spark: SparkSession, second: Destination) -> None:
    seen: dict[str, Any] = {}
    sums = {
        "n_odd": sf.count_if(sf.col("customer_id") % 2 == 1),
        "probability_sum": sf.sum("probability"),
    }
    published = publish(scored(spark, 5), second, run_id="r1", sums=sums, inspect=seen.update)
    assert set(seen) == {"n_rows", "n_odd", "probability_sum"}
    assert (seen["n_rows"], seen["n_odd"]) == (5, 2)
    assert seen["probability_sum"] == pytest.approx(1 / 2 + 1 / 3 + 1 / 4 + 1 / 5 + 1 / 6, rel=SUM_TOLERANCE)
    assert published.observed == seen


def test_a_name_in_sums_that_is_taken_is_refused(spark: SparkSession, second: Destination) -> None:
    with pytest.raises(ValueError, match="n_rows"):
        publish(scored(spark, 1), second, run_id="r1", sums={"n_rows": sf.sum("probability")}, inspect=accept)


def test_a_task_that_fails_while_writing_keeps_the_old_bytes(
    spark: SparkSession, path: Path, second: Destination
) -> None:
    put(scored(spark, 5), second, "r1")
    before = file_bytes(path)
    failing = scored(spark, 200_000).withColumn(
        "probability",
        sf.when(sf.col("customer_id") == 199_999, sf.raise_error(sf.lit("ann@example.org"))).otherwise(0.5),
    )
    with pytest.raises(PySparkException, match="USER_RAISED_EXCEPTION") as caught:
        put(failing, second, "r2")
    told = str(explain_spark_error(caught.value))
    assert told.startswith("input rejected: an expression of input.filter or of a view failed on a row")
    assert "ann@" not in told
    assert file_bytes(path) == before


def test_a_first_run_that_fails_leaves_no_data(spark: SparkSession, path: Path, second: Destination) -> None:
    failing = scored(spark, 5).withColumn("probability", sf.raise_error(sf.lit("no")).cast("double"))
    with pytest.raises(PySparkException, match="USER_RAISED_EXCEPTION"):
        put(failing, second)
    assert file_bytes(path) == {}


@pytest.mark.parametrize("error", [InputRejected("unseen levels"), KeyboardInterrupt("stopped")])
def test_an_inspection_that_raises_keeps_the_old_bytes(
    spark: SparkSession, path: Path, second: Destination, error: BaseException
) -> None:
    put(scored(spark, 5), second, "r1")
    before = file_bytes(path)

    def refuse(observed: Mapping[str, Any]) -> None:
        assert observed == {"n_rows": 3}
        raise error

    with pytest.raises(type(error), match=r"unseen levels|stopped"):
        put(scored(spark, 3), second, "r2", refuse)
    assert file_bytes(path) == before
    assert visible(path) == ["_SUCCESS", f"run_date={SECOND}"]


def test_an_empty_result_is_refused_and_the_old_rows_stay(
    spark: SparkSession, path: Path, second: Destination
) -> None:
    put(scored(spark, 5), second, "r1")
    before = file_bytes(path)
    with pytest.raises(OutputNotVerified, match="no rows to publish"):
        put(scored(spark, 0), second, "r2")
    assert file_bytes(path) == before


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("partition_by", [("run_date",), ("run_date", "segment")])
def test_an_empty_result_replaces_the_stale_rows_when_that_is_allowed(
    spark: SparkSession, path: Path, file_format: str, partition_by: tuple[str, ...]
) -> None:
    destination = Destination(
        path=str(path), format=file_format, run_date=SECOND, partition_by=partition_by, allow_empty=True
    )
    table = scored(spark, 5).withColumn("segment", sf.lit("a"))
    put(table, destination, "r1")
    put(table.where("customer_id < 0"), destination, "r2")
    reader = spark.read.format(file_format).option("header", "true").schema(table.schema)
    assert reader.load(str(path)).count() == 0
    if file_format in ("parquet", "orc"):
        assert set(spark.read.format(file_format).load(str(path)).columns) == set(table.columns)


def test_an_empty_date_beside_a_full_one_leaves_the_output_readable(
    spark: SparkSession, path: Path, second: Destination
) -> None:
    nested = replace(second, partition_by=("run_date", "segment"), allow_empty=True)
    table = scored(spark, 2).withColumn("segment", sf.lit(7))
    put(table, nested, "r1")
    put(table.where("false"), replace(nested, run_date=FIRST), "r2")
    assert live(spark, path) == expected(0, 2, SECOND)


@pytest.mark.parametrize("file_format", FORMATS)
def test_every_format_survives_awkward_text_and_missing_values(
    spark: SparkSession, path: Path, file_format: str
) -> None:
    texts = [
        "plain",
        'a "quoted" word',
        "comma, semicolon;",
        "line\nbreak",
        "back\\slash\\",
        "",
        None,
        "é€😀",
    ]
    rows = [(text, None if text == "" else 0.1 * n, SECOND) for n, text in enumerate(texts)]
    table = spark.createDataFrame(rows, "name string, probability double, run_date string")
    destination = Destination(path=str(path), format=file_format, run_date=SECOND)
    assert put(table, destination).n_rows == len(texts)


@pytest.mark.parametrize("file_format", ["csv", "json"])
def test_blanks_around_keys_and_microseconds_are_written_as_they_are(
    spark: SparkSession, path: Path, file_format: str
) -> None:
    moment = datetime(2026, 11, 20, 4, 5, 6, 123456)
    rows = [(text, moment, moment, 0.5, SECOND) for text in ("a", " a", "a ", "\ta", " ")]
    table = spark.createDataFrame(
        rows, "key string, at timestamp, there timestamp_ntz, probability double, run_date string"
    )
    destination = Destination(path=str(path), format=file_format, run_date=SECOND)
    put(table.coalesce(1), destination)
    # As any reader of this format: only a header and quotes are agreed upon.
    reader = spark.read.format(file_format).options(header="true", escape='"').schema(table.schema)
    found = reader.load(str(path)).select("key", "at", "there").collect()
    assert sorted(tuple(row) for row in found) == sorted(row[:3] for row in rows)


def test_further_partition_columns_follow_the_date(
    spark: SparkSession, path: Path, second: Destination
) -> None:
    table = scored(spark, 6).withColumn("segment", sf.concat(sf.lit("a/b "), sf.col("customer_id") % 2))
    published = put(table, replace(second, partition_by=("run_date", "segment")))
    found = spark.read.parquet(str(path)).withColumn("run_date", sf.col("run_date").cast("string"))
    assert_df_equality(found.select(table.columns), table, ignore_nullable=True, ignore_row_order=True)
    assert published.n_rows == 6


def test_replace_all_drops_the_other_dates_and_keeps_the_run_records(
    spark: SparkSession, path: Path, second: Destination
) -> None:
    put(scored(spark, 4, FIRST), replace(second, run_date=FIRST), "r1")
    put(scored(spark, 4, SECOND), second, "r2")
    (path / "_runs").mkdir()
    (path / "_runs" / "kept").write_text("x")
    put(scored(spark, 3), replace(second, mode="replace_all"), "r3")
    assert live(spark, path) == expected(0, 3, SECOND)
    assert visible(path) == ["_SUCCESS", "_runs", f"run_date={SECOND}"]
    assert (path / "_runs" / "kept").read_text() == "x"


def test_an_output_without_partitions_is_replaced_whole(
    spark: SparkSession, path: Path, second: Destination
) -> None:
    whole = replace(second, partition_by=(), mode="replace_all")
    put(scored(spark, 5), whole, "r1")
    published = put(scored(spark, 3, FIRST), replace(whole, run_date=FIRST), "r2")
    assert live(spark, path) == expected(0, 3, FIRST)
    assert (published.partition, published.files) == ("", 2)
    checksums = [name for name in file_bytes(path) if name.startswith(".part")]
    assert len(checksums) == 2, "checksums of replaced files are replaced with them"


@pytest.mark.parametrize("partition_by", [(), ("run_date",)])
def test_error_if_exists_writes_once(
    spark: SparkSession, path: Path, second: Destination, partition_by: tuple[str, ...]
) -> None:
    once = replace(second, mode="error_if_exists", partition_by=partition_by)
    put(scored(spark, 5), once, "r1")
    with pytest.raises(ConfigError, match="already there"):
        put(scored(spark, 3), once, "r2")
    assert live(spark, path) == expected(0, 5, SECOND)


def test_rows_of_another_date_are_refused(spark: SparkSession, path: Path, second: Destination) -> None:
    put(scored(spark, 2), second, "r1")
    before = file_bytes(path)
    mixed = scored(spark, 2).union(scored(spark, 1, FIRST)).union(scored(spark, 1, None))  # type: ignore[arg-type]
    with pytest.raises(OutputNotVerified, match=f"2 of 4 rows have another run_date than {SECOND}"):
        put(mixed, second, "r2")
    assert file_bytes(path) == before


@pytest.mark.parametrize("partition_by", [(), ("run_date",)])
def test_a_date_column_serves_as_well_as_text(
    spark: SparkSession, path: Path, second: Destination, partition_by: tuple[str, ...]
) -> None:
    table = scored(spark, 3).withColumn("run_date", sf.col("run_date").cast("date"))
    put(table, replace(second, partition_by=partition_by, mode="replace_all"))
    assert live(spark, path) == expected(0, 3, SECOND)


def test_a_run_date_that_looks_like_a_number_is_compared_as_text(
    spark: SparkSession, path: Path, second: Destination
) -> None:
    odd = replace(second, run_date="007 a/b:c")
    put(scored(spark, 2, "007 a/b:c"), odd)
    put(scored(spark, 2, "007"), replace(odd, run_date="007"))
    assert visible(path) == ["_SUCCESS", "run_date=007", "run_date=007 a%2Fb%3Ac"]


def test_null_and_nan_probabilities_are_published_as_they_are(
    spark: SparkSession, path: Path, second: Destination
) -> None:
    base = scored(spark, 4)
    put(base.withColumn("probability", sf.lit(None).cast("double")), second, "r1")
    put(base.withColumn("probability", sf.lit(float("nan"))), second, "r2")
    assert live(spark, path) == expected(0, 4, SECOND)
