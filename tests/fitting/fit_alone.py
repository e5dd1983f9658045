"""Fit a table of tests/faults/rows.py under a master of its own.

Usage: python fit_alone.py MASTER TABLE FOLDER SPLITS...: writes FOLDER/<splits>.json for each number.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pyspark.sql import SparkSession

from logreg_dist import TrainConfig, fit
from logreg_dist.model.file import model_to_json


def main(master: str, table: str, folder: Path, splits: list[int]) -> None:
    os.environ["PYSPARK_PYTHON"] = sys.executable
    spark = (
        SparkSession.builder.master(master)
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "localhost")
        .config("spark.log.level", "OFF")
        .getOrCreate()
    )
    for n_splits in splits:
        config = TrainConfig(
            input={"path": table, "splits": n_splits}, label={"column": "y"}, weight="weight"
        )
        (folder / f"{n_splits}.json").write_text(model_to_json(fit(spark.read.parquet(table), config)))
    spark.stop()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), [int(number) for number in sys.argv[4:]])
