"""Spark sessions for the runs: two local cores, the same memory for every tool on Spark."""

from __future__ import annotations

import os
import sys

from pyspark.sql import SparkSession

MASTER = "local[2,4]"
DRIVER_MEMORY = "8g"
_SUBMIT = (
    f"--master {MASTER} --driver-memory {DRIVER_MEMORY} --conf spark.ui.enabled=false "
    "--conf spark.driver.host=localhost --conf spark.ui.showConsoleProgress=false "
    "--conf spark.sql.session.timeZone=UTC --conf spark.log.level=ERROR pyspark-shell"
)


def prepare_spark() -> None:
    """Set what the session of this process is started with; the scratch folder comes from outside."""
    os.environ["PYSPARK_SUBMIT_ARGS"] = _SUBMIT
    os.environ["PYSPARK_PYTHON"] = sys.executable


def plain_session() -> SparkSession:
    """Return a session with nothing but Spark's defaults beside master and memory."""
    prepare_spark()
    return SparkSession.builder.appName("benchmark").getOrCreate()


def job_session() -> SparkSession:
    """Return the session that the jobs of logreg_dist open, on the same master and memory."""
    prepare_spark()
    from logreg_dist.commands.session import open_session

    return open_session("benchmark")
