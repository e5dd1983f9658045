"""Which task ended a Spark job, how often it was tried and what it raised: what may be told of it.

A traceback and Spark's words may hold cell values. Only numbers, names of exceptions and places in our own code
are taken from them.
"""

from __future__ import annotations

import builtins
import pkgutil
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from pyspark import SparkContext

import logreg_dist
from logreg_dist.spark.words import all_words

# Exceptions of other packages than Python's own whose names may be told; a user's own could be named by anything.
_KNOWN_PACKAGES = ("numpy.", "pyarrow.", "pyspark.", "py4j.", "logreg_dist.", "_pickle.")
_TRACEBACK = "Traceback (most recent call last):"
_LISTENER_WAIT = 2_000  # milliseconds for Spark's record of its tasks to be complete
_MOST_TASKS = 1_000

_AFTER_ATTEMPTS = re.compile(r"Task (\d+) in stage \d+\.\d+ failed (\d+) times")
# Of the package and not of whatever else lies in a folder of that name, such as a checkout with scripts of users.
_PARTS = "|".join(module.name for module in pkgutil.iter_modules(logreg_dist.__path__))
_OUR_FRAME = re.compile(
    rf'^  File "[^"]*\blogreg_dist/((?:{_PARTS})\b[\w/]*\.py)", line (\d+), in ', re.MULTILINE
)
_FRAME = re.compile(r'^  File "([^"]*)", line \d+, in ', re.MULTILINE)
_RAISED = re.compile(r"^([A-Za-z_][\w.]*)(?::|$)")
_ERRNO = re.compile(r"\[Errno (\d+)\]")


@dataclass(frozen=True)
class TaskFailure:
    """What is known of the task that ended a Spark job; None is unknown.

    Attributes
    ----------
    split : int or None
        The number of the task in its step, which in a pass is that of the split.
    attempts : int or None
        How often it was tried.
    raised : str or None
        The exception's name without its package; None when the task was not ended by Python's, or by one of a
        name that could hold anything.
    is_python : bool
        Whether Python code raised it.
    place : str or None
        File and line of the last frame in this package; None where only others' code was at work.
    errno : int or None
        The operating system's number of an `OSError`.
    alike : bool
        Whether Spark's record holds several attempts, all of which ended with the same exception at the same place.
    in_pyspark : bool
        Whether the last frame is one of PySpark's own worker.
    """

    split: int | None = None
    attempts: int | None = None
    raised: str | None = None
    is_python: bool = False
    place: str | None = None
    errno: int | None = None
    alike: bool = False
    in_pyspark: bool = False

    @property
    def task(self) -> str:
        """Name the task.

        Examples
        --------
        >>> TaskFailure(split=3, attempts=4).task, TaskFailure().task
        ('split 3', 'a split')
        """
        return "a split" if self.split is None else f"split {self.split}"

    def failed(self, why: str = "") -> str:
        """Say that the task failed, how often, and why in parentheses.

        Examples
        --------
        >>> TaskFailure(split=3, attempts=4).failed("OSError"), TaskFailure(attempts=1).failed()
        ('split 3 failed 4 times (OSError)', 'a split failed')
        """
        often = f" {self.attempts} times" if self.attempts is not None and self.attempts > 1 else ""
        return f"{self.task} failed{often}{f' ({why})' if why else ''}"


def task_failure(error: Exception) -> TaskFailure:
    """Return what the words of a Spark error, or Spark's own record, tell of the task that caused it."""
    words = all_words(error)
    if _TRACEBACK not in words:
        return TaskFailure(*_counted(words) or (None, None))
    recorded = _recorded()
    last = words.rpartition(_TRACEBACK)[2]
    split, attempts = _counted(words) or (recorded and (recorded[0], len(recorded[1]))) or (None, None)
    errno = _ERRNO.search(_line_of_exception(last))
    frames = _FRAME.findall(last)
    ends = {_end(one) for one in recorded[1]} if recorded else set()
    return TaskFailure(
        split,
        attempts,
        raised=_known_name(last),
        is_python=True,
        place=_place(words),
        errno=int(errno[1]) if errno else None,
        alike=recorded is not None and len(recorded[1]) > 1 and ends == {_end(words)},
        in_pyspark=bool(frames) and "/pyspark/" in frames[-1],
    )


def _place(words: str) -> str | None:
    ours = _OUR_FRAME.findall(words)
    return f"{ours[-1][0]}, line {ours[-1][1]}" if ours else None


def _end(words: str) -> tuple[str | None, str | None]:
    return _known_name(words.rpartition(_TRACEBACK)[2]), _place(words)


def _counted(words: str) -> tuple[int, int] | None:
    found = _AFTER_ATTEMPTS.search(words)
    return (int(found[1]), int(found[2])) if found else None


def _recorded() -> tuple[int, list[str]] | None:
    """Ask Spark's record of the last job that failed for the task that failed most often, and its words each time.

    Errors that Python raised are handed on without the task's number.
    """
    context = SparkContext._active_spark_context
    if context is None or context._jsc is None:
        return None
    try:
        return _most_failed(context)
    except Exception:  # the record is Spark's own affair, and the JVM may be what died
        return None


def _most_failed(context: Any) -> tuple[int, list[str]] | None:
    jvm: Any = context._jvm
    spark = context._jsc.sc()
    spark.listenerBus().waitUntilEmpty(_LISTENER_WAIT)
    store = spark.statusStore()
    api = jvm.org.apache.spark.status.api.v1
    jobs = store.jobsList(_java_list(jvm, jvm.org.apache.spark.JobExecutionStatus.FAILED))
    failures: defaultdict[int, list[str]] = defaultdict(list)
    # The newest one comes first.
    for stage in (int(number) for number in jobs.head().stageIds().mkString(",").split(",")):
        attempt = store.lastStageAttempt(stage)
        if attempt.status().toString() == "FAILED":
            failed = _java_list(jvm, api.TaskStatus.FAILED)
            number = attempt.attemptId()
            tasks = store.taskList(stage, number, 0, _MOST_TASKS, api.TaskSorting.ID, failed)
            for one in (tasks.apply(k) for k in range(tasks.size())):
                said = one.errorMessage()
                failures[int(one.index())].append(str(said.get()) if said.isDefined() else "")
    if not failures:
        return None
    return max(failures.items(), key=lambda item: len(item[1]))


def _java_list(jvm: Any, entry: Any) -> Any:
    found = jvm.java.util.ArrayList()
    found.add(entry)
    return found


def _line_of_exception(traceback: str) -> str:
    """Return the line of a traceback that names the exception: the first that belongs to no frame."""
    lines = traceback.splitlines()[1:]
    return next((line for line in lines if line and not line.startswith(" ")), "")


def _known_name(traceback: str) -> str | None:
    found = _RAISED.match(_line_of_exception(traceback))
    if found is None:
        return None
    name = found[1]
    own = getattr(builtins, name, None)
    if isinstance(own, type) and issubclass(own, BaseException):
        return name
    return name.rpartition(".")[2] if name.startswith(_KNOWN_PACKAGES) else None
