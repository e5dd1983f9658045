"""The Spark session of a job: the one that spark-submit gives, or a local one."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from pyspark.sql import SparkSession

# Wanted by every job, wherever it runs; a session that exists already keeps its own.
_SETTINGS = {
    "spark.ui.showConsoleProgress": "false",  # it and our lines would overwrite each other
    "spark.sql.execution.arrow.pyspark.validateSchema.enabled": "true",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "65536",
    # A staged split can only be read where it lies: better wait for its executor than stage again.
    "spark.locality.wait": "30s",
}


def open_session(job: str) -> SparkSession:
    """Return the session of a job; local with all cores unless a master is configured.

    Workers run the driver's own Python unless `PYSPARK_PYTHON` says otherwise: left alone, Spark
    would take whatever ``python3`` is found first.
    """
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName(f"logreg_dist {job}")
    for key, value in _SETTINGS.items():
        builder = builder.config(key, value)
    if _master_is_configured():
        builder = builder.config("spark.log.level", "ERROR")
    else:
        # The second number lets a local task be tried again, as a cluster would.
        builder = builder.master("local[*,4]")
        for key, value in _local_settings().items():
            builder = builder.config(key, value)
    # The one logger of PySpark that writes cell values, those of casts that fail.
    logging.getLogger("SQLQueryContextLogger").disabled = True
    return builder.getOrCreate()


def _local_settings() -> dict[str, str]:
    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.host": "localhost",
        "spark.driver.memory": os.environ.get("SPARK_DRIVER_MEMORY", "2g"),
    }
    quiet = Path(__file__).with_name("log4j2.properties")
    if quiet.is_file():  # not when the package is a zip: the JVM reads no files out of those
        settings["spark.driver.extraJavaOptions"] = f"-Dlog4j2.configurationFile={quiet.as_uri()}"
    return settings


def _master_is_configured() -> bool:
    submitted = "spark.master" in os.environ.get("PYSPARK_SUBMIT_ARGS", "")
    by_spark_submit = "SPARK_ENV_LOADED" in os.environ or "PYSPARK_GATEWAY_PORT" in os.environ
    named = any(os.environ.get(name) for name in ("SPARK_REMOTE", "MASTER"))
    return submitted or by_spark_submit or named
