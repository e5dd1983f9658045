"""Fits on two real executor JVMs while processes are killed; run in a process of its own.

Usage: python fits_under_fire.py TABLE FOLDER SCENARIO...: writes FOLDER/<scenario>.json for each one.
A kill is a SIGKILL from inside a task of pass 3, once; nothing is mocked.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyspark
from pyspark.sql import SparkSession

from logreg_dist import TrainConfig, fit
from logreg_dist.errors import LogregError
from logreg_dist.model.file import model_to_json
from logreg_dist.staging.passes import StagedTable

KILL_IN_PASS = 3


class Messages(logging.Handler):
    """Keeps what the library logs."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.warnings: list[str] = []
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
        if record.levelno >= logging.WARNING:
            self.warnings.append(record.getMessage())


def python_worker() -> int:
    return os.getpid()


def executor_jvm() -> int:
    """Return the parent of pyspark's daemon, which is the parent of this worker."""
    stat = Path(f"/proc/{os.getppid()}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])


def killing(task: Callable[[Any], Any], victim: Callable[[], int], mark: Path) -> Callable[[Any], Any]:
    """Return `task`, the first run of which kills `victim` after noting the folder of its executor."""

    def run(split: Any) -> Any:
        try:
            mark.touch(exist_ok=False)
        except FileExistsError:
            return task(split)
        task(split)  # the work is done, its result is lost
        mark.write_text(os.environ["SPARK_LOCAL_DIRS"])
        os.kill(victim(), signal.SIGKILL)
        signal.pause()  # whoever dies takes this process along

    return run


def fit_under_fire(spark: SparkSession, table: str, victim: Callable[[], int] | None, mark: Path) -> dict[str, Any]:
    """Fit with one kill in pass 3 and return the model and all there is to know about the losses."""
    undisturbed = StagedTable.run_pass
    placed: list[tuple[int, str]] = []

    def run_pass(self: StagedTable, task: Callable[[Any], Any]) -> list[Any]:
        if victim is not None and self.n_passes == KILL_IN_PASS - 1:
            placed[:] = [(split.split, split.path) for split in self.splits]
            task = killing(task, victim, mark)
        return undisturbed(self, task)

    messages = Messages()
    logger = logging.getLogger("logreg_dist")
    logger.addHandler(messages)
    StagedTable.run_pass = run_pass  # type: ignore[method-assign]
    config = TrainConfig(
        input={"path": table, "splits": 4}, label={"column": "y"}, solver={"start": "zero"}
    )
    found: dict[str, Any] = {}
    try:
        found["model"] = json.loads(model_to_json(fit(spark.read.parquet(table), config)))
    except LogregError as error:
        found["error"] = str(error)
    finally:
        StagedTable.run_pass = undisturbed  # type: ignore[method-assign]
        logger.removeHandler(messages)
    lost = mark.read_text() if mark.exists() else None
    return found | {
        "lost": [split for split, path in placed if lost is not None and path.startswith(lost)],
        "warnings": messages.warnings,
        "lines": messages.lines,
    }


def scratch_left(folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob("logreg_dist-*")]


SCENARIOS: dict[str, Callable[[], int] | None] = {
    "undisturbed": None,
    "python_worker": python_worker,
    "executor": executor_jvm,
}


def main(table: str, folder: Path, scenarios: list[str]) -> None:
    os.environ["SPARK_HOME"] = str(Path(pyspark.__file__).parent)
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_WORKER_DIR"] = str(folder / "work")
    logging.getLogger("logreg_dist").setLevel(logging.INFO)
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
    for scenario in scenarios:
        found = fit_under_fire(spark, table, SCENARIOS[scenario], folder / f"{scenario}.killed")
        found["scratch_left"] = scratch_left(folder)
        (folder / f"{scenario}.json").write_text(json.dumps(found))
    spark.stop()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
