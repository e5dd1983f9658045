"""Leaving no Spark task behind when the driver's code stops early."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)

WAIT_SECONDS = 15.0
POLL_SECONDS = 0.1


@contextmanager
def cancelled_on_error(spark: SparkSession, tag: str) -> Iterator[None]:
    """Cancel the Spark jobs that the body started when it ends with an error or an interruption.

    Waits up to 15 seconds for their tasks: one that still runs would write into a folder that is
    being removed, and make it again.
    """
    context = spark.sparkContext
    context.addJobTag(tag)
    try:
        yield
    except BaseException as error:
        # On a thread of its own, because a signal may have left this thread's connection to the JVM
        # in the middle of an answer.
        canceller = threading.Thread(target=_cancel, args=(spark, tag), daemon=True)
        canceller.start()
        canceller.join(WAIT_SECONDS + 1.0)
        if isinstance(error, Exception):
            # A dead JVM must not hide the error that it caused.
            with suppress(Exception):
                context.removeJobTag(tag)
        raise
    context.removeJobTag(tag)


def _cancel(spark: SparkSession, tag: str) -> None:
    try:
        context: Any = spark.sparkContext
        context.cancelJobsWithTag(tag)
        deadline = time.monotonic() + WAIT_SECONDS
        while _running_tasks(context, tag) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
    except Exception as error:
        log.warning("the Spark jobs of this run could not be cancelled (%s)", type(error).__name__)


def _running_tasks(context: Any, tag: str) -> int:
    tracker = context.statusTracker()
    tagged = context._jsc.sc().statusTracker().getJobIdsForTag(tag)
    jobs = [job for job in map(tracker.getJobInfo, tagged) if job is not None]
    stages = [tracker.getStageInfo(stage) for job in jobs for stage in job.stageIds]
    return sum(stage.numActiveTasks for stage in stages if stage is not None)
