"""Fits on two real executor JVMs while processes are killed; run in a process of its own.

Usage: python fits_under_fire.py TABLE FOLDER SCENARIO...: writes FOLDER/<scenario>.json for each one.
A kill is a SIGKILL from inside a task, once: of pass 3, or of the second step of a pass with a shuffle. Nothing is
mocked.
"""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyspark
from pyspark.sql import DataFrame, SparkSession

from logreg_dist import TrainConfig, fit
from logreg_dist.errors import LogregError
from logreg_dist.model.file import model_to_json
from logreg_dist.staging import passes
from logreg_dist.staging.passes import StagedTable

KILL_IN_PASS = 3
N_SPLITS = 4


class Messages(logging.Handler):
    """Keeps the warnings of the library."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.warnings: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.warnings.append(record.getMessage())


def python_worker() -> int:
    return os.getpid()


def executor_jvm() -> int:
    """Return the parent of pyspark's daemon, which is the parent of this worker."""
    stat = Path(f"/proc/{os.getppid()}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])


def killing(task: Callable[..., Any], victim: Callable[[], int], mark: Path) -> Callable[..., Any]:
    """Return `task`, the first run of which kills `victim` after noting the folder of its executor."""

    def run(*arguments: Any) -> Any:
        try:
            mark.touch(exist_ok=False)
        except FileExistsError:
            return task(*arguments)
        task(*arguments)  # the work is done, its result is lost
        mark.write_text(os.environ["SPARK_LOCAL_DIRS"])
        os.kill(victim(), signal.SIGKILL)
        signal.pause()  # whoever dies takes this process along

    return run


def stable_rows(spark: SparkSession, table: str) -> DataFrame:
    return spark.read.parquet(table)


def drawn_rows(spark: SparkSession, table: str) -> DataFrame:
    """Return a table that gives other rows each time it is read, as a view with a random draw does."""

    def draw(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        chance = random.SystemRandom()
        for batch in batches:
            yield batch.filter(pa.array(chance.random() < 0.9 for _ in range(batch.num_rows)))

    rows = spark.read.parquet(table)
    return rows.mapInArrow(draw, rows.schema)


@dataclass(frozen=True)
class Scenario:
    """Who is killed, if anyone, where, and what is read.

    `where` is ``pass`` (pass 3), ``sums`` (where Spark adds the sums of splits) or ``buckets`` (where it adds the scores
    of clusters).
    """

    victim: Callable[[], int] | None
    read: Callable[[SparkSession, str], DataFrame] = stable_rows
    where: str = "pass"
    shuffles: bool = False


SCENARIOS = {
    "undisturbed": Scenario(None),
    "python_worker": Scenario(python_worker),
    "executor": Scenario(executor_jvm),
    "executor_and_input": Scenario(executor_jvm, drawn_rows),
    "shuffles": Scenario(None, shuffles=True),
    "executor_adding_sums": Scenario(executor_jvm, where="sums", shuffles=True),
    "executor_adding_scores": Scenario(executor_jvm, where="buckets", shuffles=True),
}


def fit_under_fire(spark: SparkSession, table: str, scenario: Scenario, mark: Path) -> dict[str, Any]:
    """Fit with at most one kill and return the model and what there is to know about the losses."""
    undisturbed, bucket_pass, added = StagedTable.run_pass, StagedTable.bucket_pass, passes.added
    placed: list[tuple[int, str]] = []

    def run_pass(self: StagedTable, task: Callable[[Any], Any]) -> list[Any]:
        if scenario.victim is not None and scenario.where == "pass" and self.n_passes == KILL_IN_PASS - 1:
            placed[:] = [(split.split, split.path) for split in self.splits]
            task = killing(task, scenario.victim, mark)
        return undisturbed(self, task)

    def buckets(self: StagedTable, task: Any, merge: Any, **sizes: Any) -> list[Any]:
        if scenario.victim is not None and scenario.where == "buckets":
            placed[:] = [(split.split, split.path) for split in self.splits]
            merge = killing(merge, scenario.victim, mark)
        return bucket_pass(self, task, merge, **sizes)

    messages = Messages()
    logger = logging.getLogger("logreg_dist")
    logger.addHandler(messages)
    StagedTable.run_pass, StagedTable.bucket_pass = run_pass, buckets  # type: ignore[method-assign]
    sent = passes.MAX_SENT_BYTES
    if scenario.shuffles:
        passes.MAX_SENT_BYTES = 0
    if scenario.victim is not None and scenario.where == "sums":
        passes.added = killing(added, scenario.victim, mark)
    by_tariff = {"covariance": "cluster", "cluster": ["tariff"]} if scenario.shuffles else {}
    config = TrainConfig(
        input={"path": table, "splits": N_SPLITS},
        label={"column": "y"},
        weight="weight",
        solver={"start": "zero"},
        inference=by_tariff,
    )
    found: dict[str, Any] = {}
    try:
        found["model"] = json.loads(model_to_json(fit(scenario.read(spark, table), config)))
    except LogregError as error:
        found["error"] = str(error)
    finally:
        StagedTable.run_pass, StagedTable.bucket_pass = undisturbed, bucket_pass  # type: ignore[method-assign]
        passes.added, passes.MAX_SENT_BYTES = added, sent
        logger.removeHandler(messages)
    lost = mark.read_text() if mark.exists() else None
    return found | {
        "lost": [split for split, path in placed if lost is not None and path.startswith(lost)],
        "killed": lost is not None,
        "warnings": messages.warnings,
    }


def main(table: str, folder: Path, scenarios: list[str]) -> None:
    os.environ["SPARK_HOME"] = str(Path(pyspark.__file__).parent)
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_WORKER_DIR"] = str(folder / "work")
    spark = (
        SparkSession.builder.master("local-cluster[2,1,1500]")
        .config("spark.executor.memory", "1g")
        .config("spark.driver.host", "localhost")
        .config("spark.local.dir", str(folder / "local"))
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.log.level", "OFF")
        .config("spark.locality.wait", "30s")
        .getOrCreate()
    )
    for name in scenarios:
        found = fit_under_fire(spark, table, SCENARIOS[name], folder / f"{name}.killed")
        found["scratch_left"] = [str(path) for path in folder.rglob("logreg_dist-*")]
        (folder / f"{name}.json").write_text(json.dumps(found))
    spark.stop()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
