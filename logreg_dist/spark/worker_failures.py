"""Why a Spark task or its processes ended, and the setting that helps: memory, Python, connections, a bug."""

from __future__ import annotations

import builtins
import errno
import os
import re

from pyspark import SparkContext

from logreg_dist.errors import ConfigError, InputRejected, LogregError, TemporaryFailure
from logreg_dist.spark.masters import is_in_one_process
from logreg_dist.spark.task_failure import TaskFailure

_MEMORY = ("MemoryError", "_ArrayMemoryError", "ArrowMemoryError")
_MISSING = re.compile(r"No module named '(numpy|pyarrow|logreg_dist|pyspark)")
_VERSIONS = re.compile(r"different version: (\d+\.\d+) than that in driver: (\d+\.\d+)")
_LOST = re.compile(
    r"ExecutorLostFailure.*|executor .* (?:exited|lost).*|Container killed by YARN.*|Command exited.*"
)
# Where whoever ended an executor says why: Spark's own exit code for memory, Kubernetes, YARN.
_KILLED_FOR_MEMORY = re.compile(
    r"OOMKilled|container OOM|Container killed by YARN for exceeding|beyond (?:the )?(?:physical|virtual)? ?memory"
)
_SIGKILL = re.compile(r"(?:code|status:?|is) 137\b")
_JVM_MEMORY = re.compile(r"OutOfMemoryError|(?:code|status:?|is) 52\b")

OTHER_PYTHON = (
    "Name one that is right with --conf spark.pyspark.python=/path/to/python (or PYSPARK_PYTHON), or ship\n"
    "  one: --archives environment.tar.gz#environment --conf spark.pyspark.python=./environment/bin/python"
)
SEND_PACKAGE = "Send it with --py-files dist/logreg_dist.zip (make package)."


def explain_task(failure: TaskFailure, words: str) -> LogregError | None:
    """Return the error that a user should read, None where the words tell of no task's end.

    Parameters
    ----------
    failure : TaskFailure
    words : str
        All of Spark's, of which nothing is handed on.
    """
    if failure.is_python:
        return _raised(failure, words)
    return _ended(failure, words)


def _raised(failure: TaskFailure, words: str) -> LogregError:
    """Explain an exception of Python."""
    if "PYTHON_VERSION_MISMATCH" in words:
        found = _VERSIONS.search(words)
        which = f": {found[1]} and {found[2]}" if found else ""
        return ConfigError(
            f"the executors' Python has another minor version than the driver's{which}.\n  {OTHER_PYTHON}"
        )
    if failure.raised in ("ModuleNotFoundError", "ImportError"):
        return _missing_module(words)
    if failure.raised in _MEMORY:
        return TemporaryFailure(_out_of_memory(failure))
    if failure.raised is not None and _is_system_error(failure.raised):
        return TemporaryFailure(_system_error(failure))
    if failure.raised == "EOFError" and failure.in_pyspark:
        return TemporaryFailure(
            f"{failure.failed('the connection to its Python worker broke')}.\n  Run again."
        )
    if failure.place is None:
        return InputRejected(
            f"{failure.failed(failure.raised or 'an exception')} in Python code that is not this library's: a view's or "
            "a data source's.\n  Mend it; --debug shows Spark's own words, which may hold values of the table."
        )
    if failure.raised == "UnicodeDecodeError":
        return InputRejected(
            f"{failure.failed('a text of the table is not UTF-8')}, which Parquet and Spark take all texts for.\n"
            "  Write the table again with its texts in UTF-8, or leave that column out."
        )
    what = f"{failure.raised or 'an exception'} in {failure.place}"
    if failure.alike:
        return InputRejected(
            f"{failure.failed(what)}, each time alike.\n"
            "  This table brings out a bug of logreg_dist, and running again does not help: report it with the words that\n"
            "  --debug shows, which may hold values of the table."
        )
    return TemporaryFailure(
        f"{failure.failed(what)}.\n"
        "  Neither the table nor the cluster explains it. If it happens again it is a bug of logreg_dist: report it "
        "with the\n  words that --debug shows, which may hold values of the table."
    )


def _missing_module(words: str) -> LogregError:
    found = _MISSING.search(words)
    if found is None:
        return ConfigError(f"the executors' Python lacks a module.\n  {OTHER_PYTHON}")
    way_out = SEND_PACKAGE if found[1] == "logreg_dist" else OTHER_PYTHON
    return ConfigError(f"the executors' Python has no {found[1]}.\n  {way_out}")


def _out_of_memory(failure: TaskFailure) -> str:
    limit = _setting("spark.executor.pyspark.memory")
    if limit is None:
        return (
            f"Python worker of {failure.task} was killed (memory): there was none left.\n"
            "  Raise spark.executor.memoryOverhead, or take more splits (input.splits)."
        )
    return (
        f"Python worker of {failure.task} was killed (memory): spark.executor.pyspark.memory, {limit}, was not enough.\n"
        "  Raise it, or take more splits (input.splits)."
    )


def _system_error(failure: TaskFailure) -> str:
    reason = failure.raised if failure.errno is None else f"{failure.raised}: {os.strerror(failure.errno)}"
    if failure.errno in (errno.ENOSPC, errno.EDQUOT):
        way_out = "Make room on the executors' disks, or name larger ones in spark.local.dir."
    else:
        way_out = "A disk or a connection of an executor failed. Run again."
    return f"{failure.failed(reason or '')}.\n  {way_out}"


def _ended(failure: TaskFailure, words: str) -> LogregError | None:
    """Explain the end of a process."""
    if "Python worker exited unexpectedly" in words:
        if "Fatal Python error" in words:
            return TemporaryFailure(
                f"Python worker of {failure.task} crashed (Fatal Python error).\n"
                "  A compiled library of the executors' Python is broken or does not fit the machine."
            )
        return TemporaryFailure(
            f"Python worker of {failure.task} was killed (most likely for memory).\n"
            "  Raise spark.executor.memoryOverhead, take more splits (input.splits), or give executors fewer cores."
        )
    lost = "\n".join(_LOST.findall(words))
    if _JVM_MEMORY.search(lost) or "OutOfMemoryError" in words:
        key = "spark.driver.memory" if _is_local() else "spark.executor.memory"
        return TemporaryFailure(
            f"{_executor(failure)} was killed (memory): its JVM had none left.\n"
            f"  Raise {key}, or take more splits (input.splits)."
        )
    if _KILLED_FOR_MEMORY.search(lost):
        return TemporaryFailure(
            f"{_executor(failure)} was killed (memory): its container has a limit.\n"
            "  Raise spark.executor.memoryOverhead, or take more splits (input.splits)."
        )
    if _SIGKILL.search(lost):
        return TemporaryFailure(
            f"{_executor(failure)} was killed (SIGKILL, most likely for memory).\n"
            "  Raise spark.executor.memoryOverhead or spark.executor.memory, or take more splits (input.splits)."
        )
    if "ExecutorLostFailure" in words:
        return TemporaryFailure(f"{failure.failed('its executor was lost')}.\n  Run again.")
    return None


def _executor(failure: TaskFailure) -> str:
    return f"the executor of {failure.task}"


def _is_system_error(name: str) -> bool:
    found = getattr(builtins, name, None)
    return isinstance(found, type) and issubclass(found, OSError)


def _is_local() -> bool:
    context = SparkContext._active_spark_context
    return context is not None and is_in_one_process(str(context.master))


def _setting(key: str) -> str | None:
    context = SparkContext._active_spark_context
    return None if context is None else context.getConf().get(key)
