"""Spark's failures in words: what the cause was and what helps, never a stack trace."""

from __future__ import annotations

import re
from dataclasses import dataclass

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from logreg_dist.errors import InputRejected, LogregError, TemporaryFailure
from logreg_dist.reading.text_records import MALFORMED
from logreg_dist.spark.words import all_words, condition


@dataclass(frozen=True)
class Cause:
    """Fragments of Spark's words that tell a cause, and what to say then."""

    fragments: tuple[str, ...]
    error: type[LogregError]
    sentence: str


_CAUSES = (
    Cause(
        (MALFORMED, "MALFORMED_RECORD_IN_PARSING"),
        InputRejected,
        "the file {file} holds a broken record: it has more or fewer values than the header has names, or cannot be "
        "parsed.\n  Mend the file; input.options.mode: PERMISSIVE would make such records missing values.",
    ),
    Cause(
        (
            "FAILED_READ_FILE",
            "CANNOT_READ_FILE",
            "is not a Parquet file",
            "Could not read footer",
            "ParquetDecodingException",
        ),
        InputRejected,
        "the file {file} cannot be read as it should: it is truncated or damaged, of another format, or its columns have "
        "other names or types than in the other files.\n  Write that file again; no row was left out.",
    ),
    Cause(
        ("FileNotFoundException", "FILE_NOT_EXIST"),
        TemporaryFailure,
        "the file {file} vanished while the table was read.\n  Run again when nothing rewrites the table.",
    ),
    Cause(
        ("CAST_INVALID_INPUT", "CAST_OVERFLOW"),
        InputRejected,
        "a value does not fit the type that input.filter or a view casts it to.\n  Use try_cast there.",
    ),
    Cause(
        (
            "Python worker exited unexpectedly",
            "OutOfMemoryError",
            "Container killed by YARN for exceeding memory",
        ),
        TemporaryFailure,
        "a worker was killed, most likely for memory.\n  Raise spark.executor.memoryOverhead (Python) or "
        "spark.executor.memory (JVM), or the number of splits.",
    ),
    Cause(
        ("ModuleNotFoundError", "PYTHON_VERSION_MISMATCH", "Python in worker has different version"),
        TemporaryFailure,
        "the executors' Python lacks numpy, pyarrow or logreg_dist, or is of another version.\n  Set "
        "spark.pyspark.python to one that has them, and send the package with --py-files.",
    ),
    Cause(
        ("spark.driver.maxResultSize",),
        TemporaryFailure,
        "the sums of a pass are larger than spark.driver.maxResultSize.\n  Raise it, or take fewer splits "
        "(input.splits).",
    ),
    Cause(
        (
            "ExecutorLostFailure",
            "FetchFailed",
            "SparkContext was shut down",
            "Connection refused",
            "Py4JNetworkError",
        ),
        TemporaryFailure,
        "the cluster lost executors or a connection.\n  Run again.",
    ),
)

_FILE = re.compile(r"(?:file:|hdfs:|s3a?:|gs:|abfss?:)/[^\s,;'\"]*[^\s,;'\".]")


def explain_spark_error(error: Exception) -> LogregError | None:
    """Return the error that a user should read, or None when `error` is not Spark's.

    Spark's own words may hold cell values, so no more of them than a file name is passed on.
    """
    if not isinstance(error, PySparkException | Py4JError):
        return None
    words = all_words(error)
    for cause in _CAUSES:
        if any(fragment in words for fragment in cause.fragments):
            file = _FILE.search(words)
            return cause.error(cause.sentence.format(file=file[0] if file else "of the input"))
    return TemporaryFailure(
        f"a Spark job failed ({condition(error)}).\n  Run with --debug for Spark's own words."
    )
