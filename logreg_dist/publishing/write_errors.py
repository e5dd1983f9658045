"""Spark's errors while writing, in a user's words."""

from __future__ import annotations

from logreg_dist.errors import ConfigError, LogregError, OutputNotVerified, TemporaryFailure
from logreg_dist.spark.task_failure import task_failure
from logreg_dist.spark.words import all_words, condition
from logreg_dist.spark.worker_failures import explain_task

Causes = tuple[tuple[tuple[str, ...], type[LogregError], str], ...]

# The first row whose words occur decides; the words are those of Spark 4, Hadoop and Linux.
OF_THE_OUTPUT: Causes = (
    (
        ("No space left on device", "QuotaExceeded", "Disk quota exceeded"),
        OutputNotVerified,
        "a disk is full (the output's, or the executors' scratch). Make room and run again",
    ),
    (
        ("File too large",),
        OutputNotVerified,
        "a file is larger than this user may write (ulimit -f) or the disk can hold. Raise it, or write more files",
    ),
    (
        ("Permission denied", "AccessControlException", "AccessDenied", "Operation not permitted"),
        OutputNotVerified,
        "permission denied. Let this user write there",
    ),
    (("Read-only file system",), OutputNotVerified, "the filesystem is read-only. Choose another path"),
    (
        ("UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE", "UnsupportedDataType"),
        ConfigError,
        "output.format cannot hold the type of a column. Use parquet",
    ),
)
# Looked for where Spark's record of the failed task does not tell more.
OF_THE_CLUSTER: Causes = (
    (
        (
            "Python worker exited unexpectedly",
            "Python worker was killed",
            "Container killed",
            "MemoryError",
        ),
        TemporaryFailure,
        "a Python worker was killed, probably for memory, or ran out of it. Raise spark.executor.memoryOverhead, "
        "or spark.executor.pyspark.memory if it is set",
    ),
    (
        ("ExecutorLostFailure", "FetchFailed", "SparkContext was shut down", "SparkContext has been shut"),
        TemporaryFailure,
        "executors were lost. Run again",
    ),
    (
        ("Connection refused", "Connection reset", "ConnectException", "SocketTimeout", "Py4JNetworkError"),
        TemporaryFailure,
        "a connection of the cluster broke. Run again",
    ),
)

# Of these the table is to blame that was read for the writing.
_OF_THE_INPUT = (
    "FAILED_READ_FILE",
    "FILE_NOT_EXIST",
    "MALFORMED_RECORD",
    "CAST_INVALID_INPUT",
    "CAST_OVERFLOW",
    "DIVIDE_BY_ZERO",
    "ARITHMETIC_OVERFLOW",
    "USER_RAISED_EXCEPTION",
)


def is_of_the_input(error: Exception) -> bool:
    """Whether a job that writes failed because the rows could not be read."""
    words = all_words(error)
    return any(fragment in words for fragment in _OF_THE_INPUT)


def explain_write_error(error: Exception, path: str) -> LogregError:
    """Return the error to raise when Spark could not write, or read back, the table at `path`.

    The message names Spark's error condition at most: Spark's own words may hold cell values.
    """
    words = all_words(error)
    explained = _found(OF_THE_OUTPUT, words) or explain_task(task_failure(error), words)
    explained = explained or _found(OF_THE_CLUSTER, words)
    if explained is None:
        explained = OutputNotVerified(
            f"Spark failed to write or read it ({condition(error)}); see the log with --debug."
        )
    return type(explained)(f"'{path}': {explained.args[0]}\n  The old output is kept.")


def _found(causes: Causes, words: str) -> LogregError | None:
    found = (
        kind(f"{sentence}.") for fragments, kind, sentence in causes if any(f in words for f in fragments)
    )
    return next(found, None)
