"""Spark's own words, copied from runs with the paths made short: what a user is told, and what the exit code is."""

from __future__ import annotations

import re

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


VANISHED = "java.io.FileNotFoundException: File file:/data/p.parquet does not exist"
NO_RETRY_HELPS = {
    "cut short": "java.io.EOFException: Unexpected end of input stream",
    "no gzip": "java.io.IOException: incorrect header check",
    "no Parquet": "java.lang.RuntimeException: file:/data/p.parquet is not a Parquet file. Expected magic number at tail",
    "a checksum": "org.apache.parquet.io.ParquetDecodingException: could not verify page integrity, CRC checksum",
}
A_RETRY_HELPS = {
    "S3": "org.apache.hadoop.fs.s3a.AWSClientIOException: open s3a://b/p.parquet: SdkClientException: Unable to execute",
    "S3 slow": "java.io.IOException: s3a://b/p.parquet: S3Exception: Please reduce your request rate. (Service: S3, "
    "Status Code: 503, Request ID: 4F)",
    "time": "java.net.SocketTimeoutException: Read timed out",
    "reset": "java.net.SocketException: Connection reset",
    "HDFS": "org.apache.hadoop.hdfs.BlockMissingException: Could not obtain block: BP-1:blk_2 file=/data/p.parquet",
    "disk": "java.io.IOException: Input/output error",
}


@pytest.mark.parametrize("java", A_RETRY_HELPS.values(), ids=A_RETRY_HELPS)
def test_a_file_that_a_disk_or_a_network_did_not_give_is_worth_a_retry(java):
    found = of_words(
        reading("s3a://b/p.parquet") + f"Caused by: {java}\n\tat java.base/java.lang.Thread.run\n"
    )
    assert found.exit_code == 75
    assert "the file s3a://b/p.parquet could not be read: a disk or a connection failed" in str(found)


@pytest.mark.parametrize("java", NO_RETRY_HELPS.values(), ids=NO_RETRY_HELPS)
def test_a_damaged_file_is_the_inputs_fault(java):
    found = of_words(reading("file:///data/p.parquet") + f"Caused by: {java}\n")
    assert found.exit_code == 3
    assert "the file file:///data/p.parquet cannot be read as it should" in str(found)


def test_a_file_that_may_not_be_read_is_told_from_one_that_vanished():
    words = reading("file:///data/p.parquet", "FILE_NOT_EXIST")
    found = of_words(words + "Caused by: java.io.FileNotFoundException: /data/p.parquet (Permission denied)")
    assert found.exit_code == 3
    assert "may not be read by the user" in str(found)
    assert of_words(words + f"Caused by: {VANISHED}").exit_code == 75
    ours = "logreg_dist.staging.file_rows.UnreadableFile: ACCESS_DENIED file:/data/p.parquet"
    assert str(of_words(ours)).startswith(
        "input rejected: the file file:/data/p.parquet may not be read by the user"
    )


def test_a_connection_of_the_cluster_is_no_file():
    found = of_words(
        "Job aborted due to stage failure: FetchFailed\nCaused by: java.net.ConnectException: refused"
    )
    assert str(found).startswith("temporary failure: the cluster lost executors or a connection")


def test_a_value_with_the_words_of_a_cause_is_no_cause():
    found = of_words(f"[CAST_INVALID_INPUT] The value '{VANISHED}' of the type STRING cannot be cast to INT.")
    assert found.exit_code == 3


@pytest.mark.spark
def test_a_file_that_vanishes_under_sparks_reader_is_worth_a_retry(spark, tmp_path):
    spark.range(9).coalesce(1).write.parquet(str(tmp_path / "table"))
    table = spark.read.parquet(str(tmp_path / "table"))
    [file] = (tmp_path / "table").glob("*.parquet")
    file.unlink()
    with pytest.raises(Exception, match="FILE_NOT_EXIST") as failure:
        table.collect()
    found = explained(failure.value)
    assert found.exit_code == 75
    assert f"{file.name} vanished while the table was read" in str(found)


def test_executors_without_the_drivers_python_are_told_the_setting():
    found = of_words(
        'java.io.IOException: Cannot run program "/opt/venv/bin/python": error=2, No such file or directory'
    )
    assert (found.exit_code, found.retryable) == (2, False)
    assert "spark.pyspark.python" in str(found)
    assert "/opt" not in str(found)
    for other in ("error=12, Cannot allocate memory", "error=11, Resource temporarily unavailable"):
        assert of_words(f'java.io.IOException: Cannot run program "/opt/python": {other}').exit_code == 75


@pytest.mark.parametrize(
    "words",
    [
        "Job aborted due to stage failure: Total size of serialized results of 4 tasks (1025.0 MiB) is bigger than "
        "spark.driver.maxResultSize (1024.0 MiB)",
        "Job aborted due to stage failure: Serialized task 3:0 was 200000000 bytes, which exceeds max allowed: "
        "spark.rpc.message.maxSize (134217728 bytes). Consider increasing spark.rpc.message.maxSize",
    ],
)
def test_a_limit_of_sparks_is_configuration_for_no_retry_helps(words):
    found = of_words(words)
    assert (found.exit_code, found.retryable) == (2, False)
    assert re.search(r"is larger than spark\.\w+|are larger than spark\.\w+", str(found))
