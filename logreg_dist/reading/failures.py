"""Spark's failures in words: what the cause was and what helps, never a stack trace."""

from __future__ import annotations

import re
from dataclasses import dataclass

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from logreg_dist.errors import ConfigError, InputRejected, LogregError, TemporaryFailure
from logreg_dist.reading.text_records import MALFORMED
from logreg_dist.spark.task_failure import task_failure
from logreg_dist.spark.words import all_words, condition
from logreg_dist.spark.worker_failures import OTHER_PYTHON, explain_task


@dataclass(frozen=True)
class Cause:
    """Patterns of Spark's words that tell a cause, and what to say then: with a file's name, and without.

    One that is `of_file` is looked for only where a file was being read: the cluster has such exceptions too.
    """

    patterns: tuple[str, ...]
    error: type[LogregError]
    sentence: str
    without_file: str = ""
    of_file: bool = False


def _java(*patterns: str) -> tuple[str, ...]:
    """Return patterns of exceptions in the JVM, which stand at the beginning of a line: cell values do not."""
    return tuple(
        rf"^(?:: |Caused by: |.*\(TID \d+\) \([^)]*\): )?(?:[a-z][\w$]*\.)+{pattern}" for pattern in patterns
    )


# Of the network, HDFS, object stores and disks. What a damaged file raises, such as EOFException for a compressed one
# that is cut short, is an IOException too: so not all of them.
_BROKEN_CONNECTIONS = (
    r"\w*(?:Timeout|TimedOut|Socket|Connect|ConnectionClosed|PortUnreachable|NoRouteToHost|UnknownHost|NoHttpResponse"
    r"|SSL|SSLHandshake|InterruptedIO|ClosedByInterrupt|BlockMissing|Standby|Retriable|RetryableService"
    r"|AWSClientIO|AWSServiceIO|AWSServiceThrottled|AWSStatus500)Exception\b",
    r"\w+(?:Exception|Error): .*(?:Connection reset|Broken pipe|Read timed out|Input/output error|Stale file handle"
    r"|Too many open files|Could not obtain block|Premature EOF|Status Code: 5\d\d|\b50[0234][, ]|SlowDown"
    r"|Service Unavailable|Reduce your request rate)",
)

_CAUSES = (
    Cause(
        (MALFORMED, "MALFORMED_RECORD_IN_PARSING"),
        InputRejected,
        "the file {file} holds a broken record: it has more or fewer values than the header has names, or cannot be "
        "parsed.\n  Mend the file; input.options.mode: PERMISSIVE would make such records missing values.",
        "a text that input.filter or a view takes apart is a broken record (from_csv, from_json or from_xml in FAILFAST "
        "mode).\n  Mend the table; mode PERMISSIVE there would make such records missing values.",
    ),
    # Before those of damaged files: Spark's FAILED_READ_FILE wraps them all, and says more of some.
    Cause(
        (
            *_java(
                r"\w*Access(?:Denied|Control)Exception", r"FileNotFoundException: .*\(Permission denied\)"
            ),
            r"UnreadableFile: ACCESS_DENIED ",
        ),
        InputRejected,
        "the file {file} may not be read by the user that the job runs as.\n  Let it read the table.",
        of_file=True,
    ),
    Cause(
        (*_java(*_BROKEN_CONNECTIONS), r"UnreadableFile: IO_ERROR "),
        TemporaryFailure,
        "the file {file} could not be read: a disk or a connection failed.\n  Run again.",
        of_file=True,
    ),
    Cause(
        (
            *_java(r"FileNotFoundException\b"),
            r"FAILED_READ_FILE\.FILE_NOT_EXIST\]",
            r"UnreadableFile: FILE_NOT_EXIST ",
        ),
        TemporaryFailure,
        "the file {file} vanished while the table was read.\n  Run again when nothing rewrites the table.",
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
        ("CAST_INVALID_INPUT", "CAST_OVERFLOW"),
        InputRejected,
        "a value does not fit the type that input.filter or a view casts it to.\n  Use try_cast there.",
    ),
    Cause(
        # Not for want of memory or of processes, which are other numbers.
        _java(r'IOException: Cannot run program "[^"]*python[^"]*".*error(?:=(?:2|13),|: (?:2|13) )'),
        ConfigError,
        f"the executors have no Python where the driver has its own.\n  {OTHER_PYTHON}",
    ),
    Cause(
        ("spark.driver.maxResultSize",),
        ConfigError,
        "the sums of a pass are larger than spark.driver.maxResultSize.\n  Raise it, or take fewer splits "
        "(input.splits).",
    ),
    Cause(
        ("spark.rpc.message.maxSize",),
        ConfigError,
        "a task of a pass is larger than spark.rpc.message.maxSize.\n  Raise it.",
    ),
)
_JVM_IS_GONE = "the JVM of Spark's driver is gone: it died, or was killed (for memory: spark.driver.memory).\n  Run again."
# Looked for where neither a file nor a task says why.
_CLUSTER_CAUSES = (
    Cause(
        ("SparkContext was shut down", "SparkContext has been shut"),
        TemporaryFailure,
        "Spark was shut down while the job ran: by the cluster, or with the driver.\n  Run again.",
    ),
    Cause(
        (
            "Connection refused",
            "Py4JNetworkError",
            "ConnectionRefusedError",
            "ConnectionResetError",
            "BrokenPipeError",
        ),
        TemporaryFailure,
        _JVM_IS_GONE,
    ),
    Cause(
        ("ExecutorLostFailure", "FetchFailed"),
        TemporaryFailure,
        "the cluster lost executors or a connection.\n  Run again.",
    ),
)

# Only where Spark or a task of ours names the file it was reading: any other URL may be a cell value.
_FILE = re.compile(
    rf"(?:Exception: \[FAILED_READ_FILE[.\w]*\] Encountered error while reading file |{MALFORMED} |"
    r"\bUnreadableFile: (?:FILE_NOT_EXIST|ACCESS_DENIED|IO_ERROR|FAILED_READ_FILE) )"
    r"([a-z][a-z0-9+.-]*:/[^\s,;'\"]*[^\s,;'\".])"
)


def explain_spark_error(error: Exception) -> LogregError | None:
    """Return the error that a user should read, or None when `error` is not Spark's.

    Spark's own words may hold cell values, so no more of them than a file name is passed on.
    """
    # A JVM that is gone shows as a bare ConnectionError: the only sockets of this process lead to it.
    if not isinstance(error, PySparkException | Py4JError | ConnectionError):
        return None
    words = all_words(error)
    if (cause := _found(_CAUSES, words)) is not None:
        failure = task_failure(error)
        file = _FILE.search(words)
        sentence = cause.sentence.format(file=file[1] if file else "of the input")
        if file is None and cause.without_file:
            sentence = cause.without_file
        if failure.split is not None:
            sentence = sentence.replace(".\n", f" ({failure.failed()}).\n", 1)
        return cause.error(sentence)
    if _is_of_the_data(error):
        return InputRejected(
            f"an expression of input.filter or of a view failed on a row ({condition(error)}).\n"
            "  Make it tolerate such rows (try_divide, try_cast, coalesce), or filter them out."
        )
    explained = explain_task(task_failure(error), words)
    if explained is not None:
        return explained
    if (cause := _found(_CLUSTER_CAUSES, words)) is not None:
        return cause.error(cause.sentence)
    if type(error) is Py4JError and "Trace:" not in str(error):
        # py4j's answer for a call during which the connection broke: an error without any words of Java.
        return TemporaryFailure(_JVM_IS_GONE)
    return TemporaryFailure(
        f"a Spark job failed ({condition(error)}).\n  Run with --debug for Spark's own words."
    )


def _found(causes: tuple[Cause, ...], words: str) -> Cause | None:
    reads = "FAILED_READ_FILE" in words or "UnreadableFile" in words
    asked = (cause for cause in causes if reads or not cause.of_file)
    return next((one for one in asked if any(re.search(p, words, re.MULTILINE) for p in one.patterns)), None)


def _is_of_the_data(error: Exception) -> bool:
    """Whether an expression met a value that it is not for: SQLSTATE class 22, or `raise_error`."""
    if not isinstance(error, PySparkException):
        return False
    return (error.getSqlState() or "").startswith("22") or error.getCondition() == "USER_RAISED_EXCEPTION"
