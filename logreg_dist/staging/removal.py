"""Removing the staged files of a fit that has ended, however it ended."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Set
from contextlib import suppress

from pyspark import RDD
from pyspark.sql import SparkSession

from logreg_dist.spark.masters import is_in_one_process
from logreg_dist.staging.scratch import removal_task
from logreg_dist.staging.staged_split import StagedSplit

log = logging.getLogger(__name__)

REMOVAL_SECONDS = 20.0
MAX_REMOVAL_ROUNDS = 3  # what is left then lay on a machine that is gone


def remove_staged(spark: SparkSession, run_id: str, folders: Set[str], staged: RDD[StagedSplit]) -> None:
    """Remove the folders that the fit `run_id` used and forget the splits; stages nothing and never raises."""
    # On a thread of its own, because a signal may have left this thread's connection to the JVM in
    # the middle of an answer; and not for ever, because a cluster without executors waits for some.
    remover = threading.Thread(target=_remove, args=(spark, run_id, set(folders), staged), daemon=True)
    remover.start()
    remover.join(REMOVAL_SECONDS)
    if remover.is_alive():
        log.warning("no executor was free to remove the staged files; they vanish with the executors")


def _remove(spark: SparkSession, run_id: str, folders: set[str], staged: RDD[StagedSplit]) -> None:
    try:
        if folders and is_in_one_process(spark.sparkContext.master):
            _remove_here(folders)  # which takes half as long as a job
        else:
            _remove_everywhere(spark, run_id, folders)
    except Exception as error:
        # Without Spark only what lies on this machine can be reached.
        _remove_here(folders)
        reason = type(error).__name__
        log.warning("staged files could not be removed (%s); they vanish with the executors", reason)
    with suppress(Exception):  # the JVM may be what died
        staged.unpersist()


def _remove_everywhere(spark: SparkSession, run_id: str, folders: set[str]) -> None:
    # Not through the staged rows: those of an executor that died would be staged again first. A task
    # for every core reaches every executor, unless others are at work there: hence the rounds.
    context, remove = spark.sparkContext, removal_task(run_id, frozenset(folders))
    n_tasks, left = 2 * context.defaultParallelism, set(folders)
    for _ in range(MAX_REMOVAL_ROUNDS):
        left -= set(context.parallelize(range(n_tasks), n_tasks).mapPartitions(remove).collect())
        if not left:
            break


def _remove_here(folders: set[str]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
