"""Fits where Spark's limits are tight; run in a process of its own, because the limits are those of a session.

Usage: python tight_sessions.py TABLE OUTPUT: writes OUTPUT, a JSON file.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from logreg_dist import TrainConfig, fit
from logreg_dist.model.file import model_to_json
from logreg_dist.reading.failures import explain_spark_error
from logreg_dist.staging.passes import StagedTable

PYTHON_MEMORY = "3g"
WANTED = 8_000_000_000  # bytes, more than a worker may have; never written to


def hungry(split: Any) -> Any:
    import numpy as np

    return np.empty(WANTED, dtype=np.uint8).size if split.split == 1 else split


def main(table: str, output: Path) -> None:
    os.environ["PYSPARK_PYTHON"] = sys.executable
    spark = (
        SparkSession.builder.master("local[2,4]")
        .config("spark.driver.maxResultSize", "1m")
        .config("spark.executor.pyspark.memory", PYTHON_MEMORY)
        .config("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
        .config("spark.driver.host", "localhost")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.log.level", "OFF")
        .getOrCreate()
    )
    rows, config = (
        spark.read.parquet(table),
        TrainConfig(input={"path": table, "splits": 2}, label={"column": "y"}),
    )
    found: dict[str, Any] = {"model": json.loads(model_to_json(fit(rows, config)))}
    StagedTable.glance = lambda self, task: self.run_pass(hungry)  # type: ignore[method-assign]
    try:
        fit(rows, config)
    except Exception as error:
        found["hungry"] = str(explain_spark_error(error))
    output.write_text(json.dumps(found))
    spark.stop()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
