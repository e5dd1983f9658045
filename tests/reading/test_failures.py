"""Spark's own words, copied from runs with the paths made short: what a user is told, and what the exit code is."""

from __future__ import annotations

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import functions as F

from logreg_dist.errors import LogregError
from logreg_dist.reading.failures import explain_spark_error

SECRET = "s3://bucket/jane.doe@example.org/p.jpg"
FAILFAST = (
    "org.apache.spark.SparkException: [MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION] Malformed records are detected "
    f"in record parsing: [{SECRET},null].\nParse Mode: FAILFAST. To process malformed records as null result, try "
    "setting the option 'mode' as 'PERMISSIVE'.  SQLSTATE: 22023"
)


def reading(file: str, condition: str = "NO_HINT") -> str:
    return (
        "An error occurred while calling o76.collectToPython.\n: org.apache.spark.SparkException: "
        f"[FAILED_READ_FILE.{condition}] Encountered error while reading file {file}.  SQLSTATE: KD001\n"
    )


def explained(error: Exception) -> LogregError:
    found = explain_spark_error(error)
    assert found is not None
    assert "jane" not in str(found)
    return found


def of_words(words: str) -> LogregError:
    return explained(PySparkException(words))


@pytest.mark.spark
@pytest.mark.parametrize(
    "kind",
    ["csv", "json"],
)
def test_a_url_in_a_broken_record_is_a_value_and_no_file(spark, kind):
    rows = spark.createDataFrame(
        [(f"{SECRET};x", f'{{"u": "{SECRET}", "n": "x"}}')], "csv string, json string"
    )
    column = {
        "csv": F.from_csv("csv", "u string, n int", {"mode": "FAILFAST", "sep": ";"}),
        "json": F.from_json("json", "u string, n int", {"mode": "FAILFAST"}),
    }[kind]
    with pytest.raises(Exception, match=r"jane\.doe") as failure:
        rows.select(column.alias("one")).select("one.*").collect()
    found = explained(failure.value)
    assert found.exit_code == 3
    assert str(found).startswith(
        "input rejected: a text that input.filter or a view takes apart is a broken record"
    )


def test_the_file_of_a_broken_record_is_the_one_that_spark_names():
    found = of_words(reading("file:///data/c.csv") + f"Caused by: {FAILFAST}")
    assert str(found).startswith("input rejected: the file file:///data/c.csv holds a broken record")


def test_a_file_that_only_a_value_names_is_not_named():
    found = of_words(
        f"[FAILED_READ_FILE.NO_HINT]\njava.lang.RuntimeException: {SECRET} is not a Parquet file"
    )
    assert str(found).startswith("input rejected: the file of the input cannot be read as it should")
