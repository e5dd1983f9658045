"""The Spark session of a job: the one that spark-submit gives, or a local one."""

from __future__ import annotations

import logging
import os
import re
import sys
from pathlib import Path

import pyspark
from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession

from logreg_dist.errors import ConfigError
from logreg_dist.spark.local_workers import LOCAL_WORKERS, worker_settings
from logreg_dist.spark.masters import is_in_one_process

log = logging.getLogger(__name__)

# Wanted by every job, wherever it runs.
_SETTINGS = {
    "spark.ui.showConsoleProgress": "false",  # it and our lines would overwrite each other
    "spark.sql.execution.arrow.pyspark.validateSchema.enabled": "true",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "65536",
    # A staged split can only be read where it lies: better wait for its executor than stage again.
    "spark.locality.wait": "30s",
    # The sample of a fit comes as it is, not by way of the executors' stores: 0.3 s instead of 0.5 s for 20 MB.
    "spark.task.maxDirectResultSize": "32m",
    # Bytes that a disk or a network got wrong are an error then, and not other values.
    "spark.hadoop.parquet.page.verify-checksum.enabled": "true",
}
# Where the driver's JVM is the executor: to load LZ4's library takes longer than all that it could save.
_ONE_PROCESS_SETTINGS = {"spark.broadcast.compress": "false"}
# Whatever was asked for: a copy of a task on another host finds no staged file there, and says so first.
_FORCED = {"spark.speculation": "false"}
# A local session has a log configuration of its own.
_CLUSTER_SETTINGS = {"spark.log.level": "ERROR"}


def open_session(job: str) -> SparkSession:
    """Return the session of a job; local with all cores unless a master is configured.

    What `spark-submit` or a configuration file sets is left as it is, but for `spark.speculation`. Workers run the
    driver's own Python unless `PYSPARK_PYTHON` says otherwise: left alone, Spark would take whatever ``python3`` is
    found first.

    Raises
    ------
    ConfigError
        Under Spark Connect, where executors have no disk of their own to stage on.
    """
    if os.environ.get("SPARK_REMOTE"):
        raise ConfigError(
            "SPARK_REMOTE is set, and Spark Connect is not available in this version.\n"
            "  Unset it, and name a master with spark-submit --master."
        )
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    # The one logger of PySpark that writes cell values, those of casts that fail.
    logging.getLogger("SQLQueryContextLogger").disabled = True
    _silence_py4j()
    builder = SparkSession.builder.appName(f"logreg_dist {job}")
    for key, value in _settings().items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    server = getattr(session.sparkContext, "_accumulatorServer", None)
    if server is not None:  # it prints another one
        server.handle_error = lambda *_: None
    return session


def _silence_py4j() -> None:
    """Keep the stack traces off the terminal that py4j logs when the JVM dies, which is told in words."""
    root = logging.getLogger()
    if not root.handlers:  # py4j would make one
        handler = logging.StreamHandler()
        handler.setLevel(logging.WARNING)
        handler.addFilter(lambda record: "py4j" not in record.pathname)
        root.addHandler(handler)


def _settings() -> dict[str, str]:
    if not is_submitted() and not _has_master():
        local = _SETTINGS | _ONE_PROCESS_SETTINGS | _local_settings()
        in_file = _in_default_file()
        own = {key: value for key, value in local.items() if key not in in_file} | _FORCED
        return own | _worker_settings(local["spark.master"], _given_before())
    SparkContext._ensure_initialized()  # SparkConf then holds what spark-submit was given
    given = SparkConf()
    if given.get("spark.speculation", "false") == "true":
        log.warning(
            "spark.speculation is switched off: staged splits lie on one host each, and a copy of a task has none"
        )
    keys = {key for key, _ in given.getAll()}
    master = given.get("spark.master", "")
    wanted = _SETTINGS | _CLUSTER_SETTINGS | _worker_settings(master, keys)
    if is_in_one_process(master):
        wanted |= _ONE_PROCESS_SETTINGS
    return {key: value for key, value in wanted.items() if key not in keys} | _FORCED


def _worker_settings(master: str, given: set[str]) -> dict[str, str]:
    settings = worker_settings(master, os.environ["PYSPARK_PYTHON"])
    return {} if settings.keys() & given else settings  # they go together


def _local_settings() -> dict[str, str]:
    settings = {
        # The second number lets a local task be tried again, as a cluster would.
        "spark.master": "local[*,4]",
        "spark.ui.enabled": "false",
        "spark.driver.host": "localhost",
        "spark.driver.memory": os.environ.get("SPARK_DRIVER_MEMORY", "2g"),
    }
    quiet = Path(__file__).with_name("log4j2.properties")
    if quiet.is_file():  # not when the package is a zip: the JVM reads no files out of those
        # Before extraJavaOptions, which somebody may have set.
        settings["spark.driver.defaultJavaOptions"] = f"-Dlog4j2.configurationFile={quiet.as_uri()}"
    return settings


def is_submitted() -> bool:
    """Whether `spark-submit` started this process, which then has a JVM already."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


def _has_master() -> bool:
    """Whether PYSPARK_SUBMIT_ARGS or spark-defaults.conf names a master."""
    return "--master" in os.environ.get("PYSPARK_SUBMIT_ARGS", "") or "spark.master" in _in_default_file()


def will_be_local() -> bool:
    """Whether the session will be one of our own with no other filesystem than this machine's; told before there is one.

    Where anything may say otherwise, it is for the session to tell.
    """
    elsewhere = ("PYSPARK_SUBMIT_ARGS", "HADOOP_CONF_DIR", "YARN_CONF_DIR")
    if is_submitted() or any(name in os.environ for name in elsewhere):
        return False
    given = _in_default_file()
    named = any(key == "spark.master" or key.startswith(("spark.hadoop.fs.", "fs.")) for key in given)
    return not named and not any(
        Path(folder, "core-site.xml").exists() for folder in _configuration_folders()
    )


def _given_before() -> set[str]:
    """Return settings that the session will have of itself, as far as they can be known before there is a JVM."""
    arguments = os.environ.get("PYSPARK_SUBMIT_ARGS", "")
    if "--properties-file" in arguments:
        return set(LOCAL_WORKERS)  # it may hold them
    return _in_default_file() | {key for key in LOCAL_WORKERS if key in arguments}


def _in_default_file() -> set[str]:
    """Return the settings that spark-defaults.conf has, before there is a JVM to ask."""
    files = (Path(folder, "spark-defaults.conf") for folder in _configuration_folders())
    lines = (line for file in files if file.is_file() for line in file.read_text().splitlines())
    # As java.util.Properties, which takes a blank, an equals sign or a colon.
    return {re.split(r"[\s=:]", line.strip(), maxsplit=1)[0] for line in lines if line.strip()}


def _configuration_folders() -> list[str | Path]:
    home = os.environ.get("SPARK_HOME") or Path(pyspark.__file__).parent
    named = os.environ.get("SPARK_CONF_DIR")
    return [named] if named else [Path(home, "conf")]
